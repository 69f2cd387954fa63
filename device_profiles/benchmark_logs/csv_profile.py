"""A file of `--op_profiling_output_file`: operators without the time of a whole inference."""

from __future__ import annotations

from edgenas.device_profiles.benchmark_logs.clean_lines import clean_runs
from edgenas.device_profiles.benchmark_logs.numbers import milliseconds
from edgenas.device_profiles.benchmark_logs.operator_tables import judge_table, split_tables
from edgenas.device_profiles.benchmark_logs.record import BenchmarkLog, OperatorTime
from edgenas.errors import UsageError

__all__ = ["parse_benchmark_csv"]


def parse_benchmark_csv(text: str) -> BenchmarkLog:
    """Reads an operator profile as CSV (with or without the column "start") or as the table of stdout.

    Times are milliseconds in both; they are means over the timed runs.

    Raises:
        UsageError: there is no table of operators in it.
    """
    lines = [line for run in clean_runs(text) for line in run]
    found = [table for table in split_tables(lines)[0] if not table.initialization]
    if not found:
        raise UsageError(
            "There is no table of operators of the timed runs in it: expected '=== Run Order ===' and a line of column "
            "names. Write it again: benchmark_model --graph=MODEL --enable_op_profiling=true "
            "--op_profiling_output_mode=csv --op_profiling_output_file=FILE"
        )
    operators: list[OperatorTime] = []
    broken: list[str] = []
    graphs = [table.graph for table in found]
    if len(set(graphs)) < len(graphs):
        broken.append("A graph is profiled twice: two profiles are in the file.")
    for table in found:
        times, problems = judge_table(table)
        if not table.headed:
            problems.append("The heading is missing that says whether it is about the timed runs.")
        broken.extend(f"{table.graph}: {problem}" for problem in problems)
        operators.extend([] if problems else times)
    primary = [table for table in found if table.graph == "primary" and table.timings and table.timings.count]
    timings = primary[0].timings if len(primary) == 1 and not broken else None
    return BenchmarkLog(
        source=f"benchmark_model {'stdout profile' if found[0].fixed else 'csv'}",
        runs=timings.count if timings else None,
        operators=() if broken else tuple(operators),
        operators_total_ms=milliseconds(timings.values["avg"]) if timings else None,
        partial=bool(broken),
        problems=(*broken, "An operator profile holds no time of a whole inference."),
    )
