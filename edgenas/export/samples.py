"""Pictures of a few validation frames: image, truth and predictions, for the report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edgenas.datasets import Dataset
from edgenas.export.verify import Predict
from edgenas.storage import atomic_path
from edgenas.tasks import get_task

__all__ = ["write_samples"]


def write_samples(
    path: Path,
    dataset: Dataset,
    predictors: Mapping[str, Predict],
    tasks: tuple[str, ...],
    *,
    frames: int = 6,
) -> None:
    """Writes samples.npz: `image`, `truth_<task>` and `<predictor>_<task>`, each uint8 [N, H, W, 3].

    Frames are spread evenly over the data set. Depth pictures of one frame share the truth's colour range.
    """
    indices = np.unique(np.linspace(0, len(dataset) - 1, min(frames, len(dataset))).astype(int))
    arrays = dataset.arrays([int(i) for i in indices])
    pictures: dict[str, np.ndarray] = {"image": arrays["image"]}
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
