"""Reads a recorded file of a benchmark tool, whatever its form."""

from __future__ import annotations

from pathlib import Path

from edgenas.device_profiles.benchmark_logs.csv_profile import parse_benchmark_csv
from edgenas.device_profiles.benchmark_logs.litert_json import parse_litert_json
from edgenas.device_profiles.benchmark_logs.proto import parse_benchmark_proto
from edgenas.device_profiles.benchmark_logs.record import BenchmarkLog
from edgenas.device_profiles.benchmark_logs.stdout import parse_benchmark_logs
from edgenas.errors import UsageError
from edgenas.storage import read_file

__all__ = ["MOST_BYTES", "read_benchmark_logs", "read_litert_logs", "text_of"]

MOST_BYTES = 64 << 20
"""The largest log that is read: a whole buffer of logcat has some 16 MiB."""

_PROFILE_MARKS = ("= Run Order =", "= Summary by node type =", "node type,")
_STDOUT_MARKS = ("count=", "timings in us", "Running benchmark for", "BENCHMARK RESULTS")


def read_benchmark_logs(path: Path) -> list[BenchmarkLog]:
    """Reads stdout, an operator profile (CSV or text) or a binary result of `benchmark_model`.

    Returns:
        One result per run in the file.

    Raises:
        UsageError: the file is missing, or nothing in it can be read with certainty.
        MissingDependencyError: the file is binary and protobuf is not installed.
    """
    data = read_file(path, most_bytes=MOST_BYTES)
    text = text_of(data)
    if text is None:
        return [parse_benchmark_proto(data)]
    if any(mark in text for mark in _PROFILE_MARKS) and not _has_run(text):
        return [parse_benchmark_csv(text)]
    return parse_benchmark_logs(text)


def read_litert_logs(path: Path) -> list[BenchmarkLog]:
    """Reads the JSON of `litert-benchmark`, or what `benchmark_litert_model` printed."""
    text = text_of(read_file(path, most_bytes=MOST_BYTES))
    if text is None:
        raise UsageError(f"{path} is binary. Read it with: edgenas latency import benchmark-model {path}")
    if text.lstrip().startswith("{"):
        return [parse_litert_json(text)]
    return parse_benchmark_logs(text)


def _has_run(text: str) -> bool:
    """Whether the text is of a whole run: a profile has no other "count=" than those of its "Timings"."""
    rest = "\n".join(
        line
        for line in text.splitlines()
        if "Timings (microseconds)" not in line and "Memory (bytes)" not in line
    )
    return any(mark in rest for mark in _STDOUT_MARKS)


def text_of(data: bytes) -> str | None:
    """The text of a log, None for binary files. PowerShell writes what it redirects as UTF-16 with a mark."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    control = sum(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in data[:4096])
    if control:
        return None
    return data.decode("utf-8", errors="replace")
