"""What the tool announces and what it is limited to, held against its times: two logs in one, times beyond measure.

The output of ZedBoard is that of github.com/tflite-soc/tensorflow-models' wiki (an excerpt, tool output).
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgenas.device_profiles.benchmark_logs import parse_benchmark_logs, parse_benchmark_stdout
from edgenas.errors import UsageError

RECORDED = Path(__file__).with_name("recorded")
ANDROID = (RECORDED / "tflite_2.7_android.txt").read_text()
ZEDBOARD = """STARTING!
Min num runs: [50]
Min runs duration (seconds): [1]
Max runs duration (seconds): [150]
Num threads: [1]
Min warmup runs: [1]
Min warmup runs duration (seconds): [0.5]
Graph: [../mobilenet_v1_1.0_224_quant.tflite]
Enable op profiling: [0]
Loaded model ../mobilenet_v1_1.0_224_quant.tflite
resolved reporter
Initialized session in 21.039ms
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
count=1 curr=751932

Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
count=50 first=747738 curr=747428 min=747331 max=748577 avg=747733 std=293

Average inference timings in us: Warmup: 751932, Init: 21039, no stats: 747733
"""


def test_options_that_fit() -> None:
    log = parse_benchmark_stdout(ZEDBOARD)
    assert not log.partial and log.problems == ()
    assert (log.avg_ms, log.runs, log.warmup_runs, log.first_ms) == (747.733, 50, 1, 751.932)


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("Min num runs", "25"),
        ("Min runs duration (seconds)", "2"),
        ("Max runs duration (seconds)", "15"),
        ("Min warmup runs", "3"),
        ("Min warmup runs duration (seconds)", "1"),
    ],
)
def test_the_head_of_one_log_before_the_times_of_another(label: str, value: str) -> None:
    text = re.sub(rf"^{re.escape(label)}: \[.*\]$", f"{label}: [{value}]", ZEDBOARD, flags=re.MULTILINE)
    assert text != ZEDBOARD
    log = parse_benchmark_stdout(text)
    assert log.partial and f"The option {label!r} is {value}" in log.problems[0]


def _scaled(factor: float) -> str:
    """The log with all times so many times longer."""

    def longer(match: re.Match[str]) -> str:
        value = float(match[2]) * factor
        return match[1] + (f"{value:.6g}" if "avg" in match[1] else str(int(value)))

    labels = r"((?:first|curr|min|max|avg|std)=|Init: |First inference: |\(avg\): )([\d.]+)"
    return re.sub(labels, longer, ANDROID).replace("17.851ms", f"{17.851 * factor:g}ms")


def test_times_as_long_as_they_can_be() -> None:
    assert not parse_benchmark_stdout(_scaled(10)).partial


@pytest.mark.parametrize("factor", [1e3, 1e6, 1e15, 1e250])
def test_runs_beyond_the_time_after_which_the_tool_stops(factor: float) -> None:
    log = parse_benchmark_stdout(_scaled(factor))
    assert log.partial and any("after which the tool stops" in one for one in log.problems)


def test_runs_longer_than_a_day() -> None:
    # The oldest versions print no limit.
    text = _scaled(1e12).replace(" but terminate if exceeding 150 seconds.", "")
    log = parse_benchmark_stdout(text)
    assert log.partial and any("is longer than a day" in one for one in log.problems)


def test_runs_that_took_no_time() -> None:
    text = re.sub(r"\b(first|curr|min|max|std)=\d+", r"\1=0", ANDROID).replace("2104", "0")
    text = text.replace("1041.15", "0").replace("1039.66", "0")
    log = parse_benchmark_stdout(text)
    assert log.partial and any("No run took any time" in one for one in log.problems)


@pytest.mark.parametrize("noise", ["nan", "inf", "-nan", "-inf", "1e400", "0x10", "1_039"])
def test_a_mean_that_is_no_number(noise: str) -> None:
    text = ANDROID.replace("1039.66", noise)
    try:
        logs = parse_benchmark_logs(text)
    except UsageError:
        return
    assert all(log.partial for log in logs)


def test_counts_beyond_measure() -> None:
    many = "3" * 5000
    for text in (
        f"Replacing {many} out of {many} node(s) with delegate (X) node, yielding 1 partitions.\n{ANDROID}",
        ANDROID.replace("Num threads: [1]", f"Num threads: [{many}]"),
        ANDROID.replace("count=1000", f"count={many}"),
        f"{ANDROID}============================== Run Order ==============================\n"
        f"Number of nodes executed: {many}\n{many} nodes observed\n",
    ):
        try:
            logs = parse_benchmark_logs(text)
        except UsageError:
            continue
        assert all(log.partial for log in logs)
