"""What can be known without looking: the per-pixel prior of a data set, scored on its validation split.

    python experiments/location_prior.py DATA [--card RUN/export/NAME.json]

Per pixel of the training split: the most frequent class, the median depth, the mean normal. A network must beat this
on every task. With a model card, its int8 metrics stand beside it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from edgenas.datasets import VOID, load_dataset
from edgenas.evaluation import evaluate_outputs

SHOWN = ("miou", "pixel_accuracy", "abs_error", "rel_error", "mean_angle_deg")


def main() -> None:
    """Computes and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data")
    parser.add_argument("--card", type=Path)
    options = parser.parse_args()
    train, validation = load_dataset(options.data, "train"), load_dataset(options.data, "validation")
    arrays = train.arrays()
    outputs = {}
    if "segmentation" in arrays:
        labels, classes = arrays["segmentation"], len(train.info.class_names)
        votes = np.stack([((labels == k) & (labels != VOID)).sum(axis=0) for k in range(classes)], axis=-1)
        outputs["segmentation"] = votes.astype(np.float32)
    if "depth" in arrays:
        depth = np.where(arrays["depth"] > 0, arrays["depth"], np.nan)
        fallback = np.nanmedian(depth)
        with np.errstate(all="ignore"):
            median = np.nan_to_num(np.nanmedian(depth, axis=0), nan=fallback)
        outputs["depth"] = median[..., None].astype(np.float32)
    if "normals" in arrays:
        outputs["normals"] = arrays["normals"].mean(axis=0).astype(np.float32)

    def predict(images: np.ndarray) -> dict[str, np.ndarray]:
        return {task: np.repeat(output[None], len(images), axis=0) for task, output in outputs.items()}

    columns = {"location prior": evaluate_outputs(predict, validation, tuple(outputs))}
    if options.card:
        columns["int8"] = json.loads(options.card.read_text())["metrics"]["int8"]
    for task, metrics in columns["location prior"].items():
        for metric in metrics:
            if metric in SHOWN:
                cells = [c[task][metric] for c in columns.values()]
                print(
                    f"{task:13s} {metric:16s} "
                    + " ".join(f"{name} {cell:.4f}  " for name, cell in zip(columns, cells, strict=True))
                )


if __name__ == "__main__":
    main()
