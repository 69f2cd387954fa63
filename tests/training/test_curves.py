"""Curves of a training, also of one that went on from a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgenas.scalars import ScalarFile
from edgenas.training.curves import TrainingCurves, training_curves

Read = Callable[[Path], dict[str, list[tuple[int, float]]]]


def rows(*steps: int) -> list[dict[str, float]]:
    return [
        {"step": step, "learning_rate": 0.5, "loss": 1.0 / 2 ** (step // 10), "depth l1": 2.0}
        for step in steps
    ]


def test_rows_and_metrics(read_curves: Read, tmp_path: Path) -> None:
    with training_curves(tmp_path) as curves:
        history: list[dict[str, float]] = []
        for row in rows(1, 11, 21):
            history.append(row)
            curves.draw(history)
            curves.draw(history)
        curves.draw_metrics(21, {"depth": {"rmse": 0.25, "delta1": None}})
    assert read_curves(tmp_path / "tensorboard") == {
        "train/loss": [(1, 1.0), (11, 0.5), (21, 0.25)],
        "train/learning_rate": [(1, 0.5), (11, 0.5), (21, 0.5)],
        "train/depth l1": [(1, 2.0), (11, 2.0), (21, 2.0)],
        "depth/rmse": [(21, 0.25)],
    }


def test_one_that_goes_on_has_every_point_once(read_curves: Read, tmp_path: Path) -> None:
    killed = TrainingCurves(ScalarFile(tmp_path))
    killed.draw(rows(1, 11, 21, 31))  # and the last checkpoint was at step 20
    going_on = TrainingCurves(ScalarFile(tmp_path))
    for last in (21, 31, 41):
        going_on.draw(rows(*range(1, last + 1, 10)))
    going_on.close()
    assert [step for step, _ in read_curves(tmp_path)["train/loss"]] == [1, 11, 21, 31, 41]


def test_without_a_file_nothing_happens(tmp_path: Path) -> None:
    curves = TrainingCurves(None)
    curves.draw(rows(1))
    curves.draw_metrics(1, {})
    curves.close()
    assert list(tmp_path.iterdir()) == []
