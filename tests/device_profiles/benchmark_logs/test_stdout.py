"""What benchmark_model prints: recorded outputs (their sources stand in recorded/SOURCES.md) and damaged ones."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from edgenas.device_profiles.benchmark_logs import parse_benchmark_logs, parse_benchmark_stdout
from edgenas.errors import UsageError

RECORDED = Path(__file__).with_name("recorded")
RISCV, LITERT, ARM, ANDROID, OLD, LOGCAT, GPU = (
    (RECORDED / f"{name}.txt").read_text()
    for name in (
        "tflite_2.8_riscv", "litert_sme2", "tflite_2.12_arm_fvp", "tflite_2.7_android", "tflite_1.13",
        "logcat_2026_two_runs", "tflite_2.3_gpu",
    )
)  # fmt: skip


def test_an_output_of_2022_with_its_operators() -> None:
    log = parse_benchmark_stdout(RISCV)
    assert not log.partial and log.problems == ()
    assert log.model == "./mobilenet_v1_1.0_224.tflite" and log.threads == 4
    assert (log.avg_ms, log.min_ms, log.max_ms, log.std_ms) == (2950.34, 2727.568, 3189.954, 109.798)
    assert (log.runs, log.warmup_runs, log.first_ms, log.init_ms) == (50, 1, 3512.391, 17.187)
    assert log.median_ms is None and log.p95_ms is None
    assert (log.memory_init_mb, log.memory_overall_mb) == (4.21094, 46.0859)
    assert len(log.operators) == 31
    first = log.operators[0]
    assert (first.tag, first.avg_ms, first.times_called) == ("CONV_2D", 60.957, 1)
    assert first.name == "[MobilenetV1/MobilenetV1/Conv2d_0/Relu6]:0"
    assert sum(one.avg_ms for one in log.operators) == pytest.approx(2949.9, abs=0.02)
    assert log.operators_total_ms == 2949.9
    assert {"avg_ms", "init_ms", "first_ms", "warmup_avg_ms", "runs", "model"} <= set(log.confirmed)
    low, high = log.model_size_bytes or (0, 0)
    assert low <= 16900800 <= high and high - low < 200


def test_litert_with_percentiles_and_its_own_summary() -> None:
    log = parse_benchmark_stdout(LITERT)
    assert not log.partial
    assert log.source == "benchmark_litert_model stdout"
    assert (log.avg_ms, log.median_ms, log.p5_ms, log.p95_ms, log.std_ms) == (
        0.464545,
        0.462,
        0.46,
        0.478,
        0.013,
    )
    assert (log.runs, log.warmup_runs, log.init_ms) == (2112, 1055, 4.478)
    assert (log.memory_init_mb, log.memory_overall_mb, log.memory_peak_mb) == (8.94, 11.51, None)
    assert [one.tag for one in log.operators if one.avg_ms > 0.3] == ["Fully Connected (NC, PF32) GEMM"]
    (use,) = log.delegates
    assert (use.name, use.nodes, use.total_nodes, use.partitions) == ("TfLiteXNNPackDelegate", 1, 1, 1)


def test_prefix_of_the_level() -> None:
    log = parse_benchmark_stdout(ARM)
    assert not log.partial
    assert (log.avg_ms, log.runs, log.warmup_avg_ms) == (6.4795, 2, 7.18107)
    assert log.options["Min runs duration (seconds)"] == "0.01"


def test_a_phone_and_the_oldest_summary() -> None:
    android, old = parse_benchmark_stdout(ANDROID), parse_benchmark_stdout(OLD)
    assert not android.partial and not old.partial
    assert (android.avg_ms, android.runs, android.threads) == (1.03966, 1000, 1)
    assert (old.avg_ms, old.runs, old.init_ms, old.first_ms) == (2.1771, 459, 0.896, 12.231)


def test_logcat_of_two_runs() -> None:
    first, second = parse_benchmark_logs(LOGCAT)
    assert not first.partial and not second.partial
    assert (first.model, first.avg_ms, first.median_ms) == (
        "/data/local/tmp/best_int8.tflite",
        145.528,
        141.253,
    )
    assert (second.avg_ms, second.p95_ms, second.delegates[0].nodes) == (52.97, 55.365, 431)
    with pytest.raises(UsageError, match="2 runs"):
        parse_benchmark_stdout(LOGCAT)


def test_two_processes_of_logcat_are_told_apart_though_their_lines_are_mixed() -> None:
    lines = LOGCAT.splitlines()
    half = len(lines) // 2
    mixed = [line for pair in zip(lines[:half], lines[half:], strict=True) for line in pair]
    noise = (
        "07-14 13:14:56.530  1501  1720 I ActivityManager: count=9 first=1 avg=7 Inference timings in us: 5"
    )
    mixed[7:7] = [noise, noise]
    assert parse_benchmark_logs("\n".join(mixed) + "\n") == parse_benchmark_logs(LOGCAT)


@pytest.mark.parametrize(
    "prefix",
    [
        "I tflite  : ",
        "I/tflite  (22838): ",
        "11-24 09:41:00.123  1234  1234 I tflite  : ",
        "INFO: ",
        "> ",
        "\t",
    ],
)
def test_prefixes_change_nothing(prefix: str) -> None:
    text = "".join(f"{prefix}{line}\r\n" for line in ANDROID.splitlines())
    assert parse_benchmark_stdout(text) == parse_benchmark_stdout(ANDROID)


def test_a_delegate_that_took_nothing_is_told() -> None:
    assert parse_benchmark_stdout(GPU).cpu_fallback is False
    # The line of tensorflow/issues/56301, where NNAPI took nothing.
    fallback = (
        "Though GPU delegate is explicitly applied, the model graph will not be executed by the delegate."
    )
    applied = (
        "Explicitly applied GPU delegate, and the model graph will be completely executed by the delegate."
    )
    log = parse_benchmark_stdout(GPU.replace(applied, fallback))
    assert log.cpu_fallback is True
    assert any("took nothing" in problem for problem in log.problems)
    silent = parse_benchmark_stdout(GPU.replace(applied + "\n", ""))
    assert silent.cpu_fallback is None
    assert any("does not tell" in problem for problem in silent.problems)


def test_another_locale_is_read_where_it_is_clear() -> None:
    text = ANDROID.replace("1041.15", "1041,15").replace("1039.66", "1039,66")
    assert parse_benchmark_stdout(text) == parse_benchmark_stdout(ANDROID)
    log = parse_benchmark_stdout(text.replace("17.851", "17,851"))
    assert log.avg_ms == 1.03966
    # "17,851" may be thousands: it is not read, and the log is flagged.
    assert log.partial and any("torn" in problem for problem in log.problems)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("avg=1039.66", "avg=103,966"),
        ("Inference (avg): 1039.66", "Inference (avg): 1040.66"),
        ("avg=1039.66", "avg=1041.15"),
        ("count=1000 first", "count=1000 fi rst"),
    ],
)
def test_a_mean_that_two_lines_state_differently_is_refused_or_flagged(old: str, new: str) -> None:
    try:
        log = parse_benchmark_stdout(ANDROID.replace(old, new))
    except UsageError:
        return
    assert log.partial


def test_the_warm_up_is_never_taken_for_the_timed_runs() -> None:
    lines = ANDROID.splitlines(keepends=True)
    timed = next(line for line in lines if line.startswith("count=1000"))
    summary = next(line for line in lines if line.startswith("Inference timings"))
    without = "".join(line for line in lines if line != timed)
    with pytest.raises(UsageError, match="timed runs"):
        parse_benchmark_stdout("".join(line for line in lines if line not in (timed, summary)))
    with contextlib.suppress(UsageError):
        assert parse_benchmark_stdout(without).partial


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "empty"),
        ("hello\nworld\n", "timed runs"),
        (
            "STARTING!\nERROR: Failed to apply GPU delegate.\nERROR: Benchmarking failed.\n",
            "Benchmarking failed",
        ),
        (ANDROID + ANDROID.replace("STARTING!\n", "").replace("avg", "avG"), "certainty"),
    ],
)
def test_without_a_time_there_is_an_error(text: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        parse_benchmark_stdout(text)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("min=2727568", "min=272756", "less than min and max demand"),
        ("std=109798", "std=1097980", "more than min and max allow"),
        ("count=50 first", "count=5 first", "fewer than the 50"),
        ("first=2990275", "first=299027", "outside min to max"),
        ("Init: 17187", "Init: 1718", "initialization"),
        ("[4]\nGraph", "[8]\nGraph", "threads"),
        (" 60.957\t", "  6.957\t", "left out"),
        (" 60.957\t", " 60.95\t", "left out"),
        ("\t       15\t  2651.853", "\t       14\t  2651.853", "left out"),
        ("31 nodes observed", "3 nodes observed", "left out"),
        ("Operator-wise Profiling", "Operatorwise Profiling", "left out|missing"),
        ("session in 17.187ms", "session in 171.87ms", "initialization"),
        ("init=4.21094 overall", "init=4,219 overall", "unclear|torn"),
    ],
)
def test_contradictions_are_found(old: str, new: str, expected: str) -> None:
    assert old in RISCV
    log = parse_benchmark_stdout(RISCV.replace(old, new))
    assert log.partial
    assert re.search(expected, " ".join(log.problems))


def test_numbers_beyond_all_measure_are_no_numbers() -> None:
    log = parse_benchmark_stdout(RISCV.replace("16.9008", "1.69008e+308").replace("46.0859", "4.60859e+999"))
    assert log.partial and log.model_size_bytes is None and log.memory_overall_mb is None


def test_a_long_torn_line_takes_no_time() -> None:
    log = parse_benchmark_stdout(ANDROID + "min=" * 5000 + " x\n" + "7" * 20000 + " " * 20000 + "x\n")
    assert log.avg_ms == 1.03966
