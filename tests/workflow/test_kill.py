"""`kill -9` in every phase, then go on: the result must be that of an uninterrupted run."""

from __future__ import annotations

import json
import random
import signal
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from command_line import EXPORT, SEARCH, SPACE, TRAIN, CommandLine, FinishedRun

from edgenas.latency_models import LatencyPredictor
from edgenas.search.study import read_trials


def trials(folder: Path) -> list[dict[str, Any]]:
    """Everything that the study holds but times."""
    attrs = [{"number": trial.number, **trial.to_attrs()} for trial in read_trials(folder)]
    return [{k: v for k, v in row.items() if k != "seconds"} for row in attrs]


def without(data: dict[str, Any], *names: str) -> dict[str, Any]:
    return {k: v for k, v in data.items() if k not in names}


def weights(path: Path) -> bytes:
    """The weights in a .keras file; the other members hold the date and addresses of objects."""
    with zipfile.ZipFile(path) as archive:
        return archive.read("model.weights.h5")


def test_search(
    finished_run: FinishedRun, command_line: CommandLine, tiny_archive: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"

    def one_trial_done() -> bool:
        return (folder / "study.db").exists() and len(read_trials(folder)) >= 1

    killed = command_line.kill_when(
        one_trial_done, "search", "--data", tiny_archive, *SEARCH, "--out", folder, "--json",
        then_seconds=random.Random(1).uniform(0.0, 1.0),
    )  # fmt: skip
    assert killed.code == -signal.SIGKILL and killed.out == ""
    before = trials(folder)
    assert 1 <= len(before) < 3
    refused = command_line.run("search", "--data", tiny_archive, *SEARCH, "--out", folder)
    assert refused.code == 2 and f"edgenas search --resume {folder}" in refused.err
    resumed = command_line.run("search", "--resume", folder, "--json")
    assert resumed.code == 0, resumed.err
    assert trials(folder)[: len(before)] == before
    assert trials(folder) == trials(finished_run.folder)
    volatile = ("run", "measured_ms")
    assert without(resumed.value, *volatile) == without(finished_run.search.value, *volatile)


def test_train(finished_run: FinishedRun, command_line: CommandLine, tmp_path: Path) -> None:
    folder = finished_run.copy(tmp_path / "run", "train", "export", "report.html")
    checkpoint = folder / "train" / "checkpoint.npz"
    killed = command_line.kill_when(checkpoint.exists, "train", folder, *TRAIN)
    assert killed.code == -signal.SIGKILL
    assert checkpoint.exists() and not (folder / "train" / "metrics.json").exists()
    resumed = command_line.run("train", folder, *TRAIN, "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.err.startswith("train: 101/120"), resumed.err
    volatile = ("folder", "model", "seconds")
    assert without(resumed.value, *volatile) == without(finished_run.train.value, *volatile)
    for name in ("history.csv", "metrics.json", "model.keras"):
        assert (folder / "train" / name).exists()
    whole = finished_run.folder / "train"
    assert (folder / "train" / "history.csv").read_text() == (whole / "history.csv").read_text()
    assert weights(folder / "train" / "model.keras") == weights(whole / "model.keras")
    assert not checkpoint.exists()


def test_export(finished_run: FinishedRun, command_line: CommandLine, tmp_path: Path) -> None:
    folder = finished_run.copy(tmp_path / "run", "export", "report.html")
    killed = command_line.kill_when(
        lambda: any(folder.glob("export/.tiny.partial*/*.tflite")), "export", folder, *EXPORT
    )
    assert killed.code == -signal.SIGKILL
    assert not list(folder.glob("export/*.tflite")) and not list(folder.glob("export/*.json"))
    again = command_line.run("export", folder, *EXPORT, "--json")
    assert again.code == 0, again.err
    whole = finished_run.folder / "export"
    for name in ("tiny_int8.tflite", "tiny_float32.tflite"):
        assert (folder / "export" / name).read_bytes() == (whole / name).read_bytes()
    assert sorted(p.name for p in (folder / "export").iterdir()) == sorted(p.name for p in whole.iterdir())
    volatile = ("card", "folder", "created_at", "latency", "operators_ms")
    assert without(again.value, *volatile) == without(finished_run.export.value, *volatile)


def measurements(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "measurements.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_profile(tmp_path: Path) -> None:
    line = CommandLine(tmp_path / "home")
    folder = tmp_path / "profile"
    arguments = (
        "profile", "--device", "host", "--seconds", "10", "--height", "32", "--width", "64",
        "--space", SPACE, "--out", folder, "--json",
    )  # fmt: skip
    table = folder / "measurements.jsonl"
    killed = line.kill_when(
        lambda: table.exists() and table.read_bytes().count(b"\n") >= 3,
        *arguments,
        then_seconds=0.1,
    )
    assert killed.code == -signal.SIGKILL and killed.out == ""
    before = measurements(folder)
    assert len(before) >= 3
    resumed = line.run(*arguments)
    assert resumed.code == 0, resumed.err
    after = measurements(folder)
    assert after[: len(before)] == before
    assert len(after) > len(before)
    assert max(Counter((row["name"], row["round"]) for row in after).values()) == 1
    value = resumed.value
    predictor = tmp_path / "home" / "predictors" / "host" / "int8-1t"
    assert value["predictor"] == str(predictor) and value["available"] is True
    assert value["card"]["rows"] >= 6
    assert LatencyPredictor.load(predictor).device == "host"
