"""Stands for TFLite's benchmark_model on a "phone" that is a folder of this machine: it really runs the model.

What it prints has the form of the C++ program: the labels, the C++ number format (six significant digits, integers for
first, min, max, std), microseconds in the lines and milliseconds in the CSV (tflite/tools/benchmark in
google-ai-edge/LiteRT, xla/tsl/util/stats_calculator.cc). A file `behaviour` beside it makes it crash, hang or print as
older versions do.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_RULE = "=============================="


def main() -> int:
    options = dict(word.lstrip("-").split("=", 1) for word in sys.argv[1:])
    beside = Path(sys.argv[0]).with_name("behaviour")
    behaviour = beside.read_text(encoding="utf-8") if beside.exists() else ""
    say("STARTING!")
    say("Log parameter values verbosely: [0]")
    say(f"Min num runs: [{options['num_runs']}]")
    say(f"Num threads: [{options['num_threads']}]")
    say(f"Graph: [{options['graph']}]")
    profiling = options.get("enable_op_profiling") == "true"
    csv = options.get("op_profiling_output_file", "")
    if profiling:
        say("Enable op profiling: [1]")
        say("Op profiling output mode: [csv]")
        say(f"Op profiling output file: [{csv}]")
    if "crash" in behaviour:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "hang" in behaviour:
        time.sleep(60)
    from ai_edge_litert.interpreter import Interpreter

    clock = time.perf_counter_ns
    began = clock()
    try:
        interpreter = Interpreter(model_path=options["graph"], num_threads=int(options["num_threads"]))
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError):
        print(f"ERROR: Failed to load model {options['graph']}", file=sys.stderr)
        print("ERROR: Benchmarking failed.", file=sys.stderr)
        return 1
    init_us = (clock() - began) // 1000
    say(f"Loaded model {options['graph']}")
    print("INFO: Created TensorFlow Lite XNNPACK delegate for CPU.", file=sys.stderr)
    say(f"The input model file size (MB): {Path(options['graph']).stat().st_size / 1e6:.6g}")
    say(f"Initialized session in {init_us / 1000:.6g}ms.")
    longest = float(options["max_secs"])
    old = "old" in behaviour
    warmup = run(interpreter, int(options["warmup_runs"]), float(options["warmup_min_secs"]), longest, old)
    timed = run(interpreter, int(options["num_runs"]), float(options["min_secs"]), longest, old)
    say(
        f"Inference timings in us: Init: {init_us}, First inference: {warmup[0]}, "
        f"Warmup (avg): {statistics.fmean(warmup):.6g}, Inference (avg): {statistics.fmean(timed):.6g}"
    )
    say("Memory footprint delta from the start of the tool (MB): init=4.21094 overall=6.08594")
    if profiling:
        write_csv(Path(csv), Path(options["graph"]))
    return 0


def run(interpreter: object, fewest: int, least: float, longest: float, old: bool) -> list[int]:
    say(
        f"Running benchmark for at least {fewest} iterations and at least {least:.6g} seconds but terminate if "
        f"exceeding {longest:.6g} seconds."
    )
    times: list[int] = []
    began = time.perf_counter()
    while True:
        now = time.perf_counter() - began
        if (len(times) >= fewest and now >= least) or now > longest:
            break
        before = time.perf_counter_ns()
        interpreter.invoke()  # type: ignore[attr-defined]
        times.append((time.perf_counter_ns() - before) // 1000)
    say(statistics_line(times, old) + "\n")
    return times


def statistics_line(times: Sequence[int], old: bool = False) -> str:
    if len(times) == 1:
        return f"count=1 curr={times[0]}"
    text = (
        f"count={len(times)} first={times[0]} curr={times[-1]} min={min(times)} max={max(times)} "
        f"avg={statistics.fmean(times):.6g} std={int(statistics.pstdev(times))}"
    )
    if old:
        return text
    ordered = sorted(times)
    p5, median, p95 = (ordered[int(share * (len(ordered) - 1))] for share in (0.05, 0.5, 0.95))
    return f"{text} p5={p5} median={median} p95={p95}"


def write_csv(path: Path, model: Path) -> None:
    """The profile of the delegate's kernels, measured by LiteRT's own profiler on this machine."""
    import numpy as np

    from edgenas.device_profiles.operator_profile import profile_operators

    events = profile_operators(model, threads=1, rng=np.random.RandomState(0), seconds=0.05).events
    inside = [(tag, f"Delegate/{tag}:{i}", max(1, round(ms * 1000))) for i, (tag, ms) in enumerate(events)]
    node = ("TfLiteXNNPackDelegate", "[Identity]:99", sum(us for _, _, us in inside) + 3)
    path.write_text(
        "Operator-wise Profiling Info for Regular Benchmark Runs:\n"
        + table([node])
        + "\nDelegate internal: \n"
        + table(inside),
        encoding="utf-8",
    )


def table(rows: Sequence[tuple[str, str, int]]) -> str:
    """The three tables and the closing lines about one graph, as StatsCalculator writes them."""
    total = sum(us for _, _, us in rows)
    lines: list[str] = []
    by_time = sorted(rows, key=lambda row: -row[2])
    for title, ordered in (("Run Order", rows), ("Top by Computation Time", by_time)):
        lines += [f"{_RULE} {title} {_RULE}", "node type, first, avg_ms, %, cdf%, mem KB, times called, name"]
        reached = 0
        for tag, name, us in ordered:
            reached += us
            shares = f"{100 * us / total:.6g}%, {100 * reached / total:.6g}%"
            lines.append(f"{tag}, {us / 1000:.6g}, {us / 1000:.6g}, {shares}, 0, 1, {name}")
        lines.append("")
    lines += [f"Number of nodes executed: {len(rows)}", f"{_RULE} Summary by node type {_RULE}"]
    lines.append("node type, count, avg_ms, avg %, cdf %, mem KB, times called")
    reached = 0
    tags = {tag: [us for kind, _, us in rows if kind == tag] for tag, _, _ in rows}
    for tag, own in sorted(tags.items(), key=lambda item: -sum(item[1])):
        reached += sum(own)
        share = f"{100 * sum(own) / total:.6g}%, {100 * reached / total:.6g}%"
        lines.append(f"{tag}, {len(own)}, {sum(own) / 1000:.6g}, {share}, 0, {len(own)}")
    lines += ["", f"Timings (microseconds): {statistics_line([total, total, total])}"]
    lines += ["Memory (bytes): count=0", f"{len(rows)} nodes observed", ""]
    return "\n".join(lines) + "\n"


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
