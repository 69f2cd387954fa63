"""What `benchmark_model` and `benchmark_litert_model` print, of 2018 to today.

The mean is printed twice (the "count=" line and the summary), and the number of runs follows rules that the tool prints
too; a log that lost lines, or that two runs wrote into, is found out by these. Sources: tflite/tools/benchmark/
benchmark_model.cc and benchmark_tflite_model.cc, litert/tools/benchmark_litert_model.h in google-ai-edge/LiteRT.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgenas.device_profiles.benchmark_logs.clean_lines import clean_runs
from edgenas.device_profiles.benchmark_logs.numbers import milliseconds
from edgenas.device_profiles.benchmark_logs.operator_tables import judge_table, split_tables
from edgenas.device_profiles.benchmark_logs.record import BenchmarkLog, OperatorTime
from edgenas.device_profiles.benchmark_logs.run_facts import RunFacts, read_facts
from edgenas.device_profiles.benchmark_logs.timing import Timing, read_timing
from edgenas.errors import UsageError

__all__ = ["parse_benchmark_logs", "parse_benchmark_stdout"]

_FIGURES = {
    "median": "median_ms",
    "min": "min_ms",
    "max": "max_ms",
    "std": "std_ms",
    "p5": "p5_ms",
    "p95": "p95_ms",
}


def parse_benchmark_stdout(text: str) -> BenchmarkLog:
    """Reads the output of one run.

    Args:
        text: stdout and stderr of `benchmark_model`, or its lines of logcat.

    Returns:
        The figures; `partial` where lines are missing or contradict each other.

    Raises:
        UsageError: no time of inference can be read with certainty, or the text holds several runs.
    """
    logs = parse_benchmark_logs(text)
    if len(logs) > 1:
        raise UsageError(
            f"The text holds {len(logs)} runs of benchmark_model, expected one. Save each run into a file of its own, "
            "or import the file: edgenas latency import benchmark-model FILE"
        )
    return logs[0]


def parse_benchmark_logs(text: str) -> list[BenchmarkLog]:
    """Reads the output of one run after the other.

    Raises:
        UsageError: no time of inference can be read with certainty; the message says why.
    """
    runs = clean_runs(text)
    logs: list[BenchmarkLog] = []
    reasons: list[str] = []
    for run in runs:
        try:
            logs.append(_read_run(run))
        except UsageError as error:
            reasons.append(str(error))
    if not logs or (reasons and len(logs) + len(reasons) > 1):
        reason = " ".join(dict.fromkeys(reasons)) or "The text is empty."
        raise UsageError(
            f"No time of benchmark_model can be read with certainty. {reason} Expected a line 'count=... avg=...' and "
            "a line 'Inference timings in us: ...'. Save the whole output: benchmark_model --graph=MODEL > FILE 2>&1"
        )
    return logs


def _read_run(lines: Sequence[str]) -> BenchmarkLog:
    tables, others = split_tables(lines)
    facts = read_facts(others)
    timing = read_timing(others, facts)
    broken = [*timing.broken, *facts.broken]
    problems = [*timing.notes, *facts.notes]
    operators: list[OperatorTime] = []
    totals_ms = []
    for table in tables:
        if table.initialization:
            continue
        times, found = judge_table(table)
        if not table.headed and not timing.is_litert:
            found.append("the heading is missing that says whether it is about the timed runs")
        if found:
            shown = "; ".join(found[:3])
            broken.append(f"The table of operators ({table.graph}) is left out: {shown}")
            continue
        operators.extend(times)
        if table.graph == "primary" and table.timings is not None:
            totals_ms.append(milliseconds(table.timings.values["avg"]))
            if table.timings.count == timing.runs:
                timing.confirmed.append("runs")
    graphs = [table.graph for table in tables if not table.initialization]
    if len(set(graphs)) < len(graphs):
        broken.append(
            "A graph is profiled twice, or a heading is missing: the tables of operators are left out."
        )
        operators, totals_ms = [], []
    expected = facts.options.get("Enable op profiling") == "1" and not facts.profile_goes_elsewhere
    if expected and not any(not table.initialization for table in tables):
        broken.append("Operators were profiled, and their table is missing.")
    return _result(facts, timing, operators, totals_ms, broken, problems)


def _result(
    facts: RunFacts,
    timing: Timing,
    operators: Sequence[OperatorTime],
    totals_ms: Sequence[float],
    broken: Sequence[str],
    problems: Sequence[str],
) -> BenchmarkLog:
    figures: dict[str, float | None] = {}
    for name, key in _FIGURES.items():
        value_us = timing.timed.get(name) if timing.timed is not None else None
        figures[key] = timing.rounded_ms.get(name) if value_us is None else milliseconds(value_us)
    return BenchmarkLog(
        source=f"{'benchmark_litert_model' if timing.is_litert else 'benchmark_model'} stdout",
        model=facts.model,
        avg_ms=timing.avg_ms,
        median_ms=figures.get("median_ms"),
        min_ms=figures.get("min_ms"),
        max_ms=figures.get("max_ms"),
        std_ms=figures.get("std_ms"),
        p5_ms=figures.get("p5_ms"),
        p95_ms=figures.get("p95_ms"),
        first_ms=timing.first_ms,
        warmup_avg_ms=timing.warmup_avg_ms,
        init_ms=timing.init_ms,
        runs=timing.runs,
        warmup_runs=timing.warmup_runs,
        threads=facts.threads,
        delegates=facts.delegates,
        cpu_fallback=facts.cpu_fallback,
        model_size_bytes=facts.model_size_bytes,
        memory_init_mb=facts.memory_init_mb,
        memory_overall_mb=facts.memory_overall_mb,
        memory_peak_mb=facts.memory_peak_mb,
        operators=tuple(operators),
        operators_total_ms=totals_ms[0] if len(totals_ms) == 1 else None,
        options=facts.options,
        version=facts.version,
        confirmed=tuple(dict.fromkeys((*timing.confirmed, *facts.confirmed))),
        partial=bool(broken),
        problems=tuple(dict.fromkeys((*broken, *problems))),
    )
