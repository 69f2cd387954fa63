"""Recorded logs as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from edgenas.cli.output import print_table, say
from edgenas.compatibility.compiler_log import CompilerLog
from edgenas.device_profiles.benchmark_logs import BenchmarkLog
from edgenas.latency_models.tables.logs import LogRecord

__all__ = ["print_logs"]

_SHOWN = 4


def print_logs(records: Sequence[LogRecord]) -> None:
    """Prints what was read, benchmarks and compilers' logs apart; what is wrong with them goes to stderr."""
    benchmarks = [(r, r.log) for r in records if isinstance(r.log, BenchmarkLog)]
    compilers = [(r, r.log) for r in records if isinstance(r.log, CompilerLog)]
    if benchmarks:
        print_table(
            "measured (as the logs say)",
            (
                "file",
                "model",
                "mean ms",
                "median ms",
                "min ms",
                "max ms",
                "runs",
                "threads",
                "operators",
                "state",
            ),
            [_benchmark_row(record, log) for record, log in benchmarks],
        )
    if compilers:
        print_table(
            "edgetpu_compiler",
            (
                "file",
                "model",
                "version",
                "operations",
                "mapped",
                "CPU",
                "on chip KiB",
                "off chip KiB",
                "state",
            ),
            [_compiler_row(record, log) for record, log in compilers],
        )
    for record in records:
        problems = record.log.problems if record.log is not None else ()
        for problem in problems[:_SHOWN]:
            say(f"{record.file}: {problem}")
        if len(problems) > _SHOWN:
            say(f"{record.file}: {len(problems) - _SHOWN} more problems; --json has them all.")


def _benchmark_row(record: LogRecord, log: BenchmarkLog) -> list[str]:
    state = "partial" if log.partial else "CPU only" if log.cpu_fallback else "whole"
    times = [_figure(value) for value in (log.avg_ms, log.median_ms, log.min_ms, log.max_ms)]
    counts = ["-" if count is None else str(count) for count in (log.runs, log.threads)]
    return [
        record.file.name,
        log.model or "-",
        *times,
        *counts,
        str(len(log.operators)),
        state,
    ]


def _compiler_row(record: LogRecord, log: CompilerLog) -> list[str]:
    state = log.failure or ("partial" if log.partial else "compiled")
    counts = [
        "-" if count is None else str(count)
        for count in (_operations(log), log.mapped_count, log.unmapped_count)
    ]
    sizes = [
        "-" if size is None else f"{size / 1024:.0f}" for size in (log.on_chip_used_bytes, log.off_chip_bytes)
    ]
    return [
        record.file.name,
        log.input_model or "-",
        log.version or "-",
        *counts,
        *sizes,
        state,
    ]


def _operations(log: CompilerLog) -> int | None:
    if log.total_operations is not None or log.mapped_count is None or log.unmapped_count is None:
        return log.total_operations
    return log.mapped_count + log.unmapped_count


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
