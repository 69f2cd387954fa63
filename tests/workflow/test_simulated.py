"""search, train, export, report, predict for a device that Vela simulates: no figure of it is called measured."""

from __future__ import annotations

import html
import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from command_line import EXPORT, SEARCH, CommandLine, Outcome

from edgenas.device_profiles import Measurement
from edgenas.space import Architecture
from edgenas.storage import write_json
from edgenas.workflow.search import measure_architecture, resume_search

pytest.importorskip("ethosu.vela", reason="needs ethos-u-vela: pip install 'edgenas[vela]'")
pytest.importorskip("tensorflow", reason="searching needs TensorFlow")

DEVICE = ("--device", "ethos-u55-128")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("simulated") / "run"


@pytest.fixture(scope="module")
def told(command_line: CommandLine, folder: Path, tiny_archive: Path) -> dict[str, Outcome]:
    """What the commands say, as a user reads it; the predictor is the shipped one."""
    commands = (
        ("search", "--data", tiny_archive, *SEARCH, *DEVICE, "--out", folder),
        ("train", folder, "--iterations", "4", "--batch-size", "4"),
        ("export", folder, *EXPORT),
        ("report", folder),
        ("predict", folder / "export" / "tiny_int8.tflite", *DEVICE),
    )
    outcomes = {str(command[0]): command_line.run(*command) for command in commands}
    for name, outcome in outcomes.items():
        assert outcome.code == 0, f"{name}: {outcome.err}"
    return outcomes


def _json(path: Path) -> Any:
    return json.loads(path.read_text())


def _texts(value: Any) -> list[str]:
    """All texts of a JSON value that are no keys."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


def test_what_is_printed(told: dict[str, Outcome]) -> None:
    for name, outcome in told.items():
        assert "measure" not in (outcome.out + outcome.err).lower(), name
    assert re.search(r"predicted [\d.]+ ms, simulated [\d.]+ ms, target", told["search"].out)
    assert re.search(
        r"int8 on ethos-u55: predicted [\d.]+ ms \[.*\], simulated [\d.]+ ms", told["export"].out
    )
    assert "; fitted to figures simulated by ethos-u-vela 5" in told["predict"].out


def test_what_is_stored(told: dict[str, Outcome], folder: Path) -> None:
    best, card = _json(folder / "best.json"), _json(folder / "export" / "tiny.json")
    latency = card["latency"]
    assert best["measured_source"] == latency["measured_source"] == "simulated"
    assert best["measured_ms"] == latency["measured_ms"] > 0
    for value in (best, card, _json(folder / "config.json")):
        assert not [text for text in _texts(value) if "measured" in text]
    assert latency["measured_spread"] == 0
    assert sum(o["measured_ms"] for o in card["operators_ms"]) == pytest.approx(
        latency["measured_ms"], rel=0.05
    )


def test_the_page(told: dict[str, Outcome], folder: Path) -> None:
    page = (folder / "report.html").read_text()
    page = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL)
    words = html.unescape(re.sub(r"<[^>]*>", "|", page))
    assert "measure" not in words.lower()
    assert "Simulated latency" in words and "Predicted against simulated" in words
    assert "upper bar predicted, lower bar simulated" in words
    assert "fitted to figures simulated by ethos-u-vela" in words


def test_json(told: dict[str, Outcome], folder: Path, command_line: CommandLine) -> None:
    value = command_line.run("search", "--resume", folder, "--json").value
    assert value["measured_source"] == "simulated" and value["measured_ms"] > 0
    (row,) = command_line.run("predict", folder / "export" / "tiny_int8.tflite", *DEVICE, "--json").value
    assert row["source"] == "predicted"
    assert row["fitted_to"]["source"] == "simulated" and "Vela" in row["fitted_to"]["machine"]


def test_the_network_of_the_search_is_handed_back_with_its_source(
    folder: Path, told: dict[str, Outcome]
) -> None:
    best = Architecture.from_dict(_json(folder / "best.json")["architecture"])
    found = measure_architecture(best, "ethos-u55", "128")
    assert isinstance(found, Measurement) and found.ok, asdict(found) if found else None
    assert found.source == "simulated"
    assert found.latency_ms == pytest.approx(_json(folder / "best.json")["measured_ms"], rel=1e-2)
    assert measure_architecture(best, "pixel4", None) is None


def test_a_recommendation_that_vela_refuses_says_why(
    folder: Path, told: dict[str, Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, tmp_path / "run")
    best = _json(tmp_path / "run" / "best.json")
    write_json(tmp_path / "run" / "best.json", {**best, "measured_ms": None, "measured_source": None})
    refused = Measurement("ethos-u55", "128", "", "failed", "operators on the CPU", source="simulated")
    monkeypatch.setattr("edgenas.device_profiles.vela_runner.VelaRunner._measurement", lambda *a: refused)
    result = resume_search(tmp_path / "run")
    assert (result.measured_ms, result.measured_source) == (None, "simulated")
    assert result.measured_error == "operators on the CPU"
    assert _json(tmp_path / "run" / "best.json")["measured_ms"] is None
