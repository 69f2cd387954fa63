"""The JSON of litert-benchmark, written by the real tool and damaged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.device_profiles.benchmark_logs.litert_json import parse_litert_json
from edgenas.device_profiles.benchmark_logs.read import read_litert_logs
from edgenas.errors import UsageError

RECORDED = Path(__file__).with_name("recorded")

# litert-benchmark of ai-edge-litert 2.3.0 on this project's machine, 2026-11-24, other work running beside it:
# --model mobilenet_v1_0.75_192_quant.tflite --num_runs 50 --warmup_runs 5 --num_threads 1
RESULT = {
    "model": "mobilenet_v1_0.75_192_quant.tflite",
    "model_size_mb": 2.53,
    "accelerators": ["CPU"],
    "signature": "<placeholder signature>",
    "fully_accelerated": False,
    "num_threads": 1,
    "latency": {
        "init_ms": 8.8,
        "warmup_first_ms": 12.81,
        "warmup_avg_ms": 9.52,
        "num_warmup_runs": 5,
        "avg_ms": 6.55,
        "min_ms": 4.62,
        "max_ms": 16.72,
        "median_ms": 4.73,
        "std_ms": 2.85,
        "p5_ms": 4.63,
        "p95_ms": 12.8,
        "num_runs": 50,
    },
    "throughput_mb_s": 16.11,
}


def changed(**latency: Any) -> str:
    value = json.loads(json.dumps(RESULT))
    value["latency"] |= latency
    return json.dumps(value, indent=2)


def test_every_figure() -> None:
    log = parse_litert_json(changed())
    assert not log.partial and log.problems == ()
    assert (log.model, log.threads, log.runs, log.warmup_runs) == (
        "mobilenet_v1_0.75_192_quant.tflite",
        1,
        50,
        5,
    )
    assert (log.avg_ms, log.median_ms, log.min_ms, log.max_ms, log.std_ms) == (6.55, 4.73, 4.62, 16.72, 2.85)
    assert (log.first_ms, log.warmup_avg_ms, log.init_ms) == (12.81, 9.52, 8.8)


@pytest.mark.parametrize(
    "damage",
    [
        {"avg_ms": 655.0}, {"min_ms": 46.2}, {"median_ms": 47.3}, {"p95_ms": 1.28}, {"std_ms": 28.5},
        {"max_ms": "16,72"}, {"min_ms": 4.6212}, {"num_runs": 0}, {"num_runs": None}, {"init_ms": -1.0},
        {"median_ms": True}, {"max_ms": 10**400}, {"max_ms": float("inf")},
    ],
)  # fmt: skip
def test_impossible_figures_are_flagged(damage: dict[str, Any]) -> None:
    assert parse_litert_json(changed(**damage)).partial


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"latency": 3}',
        changed(avg_ms=None),
        changed(avg_ms=0),
        changed(avg_ms="6,55"),
    ],
)
def test_without_a_latency_there_is_an_error(text: str) -> None:
    with pytest.raises(UsageError, match="litert-benchmark"):
        parse_litert_json(text)


def test_a_cut_file_is_an_error() -> None:
    text = changed()
    for end in range(len(text) - 1):
        with pytest.raises(UsageError):
            parse_litert_json(text[:end])


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_lines_dropped_doubled_and_swapped(data: st.DataObject) -> None:
    lines = changed().splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        place, other = data.draw(st.integers(0, len(lines) - 1)), data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "double", "swap"])):
            case "drop":
                del lines[place]
            case "double":
                lines.insert(other, lines[place])
            case _:
                lines[place], lines[other] = lines[other], lines[place]
    try:
        log = parse_litert_json("\n".join(lines))
    except UsageError:
        return
    clean = parse_litert_json(changed())
    if not log.partial:
        assert (log.avg_ms, log.median_ms, log.min_ms, log.runs) == (
            clean.avg_ms, clean.median_ms, clean.min_ms, clean.runs,
        )  # fmt: skip


def test_rounding_of_a_fast_network_is_told() -> None:
    fast = dict.fromkeys(("avg_ms", "min_ms", "max_ms", "median_ms", "p5_ms", "p95_ms"), 0.3) | {
        "std_ms": 0.0
    }
    log = parse_litert_json(changed(**fast))
    assert not log.partial and any("3.3%" in problem for problem in log.problems)


def test_an_accelerator_that_did_not_take_all_is_told() -> None:
    value = json.loads(changed()) | {"accelerators": ["GPU", "CPU"], "fully_accelerated": False}
    log = parse_litert_json(json.dumps(value))
    assert log.cpu_fallback is None and any("GPU" in problem for problem in log.problems)


def test_what_the_cpp_tool_prints(tmp_path: Path) -> None:
    (log,) = read_litert_logs(RECORDED / "litert_sme2.txt")
    assert log.source == "benchmark_litert_model stdout" and log.avg_ms == 0.464545


@pytest.mark.shared_data
def test_the_real_tool(tmp_path: Path, shared_data: Path) -> None:
    model = shared_data / "coral_models" / "mobilenet_v1_0.25_128_quant.tflite"
    result = tmp_path / "result.json"
    words = [str(Path(sys.executable).with_name("litert-benchmark")), "--model", str(model), "--num_runs=20"]
    words += ["--warmup_runs=3", "--num_threads=1", f"--result_json={result}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    (log,) = read_litert_logs(result)
    assert not log.partial, log.problems
    assert log.model == str(model) and log.runs == 20 and log.warmup_runs == 3 and log.threads == 1
    assert log.avg_ms is not None and log.min_ms is not None and log.max_ms is not None
    assert 0 < log.min_ms <= log.avg_ms <= log.max_ms
    low, high = log.model_size_bytes or (0, 0)
    assert low <= model.stat().st_size <= high
    # The tool prints the same figures on stdout; what it prints there stands only once, and is flagged.
    printed = tmp_path / "result.txt"
    printed.write_text(done.stdout)
    (again,) = read_litert_logs(printed)
    assert again.partial and (again.avg_ms, again.median_ms, again.runs) == (log.avg_ms, log.median_ms, 20)
