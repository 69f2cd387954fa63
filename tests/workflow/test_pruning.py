"""`edgenas search --pruner halving` as a user types it, with real training in worker processes."""

from __future__ import annotations

import json
from pathlib import Path

import optuna
import pytest
from command_line import SPACE, CommandLine

from edgenas.cli.main import main

SEARCH = ("--space", str(SPACE), "--trials", "4", "--iterations", "6", "--batch-size", "4")
RUNGS = ("--pruner", "halving", "--first-rung", "2", "--reduction-factor", "2")


def test_a_search_prunes_resumes_and_reports(
    command_line: CommandLine, tiny_archive: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    outcome = command_line.run("search", "--data", tiny_archive, *SEARCH, *RUNGS, "--out", folder, "--json")
    assert outcome.code == 0, outcome.err
    config = json.loads((folder / "config.json").read_text())
    assert config["halving"] == {"first_step": 2, "factor": 2, "iterations": 6}
    study = optuna.load_study(study_name="edgenas", storage=f"sqlite:///{folder / 'study.db'}")
    states = {trial.number: trial.state.name for trial in study.trials}
    assert sorted(states) == list(range(4)) and set(states.values()) == {"COMPLETE", "PRUNED"}
    assert outcome.value["trials"]["pruned"] == list(states.values()).count("PRUNED")
    for trial in study.trials:
        if trial.state.name == "COMPLETE" and trial.user_attrs["duplicate_of"] is None:
            assert list(trial.intermediate_values) == [2, 4]
            assert trial.user_attrs["seconds"]["steps"] > 0
    again = command_line.run(
        "search", "--resume", folder, "--json"
    )  # with the stored pruning, nothing is left
    assert again.code == 0, again.err
    assert again.value == outcome.value
    report = command_line.run("report", folder)
    assert report.code == 0, report.err
    assert "pruned" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--first-rung", "2"), "--first-rung 2 belongs to pruning. Add --pruner halving"),
        (("--pruner", "halving", "--first-rung", "6"), "Expected a first rung of 1 to 5 steps"),
        (("--pruner", "halving", "--algorithm", "nsga2"), "has two objectives"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_trained(
    tiny_archive: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    message: str,
) -> None:
    folder = tmp_path / "run"
    with pytest.raises(SystemExit) as stop:
        main(
            [
                "search",
                "--data",
                str(tiny_archive),
                *SEARCH,
                "--device",
                "none",
                *options,
                "--out",
                str(folder),
            ]
        )
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not folder.exists()
