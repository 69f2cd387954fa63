from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from edgenas.device_profiles import load_device
from edgenas.device_profiles.vela_check import check_vela
from edgenas.errors import UsageError
from edgenas.graph import read_tflite

KEYS = {
    "file", "device", "fully_mapped", "operators", "subgraphs", "parameter_bytes_on_chip", "parameter_bytes_off_chip",
    "peak_activation_bytes",
}  # fmt: skip


def _check(path: Any, device: str = "ethos-u55-128", **hardware: Any) -> dict[str, Any]:
    profile = load_device(device)
    profile = replace(profile, hardware={**profile.hardware, **hardware})
    result = check_vela(path, profile, profile.configuration())
    json.dumps(result, allow_nan=False)
    return result


def test_fully_mapped(vela_models: Any) -> None:
    result = _check(vela_models.npu)
    graph = read_tflite(vela_models.npu)
    assert result.keys() >= KEYS and result["fully_mapped"] and result["subgraphs"] == 1
    assert (result["source"], result["changes"], result["cpu_ms"]) == ("simulated", [], None)
    assert [o["type"] for o in result["operators"]] == [o.type for o in graph.operators]
    assert all(o["mapped"] and not o["reason"] for o in result["operators"])
    assert sum(o["cycles"] for o in result["operators"]) == result["cycles"]["total"] > 0
    assert result["parameter_bytes_on_chip"] == 0 < result["parameter_bytes_off_chip"]
    assert result["peak_activation_bytes"] == graph.peak_activation_bytes


def test_operator_on_the_cpu(vela_models: Any) -> None:
    result = _check(vela_models.resize4)
    assert not result["fully_mapped"]
    assert [o["mapped"] for o in result["operators"]] == [True, False]
    assert result["operators"][1]["reason"].endswith("unsupported scale-factor=4")
    assert result["changes"] == [
        "write it as two x2 resizes one after another instead of one x4, or without half_pixel_centers"
    ]
    assert _check(vela_models.resize4, "ethos-u85")["fully_mapped"]


def test_price_of_the_cpu(vela_models: Any) -> None:
    result = _check(vela_models.resize4, cpu_clock_mhz=400, cpu_cycles_per_mac=1, cpu_cycles_per_element=10)
    elements = read_tflite(vela_models.resize4).operators[1].outputs[0].elements
    assert result["cpu_ms"] == pytest.approx(elements * 10 / 400e3)


def test_float_network(vela_models: Any) -> None:
    result = _check(vela_models.floating)
    assert not any(o["mapped"] for o in result["operators"]) and result["subgraphs"] == 0
    assert result["changes"] == [
        "quantise the network to int8, inputs and outputs included (edgenas export --int8)"
    ]


def test_operator_that_is_taken_apart_is_mapped(vela_models: Any) -> None:
    mapped = {o["type"]: o["mapped"] for o in _check(vela_models.argmax)["operators"]}
    assert mapped == {"CONV_2D": True, "ARG_MAX": True, "CAST": False}


def test_unusable_file(tmp_path: Any) -> None:
    path = tmp_path / "damaged.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3 and nothing behind it")
    with pytest.raises(UsageError, match="damaged"):
        _check(path)
