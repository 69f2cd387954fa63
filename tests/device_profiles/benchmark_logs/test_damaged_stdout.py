"""Damaged outputs of benchmark_model: an error or a flagged result, never a wrong number that is not flagged.

What cannot be found out in principle is left out: a digit that changes within a figure that the log states once.
Figures that it states twice are in `confirmed`, and those must survive lost digits too.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.device_profiles.benchmark_logs import BenchmarkLog, parse_benchmark_logs
from edgenas.errors import UsageError

RECORDED = Path(__file__).with_name("recorded")
NAMES = (
    "tflite_2.8_riscv", "litert_sme2", "tflite_2.12_arm_fvp", "tflite_2.7_android", "tflite_1.13", "tflite_2.3_gpu",
    "logcat_2026_two_runs",
)  # fmt: skip
TEXTS = {name: (RECORDED / f"{name}.txt").read_text() for name in NAMES}
CLEAN = {name: parse_benchmark_logs(text) for name, text in TEXTS.items()}
FIGURES = (
    "avg_ms", "median_ms", "min_ms", "max_ms", "std_ms", "p5_ms", "p95_ms", "first_ms", "warmup_avg_ms", "init_ms",
    "runs", "warmup_runs", "threads", "model_size_bytes", "memory_init_mb", "memory_overall_mb", "operators_total_ms",
)  # fmt: skip
NOISE = (
    "07-14 13:14:56.530  1501  1720 I ActivityManager: Displayed com.example/.Main: +512ms",
    "WARNING: linker: unsupported flags DT_FLAGS_1=0x8000001",
    "count the sheep: 12",
    "[  12.345678] cpufreq: 1804800 kHz",
    "I/NetworkStats( 900): min=3 max=9",
    "count=12 packets",
    "42",
)


def check(text: str, clean: list[BenchmarkLog], figures: tuple[str, ...] = FIGURES) -> list[BenchmarkLog]:
    """Every figure of a result that is not flagged is one of the undamaged log's run of the same model."""
    try:
        logs = parse_benchmark_logs(text)
    except UsageError:
        return []
    for log in logs:
        if log.partial:
            continue
        origins = [one for one in clean if log.model in ("", one.model)]
        assert origins, (log.model, text)
        origin = next((one for one in origins if one.avg_ms == log.avg_ms), origins[0])
        for name in figures:
            assert getattr(log, name) in (None, getattr(origin, name)), (name, getattr(log, name), text)
        # Names may lose their end unnoticed, times may not.
        times = [(one.tag, one.avg_ms, one.times_called, one.graph) for one in origin.operators]
        assert [(one.tag, one.avg_ms, one.times_called, one.graph) for one in log.operators] in ([], times), (
            text
        )
    return logs


@pytest.mark.parametrize("name", NAMES)
def test_cut_at_every_byte(name: str) -> None:
    text = TEXTS[name]
    # The tables are long and all alike: within them every 7th place does.
    step_from = text.find("Run Order")
    places = [end for end in range(len(text)) if end < step_from or step_from < 0 or end % 53 == 0]
    for end in places:
        check(text[:end], CLEAN[name])


@pytest.mark.parametrize("name", NAMES)
def test_cut_off_at_the_beginning(name: str) -> None:
    text = TEXTS[name]
    for start in range(0, min(len(text), 2500), 2):
        check(text[start:], CLEAN[name])


@pytest.mark.parametrize("name", NAMES)
def test_every_line_lost_doubled_or_broken_in_two(name: str) -> None:
    lines = TEXTS[name].splitlines()
    for index, line in enumerate(lines):
        check("\n".join(lines[:index] + lines[index + 1 :]) + "\n", CLEAN[name])
        check("\n".join(lines[: index + 1] + lines[index:]) + "\n", CLEAN[name])
        in_table = "\t" in line
        for place in range(1 + index % 2, len(line), 41 if in_table else 4):
            halves = [line[:place], NOISE[place % len(NOISE)], line[place:]]
            check("\n".join(lines[:index] + halves + lines[index + 1 :]) + "\n", CLEAN[name])
            # A standard deviation at the end of its line may lose digits unnoticed.
            figures = tuple(one for one in FIGURES if one != "std_ms" or " std=" not in line)
            check("\n".join([*lines[:index], line[:place], *lines[index + 1 :]]) + "\n", CLEAN[name], figures)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_many_damages_at_once(name: str, data: st.DataObject) -> None:
    lines = TEXTS[name].splitlines()
    for _ in range(data.draw(st.integers(1, 6))):
        if len(lines) < 3:
            break
        place = data.draw(st.integers(0, len(lines) - 1))
        other = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "double", "swap", "noise", "tear", "comma", "join"])):
            case "drop":
                del lines[place]
            case "double":
                lines.insert(other, lines[place])
            case "swap":
                lines[place], lines[other] = lines[other], lines[place]
            case "noise":
                lines.insert(place, data.draw(st.sampled_from(NOISE)))
            case "tear":
                cut = data.draw(st.integers(0, len(lines[place])))
                lines[place : place + 1] = [lines[place][:cut], lines[place][cut:]]
            case "comma":
                # Another locale, or a program that put separators in; names are no numbers.
                if "Graph" not in lines[place] and "Loaded" not in lines[place]:
                    grouped = re.sub(r"\d{4,}", lambda match: f"{int(match[0]):,}", lines[place])
                    lines[place] = lines[place].replace(".", ",") if other % 2 else grouped
            case _:
                if place + 1 < len(lines):
                    lines[place : place + 2] = [lines[place] + lines[place + 1]]
    check("\n".join(lines) + "\n", CLEAN[name])


@settings(max_examples=300, deadline=None)
@given(order=st.lists(st.booleans(), max_size=120), same_start=st.booleans())
def test_two_runs_that_write_into_one_file(order: list[bool], same_start: bool) -> None:
    first, second = TEXTS["tflite_2.7_android"].splitlines(), TEXTS["tflite_2.12_arm_fvp"].splitlines()
    if same_start:
        del first[0]
    mixed: list[str] = []
    for take_first in order:
        source = first if take_first and first else second or first
        if source:
            mixed.append(source.pop(0))
    check(
        "\n".join([*mixed, *first, *second]) + "\n",
        CLEAN["tflite_2.7_android"] + CLEAN["tflite_2.12_arm_fvp"],
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_digit_lost_or_changed_anywhere_in_a_confirmed_figure(name: str) -> None:
    text = TEXTS[name]
    confirmed = tuple(set.intersection(*(set(log.confirmed) for log in CLEAN[name])))
    assert {"avg_ms", "init_ms", "warmup_avg_ms"} <= set(confirmed)
    head = text[: text.find("Profiling Info")] if "Profiling Info" in text else text
    head = head[: head.find("Run Order")] if "Run Order" in head else head
    for match in re.finditer(r"\d", head):
        place = match.start()
        for digit in ("", str((int(match[0]) + 3) % 10)):
            damaged = text[:place] + digit + text[place + 1 :]
            try:
                logs = parse_benchmark_logs(damaged)
            except UsageError:
                continue
            for log, clean in zip(logs, CLEAN[name], strict=False):
                for figure in () if log.partial else log.confirmed:
                    if figure not in confirmed or figure == "model":
                        continue
                    # Six digits are printed; LiteRT's second print has two decimals of a millisecond.
                    now, before = getattr(log, figure), getattr(clean, figure)
                    close = max(2e-5 * before, 0.0051 if "litert" in log.source else 0.0)
                    assert abs(now - before) <= close, (figure, text[place - 20 : place + 10])


def test_a_digit_lost_in_an_operator_table() -> None:
    text = TEXTS["tflite_2.8_riscv"]
    start = text.index("Operator-wise")
    rows = text.index("Run Order", start), text.index("Top by", start)
    for match in re.finditer(r"\d", text[rows[0] : rows[1]]):
        place = rows[0] + match.start()
        with contextlib.suppress(UsageError):
            for log in parse_benchmark_logs(text[:place] + text[place + 1 :]):
                clean = {
                    (one.tag, one.avg_ms, one.times_called) for one in CLEAN["tflite_2.8_riscv"][0].operators
                }
                assert (
                    log.partial or {(one.tag, one.avg_ms, one.times_called) for one in log.operators} == clean
                )


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(UsageError):
        parse_benchmark_logs(text)
