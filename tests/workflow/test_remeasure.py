"""`--remeasure`: the best networks on the device itself; a predictor that is wrong is found out and corrected."""

from __future__ import annotations

import html
import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgenas.cli.search_measured import measured_lines
from edgenas.device_profiles import Measurement
from edgenas.errors import UsageError
from edgenas.graph import graph_of, parameter_count
from edgenas.latency_models import LatencyPredictor
from edgenas.latency_models.registry import shipped_predictor
from edgenas.report import write_report
from edgenas.search import (
    Evaluation,
    SearchConfig,
    SearchDevice,
    SearchInterrupted,
    read_remeasured,
    read_trials,
    run_search,
)
from edgenas.search.events import Remark
from edgenas.space import Architecture, load_space
from edgenas.workflow.remeasure import candidates, remeasure
from edgenas.workflow.runs import RunFolder

HEADS = {"depth": 1, "segmentation": 4}
SHAPE = (32, 64)
WRONG = 0.6
"""The predictor of the searches below says so many times what the device takes."""


class Scaled:
    """A predictor that is off by a factor."""

    def __init__(self, true: LatencyPredictor, factor: float) -> None:
        self._true = true
        self._factor = factor

    def __call__(self, architecture: Architecture) -> Any:
        estimate = self._true.predict(graph_of(architecture, "int8"))
        factor = self._factor

        class Estimate:
            latency_ms = factor * estimate.latency_ms
            interval_ms = tuple(factor * ms for ms in estimate.interval_ms)

            def upper_ms(self, risk: float) -> float:
                return factor * estimate.upper_ms(risk)

        return Estimate()


def evaluator(architecture: Architecture, seed: int) -> Evaluation:
    """Larger networks are better, as a search under a latency target has it."""
    score = math.log(parameter_count(architecture)) / 20
    return Evaluation({"segmentation": {"miou": score, "pixel_accuracy": score}})


@pytest.fixture(scope="module")
def truth(host_predictor: Path) -> LatencyPredictor:
    return LatencyPredictor.load(host_predictor)


def found_ms(truth: LatencyPredictor, architecture: Architecture) -> float:
    return truth.predict(graph_of(architecture, "int8")).latency_ms


class Device:
    """Stands for `measure_architecture`: the true predictor's latencies, and whatever goes wrong."""

    def __init__(self, truth: LatencyPredictor) -> None:
        self.truth = truth
        self.asked: list[str] = []
        self.wrong: Callable[[Architecture], Measurement | None] | None = None

    def __call__(
        self, architecture: Architecture, device: str, configuration: str | None
    ) -> Measurement | None:
        self.asked.append(architecture.hash)
        if self.wrong is not None:
            return self.wrong(architecture)
        return self.measurement(architecture)

    def measurement(self, architecture: Architecture, factor: float = 1.0, **facts: Any) -> Measurement:
        ms = factor * found_ms(self.truth, architecture)
        return Measurement("host", "int8-1t", architecture.hash, "ok", repeats_ms=((ms,), (ms,)), **facts)


def config(target_ms: float, **options: Any) -> SearchConfig:
    values: dict[str, Any] = {
        "trials": 40,
        "seed": 1,
        "algorithm": "random",
        "target_ms": target_ms,
        "input_shape": SHAPE,
        "head_channels": HEADS,
        "device": "host",
        "configuration": "int8-1t",
    }
    return SearchConfig(**{**values, **options})


@pytest.fixture(scope="module")
def target_ms(truth: LatencyPredictor) -> float:
    space = load_space("demo", tuple(HEADS))
    return found_ms(truth, space.architecture(space.default(), input_shape=SHAPE, head_channels=HEADS))


def searched(folder: Path, estimator: Any, settings: SearchConfig, **options: Any) -> Any:
    space = load_space("demo", tuple(HEADS))
    return run_search(settings, space, evaluator, estimator, folder, **options)


@pytest.fixture(scope="module")
def misled(
    truth: LatencyPredictor, target_ms: float, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, SearchConfig]:
    """A search by a predictor that promises too much."""
    settings = config(target_ms)
    return searched(tmp_path_factory.mktemp("misled") / "run", Scaled(truth, WRONG), settings), settings


@pytest.fixture
def wrong(misled: tuple[Any, SearchConfig], tmp_path: Path) -> tuple[Any, SearchConfig, RunFolder]:
    """Result, configuration and a copy of the folder of that search."""
    result, settings = misled
    shutil.copytree(result.run_dir, tmp_path / "run")
    return result, settings, RunFolder(tmp_path / "run")


def _json(path: Path) -> Any:
    return json.loads(path.read_text())


def test_a_wrong_predictor_is_found_out(
    wrong: tuple[Any, SearchConfig, RunFolder], truth: LatencyPredictor, target_ms: float
) -> None:
    before, settings, run = wrong
    study = (run.root / "study.db").read_bytes()
    assert before.best.latency.predicted_ms <= target_ms < found_ms(truth, before.best.architecture)
    device = Device(truth)
    after = remeasure(before, settings, run, 4, device)
    assert after.best.architecture.hash != before.best.architecture.hash
    assert found_ms(truth, after.best.architecture) <= target_ms
    # Of all that the search found, it is the best that really meets the target.
    really = [r for r in read_trials(run.root) if found_ms(truth, r.architecture) <= target_ms]
    assert after.best.quality == max(r.quality or 0.0 for r in really)
    # It was not among the four that the wrong predictor put first, and was measured all the same.
    assert after.measured_ms == pytest.approx(found_ms(truth, after.best.architecture))
    assert len(device.asked) == len(set(device.asked)) == 5
    found = after.remeasured.recalibration("host")
    assert found.kind == "scale" and found.scale == pytest.approx(1 / WRONG)
    for record in after.remeasured.corrected(read_trials(run.root), settings):
        assert record.latency.predicted_ms == pytest.approx(found_ms(truth, record.architecture))
    assert (run.root / "study.db").read_bytes() == study


def test_what_is_stored(wrong: tuple[Any, SearchConfig, RunFolder], truth: LatencyPredictor) -> None:
    before, settings, run = wrong
    after = remeasure(before, settings, run, 3, Device(truth))
    best, stored = _json(run.root / "best.json"), _json(run.root / "remeasured.json")
    assert best["hash"] == after.best.architecture.hash and best["trial"] == after.best.number
    assert best["measured_source"] == "measured" and best["measured_ms"] == pytest.approx(after.measured_ms)
    assert best["predicted_ms"] == pytest.approx(best["measured_ms"])
    first = best["first_recommended"]
    assert first["hash"] == before.best.architecture.hash and first["feasible"] is False
    assert first["measured_ms"] == pytest.approx(first["predicted_ms"] / WRONG)
    correction = stored["corrections"]["host"]
    assert correction["kind"] == "scale" and correction["rows"] == len(stored["rows"]) == 4
    assert correction["leave_one_out_error_percent"]["none"] == pytest.approx(100 * (1 / WRONG - 1))
    for row in stored["rows"]:
        assert row["measured_ms"] == pytest.approx(row["predicted_ms"] / WRONG)
        assert row["predicted_after_ms"] == pytest.approx(row["measured_ms"])
        assert row["source"] == "measured" and row["unstable"] == "" and row["date"]
    by_hash = {network["hash"]: network for network in stored["networks"]}
    assert by_hash[first["hash"]]["rank_before"] == 1 < by_hash[first["hash"]]["rank_after"]
    assert by_hash[best["hash"]]["rank_after"] == 1 < by_hash[best["hash"]]["rank_before"]
    assert (by_hash[first["hash"]]["feasible_before"], by_hash[first["hash"]]["feasible_after"]) == (
        True,
        False,
    )


def test_the_page_shows_both(wrong: tuple[Any, SearchConfig, RunFolder], truth: LatencyPredictor) -> None:
    before, settings, run = wrong
    assert "The best networks on the device" not in write_report(run.root).read_text()
    after = remeasure(before, settings, run, 4, Device(truth))
    page = re.sub(r"<(style|script)>.*?</\1>", "", write_report(run.root).read_text(), flags=re.DOTALL)
    words = html.unescape(re.sub(r"<[^>]*>", "|", page))
    changed = (
        f"Trial {before.best.number}, which the predictions alone recommend, breaks the latency target: "
    )
    assert words.count(changed) == 2  # In the head and beside the table.
    assert f"on the device; trial {after.best.number} is recommended instead." in words
    assert "host, 5 measured: times 1.67 (the simplest form" in words
    assert "|−40.0%|" in words and "|+0.0%|" in words and "|yes → no|" in words
    ids = re.findall(r' id="([^"]+)"', page)
    assert "remeasured-0-title" in ids and len(ids) == len(set(ids))
    (run.root / "remeasured.json").write_text("[]")
    assert "is not the measurements after the search" in write_report(run.root).read_text()


def test_what_the_command_says(wrong: tuple[Any, SearchConfig, RunFolder], truth: LatencyPredictor) -> None:
    before, settings, run = wrong
    after = remeasure(before, settings, run, 4, Device(truth))
    checked, changed = measured_lines(after)
    assert checked.startswith(
        "Checked on host: 5 networks measured; its predictor is off: times 1.67 (error on networks "
    )
    assert changed.startswith(f"First recommended: trial {before.best.number}, predicted ")
    assert (
        changed.endswith(f"trial {after.best.number} is recommended now.")
        and ": over the target of " in changed
    )
    assert measured_lines(before) == []
    device = Device(truth)
    device.wrong = lambda a: device.measurement(a, factor=WRONG)  # As it was predicted.
    (run.root / "remeasured.json").unlink()
    same = measured_lines(remeasure(before, settings, run, 2, device))
    assert "its predictor needs no correction" in same[0] and same[-1].startswith("The recommendation stays")


def test_nothing_is_measured_twice_and_more_can_be_asked_for(
    wrong: tuple[Any, SearchConfig, RunFolder], truth: LatencyPredictor
) -> None:
    before, settings, run = wrong
    remeasure(before, settings, run, 3, Device(truth))
    again, more = Device(truth), Device(truth)
    after = remeasure(before, settings, run, 3, again)
    assert again.asked == []
    measured = {row.hash for row in after.remeasured.rows}
    remeasure(before, settings, run, 5, more)
    assert more.asked and not measured & set(more.asked)
    best_five = {r.architecture.hash for r in candidates(read_trials(run.root), settings, 5)}
    assert best_five <= measured | set(more.asked)


def test_an_interrupted_one_goes_on(
    wrong: tuple[Any, SearchConfig, RunFolder], truth: LatencyPredictor
) -> None:
    before, settings, run = wrong
    device = Device(truth)

    def stop(architecture: Architecture) -> Measurement:
        if len(device.asked) == 3:
            raise KeyboardInterrupt
        return device.measurement(architecture)

    device.wrong = stop
    with pytest.raises(SearchInterrupted, match=r"2 measurements are stored.*--resume"):
        remeasure(before, settings, run, 4, device)
    first = device.asked[:2]
    rest = Device(truth)
    after = remeasure(before, settings, run, 4, rest)
    assert not set(first) & set(rest.asked) and len(after.remeasured.rows) == len(rest.asked) + 2


def test_a_resumed_search_keeps_what_was_measured(
    wrong: tuple[Any, SearchConfig, RunFolder], truth: LatencyPredictor, target_ms: float
) -> None:
    before, settings, run = wrong
    after = remeasure(before, settings, run, 4, Device(truth))
    resumed = searched(run.root, Scaled(truth, WRONG), settings, resume=True)
    assert resumed.best.architecture.hash == after.best.architecture.hash
    assert resumed.measured_ms == after.measured_ms
    longer = searched(run.root, Scaled(truth, WRONG), config(target_ms, trials=60), resume=True)
    really = [r for r in read_trials(run.root) if found_ms(truth, r.architecture) <= target_ms]
    assert longer.best.quality == max(r.quality or 0.0 for r in really)
    with pytest.raises(UsageError, match=r"damaged.*Delete it, then measure again"):
        (run.root / "remeasured.json").write_text('{"format": "edgenas.remeasured"}')
        searched(run.root, Scaled(truth, WRONG), config(target_ms, trials=60), resume=True)


def test_a_failure_and_an_unstable_latency_are_values(
    wrong: tuple[Any, SearchConfig, RunFolder], truth: LatencyPredictor
) -> None:
    before, settings, run = wrong
    device = Device(truth)

    def odd(architecture: Architecture) -> Measurement:
        kind = len(device.asked) % 3
        if kind == 0:
            return Measurement("host", "int8-1t", "", "failed", "the runtime crashed")
        if kind == 1:
            raise ValueError("cannot convert")
        return device.measurement(architecture, unstable="the two fastest of 3 processes differ by 9%")

    device.wrong = odd
    after = remeasure(before, settings, run, 3, device)
    rows = after.remeasured.rows
    assert [row.status for row in rows][:3] == ["failed", "ok", "failed"]
    assert rows[0].error == "ValueError: cannot convert" and rows[2].error == "the runtime crashed"
    assert rows[1].unstable and rows[1].measured_ms is not None
    # The others are tried again, and what is steady then counts.
    again = Device(truth)
    after = remeasure(before, settings, run, 3, again)
    assert {row.hash for row in rows} <= set(again.asked) and all(
        row.settled for row in after.remeasured.rows
    )


def test_a_device_that_is_gone_changes_nothing(
    wrong: tuple[Any, SearchConfig, RunFolder], truth: LatencyPredictor
) -> None:
    before, settings, run = wrong
    device = Device(truth)
    device.wrong = lambda _: None
    after = remeasure(before, settings, run, 3, device)
    assert len(device.asked) == 1 and after.remeasured.rows == ()
    assert after.best.architecture.hash == before.best.architecture.hash
    assert after.remeasured.absent == {"host": "it is not available any more"}


def test_no_network_may_be_left(
    wrong: tuple[Any, SearchConfig, RunFolder], truth: LatencyPredictor, target_ms: float
) -> None:
    before, settings, run = wrong
    device = Device(truth)
    device.wrong = lambda architecture: device.measurement(architecture, factor=100.0)
    after = remeasure(before, settings, run, 3, device)
    assert after.best is None and after.first is not None and not after.first.feasible
    best = _json(run.root / "best.json")
    assert best["feasible"] is False and best["nearest"]["gap_ms"] > 0
    assert best["first_recommended"]["hash"] == before.best.architecture.hash


def test_a_target_that_was_the_wrong_prediction_of_the_baseline_is_told(
    truth: LatencyPredictor, target_ms: float, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "run")
    estimator = Scaled(truth, WRONG)
    space = load_space("demo", tuple(HEADS))
    default = space.architecture(space.default(), input_shape=SHAPE, head_channels=HEADS)
    settings = config(estimator(default).latency_ms, trials=10)
    before = searched(run.root, estimator, settings)
    said: list[Any] = []
    remeasure(before, settings, run, 2, Device(truth), on_event=said.append)
    (text,) = [e.text for e in said if "MT edge baseline" in e.text]
    assert text.endswith(f"the corrected predictor says {target_ms:.4g} ms of it. A search that asks for no more than "
                         f"that: --target-ms {target_ms:.4g}")  # fmt: skip


def test_which_networks_are_measured(wrong: tuple[Any, SearchConfig, RunFolder], target_ms: float) -> None:
    before, settings, run = wrong
    records = read_trials(run.root)
    chosen = candidates(records, settings, 6)
    assert len({r.architecture.hash for r in chosen}) == 6
    assert before.best.architecture.hash in {r.architecture.hash for r in chosen}
    assert all((r.latency.low_ms or 0.0) <= target_ms for r in chosen)
    straddling = [r for r in records if not r.feasible and (r.latency.low_ms or 0.0) <= target_ms]
    assert straddling
    everyone = {r.architecture.hash for r in candidates(records, settings, 40)}
    assert {r.architecture.hash for r in straddling} <= everyone
    over = {r.architecture.hash for r in records if (r.latency.low_ms or 0.0) > target_ms}
    assert over and not over & everyone
    (only,) = candidates(records, settings, 1)
    assert only.architecture.hash == before.best.architecture.hash


def test_several_devices_are_each_measured_and_corrected(
    truth: LatencyPredictor, target_ms: float, tmp_path: Path
) -> None:
    devices = (
        SearchDevice("host", "host", "int8-1t", "a", target_ms),
        SearchDevice("host-float32-1t", "host", "float32-1t", "b", 1.2 * target_ms),
        SearchDevice("pixel4", "pixel4", "1large-int8", "c", 3 * target_ms),
    )
    settings = config(target_ms, devices=devices, trials=20)
    others = [Scaled(truth, 0.5), Scaled(truth, 1.0)]
    before = searched(tmp_path / "run", Scaled(truth, 1.0), settings, other_estimators=others)
    device = Device(truth)
    said: list[Any] = []
    after = remeasure(before, settings, RunFolder(tmp_path / "run"), 2, device, on_event=said.append)
    first, second = (after.remeasured.recalibration(d.label) for d in devices[:2])
    assert first.kind == "none" and (second.kind, second.scale) == ("scale", pytest.approx(2.0))
    assert set(after.remeasured.absent) == {"pixel4"}
    assert any(isinstance(e, Remark) and e.text.startswith("No latency of pixel4 here") for e in said)
    assert after.best.feasible
    best = _json(tmp_path / "run" / "best.json")
    assert set(best["measured_on"]) == {"host", "host-float32-1t"}
    for record in after.remeasured.corrected(read_trials(tmp_path / "run"), settings):
        true = found_ms(truth, record.architecture)
        assert record.latency.others["host-float32-1t"].predicted_ms == pytest.approx(true)
        assert record.feasible == (true <= target_ms)


def test_on_this_machine(tmp_path: Path) -> None:
    """Real latencies of the host; a phone's predictor, brought to half of what this machine takes for the baseline."""
    pytest.importorskip("tensorflow", reason="exporting needs TensorFlow")
    from edgenas.workflow.search import measure_architecture

    space = load_space("demo", tuple(HEADS))
    baseline = space.architecture(space.default(), input_shape=SHAPE, head_channels=HEADS)
    real = measure_architecture(baseline, "host", "int8-1t")
    assert real is not None and real.ok
    phone = shipped_predictor("pixel4", "1large-int8")
    estimator = Scaled(phone, 0.5 * real.latency_ms / found_ms(phone, baseline))
    settings = config(0.75 * real.latency_ms, trials=12)
    before = searched(tmp_path / "run", estimator, settings)
    after = remeasure(before, settings, RunFolder(tmp_path / "run"), 2, measure_architecture)
    state = read_remeasured(tmp_path / "run")
    assert state is not None and {row.source for row in state.rows} == {"measured"}
    assert all(row.status == "ok" and "ai-edge-litert" in row.runtime for row in state.rows)
    found = state.recalibration("host")
    predicted_ms = before.best.latency.predicted_ms
    assert found.kind != "none" and found.ms(predicted_ms) > 1.2 * predicted_ms, state
    if after.best is not None and after.measured_ms is not None:
        assert after.measured_ms <= settings.target_ms
    assert after.first is not None and after.first_predicted is not None
    assert after.first_predicted.architecture.hash == before.best.architecture.hash
