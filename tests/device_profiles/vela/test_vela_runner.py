from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from edgenas.device_profiles import align_operators, load_device, runner_for, vela_runner
from edgenas.device_profiles.measurement import Measurement
from edgenas.device_profiles.vela_advice import CpuPrice, cpu_price
from edgenas.device_profiles.vela_runner import VelaRunner
from edgenas.errors import MissingDependencyError, UsageError
from edgenas.graph import read_tflite

PRICES = {"cpu_clock_mhz": 400, "cpu_cycles_per_mac": 2.0, "cpu_cycles_per_element": 50}


def _runner(device: str = "ethos-u55-128", **hardware: Any) -> VelaRunner:
    profile = load_device(device)
    profile = replace(profile, hardware={**profile.hardware, **hardware})
    runner = runner_for(profile)
    assert isinstance(runner, VelaRunner)
    return runner


def test_network_on_the_npu(vela_models: Any) -> None:
    runner = _runner()
    (measurement,) = runner.measure([vela_models.npu], operators=True)
    assert measurement.ok and measurement.source == "simulated" and not measurement.notes
    assert (measurement.device, measurement.configuration) == ("ethos-u55", "128")
    assert (measurement.runtime, measurement.delegate) == ("ethos-u-vela", "ethos-u55-128")
    assert [len(repeats) for repeats in measurement.repeats_ms] == [1]
    assert measurement.latency_ms == pytest.approx(measurement.details["cycles"]["total"] / 500e3)
    assert measurement.details["cpu_operators"] == [] and measurement.details["sram_bytes"] > 0
    graph = read_tflite(vela_models.npu)
    assert measurement.operator_ms is not None
    times = align_operators([o.type for o in graph.operators], measurement.operator_ms, graph.wiring)
    assert times is not None and len(times) == len(graph.operators)
    assert sum(ms for ms in times if ms is not None) == pytest.approx(measurement.latency_ms)
    assert times[0] is not None and times[0] > 0
    assert Measurement.from_dict(measurement.to_dict()) == measurement


def test_operator_times_are_given_when_asked_for(vela_models: Any) -> None:
    (measurement,) = _runner().measure([vela_models.npu])
    assert measurement.ok and measurement.operator_ms is None


def test_operators_on_the_cpu_are_refused(vela_models: Any) -> None:
    (measurement,) = _runner().measure([vela_models.resize4])
    assert not measurement.ok and measurement.source == "simulated"
    for text in (
        "1 of 2 operators would run on the CPU, which Vela counts as zero cycles",
        "1 RESIZE_BILINEAR (Scaling matches and operation has unsupported scale-factor=4)",
        "two x2 resizes one after another instead of one x4",
        "cpu_clock_mhz, cpu_cycles_per_mac, cpu_cycles_per_element",
    ):
        assert text in measurement.error
    assert measurement.details["cpu_operators"][0]["index"] == 1
    (measurement,) = _runner("ethos-u85").measure([vela_models.resize4])
    assert measurement.ok


def test_operators_on_the_cpu_are_priced(vela_models: Any) -> None:
    (measurement,) = _runner(**PRICES).measure([vela_models.resize4], operators=True)
    resize = read_tflite(vela_models.resize4).operators[1]
    expected_ms = resize.outputs[0].elements * 50 / 400e3
    assert measurement.ok and measurement.details["cpu_ms"] == pytest.approx(expected_ms)
    assert measurement.latency_ms == pytest.approx(measurement.details["npu_ms"] + expected_ms)
    assert "1 operators on the CPU, priced by the device file" in measurement.notes[0]
    assert measurement.operator_ms is not None
    assert measurement.operator_ms[1] == ("RESIZE_BILINEAR [1]", pytest.approx(expected_ms))
    # Without a fallback, prices change nothing.
    (priced,), (plain,) = (_runner(**h).measure([vela_models.npu]) for h in (PRICES, {}))
    assert (priced.latency_ms, priced.notes) == (plain.latency_ms, ())


def test_prices_from_a_device_file(vela_models: Any, tmp_path: Path) -> None:
    shipped = (
        resources.files("edgenas.device_profiles").joinpath("ethos-u55.toml").read_text(encoding="utf-8")
    )
    assert all(f"#   {key} = ..." in shipped for key in PRICES)  # The file says how.
    prices = "".join(f"{key} = {value}\n" for key, value in PRICES.items())
    own = tmp_path / "own.toml"
    text = shipped.replace("[hardware]\nclock", f"[hardware]\n{prices}clock")
    own.write_text(text.replace("[source]\nclock", '[source]\nall = "made up"\nclock'), encoding="utf-8")
    profile = load_device(None, own)
    (measurement,) = runner_for(profile).measure([vela_models.resize4])
    assert measurement.ok and measurement.details["cpu_ms"] > 0


def test_float_networks_are_refused_whatever_the_price(vela_models: Any) -> None:
    for hardware in ({}, PRICES):
        (measurement,) = _runner(**hardware).measure([vela_models.floating])
        assert not measurement.ok
        assert measurement.error.startswith("nothing of it runs on the NPU, because it is a float network")
        assert "edgenas export --int8" in measurement.error


def test_a_float_part_is_named(vela_models: Any) -> None:
    (measurement,) = _runner().measure([vela_models.float_part])
    assert (
        "CUMSUM (Unsupported opType)" in measurement.error
        and "this part of the network is float" in measurement.error
    )


def test_steps_without_an_operator_leave_no_operator_times(vela_models: Any) -> None:
    (measurement,) = _runner(**PRICES).measure([vela_models.argmax], operators=True)
    assert measurement.ok and measurement.operator_ms is None
    assert "no operator times" in measurement.notes[-1]


def test_bad_files_do_not_end_the_rest(vela_models: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.tflite"
    bad.write_bytes(b"nothing at all")
    statuses = [
        (m.ok, m.error[:8]) for m in _runner().measure([bad, tmp_path / "gone.tflite", vela_models.npu])
    ]
    assert [ok for ok, _ in statuses] == [False, False, True]


def test_time_limit_is_a_failed_measurement(vela_models: Any, fake_vela: Any) -> None:
    profile = load_device("ethos-u55")
    runner = VelaRunner(profile, profile.configuration(), timeout_seconds=0.3, command=fake_vela.does("hang"))
    (measurement,) = runner.measure([vela_models.npu])
    assert "did not finish" in measurement.error and measurement.model_sha256


def test_probe_and_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = _runner()
    detection = runner.probe()
    assert detection.available and detection.found[0].startswith("ethos-u-vela 5.")
    assert (
        runner.identity()["machine"]
        == "Vela's model of ethos-u55-128 (Ethos_U55_High_End_Embedded, Shared_Sram)"
    )
    assert runner.identity()["runtime"].startswith("ethos-u-vela 5.")
    assert "operators on the CPU priced: CpuPrice(" in _runner(**PRICES).identity()["machine"]
    wrong = VelaRunner(runner.profile, replace(runner.configuration, memory="Shared"))
    assert not wrong.probe().available and "vela --list-configs Arm/vela.ini" in wrong.probe().explain()
    monkeypatch.setattr(vela_runner, "package_version", lambda package: None)
    detection = runner.probe()
    assert (detection.available, detection.next_command) == (False, "pip install 'edgenas[vela]'")
    with pytest.raises(MissingDependencyError):
        next(iter(runner.measure([Path("any.tflite")])))


def test_prices_are_given_whole() -> None:
    assert cpu_price({"clock_mhz": 500}, "file") is None
    assert cpu_price(PRICES, "file") == CpuPrice(400.0, 2.0, 50.0)
    with pytest.raises(UsageError, match=r"my\.toml.*without cpu_cycles_per_element"):
        cpu_price({"cpu_clock_mhz": 1, "cpu_cycles_per_mac": 1}, "my.toml")
    for value in (0, -1, "fast", True):
        with pytest.raises(UsageError, match=r"`hardware\.cpu_cycles_per_mac` must be a number above 0"):
            cpu_price({**PRICES, "cpu_cycles_per_mac": value}, "my.toml")
