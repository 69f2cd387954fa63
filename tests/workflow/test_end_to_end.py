"""search, train, export, report as a user types them, on a tiny archive."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import TRAIN, CommandLine, FinishedRun

from edgenas.export.litert_model import LitertModel
from edgenas.graph import graph_of, read_tflite
from edgenas.search.study import read_trials
from edgenas.space import Architecture

TASKS = {"depth", "normals", "segmentation"}


def finite(text: str) -> object:
    def refuse(name: str) -> None:
        raise ValueError(name)

    return json.loads(text, parse_constant=refuse)


def test_every_station_succeeds_and_prints_one_json_value(finished_run: FinishedRun) -> None:
    for outcome in (finished_run.search, finished_run.train, finished_run.export, finished_run.report):
        assert outcome.code == 0, outcome.err
        assert isinstance(finite(outcome.out), dict)
        assert "Traceback" not in outcome.err


def test_search(finished_run: FinishedRun) -> None:
    value = finished_run.search.value
    assert value["run"] == str(finished_run.folder)
    assert value["feasible"] is True
    architecture = Architecture.from_dict(value["architecture"])
    assert architecture.hash == value["hash"] and set(architecture.tasks) == TASKS
    assert (architecture.input_height, architecture.input_width) == (32, 64)
    assert value["quality"] > 0 and value["reward"] > 0
    assert 0 < value["predicted_ms"] <= value["target_ms"]
    assert value["measured_ms"] > 0 and value["measured_source"] == "measured"
    assert value["metrics"].keys() == TASKS
    assert value["trials"] == {"finished": 3, "failed": 0, "duplicates": value["trials"]["duplicates"]}
    assert [trial.number for trial in read_trials(finished_run.folder)] == [0, 1, 2]
    assert "search: 3/3" in finished_run.search.err


def test_curves_of_the_search_and_of_the_training(
    finished_run: FinishedRun, read_curves: Callable[[Path], dict[str, list[tuple[int, float]]]]
) -> None:
    curves = read_curves(finished_run.folder / "tensorboard")
    trials = read_trials(finished_run.folder)
    for tag, values in {
        "trial/reward": [trial.reward for trial in trials],
        "trial/predicted_ms": [trial.latency.predicted_ms for trial in trials],
        "segmentation/miou": [trial.evaluation.metrics["segmentation"]["miou"] for trial in trials],
    }.items():
        assert curves[tag] == [(number, pytest.approx(value)) for number, value in enumerate(values)]
    assert len(curves["search/hypervolume"]) == 3
    trained = read_curves(finished_run.folder / "train" / "tensorboard")
    rows = (finished_run.folder / "train" / "history.csv").read_text().splitlines()
    assert [step for step, _ in trained["train/loss"]] == [int(row.split(",")[0]) for row in rows[1:]]
    metrics = json.loads((finished_run.folder / "train" / "metrics.json").read_text())["metrics"]
    assert trained["depth/rmse"][0][1] == pytest.approx(metrics["depth"]["rmse"])


def test_what_the_search_leaves(finished_run: FinishedRun) -> None:
    best = json.loads((finished_run.folder / "best.json").read_text())
    # The export has measured the network again since.
    assert {**finished_run.search.value, "measured_ms": None} == {
        "run": str(finished_run.folder),
        **best,
        "measured_ms": None,
    }
    config = json.loads((finished_run.folder / "config.json").read_text())
    assert config["trials"] == 3 and config["proxy"]["iterations"] == 4
    assert config["device"] == "host" and config["configuration"] == "int8-1t"
    assert config["command"][:2] == ["edgenas", "search"]
    assert (finished_run.folder / "predictor" / "predictor.json").is_file()
    assert (finished_run.folder / "baseline.json").is_file()


def test_train(finished_run: FinishedRun) -> None:
    value = finished_run.train.value
    assert value["folder"] == str(finished_run.folder / "train")
    assert value["architecture"] == finished_run.search.value["architecture"]
    assert value["metrics"].keys() == TASKS
    assert sorted(p.name for p in (finished_run.folder / "train").iterdir()) == [
        "evaluations.jsonl", "history.csv", "metrics.json", "model.keras", "tensorboard",
    ]  # fmt: skip
    history = (finished_run.folder / "train" / "history.csv").read_text().splitlines()
    assert history[0].startswith("step,learning_rate,loss")
    assert history[-1].startswith("120,")
    losses = [float(row.split(",")[2]) for row in history[1:]]
    assert losses[-1] < 0.7 * losses[0]
    assert "train: 120/120" in finished_run.train.err


def test_model_card(finished_run: FinishedRun) -> None:
    value = finished_run.export.value
    folder = finished_run.folder / "export"
    card = json.loads((folder / "tiny.json").read_text())
    assert value == {"card": str(folder / "tiny.json"), "folder": str(folder), **card}
    assert card["architecture"] == finished_run.search.value["architecture"]
    assert card["files"].keys() == {"float32", "int8"}
    for file in card["files"].values():
        data = (folder / file["path"]).read_bytes()
        assert file["bytes"] == len(data)
        assert file["sha256"] == hashlib.sha256(data).hexdigest()
    assert card["head_errors"].keys() == TASKS
    assert card["metrics"].keys() == {"keras", "float32", "int8"}
    latency = card["latency"]
    assert latency["device"] == "host" and latency["file"] == "int8"
    assert latency["predicted_ms"] == pytest.approx(finished_run.search.value["predicted_ms"])
    assert latency["measured_ms"] > 0 and latency["measured_source"] == "measured"
    best = json.loads((finished_run.folder / "best.json").read_text())
    assert best["measured_ms"] == latency["measured_ms"]
    assert {"edgenas", "numpy"} <= card["versions"].keys()
    assert "fewer than 100 calibration frames" in finished_run.export.err


def test_files_are_what_they_are_called(finished_run: FinishedRun) -> None:
    folder = finished_run.folder / "export"
    architecture = Architecture.from_dict(finished_run.search.value["architecture"])
    assert LitertModel(folder / "tiny_int8.tflite").float_tensors() == ()
    for dtype in ("int8", "float32"):
        path = folder / f"tiny_{dtype}.tflite"
        assert read_tflite(path).operators == graph_of(architecture, dtype).operators
        outputs = LitertModel(path)(np.zeros((1, 32, 64, 3), np.uint8))
        assert {name: out.shape[-1] for name, out in outputs.items()} == {
            "depth": 1, "normals": 3, "segmentation": 13,
        }  # fmt: skip


def test_report(finished_run: FinishedRun) -> None:
    value = finished_run.report.value
    page = (finished_run.folder / "report.html").read_text()
    assert value == {"report": str(finished_run.folder / "report.html"), "bytes": len(page.encode())}
    assert "predicted" in page and "measured" in page
    assert not re.search(r"(src|href)=\"https?:", page)
    assert page.count("<img") + page.count("<svg") >= 4


def test_no_temporary_file_is_left(finished_run: FinishedRun) -> None:
    hidden = {p.name for p in finished_run.folder.rglob(".*")}
    assert hidden <= {".search.lock"}


def test_predict_agrees_on_file_and_architecture(
    finished_run: FinishedRun, command_line: CommandLine
) -> None:
    path = finished_run.folder / "export" / "tiny_int8.tflite"
    (row,) = command_line.run("predict", path, "--json").value
    assert row["latency_ms"] == pytest.approx(finished_run.search.value["predicted_ms"])


def test_the_same_training_again_is_taken_from_the_folder(
    finished_run: FinishedRun, command_line: CommandLine
) -> None:
    outcome = command_line.run("train", finished_run.folder, *TRAIN, "--json")
    assert outcome.code == 0
    assert "holds this training already" in outcome.err
    assert outcome.value == finished_run.train.value
