"""Operator profiles as CSV and as protos, and the binary result of a run.

No whole CSV file is recorded in public: the tests write theirs as xla/tsl/util/stats_calculator.cc does (a stream's six
digits), from microseconds of each run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.device_profiles.benchmark_logs import BenchmarkLog, parse_benchmark_csv, parse_benchmark_stdout
from edgenas.device_profiles.benchmark_logs.proto import parse_benchmark_proto
from edgenas.device_profiles.benchmark_logs.proto_messages import message_class
from edgenas.device_profiles.benchmark_logs.read import read_benchmark_logs
from edgenas.errors import MissingDependencyError, UsageError

RECORDED = Path(__file__).with_name("recorded")
EQUALS = "=" * 30
NAMES = (
    ("Convolution (NHWC, QC8) IGEMM", "Delegate/Convolution (NHWC, QC8) IGEMM:0"),
    ("Fully Connected (NC, QS8, QC8W) GEMM", "Delegate/Fully Connected (NC, QS8, QC8W) GEMM:1"),
    ("CONCATENATION", "[model/a;model/b, StatefulPartitionedCall:0]:7"),
    ("CONV_2D", "[x/Conv2D]:8"),
    ("CONV_2D", "[y/Conv2D]:9"),
    ("CUSTOM", "[TFLite_Detection_PostProcess, TFLite_Detection_PostProcess:1]:10"),
)


def _statistics(values: Sequence[int]) -> str:
    """`Stat::OutputToStream`."""
    if len(set(values)) == 1:
        return f"count={len(values)} curr={values[-1]}" + ("(all same)" if len(values) > 1 else "")
    mean = sum(values) / len(values)
    spread = int(int(sum(v * v for v in values) / len(values) - mean * mean) ** 0.5)
    return (
        f"count={len(values)} first={values[0]} curr={values[-1]} min={min(values)} max={max(values)} "
        f"avg={mean:g} std={spread}"
    )


def profile_csv(runs: Sequence[Sequence[int]], *, start: bool = False, replace_commas: bool = True) -> str:
    """One graph's profile as CSV.

    Args:
        runs: microseconds of each operator of `NAMES`, one sequence per run.
        start: with the column of older versions.
        replace_commas: newer versions write a tabulator for a comma within a name.
    """
    columns = "node type, start, first" if start else "node type, first"
    header = f"{columns}, avg_ms, %, cdf%, mem KB, times called, name"
    count = len(runs)
    total = sum(map(sum, runs))
    rows = []
    times: list[tuple[int, str]] = []
    cumulated = 0
    for index, (kind, name) in enumerate(NAMES):
        own = [run[index] for run in runs]
        cumulated += sum(own)
        name = name.replace(",", "\t") if replace_commas and not start else name
        began = f"{sum(sum(run[:index]) for run in runs) / count / 1000:g}, " if start else ""
        rows.append(
            f"{kind}, {began}{own[0] / 1000:g}, {sum(own) / count / 1000:g}, {100 * sum(own) / total:g}%, "
            f"{100 * cumulated / total:g}%, 0, 1, {name}"
        )
        times.append((sum(own) // count, kind))
    kinds = {kind: sum(us for us, one in times if one == kind) for _, kind in times}
    all_us = sum(kinds.values())
    lines = [
        f"{EQUALS} Run Order {EQUALS}",
        header,
        *rows,
        "",
        f"{EQUALS} Top by Computation Time {EQUALS}",
        header,
    ]
    lines += [
        rows[0],
        "",
        f"Number of nodes executed: {len(rows)}",
        f"{EQUALS} Summary by node type {EQUALS}",
    ]
    lines.append("node type, count, avg_ms, avg %, cdf %, mem KB, times called")
    share = 0.0
    for kind, us in sorted(kinds.items(), key=lambda one: -one[1]):
        number = sum(one == kind for _, one in times)
        share += 100 * us / all_us
        lines.append(f"{kind}, {number}, {us / 1000:g}, {100 * us / all_us:g}%, {share:g}%, 0, {number}")
    totals = _statistics([sum(run) for run in runs])
    lines += [
        "",
        f"Timings (microseconds): {totals}",
        "Memory (bytes): count=0",
        f"{len(rows)} nodes observed",
        "",
        "",
    ]
    return "Operator-wise Profiling Info for Regular Benchmark Runs:\n" + "\n".join(lines) + "\n"


def runs(seed: int = 0, count: int = 40) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [[int(v) for v in rng.normal((4000, 900, 60, 233, 811, 5), 3).clip(1)] for _ in range(count)]


def means_ms(seed: int = 0, count: int = 40) -> list[float]:
    return [float(v) for v in np.mean(runs(seed, count), axis=0) / 1000.0]


@pytest.mark.parametrize("start", [False, True])
@pytest.mark.parametrize("replace_commas", [False, True])
def test_csv_of_both_versions(start: bool, replace_commas: bool) -> None:
    log = parse_benchmark_csv(profile_csv(runs(), start=start, replace_commas=replace_commas))
    assert not log.partial, log.problems
    assert [one.tag for one in log.operators] == [kind for kind, _ in NAMES]
    assert [one.avg_ms for one in log.operators] == pytest.approx(means_ms(), rel=1e-5)
    assert log.runs == 40 and log.avg_ms is None
    assert log.operators_total_ms == pytest.approx(sum(means_ms()), rel=1e-5)
    if start or not replace_commas:
        assert [one.name for one in log.operators] == [name for _, name in NAMES]


def test_graphs_of_one_model_are_told_apart() -> None:
    """The headings are those of profile_summary_formatter.cc for a model with a subgraph and a delegate."""
    heading = "Operator-wise Profiling Info for Regular Benchmark Runs:\n"
    parts = [profile_csv(runs(seed)).removeprefix(heading) for seed in range(3)]
    named = "Subgraph (index: 1, name: while_body)"
    text = (
        f"{heading}Primary graph (name: main) profile:\n{parts[0]}{named} profile:\n"
        + parts[1].replace("Timings (micro", f"{named} Timings (micro")
        + f"Delegate internal: \n{parts[2]}"
    )
    log = parse_benchmark_csv(text)
    assert not log.partial, log.problems
    graphs = [one.graph for one in log.operators]
    assert graphs == ["primary"] * 6 + ["subgraph 1"] * 6 + ["delegate"] * 6
    assert [one.avg_ms for one in log.operators[6:12]] == pytest.approx(means_ms(1), rel=1e-5)
    assert log.operators_total_ms == pytest.approx(sum(means_ms()), rel=1e-5)


def test_csv_within_stdout() -> None:
    """`--op_profiling_output_mode=csv` without a file prints the CSV."""
    run = (RECORDED / "tflite_2.7_android.txt").read_text()
    log = parse_benchmark_stdout(
        run.replace("#threads", "Enable op profiling: [1]\n#threads", 1) + profile_csv(runs())
    )
    assert not log.partial and log.avg_ms == 1.03966
    assert [one.avg_ms for one in log.operators] == pytest.approx(means_ms(), rel=1e-5)
    without = parse_benchmark_stdout(run.replace("#threads", "Enable op profiling: [1]\n#threads", 1))
    assert without.partial and any("table is missing" in problem for problem in without.problems)
    elsewhere = "Enable op profiling: [1]\nOp profiling output file.: [/data/local/tmp/ops.csv]\n#threads"
    assert not parse_benchmark_stdout(run.replace("#threads", elsewhere, 1)).partial


def test_a_recorded_csv_without_its_end_is_flagged() -> None:
    log = parse_benchmark_csv((RECORDED / "tflite_csv_2021.csv").read_text())
    assert log.partial and log.operators == ()


def test_csv_of_another_locale() -> None:
    text = re.sub(r"(\d)\.(\d)", r"\1,\2", profile_csv(runs(), replace_commas=False))
    log = parse_benchmark_csv(text)
    # Milliseconds like "4,012" may be thousands: then nothing is given.
    assert log.partial or [one.avg_ms for one in log.operators] == pytest.approx(means_ms(), rel=1e-5)
    narrow = parse_benchmark_csv(text.replace(", ", ","))
    assert narrow.partial and narrow.operators == ()


def check_csv(text: str) -> None:
    try:
        log = parse_benchmark_csv(text)
    except UsageError:
        return
    if log.partial:
        return
    assert [one.avg_ms for one in log.operators] == pytest.approx(means_ms(), rel=5e-5)
    assert [one.tag for one in log.operators] == [kind for kind, _ in NAMES]
    assert log.operators_total_ms == pytest.approx(sum(means_ms()), rel=5e-5)


@pytest.mark.parametrize("start", [False, True])
def test_csv_cut_or_without_a_digit_anywhere(start: bool) -> None:
    text = profile_csv(runs(), start=start)
    for place in range(len(text)):
        check_csv(text[:place])
        if text[place].isdigit() or text[place] in ".,":
            check_csv(text[:place] + text[place + 1 :])


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_csv_with_lines_dropped_doubled_and_swapped(data: st.DataObject) -> None:
    lines = profile_csv(runs()).splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        place, other = data.draw(st.integers(0, len(lines) - 1)), data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "double", "swap", "noise"])):
            case "drop":
                del lines[place]
            case "double":
                lines.insert(other, lines[place])
            case "swap":
                lines[place], lines[other] = lines[other], lines[place]
            case _:
                lines.insert(place, "CONV_2D, 1, 2, 3%, 4%, 0, 1, ghost")
    check_csv("\n".join(lines) + "\n")


def result_message() -> Any:
    message = message_class("BenchmarkResult")()
    latency, memory, misc = message.latency_metrics, message.memory_metrics, message.misc_metrics
    latency.avg_ms, latency.min_ms, latency.max_ms, latency.stddev_ms = 7.36, 6.28, 7.683, 0.256
    latency.median_ms, latency.p5_ms, latency.p95_ms = 7.4, 6.9, 7.6
    latency.init_ms, latency.first_inference_ms, latency.average_warm_up_ms = 16.772, 8.781, 7.51493
    memory.init_footprint_kb, memory.overall_footprint_kb = 8652, 11140
    misc.model_size_mb, misc.num_runs, misc.num_warmup_runs = 1.86664, 67, 70
    return message


def profile_message() -> Any:
    message = message_class("BenchmarkProfilingData")()
    message.model_name = "m.tflite"
    graph = message.runtime_profile.subgraph_profiles.add()
    graph.subgraph_index = 0
    table = runs()
    for index, (kind, name) in enumerate(NAMES):
        own = [run[index] for run in table]
        one = graph.per_op_profiles.add()
        one.node_type, one.name, one.times_called, one.run_order = kind, name, 1, index
        stat = one.inference_microseconds
        stat.first, stat.last, stat.min, stat.max = own[0], own[-1], min(own), max(own)
        stat.sum, stat.count, stat.avg = sum(own), len(own), sum(own) // len(own)
    return message


def test_the_binary_result() -> None:
    log = parse_benchmark_proto(result_message().SerializeToString())
    assert not log.partial and log.problems == ()
    assert (log.avg_ms, log.median_ms, log.min_ms, log.max_ms, log.std_ms) == (7.36, 7.4, 6.28, 7.683, 0.256)
    assert (log.init_ms, log.first_ms, log.warmup_avg_ms) == (16.772, 8.781, 7.51493)
    assert (log.runs, log.warmup_runs, log.memory_init_mb) == (67, 70, 8652 / 1024)


def test_the_binary_profile_is_in_microseconds() -> None:
    log = parse_benchmark_proto(profile_message().SerializeToString())
    assert not log.partial
    assert log.model == "m.tflite" and log.runs == 40 and log.avg_ms is None
    assert [one.avg_ms for one in log.operators] == pytest.approx(means_ms())
    assert log.operators_total_ms == pytest.approx(sum(means_ms()))


@pytest.mark.parametrize("whole", [result_message, profile_message])
def test_a_cut_proto_is_an_error_or_flagged(whole: Any) -> None:
    data = whole().SerializeToString()
    clean = parse_benchmark_proto(data)
    for end in range(len(data)):
        try:
            log = parse_benchmark_proto(data[:end])
        except UsageError:
            continue
        assert log.partial or _figures(log) == _figures(clean), end


def _figures(log: BenchmarkLog) -> tuple[Any, ...]:
    # Memory stands before the number of runs, without which a result is flagged.
    return (log.avg_ms, log.min_ms, log.max_ms, log.init_ms, log.runs, log.operators, log.operators_total_ms)


def test_impossible_binary_figures_are_flagged() -> None:
    message = result_message()
    message.latency_metrics.median_ms = 9.0
    assert parse_benchmark_proto(message.SerializeToString()).partial
    profile = profile_message()
    profile.runtime_profile.subgraph_profiles[0].per_op_profiles[0].inference_microseconds.avg += 7
    log = parse_benchmark_proto(profile.SerializeToString())
    assert log.partial and log.operators == ()


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=120))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    try:
        log = parse_benchmark_proto(data)
    except UsageError:
        return
    assert log.partial or log.avg_ms or log.operators


def test_without_protobuf_the_install_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    data = result_message().SerializeToString()

    def refuse(name: str, package: str | None = None) -> Any:
        raise ImportError(name)

    message_class.cache_clear()
    monkeypatch.setattr(
        "edgenas.device_profiles.benchmark_logs.proto_messages.importlib.import_module", refuse
    )
    with pytest.raises(MissingDependencyError, match=r"edgenas\[logs\]"):
        parse_benchmark_proto(data)


@pytest.mark.parametrize(
    ("name", "data", "source"),
    [
        ("run.txt", (RECORDED / "tflite_2.7_android.txt").read_bytes(), "benchmark_model stdout"),
        (
            "run16.txt",
            (RECORDED / "tflite_2.7_android.txt").read_text().encode("utf-16"),
            "benchmark_model stdout",
        ),
        ("ops.csv", profile_csv(runs()).encode(), "benchmark_model csv"),
        ("result.pb", result_message().SerializeToString(), "benchmark_model result proto"),
        ("ops.pb", profile_message().SerializeToString(), "benchmark_model profile proto"),
    ],
)
def test_the_form_of_a_file_is_found_out(tmp_path: Path, name: str, data: bytes, source: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    (log,) = read_benchmark_logs(path)
    assert log.source == source and not log.partial


def test_a_table_of_stdout_alone(tmp_path: Path) -> None:
    whole = (RECORDED / "tflite_2.8_riscv.txt").read_text()
    path = tmp_path / "ops.txt"
    path.write_text(whole[whole.index("Operator-wise") :])
    (log,) = read_benchmark_logs(path)
    assert log.source == "benchmark_model stdout profile" and len(log.operators) == 31 and not log.partial


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_benchmark_logs(tmp_path / "none.txt")
