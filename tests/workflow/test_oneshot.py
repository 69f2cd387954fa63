"""`search --algorithm oneshot`: from the supernet to the recommendation, killed on the way or not."""

from __future__ import annotations

import json
import pickle
import signal
from pathlib import Path
from typing import Any

import pytest
from command_line import SPACE, CommandLine

from edgenas.datasets import load_dataset
from edgenas.search.study import read_trials
from edgenas.space import load_space
from edgenas.workflow.oneshot import InheritedWeights

STEPS = 60
OPTIONS = (
    "--space", SPACE, "--algorithm", "oneshot", "--supernet-steps", STEPS, "--trials", 12, "--rank-networks", 3,
    "--iterations", 4, "--batch-size", 4, "--json",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(
    command_line: CommandLine, tiny_archive: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any], str]:
    """A search that was killed while its supernet was trained, and resumed."""
    folder = tmp_path_factory.mktemp("oneshot") / "run"
    checkpoint = folder / "supernet" / "checkpoint.npz"
    killed = command_line.kill_when(
        checkpoint.exists, "search", "--data", tiny_archive, *OPTIONS, "--out", folder
    )
    assert killed.code == -signal.SIGKILL, killed.err
    assert not (folder / "study.db").exists() and not (folder / "supernet" / "weights.npz").exists()
    outcome = command_line.run("search", "--resume", folder, "--json")
    assert outcome.code == 0, outcome.err
    return folder, outcome.value, outcome.err


def test_the_recommendation_and_how_well_inherited_weights_rank(
    run: tuple[Path, dict[str, Any], str],
) -> None:
    folder, value, said = run
    assert f"supernet: {STEPS}/{STEPS}" in said and "search: 12/12" in said and "ranking: " in said
    assert value["algorithm"] == "oneshot" and value["trials"]["finished"] == 12
    ranking = json.loads((folder / "ranking.json").read_text())
    assert value["ranking"] == ranking
    assert json.loads((folder / "best.json").read_text())["ranking"] == ranking
    best = max((t for t in read_trials(folder) if t.feasible), key=lambda t: (t.reward, -t.number))
    assert (value["trial"], value["hash"]) == (best.number, best.architecture.hash)
    assert sum(n["spread"] for n in ranking["networks"]) == 3
    assert ranking["recommended_trial"] is None
    assert not (folder / "supernet" / "checkpoint.npz").exists()


def test_scores_are_those_of_the_stored_weights_in_any_process(
    run: tuple[Path, dict[str, Any], str], tiny_archive: Path
) -> None:
    folder = run[0]
    validation = load_dataset(str(tiny_archive), "validation")
    train = load_dataset(str(tiny_archive), "train")
    evaluator = InheritedWeights(
        load_space(str(SPACE)), train, validation, folder / "supernet" / "weights.npz"
    )
    sent = pickle.loads(pickle.dumps(evaluator))  # noqa: S301
    sent.weights = Path("/nowhere/weights.npz")  # another machine: the weights have travelled with it
    trial = next(t for t in read_trials(folder) if t.duplicate_of is None)
    for which in (evaluator, sent):
        found = which(trial.architecture, 0)
        assert found.completed
        for task, values in trial.evaluation.metrics.items():
            for metric, value in values.items():
                assert found.metrics[task][metric] == pytest.approx(value, rel=1e-5), metric


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--supernet-steps", 5), "--supernet-steps has no meaning for --algorithm evolution"),
        (("--algorithm", "oneshot", "--rank-networks", 2), "Expected 0, or at least 3"),
        (("--algorithm", "oneshot", "--pruner", "halving"), "--pruner ends trainings early"),
        (("--algorithm", "oneshot", "--remeasure", 3), "or add --rank-networks 0"),
    ],
)
def test_options_that_make_no_sense(
    options: tuple[object, ...], text: str, command_line: CommandLine, tiny_archive: Path, tmp_path: Path
) -> None:
    outcome = command_line.run(
        "search", "--data", tiny_archive, *options, "--device", "none", "--out", tmp_path / "x"
    )
    assert outcome.code == 2 and text in outcome.err
    assert not (tmp_path / "x").exists()
