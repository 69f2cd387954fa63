"""Measured, simulated, or both: the page takes the word from the data, and old run folders still open."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

from edgenas.report import write_report
from edgenas.report.run_data import read_run

RunMaker = Callable[..., Path]


def _words(folder: Path) -> str:
    """Everything on the page that somebody reads or is read to: no markup, style or script."""
    page = write_report(folder).read_text(encoding="utf-8")
    page = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL)
    labels = " ".join(re.findall(r'(?:aria-label|alt)="([^"]*)"', page))
    return html.unescape(re.sub(r"<[^>]*>", "|", page) + labels)


def _change(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def _simulate(folder: Path) -> None:
    """Makes all latencies of a run those of a simulated device."""
    simulated = {
        "source": "simulated",
        "networks_measured": 80,
        "runtime": "ethos-u-vela 5.2.0, ethos-u55-128",
    }
    _change(folder / "config.json", lambda c: c.update(device="ethos-u55", command=[]))
    _change(folder / "best.json", lambda b: b.update(measured_source="simulated"))
    _change(folder / "profile.json", lambda p: (p.update(device="ethos-u55"), p["card"].update(simulated)))
    _change(
        folder / "export" / "rooms_winner.json",
        lambda c: c["latency"].update(device="ethos-u55", measured_source="simulated"),
    )
    (folder / "predictor").mkdir()
    (folder / "predictor" / "card.json").write_text(json.dumps(simulated))


def test_a_simulated_device_is_never_called_measured(make_run: RunMaker) -> None:
    folder = make_run(trials=8)
    assert "Predicted against measured" in _words(folder)
    _simulate(folder)
    words = _words(folder)
    assert "measure" not in words.lower()
    for text in (
        "Simulated latency", "Predicted against simulated", "networks simulated on ethos-u55: simulated latency across",
        "simulated latency (ms)", "predicted = simulated", "One point per network, simulated and predicted",
        "Predicted and simulated latency of the winner", "lower bar simulated", "networks simulated",
        "fitted to figures simulated by ethos-u-vela 5.2.0",
    ):  # fmt: skip
        assert text in words, text
    assert re.search(r"Exported model\nsimulated [\d.]+ ms\n", words)
    assert "spread 0" not in words  # an estimate is not repeated


@pytest.mark.parametrize("parts", [(), ("baseline", "best"), ("profile",), ("best", "train", "export")])
def test_nor_where_parts_are_missing(make_run: RunMaker, parts: tuple[str, ...]) -> None:
    folder = make_run(trials=5)
    _simulate(folder)
    names = {
        "baseline": "baseline.json", "best": "best.json", "profile": "profile.json", "train": "train/metrics.json",
        "export": "export/rooms_winner.json",
    }  # fmt: skip
    for part, name in names.items():
        if part not in parts:
            (folder / name).unlink()
    if "best" in parts and "export" not in parts:
        _change(folder / "best.json", lambda b: b.update(measured_ms=None, measured_source=None))
    words = _words(folder)
    assert "measure" not in words.lower()
    if parts == ("baseline", "best"):
        assert "not simulated yet" in words and "No exported model was simulated yet." in words


def test_simulated_operators_and_a_simulation_that_fails(make_run: RunMaker) -> None:
    folder = make_run(trials=5)
    _simulate(folder)

    def fail(card: dict[str, Any]) -> None:
        for operator in card["operators_ms"]:
            operator["predicted_ms"] = None
        card["latency"] |= {"measured_ms": None, "measured_error": "4 operators run on the CPU"}

    _change(folder / "export" / "rooms_winner.json", fail)
    words = _words(folder)
    assert "Share of the simulated latency per operator type" in words
    assert "Percentages are shares of its simulated latency." in words
    assert "The simulation failed: 4 operators run on the CPU" in words
    assert "measure" not in words.lower()


def test_measured_and_simulated_side_by_side(make_run: RunMaker) -> None:
    folder = make_run(trials=5)
    _change(folder / "best.json", lambda b: b.update(measured_source="simulated"))
    words = _words(folder)
    run = read_run(folder)
    assert run.source == "measured or simulated"
    assert re.search(r"[\d.]+ ms \(simulated\)", words) and re.search(r"[\d.]+ ms \(measured\)", words)
    assert "predicted = measured" in words  # the profile is of one source
    assert "Measured latency" in words  # and so is the export


def test_an_exported_model_is_not_drawn_among_latencies_of_another_source(make_run: RunMaker) -> None:
    folder = make_run(trials=5)
    assert "Exported model\nmeasured" in _words(folder)
    path = folder / "export" / "rooms_winner.json"
    _change(path, lambda c: c["latency"].update(measured_source="simulated"))
    assert "Exported model\n" not in _words(folder)


def test_files_of_earlier_versions_hold_what_was_measured(make_run: RunMaker) -> None:
    run = read_run(make_run(trials=5))
    assert run.problems == () and run.predictor_card == {}
    assert run.best and run.card and run.profile
    assert (run.best.source, run.card.latency.source, run.profile.source) == ("measured",) * 3
    assert {operator.source for operator in run.card.operators} == {"measured"}
    assert run.card.latency.spread == 0.017


def test_nothing_is_known_of_what_was_not_tried(make_run: RunMaker) -> None:
    folder = make_run(trials=5, parts=("best", "export"))
    _change(folder / "best.json", lambda b: b.update(measured_ms=None, measured_source=None))
    none = {"measured_ms": None, "measured_source": None}
    _change(folder / "export" / "rooms_winner.json", lambda c: c["latency"].update(none))
    run = read_run(folder)
    assert run.best and run.card
    assert run.best.source is None and run.card.latency.source is None and run.source == "measured"


def test_rejected_networks_are_explained(make_run: RunMaker) -> None:
    folder = make_run(trials=5, config={"require": "edgetpu"})
    assert "Rejected networks" not in _words(folder)
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder / 'study.db'}")
    study = optuna.load_study(study_name="edgenas", storage=storage)
    attrs = {
        "status": "rejected",
        "reason": "operator 7 (RESIZE_BILINEAR) stays on the CPU",
        "feasible": False,
    }
    for _ in range(2):
        study.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL, user_attrs=attrs))
    storage.engine.dispose()
    words = _words(folder)
    assert "rejected untrained: operator 7 (RESIZE_BILINEAR) stays on the CPU" in words
    assert "2 rejected untrained" in words and "every operator on edgetpu" in words
    assert "Rejected networks would not run on edgetpu as a whole" in words
    assert "They were not trained, so they have no score." in words
