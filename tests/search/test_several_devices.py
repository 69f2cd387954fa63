"""Several devices at once: every target counts, in the reward, in what is feasible and in what is unreachable."""

from __future__ import annotations

import json
import math
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toy_search import (
    HEAD_CHANNELS,
    INPUT_SHAPE,
    ToyEstimate,
    toy_config,
    toy_estimator,
    toy_evaluator,
    toy_latency_ms,
    toy_space,
)

from edgenas.cli.search_devices import other_devices
from edgenas.cli.search_result import show_result
from edgenas.errors import UsageError
from edgenas.scoring import quality
from edgenas.search import SearchDevice, Unreachable, read_trials, run_search
from edgenas.search.objective import objective_of
from edgenas.search.remeasured import MeasuredRow, Remeasured
from edgenas.space import Architecture
from edgenas.workflow.train import architecture_of_run


def second_ms(architecture: Architecture) -> float:
    """A device to which kernels of 5 and the fusion are dear, and nothing else."""
    blocks = [b for stage in architecture.stages for b in stage.blocks]
    return 1.0 + 2.0 * sum(b.kernel == 5 for b in blocks) + architecture.fusion_width / 100


def second(architecture: Architecture) -> ToyEstimate:
    ms = second_ms(architecture)
    return ToyEstimate(ms, (0.5 * ms, 2.0 * ms))


def devices(first_ms: float = 6.0, other_ms: float = 4.0) -> tuple[SearchDevice, ...]:
    return (
        SearchDevice("host", "host", "int8-1t", "host/int8-1t", first_ms),
        SearchDevice("npu-a", "npu", "a", "npu/a", other_ms),
    )


def config(first_ms: float = 6.0, other_ms: float = 4.0, **options: Any) -> Any:
    return toy_config(
        target_ms=first_ms, configuration="int8-1t", devices=devices(first_ms, other_ms), **options
    )


def search(folder: Path, *, resume: bool = False, **options: Any) -> Any:
    return run_search(
        config(**options),
        toy_space(),
        toy_evaluator,
        toy_estimator,
        folder,
        resume=resume,
        other_estimators=[second],
    )


def test_the_reward_is_the_product_and_every_target_counts(tmp_path: Path) -> None:
    result = search(tmp_path, trials=40, reward="hard", algorithm="random", first_ms=5.0, other_ms=9.0)
    baseline = json.loads((tmp_path / "baseline.json").read_text())
    kinds = set()
    for record in read_trials(tmp_path):
        first, other = toy_latency_ms(record.architecture), second_ms(record.architecture)
        assert record.latency.predicted_ms == pytest.approx(first)
        assert record.latency.others["npu-a"].predicted_ms == pytest.approx(other)
        assert record.latency.others["npu-a"].high_ms == pytest.approx(2 * other)
        factor = min(1.0, 5.0 / first) * min(1.0, 9.0 / other)
        assert record.quality == pytest.approx(quality(record.evaluation.metrics, baseline["metrics"]))
        assert record.reward == pytest.approx(record.quality * factor)
        assert record.latency.worst_ratio == pytest.approx(max(first / 5.0, other / 9.0))
        assert record.feasible == (first <= 5.0 and other <= 9.0)
        kinds.add((first <= 5.0, other <= 9.0))
    assert len(kinds) == 4  # Each of the four cases was there.
    assert result.best is not None and result.best.latency.worst_ratio <= 1.0
    best = json.loads((tmp_path / "best.json").read_text())
    assert [d["label"] for d in best["devices"]] == ["host", "npu-a"]
    assert best["other_devices"]["npu-a"]["predicted_ms"] == pytest.approx(
        second_ms(result.best.architecture)
    )


def test_the_exponent_is_that_of_each_device() -> None:
    objective = objective_of(config(reward="paper"), toy_estimator, [second])
    space = toy_space()
    network = space.architecture(space.default(), input_shape=INPUT_SHAPE, head_channels=HEAD_CHANNELS)
    latency = objective.latency(network)
    expected = 1.0
    for ms, target in ((toy_latency_ms(network), 6.0), (second_ms(network), 4.0)):
        expected *= (ms / target) ** (-0.07 if ms > target else 0.0)
    assert objective.reward(1.0, latency) == pytest.approx(expected)


def test_a_risk_counts_on_every_device() -> None:
    objective = objective_of(config(risk=0.1), toy_estimator, [second])
    space = toy_space()
    network = space.architecture(space.default(), input_shape=INPUT_SHAPE, head_channels=HEAD_CHANNELS)
    latency = objective.latency(network)
    assert latency.bound_ms == pytest.approx(1.9 * toy_latency_ms(network))
    assert latency.others["npu-a"].bound_ms == pytest.approx(1.9 * second_ms(network))
    assert [b.amount(network) for b in objective.bounds()] == pytest.approx(
        [1.9 * toy_latency_ms(network), 1.9 * second_ms(network)]
    )


@pytest.mark.parametrize("algorithm", ["evolution", "nsga2"])
def test_it_is_resumed_exactly(tmp_path: Path, algorithm: str) -> None:
    search(tmp_path / "whole", trials=22, algorithm=algorithm)
    search(tmp_path / "parts", trials=9, algorithm=algorithm)
    search(tmp_path / "parts", trials=22, algorithm=algorithm, resume=True)
    whole, parts = ([r.to_attrs() for r in read_trials(tmp_path / name)] for name in ("whole", "parts"))
    for attrs in (*whole, *parts):
        attrs.pop("seconds")
    assert whole == parts and len(whole) == 22


def test_nsga2_lowers_the_largest_ratio(tmp_path: Path) -> None:
    import optuna

    search(tmp_path, trials=12, algorithm="nsga2")
    study = optuna.load_study(study_name="edgenas", storage=f"sqlite:///{tmp_path / 'study.db'}")
    for trial, record in zip(study.get_trials(), read_trials(tmp_path), strict=True):
        assert trial.values == pytest.approx([record.quality, record.latency.worst_ratio])


def test_another_device_is_another_search(tmp_path: Path) -> None:
    search(tmp_path, trials=3)
    with pytest.raises(UsageError, match="devices: stored"):
        search(tmp_path, trials=3, other_ms=5.0, resume=True)
    with pytest.raises(UsageError, match="devices: stored"):
        run_search(
            toy_config(trials=3, configuration="int8-1t"),
            toy_space(), toy_evaluator, toy_estimator, tmp_path, resume=True,
        )  # fmt: skip


def test_runs_made_before_there_were_several_devices_are_resumed(tmp_path: Path) -> None:
    run_search(toy_config(trials=4), toy_space(), toy_evaluator, toy_estimator, tmp_path)
    stored = json.loads((tmp_path / "config.json").read_text())
    assert stored.pop("devices") == []
    (tmp_path / "config.json").write_text(json.dumps(stored))
    result = run_search(
        toy_config(trials=6), toy_space(), toy_evaluator, toy_estimator, tmp_path, resume=True
    )
    assert result.finished == 6 and result.devices == ()


def test_a_target_out_of_reach_names_its_device(tmp_path: Path) -> None:
    command = ("edgenas", "search", "--device", "host", "--device", "npu-a", "--target-ms", "host=6",
               "--target-ms=npu-a=0.5")  # fmt: skip
    with pytest.raises(Unreachable) as caught:
        search(tmp_path / "run", other_ms=0.5, command=command)
    text = str(caught.value)
    assert "seems to meet --target-ms npu-a=0.5." in text
    least = second_ms(caught.value.nearest)
    assert f"Nearest: {least:.4g} ms (predicted on npu-a)" in text
    typed = shlex.split(text.splitlines()[-1])
    assert typed[:-2] == [*command[:-1]] and typed[-2] == "--target-ms"
    label, _, value = typed[-1].partition("=")
    assert label == "npu-a" and least <= float(value) <= 1.001 * least
    assert not (tmp_path / "run").exists()


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    one, other = devices()
    for several in ((one,), (one, one), (other, one)):
        with pytest.raises(UsageError, match="Invalid argument `devices`"):
            toy_config(configuration="int8-1t", devices=several)
    for bad in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(UsageError, match="Invalid latency target of npu-a"):
            SearchDevice("npu-a", "npu", "a", "npu/a", bad)
    with pytest.raises(ValueError, match="1 further devices need as many estimators"):
        objective_of(config(), toy_estimator)


def test_the_nearest_network_is_told_for_every_device(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a network would be "over the target" by -40 %: that of the first device, which is not the one it misses."""
    monkeypatch.setattr("edgenas.search.run.check_reachable", lambda *_: None)
    result = run_search(
        config(first_ms=50.0, other_ms=0.5, trials=4),
        toy_space(),
        toy_evaluator,
        toy_estimator,
        tmp_path,
        other_estimators=[second],
    )
    assert result.best is None
    show_result(result)
    shown = capsys.readouterr().out
    numbers = re.search(r"No network meets every target\..*\((.*)%\) on host; .*\((.*)%\) on npu-a", shown)
    assert numbers is not None and float(numbers[1]) < 0 < float(numbers[2])
    with pytest.raises(UsageError, match=r"ms on host \(target 50 ms\), .* ms on npu-a \(target 0.5 ms\)"):
        architecture_of_run(tmp_path / "best.json")


def test_what_was_measured_on_a_further_device_is_shown(tmp_path: Path) -> None:
    result = run_search(
        config(trials=6), toy_space(), toy_evaluator, toy_estimator, tmp_path, other_estimators=[second]
    )
    assert result.best is not None
    (before,) = other_devices(result)
    row = MeasuredRow(result.best.architecture.hash, result.best.number, "npu-a", 1.0, 0.5, 2.0)
    measured = Remeasured(1).with_row(replace(row, measured_ms=2.5, source="simulated"))
    (line,) = other_devices(replace(result, remeasured=measured))
    assert line == before.replace(", target", ", simulated 2.5 ms, target")
