"""Pictures in the manner of the paper's Figure 5: image, truth and prediction of the worst, middle and best frames."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets import Dataset, palette
from edgenas.evaluation.frame_sums import FrameSums, Table
from edgenas.evaluation.outputs import Predict
from edgenas.report.pictures import encode_png
from edgenas.storage import require_writable, write_bytes_atomic, write_text_atomic
from edgenas.tasks import get_task

__all__ = ["chosen_frames", "ranked_frames", "write_pictures"]

_GAP = 4
_SWATCH = 16


def ranked_frames(sums: Mapping[str, FrameSums]) -> NDArray[np.int64]:
    """Frame numbers from best to worst, by the mean of their ranks in the tasks.

    Frames without a valid pixel of a task take no rank in it; those without any are left out.
    """
    ranks = np.stack([_ranks(it.badness()) for it in sums.values()])
    defined = ~np.isnan(ranks)
    counted = np.flatnonzero(defined.any(axis=0))
    mean = np.where(defined, ranks, 0.0).sum(axis=0)[counted] / defined.sum(axis=0)[counted]
    return counted[np.argsort(mean, kind="stable")]


def write_pictures(
    folder: Path,
    dataset: Dataset,
    predict: Predict,
    sums: Mapping[str, FrameSums],
    tasks: tuple[str, ...],
    *,
    each: int = 2,
) -> list[Path]:
    """Writes {best, median, worst}_N_frame_I.png and, with segmentation, legend.svg with the colours of the classes.

    A picture has one row per task: image, truth, prediction. Depth in one row shares the truth's colours. Invalid
    pixels of the truth are black.

    Args:
        folder: where to; made if missing.
        dataset: the frames.
        predict: from images to raw outputs at the size of the truth.
        sums: rows per frame, which rank the frames.
        tasks: tasks to draw.
        each: frames of each kind.

    Returns:
        The files written.
    """
    require_writable(folder)
    written = []
    for label, index in chosen_frames(ranked_frames(sums), each):
        path = folder / f"{label}_frame_{index:04d}.png"
        write_bytes_atomic(path, encode_png(_sheet(dataset, predict, index, tasks)))
        written.append(path)
    if "segmentation" in tasks:
        write_text_atomic(folder / "legend.svg", _legend(dataset.info.class_names))
        written.append(folder / "legend.svg")
    return written


def _ranks(badness: Table) -> Table:
    order = np.argsort(badness, kind="stable")  # NaN comes last
    ranks = np.empty(len(badness))
    ranks[order] = np.arange(len(badness), dtype=np.float64)
    ranks[np.isnan(badness)] = np.nan
    return ranks


def chosen_frames(ranked: NDArray[np.int64], each: int) -> list[tuple[str, int]]:
    """Names and frame numbers, no frame twice where there are only a few."""
    middle = max(0, len(ranked) // 2 - each // 2)
    picks = {
        "best": ranked[:each],
        "worst": ranked[::-1][:each],
        "median": ranked[middle : middle + each],
    }
    chosen: dict[int, str] = {}
    for kind, indices in picks.items():
        for number, index in enumerate(indices, start=1):
            chosen.setdefault(int(index), f"{kind}_{number}")
    return [(label, index) for index, label in chosen.items()]


def _sheet(dataset: Dataset, predict: Predict, index: int, tasks: tuple[str, ...]) -> NDArray[np.uint8]:
    arrays = dataset.arrays([index])
    outputs = predict(arrays["image"])
    image = arrays["image"][0]
    height, width = image.shape[:2]
    sheet = np.full((len(tasks) * (height + _GAP) - _GAP, 3 * (width + _GAP) - _GAP, 3), 255, dtype=np.uint8)
    for row, name in enumerate(tasks):
        task, truth = get_task(name), arrays[name][0]
        guess = task.decode(outputs[name][0])
        colours = task.value_range(truth)
        pictures = (image, *(task.picture(values, dataset.info, colours) for values in (truth, guess)))
        for column, picture in enumerate(pictures):
            top, left = row * (height + _GAP), column * (width + _GAP)
            sheet[top : top + height, left : left + width] = picture
    return sheet


def _legend(class_names: tuple[str, ...]) -> str:
    rows = []
    for number, (name, colour) in enumerate(zip(class_names, palette(class_names), strict=True)):
        top = number * (_SWATCH + _GAP)
        fill = "#" + bytes(colour.tolist()).hex()
        rows.append(
            f'<rect y="{top}" width="{_SWATCH}" height="{_SWATCH}" fill="{fill}"/>'
            f'<text x="{_SWATCH + 6}" y="{top + 12}">{escape(name)}</text>'
        )
    height = len(class_names) * (_SWATCH + _GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="240" height="{height}" font-family="sans-serif" '
        f'font-size="12">{"".join(rows)}</svg>\n'
    )
