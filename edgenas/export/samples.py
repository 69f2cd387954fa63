"""Pictures of a few validation frames: image, truth and predictions, for the report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edgenas.datasets import Dataset
from edgenas.datasets.dataset import evenly_spread
from edgenas.evaluation.evaluate import sums_of
from edgenas.evaluation.pictures import chosen_frames, ranked_frames
from edgenas.export.verify import Predict
from edgenas.storage import atomic_path
from edgenas.tasks import get_task

__all__ = ["write_samples"]

_MOST_RANKED = 100
_AT_ONCE = 20
_ORDER = ("best", "median", "worst")


def write_samples(
    path: Path,
    dataset: Dataset,
    predictors: Mapping[str, Predict],
    tasks: tuple[str, ...],
    *,
    frames: int = 6,
) -> None:
    """Writes samples.npz: `image`, `truth_<task>` and `<predictor>_<task>`, each uint8 [N, H, W, 3].

    The frames are the best, the middle and the worst of up to 100 that are spread evenly over the data set, by the
    last predictor (int8 where there is one) and the mean of their ranks in the tasks. Beside the pictures stand
    `frame_number` int64 [N] and `frame_rank` text [N]: "best", "median", "worst", or "" where no task ranks frames.
    Depth pictures of one frame share the truth's colour range.
    """
    ranks, indices = _chosen(dataset, list(predictors.values())[-1], tasks, frames)
    arrays = dataset.arrays([int(i) for i in indices])
    pictures: dict[str, np.ndarray] = {
        "image": arrays["image"],
        "frame_number": np.array(indices, dtype=np.int64),
        "frame_rank": np.array(ranks, dtype=np.str_),
    }
    for name in tasks:
        task = get_task(name)
        ranges = [task.value_range(truth) for truth in arrays[name]]
        shown = zip(arrays[name], ranges, strict=True)
        pictures[f"truth_{name}"] = np.stack([task.picture(t, dataset.info, r) for t, r in shown])
    for label, predict in predictors.items():
        outputs = predict(arrays["image"])
        for name in tasks:
            task = get_task(name)
            ranges = [task.value_range(truth) for truth in arrays[name]]
            shown = zip(outputs[name], ranges, strict=True)
            rows = [task.picture(task.decode(out), dataset.info, r) for out, r in shown]
            pictures[f"{label}_{name}"] = np.stack(rows)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **pictures)  # type: ignore[arg-type]


def _chosen(
    dataset: Dataset, predict: Predict, tasks: tuple[str, ...], frames: int
) -> tuple[list[str], list[int]]:
    """Rank and number of each frame to draw, the best first."""
    considered = evenly_spread(min(_MOST_RANKED, len(dataset)), len(dataset))
    classes = dataset.info.class_names
    sums = {task: made for task in tasks if (made := sums_of(task, classes)) is not None}
    if not sums:
        indices = evenly_spread(min(frames, len(dataset)), len(dataset))
        return [""] * len(indices), [int(i) for i in indices]
    for start in range(0, len(considered), _AT_ONCE):
        arrays = dataset.arrays([int(i) for i in considered[start : start + _AT_ONCE]])
        outputs = predict(arrays["image"])
        for task, it in sums.items():
            it.update(arrays[task], outputs[task])
    chosen = chosen_frames(ranked_frames(sums), max(1, frames // 3))
    chosen.sort(key=lambda item: _ORDER.index(item[0].partition("_")[0]))
    return [label.partition("_")[0] for label, _ in chosen], [int(considered[i]) for _, i in chosen]
