"""JSON and protos whose values are of other types than their tools write: flagged or refused, never a crash."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.device_profiles.benchmark_logs.litert_json import parse_litert_json
from edgenas.device_profiles.benchmark_logs.proto import parse_benchmark_proto
from edgenas.device_profiles.benchmark_logs.proto_messages import message_class
from edgenas.errors import EdgenasError, UsageError

CLEAN: dict[str, Any] = {
    "model": "/tmp/a.tflite", "model_size_mb": 3.28, "accelerators": ["CPU"], "signature": "serving_default",
    "fully_accelerated": True, "num_threads": 1,
    "latency": {
        "init_ms": 4.48, "warmup_first_ms": 1.03, "warmup_avg_ms": 0.47, "avg_ms": 1.46, "min_ms": 1.44, "max_ms": 1.98,
        "median_ms": 1.45, "std_ms": 0.05, "p5_ms": 1.44, "p95_ms": 1.6, "num_runs": 100, "num_warmup_runs": 10,
    },
}  # fmt: skip


def test_the_clean_one() -> None:
    log = parse_litert_json(json.dumps(CLEAN))
    assert not log.partial and (log.avg_ms, log.runs, log.threads) == (1.46, 100, 1)


WRONG: tuple[object, ...] = ("x", [], {}, 10**40, 1e308, True, [[]], [1], {"a": 1})
BESIDE = [
    (name, value)
    for name, own in CLEAN.items()
    for value in WRONG
    # [1] and [[]] are lists, but of no names; 10**40 is an integer, but no number of threads.
    if name not in ("latency", "signature") and (type(value) is not type(own) or value in ([1], [[]], 10**40))
]


@pytest.mark.parametrize(("name", "value"), BESIDE, ids=str)
def test_wrong_types_beside_the_latency_are_flagged(name: str, value: object) -> None:
    # A part of the model that is not accelerated has its names told.
    log = parse_litert_json(json.dumps({**CLEAN, "fully_accelerated": False, name: value}))
    assert log.partial
    json.dumps(log.to_dict(), allow_nan=False)


@pytest.mark.parametrize("name", list(CLEAN["latency"]))
@pytest.mark.parametrize("value", [None, "1.5", True, [], {}, -1, 10**40, 1e308, 0.001], ids=repr)
def test_wrong_latencies_are_flagged_or_refused(name: str, value: object) -> None:
    damaged = copy.deepcopy(CLEAN)
    damaged["latency"][name] = value
    try:
        assert parse_litert_json(json.dumps(damaged)).partial
    except UsageError:
        assert name == "avg_ms"


def test_halves_of_surrogates_in_names() -> None:
    log = parse_litert_json(json.dumps({**CLEAN, "model": "a\ud800.tflite", "signature": "\udfff"}))
    assert log.model == "a?.tflite" and log.options["signature"] == "?"
    assert "\ud800" not in json.dumps(log.to_dict(), ensure_ascii=False)


def _profile() -> bytes:
    message = message_class("BenchmarkProfilingData")()
    message.model_name = "model"
    graph = message.runtime_profile.subgraph_profiles.add()
    for index in range(3):
        operator = graph.per_op_profiles.add()
        operator.node_type, operator.name, operator.times_called = "CONV_2D", f"name{index}", 1
        figures = {
            "first": 10,
            "last": 11,
            "avg": 10,
            "min": 9,
            "max": 12,
            "sum": 105,
            "count": 10,
            "stddev": 1,
        }
        for name, value in figures.items():
            setattr(operator.inference_microseconds, name, value)
    return bytes(message.SerializeToString())


@pytest.mark.parametrize("name", [b"model", b"CONV_2D", b"name1"])
def test_names_of_protos_that_are_no_utf8(name: bytes) -> None:
    data = _profile()
    assert not parse_benchmark_proto(data).partial
    log = parse_benchmark_proto(data.replace(name, b"\xff" + name[1:]))
    written = json.dumps(log.to_dict(), ensure_ascii=False)
    assert f"\ufffd{name[1:].decode()}" in written


@settings(max_examples=300, deadline=None)
@given(places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_protos_never_crash(places: list[tuple[float, int]]) -> None:
    data = bytearray(_profile())
    for place, value in places:
        data[int(place * (len(data) - 1))] = value
    with contextlib.suppress(EdgenasError):
        json.dumps(parse_benchmark_proto(bytes(data)).to_dict(), allow_nan=False)
