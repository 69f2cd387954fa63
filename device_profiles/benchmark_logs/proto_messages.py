"""The messages that the benchmark tools write, described at run time for Google's protobuf library.

Field numbers: tflite/profiling/proto/profiling_info.proto (google-ai-edge/LiteRT, commit 7d88950) and
tensorflow/lite/tools/benchmark/proto/benchmark_result.proto (tensorflow/tensorflow, commit a4f5402).
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from edgenas.errors import MissingDependencyError

__all__ = ["decode", "message_class"]

_PROFILING = "tflite.profiling"
_BENCHMARK = "tflite.tools.benchmark"

# name: [(field, number, type, repeated)]; a type that is no scalar is a message of the same package.
_FIELDS: dict[str, dict[str, list[tuple[str, int, str, bool]]]] = {
    _PROFILING: {
        "OpProfilingStat": [
            ("first", 1, "int64", False),
            ("last", 2, "int64", False),
            ("avg", 3, "int64", False),
            ("stddev", 4, "float", False),
            ("variance", 5, "float", False),
            ("min", 6, "int64", False),
            ("max", 7, "int64", False),
            ("sum", 8, "int64", False),
            ("count", 9, "int64", False),
        ],
        "OpProfileData": [
            ("node_type", 1, "string", False),
            ("inference_microseconds", 2, "OpProfilingStat", False),
            ("mem_kb", 3, "OpProfilingStat", False),
            ("times_called", 4, "int64", False),
            ("name", 5, "string", False),
            ("run_order", 6, "int64", False),
        ],
        "DelegateProfilingData": [
            ("delegate_name", 1, "string", False),
            ("per_op_profiles", 2, "OpProfileData", True),
        ],
        "SubGraphProfilingData": [
            ("subgraph_name", 1, "string", False),
            ("subgraph_index", 2, "int32", False),
            ("per_op_profiles", 3, "OpProfileData", True),
        ],
        "ModelProfilingData": [
            ("subgraph_profiles", 1, "SubGraphProfilingData", True),
            ("delegate_profiles", 2, "DelegateProfilingData", True),
        ],
        "BenchmarkProfilingData": [
            ("model_name", 1, "string", False),
            ("init_profile", 2, "ModelProfilingData", False),
            ("runtime_profile", 3, "ModelProfilingData", False),
        ],
    },
    _BENCHMARK: {
        "LatencyMetrics": [
            ("avg_ms", 1, "float", False),
            ("min_ms", 2, "float", False),
            ("max_ms", 3, "float", False),
            ("stddev_ms", 4, "float", False),
            ("median_ms", 5, "float", False),
            ("p5_ms", 6, "float", False),
            ("p95_ms", 7, "float", False),
            ("init_ms", 8, "float", False),
            ("first_inference_ms", 9, "float", False),
            ("average_warm_up_ms", 10, "float", False),
        ],
        "MemoryMetrics": [
            ("init_footprint_kb", 1, "int64", False),
            ("overall_footprint_kb", 2, "int64", False),
            ("peak_mem_mb", 3, "float", False),
        ],
        "MiscMetrics": [
            ("model_size_mb", 1, "float", False),
            ("num_runs", 2, "int32", False),
            ("num_warmup_runs", 3, "int32", False),
            ("model_throughput_in_mb_per_sec", 4, "float", False),
        ],
        "BenchmarkResult": [
            ("name", 1, "string", False),
            ("latency_metrics", 2, "LatencyMetrics", False),
            ("memory_metrics", 3, "MemoryMetrics", False),
            ("misc_metrics", 4, "MiscMetrics", False),
        ],
    },
}


@functools.cache
def message_class(name: str) -> Any:
    """The class of a message, e.g. "BenchmarkResult".

    Raises:
        MissingDependencyError: protobuf is not installed.
    """
    try:
        descriptor_pb2 = importlib.import_module("google.protobuf.descriptor_pb2")
        descriptor_pool = importlib.import_module("google.protobuf.descriptor_pool")
        message_factory = importlib.import_module("google.protobuf.message_factory")
    except ImportError as error:
        raise MissingDependencyError(
            "protobuf", "logs", "Reading a benchmark tool's binary results"
        ) from error
    package = next(package for package, messages in _FIELDS.items() if name in messages)
    field_type = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name=f"edgenas/{package}.proto", package=package, syntax="proto2"
    )
    for message, fields in _FIELDS[package].items():
        described = file.message_type.add(name=message)
        for field_name, number, kind, repeated in fields:
            label = field_type.LABEL_REPEATED if repeated else field_type.LABEL_OPTIONAL
            one = described.field.add(name=field_name, number=number, label=label)
            if kind in _FIELDS[package]:
                one.type, one.type_name = field_type.TYPE_MESSAGE, f".{package}.{kind}"
            else:
                one.type = getattr(field_type, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()  # Not the default one, where others may have put the same files.
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))


def decode(name: str, data: bytes) -> Any | None:
    """The message, None where the bytes are no such message or hold a field that it does not have."""
    message = message_class(name)()
    error = importlib.import_module("google.protobuf.message").DecodeError
    try:
        message.ParseFromString(data)
    except (error, UnicodeDecodeError):
        return None
    return None if _has_unknown(message) else message


def _has_unknown(message: Any) -> bool:
    unknown = importlib.import_module("google.protobuf.unknown_fields").UnknownFieldSet
    if len(unknown(message)):
        return True
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        parts = [value] if hasattr(value, "ListFields") else value
        if any(_has_unknown(part) for part in parts):
            return True
    return False
