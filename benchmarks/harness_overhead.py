"""What measuring itself costs, and how well repeated measurements agree; ratios within one run.

    python benchmarks/harness_overhead.py MODEL.tflite... [--pairs 7] [--repeats 5] [--json]

1. Each model is measured by one process of ours and one of the runtime's own tool (`litert-benchmark`, the module
   ai_edge_litert.tools.benchmark_litert_model), by turns, with as many runs. The ratio of the lowest medians says
   what our harness adds. The tool rounds to 0.01 ms: models below about a millisecond say little.
2. An empty call and an empty model, timed by the harness: what of a latency is not the model.
3. Each model is measured several times by the device's own protocol: by how much the latencies differ.

On a busy machine neither says anything; the share of repeats in which others had the CPU is printed beside them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgenas.device_profiles import Protocol, load_device, runner_for
from edgenas.device_profiles.agent.measure import timed_repeats_ms
from edgenas.device_profiles.agent.runtime import _EMPTY_MODEL
from edgenas.device_profiles.host_facts import cpu_model, load_average
from edgenas.device_profiles.worker_process import WORKER_COMMAND, WorkerProcess

_WITHIN = 0.03
_TOOL = str(Path(sys.executable).parent / "litert-benchmark")


def ours(model: Path, protocol: Protocol) -> dict[str, Any]:
    """The answer of one worker process: "repeats_ms" and "facts"."""
    with WorkerProcess((), WORKER_COMMAND) as worker:
        job = {"id": 0, "model": str(model), "protocol": protocol.to_dict()}
        return next(worker.answers(job, 300))


def theirs_ms(model: Path, runs: int, warmup_runs: int, threads: int) -> float:
    """Median latency by the runtime's own tool, in one process."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [_TOOL, "--model", str(model), "--num_runs", str(runs), "--warmup_runs", str(warmup_runs)]
        command += ["--num_threads", str(threads), "--result_json", str(result)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return float(json.loads(result.read_text(encoding="utf-8"))["latency"]["median_ms"])


def compare(model: Path, protocol: Protocol, pairs: int) -> dict[str, Any]:
    """Our harness beside the tool, by turns; and what one measurement differs from the next."""
    our_ms, their_ms, interrupted = [], [], []
    for _ in range(pairs):
        answer = ours(model, protocol)
        our_ms.append(statistics.median(answer["repeats_ms"]))
        interrupted.append(answer["facts"]["interrupted"] or 0.0)
        runs = max(protocol.min_runs, round(protocol.min_seconds * 1000 / our_ms[-1]))
        warmup_runs = max(protocol.warmup_runs, round(protocol.warmup_seconds * 1000 / our_ms[-1]))
        their_ms.append(theirs_ms(model, runs, warmup_runs, protocol.threads))
    return {
        "model": model.name,
        "ours_ms": round(min(our_ms), 4),
        "tool_ms": min(their_ms),
        "ratio_of_lowest": round(min(our_ms) / min(their_ms), 4),
        "ratio_of_medians": round(statistics.median(our_ms) / statistics.median(their_ms), 4),
        "our_processes_spread": round(max(our_ms) / min(our_ms) - 1, 4),
        "tool_processes_spread": round(max(their_ms) / min(their_ms) - 1, 4),
        "interrupted": max(interrupted),
    }


def overhead_us() -> dict[str, float]:
    """Median time of a call that does nothing and of a model without operators, in microseconds."""
    from ai_edge_litert.interpreter import Interpreter

    protocol = Protocol(min_seconds=0.2).to_dict()
    interpreter = Interpreter(model_content=_EMPTY_MODEL)
    interpreter.allocate_tensors()
    calls = {"empty_call": lambda: None, "empty_model": interpreter.invoke}
    return {
        name: round(1000 * statistics.median(timed_repeats_ms(call, protocol)[0]), 3)
        for name, call in calls.items()
    }


def repeat(models: list[Path], repeats: int) -> list[dict[str, Any]]:
    """Whole measurements by the device's protocol, all models in turn, several times."""
    runner = runner_for(load_device("host"))
    found: dict[Path, list[Any]] = {model: [] for model in models}
    for _ in range(repeats):
        for model, measurement in zip(models, runner.measure(models), strict=True):
            found[model].append(measurement)
    return [
        {
            "model": model.name,
            "latencies_ms": [round(m.latency_ms, 4) for m in measured],
            "spread": round(max(m.latency_ms for m in measured) / min(m.latency_ms for m in measured) - 1, 4),
            "processes": [len(m.repeats_ms) for m in measured],
            "unstable": sum(bool(m.unstable) for m in measured),
        }
        for model, measured in found.items()
    ]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    protocol = replace(load_device("host").protocol, threads=1)
    before = load_average()
    compared = [compare(model, protocol, options.pairs) for model in options.models]
    empty = overhead_us()
    repeated = repeat(options.models, options.repeats)
    print(f"{cpu_model()}; load {before} before, {load_average()} after", file=sys.stderr)
    for row in compared:
        print(
            f"{row['model']:45s} ours {row['ours_ms']:8.3f} ms, tool {row['tool_ms']:8.2f} ms, "
            f"ratio {row['ratio_of_lowest']:.3f}; processes differ by {row['our_processes_spread']:.1%} here and "
            f"{row['tool_processes_spread']:.1%} there; interrupted {row['interrupted']:.0%}",
            file=sys.stderr,
        )
    print(
        f"an empty call takes {empty['empty_call']} us, an empty model {empty['empty_model']} us",
        file=sys.stderr,
    )
    for row in repeated:
        print(
            f"{row['model']:45s} {len(row['latencies_ms'])} measurements differ by {row['spread']:.1%} "
            f"(processes {row['processes']}, unstable {row['unstable']})",
            file=sys.stderr,
        )
    within = sum(row["spread"] <= _WITHIN for row in repeated)
    print(f"{within} of {len(repeated)} models within {_WITHIN:.0%}", file=sys.stderr)
    if options.json:
        print(
            json.dumps(
                {"machine": cpu_model(), "compared": compared, "overhead_us": empty, "repeated": repeated}
            )
        )


if __name__ == "__main__":
    main()
