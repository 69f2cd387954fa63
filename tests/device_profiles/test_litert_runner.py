"""The real runtime on real files."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgenas.device_profiles import Measurement, Protocol, align_operators, load_device, runner_for
from edgenas.device_profiles.litert_runner import LiteRtRunner

_PROTOCOL = Protocol(
    warmup_runs=5,
    warmup_seconds=0.02,
    min_runs=20,
    min_seconds=0.1,
    max_seconds=1.0,
    processes=2,
    max_processes=5,
)


@pytest.fixture(scope="module")
def measured(tiny_models: Any) -> dict[Path, Measurement]:
    models = tiny_models.all()
    return dict(
        zip(models, runner_for(load_device("host")).measure(models, _PROTOCOL, operators=True), strict=True)
    )


def _operators(model: Path) -> tuple[list[str], list[tuple[list[int], list[int]]]]:
    from ai_edge_litert.interpreter import Interpreter

    details = Interpreter(str(model))._get_ops_details()
    wiring = [([int(t) for t in op["inputs"]], [int(t) for t in op["outputs"]]) for op in details]
    return [op["op_name"] for op in details], wiring


def test_every_model_is_measured(measured: dict[Path, Measurement]) -> None:
    for result in measured.values():
        assert result.ok, result.error
        assert len(result.repeats_ms) >= 2 and result.latency_ms > 0
        assert result.runtime_version.startswith("2.") and result.delegate == "XNNPACK"
        assert len(result.load_average) == len(result.repeats_ms)


def test_operator_times_add_up_to_the_latency(measured: dict[Path, Measurement], tiny_models: Any) -> None:
    for model in tiny_models.delegated.values():
        result = measured[model]
        assert result.operator_ms is not None, result.notes
        total_ms = sum(ms for _, ms in result.operator_ms)
        assert total_ms == pytest.approx(result.latency_ms, rel=0.25), model.name


def test_every_operator_gets_its_own_time(measured: dict[Path, Measurement], tiny_models: Any) -> None:
    seen = set()
    for model, result in measured.items():
        types, wiring = _operators(model)
        assert result.operator_ms is not None
        times = align_operators(types, result.operator_ms, wiring)
        assert times is not None, (types, result.operator_ms)
        assert all(ms is not None and ms > 0 for ms in times)
        assert sum(ms for ms in times if ms) == pytest.approx(sum(ms for _, ms in result.operator_ms))
        seen |= set(types)
    for model in tiny_models.delegated.values():
        types, _ = _operators(model)
        assert align_operators(types, measured[model].operator_ms or ()) is not None, (
            "one delegate needs no wiring"
        )
    assert {
        "CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MUL", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "MAX_POOL_2D",
    } <= seen  # fmt: skip


def test_cut_and_damaged_files_are_failed_measurements(tiny_models: Any, tmp_path: Path) -> None:
    good = tiny_models.delegated["int8"].read_bytes()
    damaged = bytearray(good)
    damaged[8:400] = b"\xff" * 392
    files = {"cut": good[: len(good) // 2], "head": good[:8], "damaged": bytes(damaged), "whole": good}
    paths = []
    for name, data in files.items():
        paths.append(tmp_path / f"{name}.tflite")
        paths[-1].write_bytes(data)
    quick = replace(_PROTOCOL, processes=1, max_processes=1)
    results = list(runner_for(load_device("host")).measure(paths, quick))
    assert [r.status for r in results] == ["failed", "failed", "failed", "ok"]
    assert all(r.error and "\n" not in r.error for r in results[:3])


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity on this system")
def test_affinity_is_set_or_noted(tiny_models: Any) -> None:
    profile = load_device("host")
    quick = replace(_PROTOCOL, processes=1, max_processes=1, min_seconds=0.0)
    model = tiny_models.partitioned["int8"]
    allowed = min(os.sched_getaffinity(0))
    for cpu, expected in ((allowed, 0), (4000, 1)):
        runner = LiteRtRunner(profile, replace(profile.configuration(), cpus=(cpu,)))
        (result,) = runner.measure([model], quick)
        assert (
            result.ok
            and sum("CPU affinity 4000 could not be set" in note for note in result.notes) == expected
        )


def test_probe() -> None:
    detection = runner_for(load_device("host")).probe()
    assert detection.available and detection.found[0].startswith("ai-edge-litert ")
    assert "looked for: Python package ai-edge-litert" in detection.explain()


@pytest.mark.shared_data
def test_public_models(shared_data: Path) -> None:
    folder = shared_data / "coral_models"
    names = ("mobilenet_v1_0.25_128_quant.tflite", "mobilenet_v1_0.25_128_quant_edgetpu.tflite")
    quick = replace(_PROTOCOL, processes=1, max_processes=1)
    plain, compiled = runner_for(load_device("host")).measure(
        [folder / n for n in names], quick, operators=True
    )
    types, wiring = _operators(folder / names[0])
    assert plain.ok and plain.operator_ms is not None and align_operators(types, plain.operator_ms, wiring)
    assert not compiled.ok and "edgetpu-custom-op" in compiled.error
