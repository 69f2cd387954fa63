"""Recorded outputs of TFLite's and LiteRT's benchmark tools, read with their contradictions found."""

from __future__ import annotations

from edgenas.device_profiles.benchmark_logs.csv_profile import parse_benchmark_csv
from edgenas.device_profiles.benchmark_logs.record import BenchmarkLog, DelegateUse, OperatorTime
from edgenas.device_profiles.benchmark_logs.stdout import parse_benchmark_logs, parse_benchmark_stdout

__all__ = [
    "BenchmarkLog",
    "DelegateUse",
    "OperatorTime",
    "parse_benchmark_csv",
    "parse_benchmark_logs",
    "parse_benchmark_stdout",
]
