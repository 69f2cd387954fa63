"""What goes wrong at a user's: data, folders, disks, options. Every message says what to do; nothing stored is lost."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import EXPORT, SEARCH, SPACE, TRAIN, CommandLine, FinishedRun

from edgenas.cli.main import main
from edgenas.latency_models import LatencyPredictor, user_predictors
from edgenas.search.study import read_trials


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs a command in this process that must fail before it starts TensorFlow: its exit code and message."""

    def run(*arguments: object) -> tuple[int, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "Traceback" not in captured.err and "fault of edgenas" not in captured.err
        return int(stop.value.code or 0), captured.err

    return run


def files_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".search.lock"
    }


def changed_archive(source: Path, to: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    with np.load(source) as stored:
        arrays = dict(stored)
    change(arrays)
    np.savez(to, **arrays)
    return to


def nan_depth(arrays: dict[str, Any]) -> None:
    arrays["depth"][3, 5, 7] = np.nan


def label_out_of_range(arrays: dict[str, Any]) -> None:
    arrays["seg13"][1, 9, 9] = 13


@pytest.mark.parametrize(
    ("change", "texts"),
    [
        (lambda a: a.update(picture=a.pop("image")), ("key 'image' is missing",)),
        (lambda a: a.update(image=a["image"][:, :, :, 0]), ("key 'image' has shape", "[N, H, W, 3]")),
        (lambda a: a.update(depth=a["depth"][:20]), ("key 'depth' has shape (20, 32, 64)",)),
        (lambda a: a.update(normal=a["normal"].astype(np.float32)), ("key 'normal' has dtype float32",)),
        (nan_depth, ("key 'depth' holds nan at [frame, row, column] = [3, 5, 7]",)),
        (label_out_of_range, ("key 'seg13' holds 13", "0 to 12, or 255")),
        (lambda a: a.update({k: v[:1] for k, v in a.items()}), ("split has 0 of 1 frames",)),
    ],
)
def test_archives(
    refused: Callable[..., tuple[int, str]],
    tiny_archive: Path,
    tmp_path: Path,
    change: Callable[[dict[str, Any]], object],
    texts: tuple[str, ...],
) -> None:
    path = changed_archive(tiny_archive, tmp_path / "mine.npz", change)
    code, message = refused("search", "--data", path, "--out", tmp_path / "run", "--device", "none")
    assert code == 2
    assert str(path) in message
    for text in texts:
        assert text in message
    assert not (tmp_path / "run").exists()


def test_sizes_that_do_not_fit(
    refused: Callable[..., tuple[int, str]], tiny_archive: Path, tmp_path: Path
) -> None:
    out = ("--out", tmp_path / "run", "--device", "none")
    code, message = refused("search", "--data", tiny_archive, "--height", "64", *out)
    assert code == 2 and "frames of 32x64, but height 64 was asked for" in message
    code, message = refused("search", "--data", "rooms", "--height", "100", *out)
    assert code == 2 and "100" in message and "multiple" in message
    assert not (tmp_path / "run").exists()


def test_wrong_options_leave_no_folder(
    refused: Callable[..., tuple[int, str]], tiny_archive: Path, tmp_path: Path, host_predictor: Path
) -> None:
    LatencyPredictor.load(host_predictor).save(user_predictors() / "host" / "int8-1t")
    for options, text in (
        (("--reward", "papr"), "Did you mean 'paper'"),
        (("--population", "4", "--tournament", "5"), "`tournament`. Expected 1 to 4"),
        (("--learning-rate", "nan"), "`learning_rate`"),
        (("--device", "none", "--target-ms", "2"), "--device none asks for none"),
        (("--device", "none", "--risk", "0.1"), "Add --device"),
        (("--predictor", tmp_path / "nowhere"), "No predictor folder at"),
    ):
        code, message = refused("search", "--data", tiny_archive, *options, "--out", tmp_path / "run")
        assert code == 2 and text in message, message
        assert not (tmp_path / "run").exists(), options


def test_no_predictor_says_how_one_is_made(
    refused: Callable[..., tuple[int, str]], tiny_archive: Path, tmp_path: Path
) -> None:
    code, message = refused("search", "--data", tiny_archive, "--out", tmp_path / "run")
    assert code == 2 and "edgenas profile --device host" in message


def test_a_file_in_place_of_the_folder(
    refused: Callable[..., tuple[int, str]], tiny_archive: Path, tmp_path: Path, finished_run: FinishedRun
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    folder = finished_run.copy(tmp_path / "run", "train")
    for arguments in (
        ("search", "--data", tiny_archive, "--device", "none", *SEARCH, "--out", taken),
        ("search", "--data", tiny_archive, "--predictor", folder / "predictor", *SEARCH, "--out", taken),
        ("train", folder, *TRAIN, "--out", taken),
        ("report", folder, "--out", taken / "page.html"),
    ):
        code, message = refused(*arguments)
        assert code == 1 and str(taken) in message, message
    assert taken.read_text() == "mine"


def test_a_second_search_in_the_folder(
    refused: Callable[..., tuple[int, str]], finished_run: FinishedRun, tiny_archive: Path, tmp_path: Path
) -> None:
    folder = finished_run.copy(tmp_path / "run")
    before = files_of(folder)
    code, message = refused("search", "--data", tiny_archive, *SEARCH, "--device", "none", "--out", folder)
    assert code == 2 and f"edgenas search --resume {folder}" in message
    assert files_of(folder) == before


def test_resume_with_other_options(
    refused: Callable[..., tuple[int, str]], finished_run: FinishedRun, tmp_path: Path
) -> None:
    folder = finished_run.copy(tmp_path / "run")
    before = files_of(folder)
    code, message = refused("search", "--resume", folder, "--seed", "5", "--batch-size", "8")
    assert code == 2
    assert "only --trials, --remeasure, --trial-seconds and where to train" in message
    assert "can change. Received --seed, --batch-size" in message
    assert files_of(folder) == before


def test_resume_of_nothing(refused: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    code, message = refused("search", "--resume", tmp_path / "none")
    assert code == 2 and "No run in" in message
    assert not (tmp_path / "none").exists()


def rewrite_config(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


def test_other_data_in_the_place_of_the_archive(
    refused: Callable[..., tuple[int, str]], finished_run: FinishedRun, tiny_archive: Path, tmp_path: Path
) -> None:
    folder = finished_run.copy(tmp_path / "run")
    other = changed_archive(
        tiny_archive, tmp_path / "other.npz", lambda a: a.update(depth=a["depth"] * np.float16(2))
    )
    rewrite_config(folder, lambda c: c["data"].update(source=str(other)))
    before = files_of(folder)
    for arguments in (
        ("search", "--resume", folder),
        ("train", folder, *TRAIN, "--restart"),
        ("export", folder, *EXPORT),
    ):
        code, message = refused(*arguments)
        assert code == 2 and f"The data {other} are not those of the run" in message
    rewrite_config(folder, lambda c: c["data"].update(source=str(tmp_path / "gone.npz")))
    code, message = refused("search", "--resume", folder)
    assert code == 2 and "No such file" in message and "gone.npz" in message
    rewrite_config(folder, lambda c: c["data"].update(source=str(other)))
    assert {k: v for k, v in files_of(folder).items() if k != "config.json"} == {
        k: v for k, v in before.items() if k != "config.json"
    }


def test_resume_with_another_space(
    refused: Callable[..., tuple[int, str]], finished_run: FinishedRun, tmp_path: Path
) -> None:
    folder = finished_run.copy(tmp_path / "run")
    space = tmp_path / "space.toml"
    space.write_text(SPACE.read_text().replace("stem_width = 8", "stem_width = 16"))
    rewrite_config(folder, lambda c: c["space"].update(source=str(space)))
    code, message = refused("search", "--resume", folder)
    assert code == 2 and "space.hash" in message
    assert len(read_trials(folder)) == 3


@pytest.mark.parametrize("content", ["{", "[]", '{"format": "edgenas.run", "version": 1}'])
def test_damaged_configuration(
    refused: Callable[..., tuple[int, str]], finished_run: FinishedRun, tmp_path: Path, content: str
) -> None:
    folder = finished_run.copy(tmp_path / "run")
    (folder / "config.json").write_text(content)
    for command in (("search", "--resume", folder), ("train", folder), ("export", folder)):
        code, message = refused(*command)
        assert code == 2 and "config.json" in message, message


def test_damaged_results(
    refused: Callable[..., tuple[int, str]], finished_run: FinishedRun, tmp_path: Path
) -> None:
    folder = finished_run.copy(tmp_path / "run")
    for content in ("{", "[]", "{}"):
        (folder / "best.json").write_text(content)
        code, message = refused("train", folder)
        assert code == 2 and "best.json" in message, message
        (folder / "train" / "metrics.json").write_text(content)
        code, message = refused("export", folder)
        assert code == 2 and "metrics.json" in message, message


def test_options_that_would_do_nothing_are_refused(
    refused: Callable[..., tuple[int, str]], finished_run: FinishedRun, tmp_path: Path
) -> None:
    folder = finished_run.folder
    for command in ("train", "export"):
        code, message = refused(command, folder, "--data", "streets", "--frames", "10")
        assert code == 2 and "A run brings its own data. Received --data, --frames" in message
    code, message = refused("train", folder, "--architecture", tmp_path / "x.json", "--out", tmp_path)
    assert code == 2 and "either a run or --architecture" in message
    code, message = refused("export", folder, "--trained", tmp_path)
    assert code == 2 and "either a run or --trained" in message


def test_export_refuses_before_it_converts(
    refused: Callable[..., tuple[int, str]], finished_run: FinishedRun, tmp_path: Path
) -> None:
    folder = finished_run.copy(tmp_path / "run", "export")
    for options, text in (
        (("--name", "../mine"), "plain file name"),
        (("--device", "hots"), "Did you mean 'host'"),
        (("--configuration", "int8-1x"), "int8-1t"),
        (("--predictor", tmp_path / "nowhere"), "No predictor folder at"),
    ):
        code, message = refused("export", folder, *options)
        assert code == 2 and text in message, message
    assert not (folder / "export").exists()
    code, message = refused("export", finished_run.copy(tmp_path / "untrained", "train"))
    assert code == 2 and "make it with `edgenas train`" in message


def test_another_training_in_the_folder(
    refused: Callable[..., tuple[int, str]], finished_run: FinishedRun, tmp_path: Path
) -> None:
    folder = finished_run.copy(tmp_path / "run")
    before = files_of(folder)
    code, message = refused("train", folder, *TRAIN, "--seed", "7")
    assert code == 2 and "Add --restart" in message
    assert files_of(folder) == before


def test_without_any_run(
    refused: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("train", "export", "report"):
        code, message = refused(command)
        assert code == 2 and "edgenas search" in message
    assert list(tmp_path.iterdir()) == []


def test_nothing_meets_the_target(
    refused: Callable[..., tuple[int, str]], command_line: CommandLine, tiny_archive: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    options = ("--space", SPACE, "--tasks", "depth", "--trials", 1, "--iterations", 1, "--batch-size", 4)
    outcome = command_line.run(
        "search", "--data", tiny_archive, *options, "--target-ms", "0.0001", "--out", folder
    )
    assert outcome.code == 1 and outcome.out == "" and not folder.exists(), outcome.err
    assert "seems to meet --target-ms 0.0001." in outcome.err and "Nearest: " in outcome.err
    # The search that it advises begins, and trains no network that meets the target.
    target_ms = float(outcome.err.splitlines()[-1].split("--target-ms")[1])
    outcome = command_line.run(
        "search", "--data", tiny_archive, *options, "--target-ms", target_ms, "--out", folder
    )
    assert outcome.code == 0, outcome.err
    assert re.search(r"No network meets the target of [\d.]+ ms\. Nearest: trial 0, predicted", outcome.out)
    best = json.loads((folder / "best.json").read_text())
    assert best["feasible"] is False and best["architecture"] is None
    assert best["nearest"]["trial"] == 0 and best["nearest"]["gap_percent"] > 0
    code, message = refused("train", folder)
    assert code == 2 and "--allow-infeasible" in message and "No network of this run meets" in message
    report = command_line.run("report", folder, "--json")
    assert report.code == 0, report.err


def test_a_full_disk_during_a_search(
    command_line: CommandLine, finished_run: FinishedRun, tmp_path: Path
) -> None:
    folder = finished_run.copy(tmp_path / "run", "train", "export", "report.html")
    before = files_of(folder)
    size = (folder / "study.db").stat().st_size
    outcome = command_line.run(
        "search", "--resume", folder, "--trials", 9, "--pause-seconds", 0, "--json", file_bytes=size
    )
    assert outcome.code == 1 and outcome.out == "", outcome.err
    assert "study.db cannot be written" in outcome.err and "--resume" in outcome.err
    assert "Traceback" not in outcome.err
    stored = len(read_trials(folder))
    assert stored >= 3
    assert files_of(folder)["baseline.json"] == before["baseline.json"]
    # The recommendation may be written anew, from what is stored.
    assert json.loads((folder / "best.json").read_text())["trials"]["finished"] == stored
    report = command_line.run("report", folder, "--json")
    assert report.code == 0, report.err


def test_a_full_disk_when_the_model_is_saved(
    command_line: CommandLine, finished_run: FinishedRun, tmp_path: Path
) -> None:
    folder = finished_run.copy(tmp_path / "run", "train", "export", "report.html")
    before = files_of(folder)
    outcome = command_line.run(
        "train", folder, "--iterations", 4, "--batch-size", 4, "--json", file_bytes=20_000
    )
    assert outcome.code == 1 and outcome.out == "", outcome.err
    assert "Cannot write" in outcome.err and str(folder / "train") in outcome.err
    assert "Traceback" not in outcome.err
    left = files_of(folder)
    assert {k: v for k, v in left.items() if not k.startswith("train/")} == before
    kept = {k for k in left if k.startswith("train/") and not k.startswith("train/tensorboard/")}
    assert kept <= {"train/evaluations.jsonl", "train/history.csv"}


def test_a_full_disk_during_an_export(
    command_line: CommandLine, finished_run: FinishedRun, tmp_path: Path
) -> None:
    folder = finished_run.copy(tmp_path / "run", "report.html")
    before = files_of(folder)
    outcome = command_line.run("export", folder, *EXPORT, "--json", file_bytes=4_000)
    assert outcome.code == 1 and outcome.out == "", outcome.err
    assert "Cannot write" in outcome.err and "Traceback" not in outcome.err
    assert files_of(folder) == before
