"""The binary files of `benchmark_model`: `--result_file_path` and `--op_profiling_output_mode=proto`.

Times are milliseconds in the first and microseconds in the second, as their fields' names say.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from edgenas.device_profiles.benchmark_logs.numbers import milliseconds
from edgenas.device_profiles.benchmark_logs.proto_messages import decode
from edgenas.device_profiles.benchmark_logs.record import BenchmarkLog, OperatorTime, plain_text
from edgenas.errors import UsageError

__all__ = ["parse_benchmark_proto"]

_NEEDED = ("avg_ms", "min_ms", "max_ms", "stddev_ms", "init_ms", "first_inference_ms", "average_warm_up_ms")
_ORDERED = ("min_ms", "p5_ms", "median_ms", "p95_ms", "max_ms")


def parse_benchmark_proto(data: bytes) -> BenchmarkLog:
    """Reads a `BenchmarkResult` or a `BenchmarkProfilingData`.

    Args:
        data: the file's bytes.

    Raises:
        UsageError: it is neither, or is cut.
        MissingDependencyError: protobuf is not installed.
    """
    result = decode("BenchmarkResult", data) if data else None
    if result is not None and result.HasField("latency_metrics"):
        return _read_result(result)
    profile = decode("BenchmarkProfilingData", data) if data else None
    if profile is not None and (profile.HasField("runtime_profile") or profile.HasField("init_profile")):
        return _read_profile(profile)
    raise UsageError(
        f"These {len(data)} bytes are no result of benchmark_model: expected a BenchmarkResult (--result_file_path) "
        "or a BenchmarkProfilingData (--op_profiling_output_mode=proto). It may be cut: pull it again."
    )


def _read_result(message: Any) -> BenchmarkLog:
    latency, memory, misc = message.latency_metrics, message.memory_metrics, message.misc_metrics
    broken = [f"The field {name!r} is missing." for name in _NEEDED if not latency.HasField(name)]
    if not misc.HasField("num_runs"):
        broken.append("The field 'num_runs' is missing.")
    values = {field.name: _decimal(value) for field, value in latency.ListFields()}
    if any(not math.isfinite(value) or value < 0 for value in values.values()):
        raise UsageError(
            "A time is negative or no number: this is no result of benchmark_model, or it is damaged."
        )
    present = [name for name in _ORDERED if name in values]
    for low, high in itertools.pairwise(present):
        if values[low] > values[high]:
            broken.append(f"{low} ({values[low]:g}) is above {high} ({values[high]:g}).")
    average = values.get("avg_ms")
    if average is None or average == 0:
        raise UsageError("The result holds no mean time of inference ('avg_ms').")
    least, most = values.get("min_ms", average), values.get("max_ms", average)
    if not least * (1 - 1e-6) <= average <= most * (1 + 1e-6):
        broken.append(f"The mean ({average:g} ms) is outside min to max ({least:g} to {most:g} ms).")
    if values.get("stddev_ms", 0.0) > (most - least) / 2 + 0.002 + 1e-3 * most:
        broken.append("The standard deviation is more than min and max allow.")
    if misc.HasField("num_runs") and misc.num_runs < 1:
        broken.append(f"The number of runs is {misc.num_runs}.")
    return BenchmarkLog(
        source="benchmark_model result proto",
        avg_ms=average,
        median_ms=values.get("median_ms"),
        min_ms=values.get("min_ms"),
        max_ms=values.get("max_ms"),
        std_ms=values.get("stddev_ms"),
        p5_ms=values.get("p5_ms"),
        p95_ms=values.get("p95_ms"),
        first_ms=values.get("first_inference_ms"),
        warmup_avg_ms=values.get("average_warm_up_ms"),
        init_ms=values.get("init_ms"),
        runs=misc.num_runs if misc.HasField("num_runs") else None,
        warmup_runs=misc.num_warmup_runs if misc.HasField("num_warmup_runs") else None,
        model_size_bytes=_size(misc),
        memory_init_mb=memory.init_footprint_kb / 1024.0 if memory.HasField("init_footprint_kb") else None,
        memory_overall_mb=memory.overall_footprint_kb / 1024.0
        if memory.HasField("overall_footprint_kb")
        else None,
        memory_peak_mb=_decimal(memory.peak_mem_mb) if memory.HasField("peak_mem_mb") else None,
        options={"Benchmark name": plain_text(message.name)} if message.name else {},
        partial=bool(broken),
        problems=tuple(broken),
    )


def _decimal(value: float) -> float:
    """The shortest decimal of a 32-bit float: 7.36 instead of 7.360000133514404."""
    return float(f"{value:.7g}")


def _size(misc: Any) -> tuple[int, int] | None:
    if not misc.HasField("model_size_mb") or misc.model_size_mb <= 0:
        return None
    # The tool divides by 1e6; a 32-bit float holds some seven digits.
    size = misc.model_size_mb * 1e6
    return int(size * (1 - 1e-6)) - 1, int(size * (1 + 1e-6)) + 1


def _read_profile(message: Any) -> BenchmarkLog:
    broken: list[str] = []
    operators: list[OperatorTime] = []
    totals_us = 0.0
    graphs = [
        ("primary" if one.subgraph_index == 0 else f"subgraph {one.subgraph_index}", one.per_op_profiles)
        for one in message.runtime_profile.subgraph_profiles
    ]
    graphs += [("delegate", one.per_op_profiles) for one in message.runtime_profile.delegate_profiles]
    for graph, profiles in graphs:
        for one in profiles:
            fault = _fault(one)
            if fault:
                broken.append(f"The operator {plain_text(one.name)!r}: {fault}")
                continue
            stat = one.inference_microseconds
            mean_us = stat.sum / stat.count
            operators.append(
                OperatorTime(
                    plain_text(one.node_type),
                    plain_text(one.name),
                    milliseconds(mean_us),
                    one.times_called,
                    graph,
                )
            )
            totals_us += mean_us if graph == "primary" else 0.0
    if not message.HasField("runtime_profile"):
        broken.append(
            "There is no profile of the timed runs: the file is cut, or only initialization was profiled."
        )
    elif not operators:
        broken.append("The profile holds no operator that can be used.")
    counts = {one.inference_microseconds.count for _, profiles in graphs for one in profiles}
    runs = counts.pop() if len(counts) == 1 else None
    return BenchmarkLog(
        source="benchmark_model profile proto",
        model=plain_text(message.model_name),
        runs=runs,
        operators=() if broken else tuple(operators),
        operators_total_ms=milliseconds(totals_us) if operators and not broken else None,
        partial=bool(broken),
        problems=(*broken, "An operator profile holds no time of a whole inference."),
    )


def _fault(profile: Any) -> str:
    """Why an operator's figures cannot be true: sum, mean and count state one figure twice."""
    stat = profile.inference_microseconds
    needed = ("first", "last", "avg", "min", "max", "sum", "count")
    if (
        not profile.HasField("node_type")
        or not profile.HasField("name")
        or not profile.HasField("times_called")
    ):
        return "a field is missing."
    if any(not stat.HasField(name) for name in needed) or stat.count < 1:
        return "its times are missing."
    if stat.sum // stat.count != stat.avg:
        return f"its mean is {stat.avg} us, its sum of {stat.count} runs {stat.sum} us."
    if not 0 <= stat.min <= stat.avg <= stat.max or not all(
        stat.min <= v <= stat.max for v in (stat.first, stat.last)
    ):
        return "its times are not between its smallest and its largest."
    return ""
