"""The whole way with a simulated device: resuming, budgets, failures, what is written."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.device_profiles import Detection, Measurement, Protocol, Runner, load_device
from edgenas.device_profiles.host_facts import file_sha256
from edgenas.errors import EdgenasError, UsageError
from edgenas.graph import OpGraph, graph_of
from edgenas.latency_models import find_predictor
from edgenas.latency_models.features import operator_features
from edgenas.profiling import ProfileEvent, ProfileResult, profile_device
from edgenas.profiling.plan import PlannedModel, planned_models
from edgenas.space import load_space

HEADS = {"depth": 1, "normals": 3, "segmentation": 13}


def graph_of_planned(model: PlannedModel) -> OpGraph:
    if model.operator is None:
        return graph_of(model.architecture, model.dtype)
    tensors = {0: model.operator.inputs[0], 1: model.operator.outputs[0]}
    return OpGraph((model.operator,), (((0,), (1,)),), tensors, (0,), (1,))


class SimulatedRunner(Runner):
    """Latency = sum of simple operator times x noise; `stop_after` measurements it is interrupted."""

    def __init__(self, graphs: dict[str, OpGraph]) -> None:
        profile = load_device("host")
        super().__init__(profile, profile.configuration())
        self.graphs = graphs
        self.stop_after: int | None = None
        self.failing: set[str] = set()
        self.unstable: set[str] = set()
        self.disturbed: set[str] = set()
        self.seconds = 0.0
        self.calls: list[str] = []

    def probe(self) -> Detection:
        return Detection(True, (), (), ())

    def measure(
        self, models: Sequence[Path], protocol: Protocol | None = None, *, operators: bool = False
    ) -> Iterator[Measurement]:
        for path in models:
            if self.stop_after is not None and len(self.calls) >= self.stop_after:
                raise KeyboardInterrupt
            self.calls.append(path.stem)
            time.sleep(self.seconds)
            yield self._measurement(path, operators)

    def _measurement(self, path: Path, operators: bool) -> Measurement:
        name, graph = path.stem, self.graphs[path.stem]
        times = [
            1e-3
            + 1e-7 * operator_features(o).get("macs", 0.0)
            + 1e-7 * operator_features(o).get("results", 0.0)
            for o in graph.operators
        ]
        noise = 1 + 0.01 * float(np.random.default_rng(list(name.encode())).normal())
        if name in self.unstable:
            noise *= 1 + 0.4 * self.calls.count(name)
        blank = Measurement("host", "int8-1t", file_sha256(path), "failed", "it crashed", machine="simulated")
        if name in self.failing:
            return blank
        return replace(
            blank,
            status="ok",
            error="",
            unstable="others had the CPU" if name in self.disturbed and self.calls.count(name) < 3 else "",
            repeats_ms=((sum(times) * noise,) * 3,),
            operator_ms=tuple(
                (f"{o.type} [{i}]", ms) for i, (o, ms) in enumerate(zip(graph.operators, times, strict=True))
            )
            if operators
            else None,
        )


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Callable[[], SimulatedRunner]:
    """Files hold the name of their model instead of a network, and are read accordingly."""
    graphs: dict[str, OpGraph] = {}

    def convert(model: PlannedModel) -> bytes:
        return model.name.encode()

    monkeypatch.setattr("edgenas.profiling.models._convert", convert)
    monkeypatch.setattr("edgenas.profiling.table.read_tflite", lambda path: graphs[path.stem])

    def remember(*args: Any, **kwargs: Any) -> tuple[PlannedModel, ...]:
        plan = planned_models(*args, **kwargs)
        graphs.update({m.name: graph_of_planned(m) for m in plan})
        return plan

    monkeypatch.setitem(profile_device.__globals__, "planned_models", remember)
    return lambda: SimulatedRunner(graphs)


def profile(runner: Runner, out: Path, **options: Any) -> ProfileResult:
    settings: dict[str, Any] = {"input_shape": (64, 96), "head_channels": HEADS, "networks": 14, **options}
    return profile_device(load_device("host"), load_space("demo"), out, runner=runner, **settings)


Simulated = Callable[[], SimulatedRunner]


def test_writes_table_predictor_and_comparison(simulated: Simulated, tmp_path: Path) -> None:
    events: list[ProfileEvent] = []
    runner = simulated()
    result = profile(runner, tmp_path, on_event=events.append)
    assert {e.phase for e in events} == {"export", "measure", "fit"}
    assert all(0 <= e.done <= e.total for e in events)
    assert result.card["mape_percent"] < 6
    assert result.card["rows"] == 14
    assert result.card["single_operators"] >= 2
    assert len(runner.calls) == 3 * len(set(runner.calls))
    data = json.loads((tmp_path / "profile.json").read_text())
    assert data["device"] == "host"
    assert {"name", "measured_ms", "predicted_ms", "low_ms", "high_ms"} <= set(data["points"][0])
    assert find_predictor("host") == result.predictor
    lines = [json.loads(line) for line in (tmp_path / "measurements.jsonl").read_text().splitlines()]
    assert all(line["measurement"]["repeats_ms"] for line in lines)
    assert lines[0]["architecture"]["format"] == "edgenas.architecture"


def test_second_call_measures_nothing_and_fits_the_same(simulated: Simulated, tmp_path: Path) -> None:
    first = profile(simulated(), tmp_path)
    runner = simulated()
    assert profile(runner, tmp_path).predictor == first.predictor
    assert runner.calls == []


@pytest.mark.parametrize("stop_after", [0, 1, 7, 30, 50])
def test_interrupted_goes_on_where_it_stopped(simulated: Simulated, tmp_path: Path, stop_after: int) -> None:
    whole = profile(simulated(), tmp_path / "whole")
    runner = simulated()
    runner.stop_after = stop_after
    with pytest.raises(KeyboardInterrupt):
        profile(runner, tmp_path / "cut")
    with (tmp_path / "cut" / "measurements.jsonl").open("a") as file:
        file.write('{"name": "network-0')  # a line that the kill cut short
    done = list(runner.calls)
    runner.stop_after = None
    result = profile(runner, tmp_path / "cut")
    assert result.predictor == whole.predictor
    assert len(runner.calls) == 3 * len(set(runner.calls))
    assert runner.calls[: len(done)] == done


def test_disagreeing_models_are_measured_again(simulated: Simulated, tmp_path: Path) -> None:
    runner = simulated()
    profile(runner, tmp_path / "a")
    victim = next(name for name in runner.calls if name.startswith("network-009"))
    runner = simulated()
    runner.unstable = {victim}
    result = profile(runner, tmp_path / "b")
    assert runner.calls.count(victim) == 6
    assert result.card["networks_unstable"] == 1


def test_disturbed_models_are_measured_again_even_if_they_agree(simulated: Simulated, tmp_path: Path) -> None:
    runner = simulated()
    profile(runner, tmp_path / "a")
    victim = next(name for name in runner.calls if name.startswith("network-009"))
    runner = simulated()
    runner.disturbed = {victim}
    profile(runner, tmp_path / "b")
    assert runner.calls.count(victim) == 4, "two disturbed, two not"
    assert len(runner.calls) == 3 * len(set(runner.calls)) + 1


def test_the_same_call_measures_again_what_still_disagrees(simulated: Simulated, tmp_path: Path) -> None:
    runner = simulated()
    profile(runner, tmp_path / "a")
    victim = next(name for name in runner.calls if name.startswith("network-009"))
    runner = simulated()
    runner.unstable = {victim}
    assert profile(runner, tmp_path / "b").card["networks_unstable"] == 1
    quiet = simulated()
    assert profile(quiet, tmp_path / "b").card["networks_unstable"] == 0
    assert quiet.calls == [victim] * 2


def test_one_process_is_enough_where_the_device_says_so(simulated: Simulated, tmp_path: Path) -> None:
    """A simulated device has one process per model, so nothing can disagree and nothing is done again."""
    device = replace(load_device("host"), protocol=Protocol(processes=1, max_processes=1))
    for number in range(2):
        runner = simulated()
        profile_device(
            device,
            load_space("demo"),
            tmp_path,
            runner=runner,
            input_shape=(64, 96),
            head_channels=HEADS,
            networks=12,
        )
        assert len(runner.calls) == (len(set(runner.calls)) if number == 0 else 0)


def test_failures_are_kept_and_counted(simulated: Simulated, tmp_path: Path) -> None:
    runner = simulated()
    profile(runner, tmp_path / "a")
    victim = next(name for name in runner.calls if name.startswith("network-008"))
    runner = simulated()
    runner.failing = {victim}
    result = profile(runner, tmp_path / "b")
    assert result.failed == {victim: "it crashed"}
    assert runner.calls.count(victim) == 1
    assert result.card["failed"] == 1


def test_budget_ends_the_measuring(simulated: Simulated, tmp_path: Path) -> None:
    runner = simulated()
    runner.seconds = 0.05
    result = profile(runner, tmp_path, budget_seconds=7.0)
    assert result.seconds < 3.5
    assert 14 <= len(runner.calls) < 3 * len(set(runner.calls))


def test_everything_failing_is_an_error_with_a_way_out(simulated: Simulated, tmp_path: Path) -> None:
    runner = simulated()
    profile(runner, tmp_path / "a")
    failing = simulated()
    failing.failing = set(runner.calls)
    with pytest.raises(EdgenasError, match="0 of 0 networks are usable"):
        profile(failing, tmp_path / "b")


def test_another_profile_in_the_folder_is_refused(simulated: Simulated, tmp_path: Path) -> None:
    profile(simulated(), tmp_path)
    with pytest.raises(UsageError, match=r"differs in seed \(0 there, 1 asked for\).*--out"):
        profile(simulated(), tmp_path, seed=1)


def test_unavailable_device_measures_nothing(tmp_path: Path) -> None:
    with pytest.raises(EdgenasError, match=r"not available, so nothing was measured[\s\S]*looked for"):
        profile_device(
            load_device("edgetpu"),
            load_space("demo"),
            tmp_path / "p",
            input_shape=(64, 96),
            head_channels=HEADS,
        )
    assert not (tmp_path / "p").exists()


def test_model_file_that_changed_is_measured_anew(simulated: Simulated, tmp_path: Path) -> None:
    runner = simulated()
    profile(runner, tmp_path)
    name = runner.calls[0]
    (tmp_path / "models" / f"{name}.tflite").write_bytes(b"other bytes")
    again = simulated()
    profile(again, tmp_path)
    assert again.calls == [name] * 3
