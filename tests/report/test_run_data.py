"""Run folders: complete, incomplete, damaged, and folders that are no run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edgenas.errors import UsageError
from edgenas.graph import graph_of
from edgenas.report.model_card import OperatorTime, read_model_card
from edgenas.report.part_times import part_times
from edgenas.report.run_data import read_run

RunMaker = Callable[..., Path]


def test_reads_every_part(make_run: RunMaker) -> None:
    run = read_run(make_run())
    assert run.problems == ()
    assert run.baseline and run.best and run.trained and run.card and run.profile and run.samples
    assert run.best.feasible and run.best.architecture and run.best.measured_ms
    assert run.baseline.trial is None and run.baseline.interval_ms
    assert run.config.device == "host" and run.config.command.startswith("edgenas search --space demo")
    assert len(run.profile.points) == 80
    assert ("errors, mape percent", 4.83) in run.profile.card


def test_only_configuration_and_study_are_needed(make_run: RunMaker) -> None:
    run = read_run(make_run(parts=()))
    assert (run.baseline, run.best, run.trained, run.card, run.profile, run.samples) == (None,) * 6
    assert len(run.trials) == 31


@pytest.mark.parametrize("name", ["best.json", "baseline.json", "train/metrics.json", "profile.json"])
@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b"null"])
def test_a_damaged_part_is_reported_and_the_rest_stays(make_run: RunMaker, name: str, content: bytes) -> None:
    folder = make_run(trials=5)
    (folder / name).write_bytes(content)
    run = read_run(folder)
    assert len(run.problems) == 1 and name in run.problems[0]
    assert run.card is not None


def test_a_damaged_architecture_is_reported(make_run: RunMaker) -> None:
    folder = make_run(trials=5)
    best = json.loads((folder / "best.json").read_text())
    best["architecture"]["stages"] = "many"
    (folder / "best.json").write_text(json.dumps(best))
    run = read_run(folder)
    assert run.best is None and "not a complete architecture" in run.problems[0]


def test_the_nearest_network_stands_in_for_an_infeasible_best(make_run: RunMaker) -> None:
    folder = make_run(trials=8)
    best = json.loads((folder / "best.json").read_text())
    nearest = {key: best[key] for key in ("architecture", "quality", "reward", "predicted_ms")}
    empty = dict.fromkeys((*nearest, "trial", "metrics", "predicted_interval_ms"))
    written = {"feasible": False, **empty, "measured_ms": None, "nearest": {**nearest, "trial": 2}}
    (folder / "best.json").write_text(json.dumps(written))
    run = read_run(folder)
    assert run.best and run.best.trial == 2 and not run.best.feasible
    assert run.best.architecture and run.best.metrics == run.trials[2].metrics


def test_folders_that_are_no_run(tmp_path: Path, make_run: RunMaker) -> None:
    with pytest.raises(UsageError, match=r"No run at .*absent: it does not exist.\n.*edgenas search --out"):
        read_run(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"empty is not a readable run.*config\.json.*\n.*edgenas search"):
        read_run(tmp_path / "empty")
    folder = make_run(trials=2, parts=())
    (folder / "study.db").unlink()
    with pytest.raises(UsageError, match=r"not a readable run. No study at .*study\.db"):
        read_run(folder)


@pytest.mark.parametrize(
    ("change", "match"),
    [({"format": "other"}, "got 'other'"), ({"version": 99}, "version '99'; this edgenas reads version 1")],
)
def test_configurations_of_another_format(make_run: RunMaker, change: dict[str, object], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        read_run(make_run(trials=2, parts=(), config=change))


def test_model_cards_of_another_format() -> None:
    with pytest.raises(UsageError, match="edgenas export --int8"):
        read_model_card({"format": "edgenas.model_card", "version": 2})


def test_operator_times_are_shared_out_over_the_right_parts(make_run: RunMaker) -> None:
    run = read_run(make_run(trials=8))
    assert run.best and run.best.architecture and run.card and run.baseline and run.baseline.architecture
    arch = run.best.architecture
    times = part_times(arch, run.card.operators)
    assert times is not None
    blocks = sum(len(stage.blocks) for stage in arch.stages)
    assert len(times) == 1 + blocks + 1 + len(arch.heads)
    assert sum(times.values()) == pytest.approx(sum(o.predicted_ms or 0 for o in run.card.operators))
    assert part_times(run.baseline.architecture, run.card.operators) is None
    assert part_times(arch, run.card.operators[:-1]) is None


def test_parts_hold_their_own_operators(make_run: RunMaker) -> None:
    run = read_run(make_run(trials=2))
    assert run.baseline and run.baseline.architecture
    arch = run.baseline.architecture
    operators = graph_of(arch).operators
    times = part_times(arch, [OperatorTime(i, op.type, 1.0, None) for i, op in enumerate(operators)])
    assert times is not None
    # IBN with expansion: expansion, depthwise and projection, and the sum where the widths agree.
    assert times["stem"] == 1.0 and times["stage 2 block 1"] == 3.0 and times["stage 2 block 2"] == 4.0
    # Head: two separable convolutions, the classifier and two resizes.
    assert times["head depth"] == 7.0
