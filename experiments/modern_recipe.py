"""The schedule "modern" against AdaShare's at the same number of steps, and what each part of it gains.

    python experiments/modern_recipe.py OUT.json --data NYUV2.npz [--variants "modern;adashare"] [--seeds 0,1]

Frames of NYUv2 stand in the order in which they were taken, so every eighth frame (the validation split) shows rooms
that were trained on. Here ten runs of 14 consecutive frames are held out; the inner ten of each are scored, the outer
ones are used nowhere. What is in the file already is not trained again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from edgenas.datasets import Dataset, load_dataset
from edgenas.datasets.in_memory import ArrayDataset
from edgenas.runtime import start_tensorflow
from edgenas.space import Architecture, load_space
from edgenas.space.shipped import SHIPPED_ARCHITECTURES, shipped_architecture
from edgenas.storage import write_json
from edgenas.training.config import TRAINING_PRESETS, TrainingConfig
from edgenas.training.loss_weights import load_loss_weights

_BLOCKS, _BLOCK, _EDGE = 10, 14, 2
_SHOWN = ("pixel_accuracy", "miou", "abs_error", "rel_error", "mean_angle_deg")
_MODERN = TRAINING_PRESETS["modern"]
_VARIANTS: Mapping[str, TrainingConfig] = MappingProxyType(
    {
        "modern": _MODERN,
        "adashare": TRAINING_PRESETS["adashare"],
        "adashare, batch 8": replace(TRAINING_PRESETS["adashare"], batch_size=8),
        "modern, weights of Table 8": replace(_MODERN, loss_weights=load_loss_weights("nyuv2/ednas+jared")),
        "modern, classes not balanced": replace(_MODERN, class_balance=0.0),
        "modern, last weights": replace(_MODERN, ema_decay=0.0),
        "modern, zoom to 1.5": replace(_MODERN, zoom=1.5),
        "modern, batch 16": replace(_MODERN, batch_size=16),
    }
)


def main() -> None:
    """Trains what is missing in the file, then prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument(
        "--network", default="mt-edge-baseline-v1", help="Of the space demo, or a shipped one."
    )
    parser.add_argument("--variants", default="modern;adashare", help=f"Some of: {'; '.join(_VARIANTS)}.")
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--epochs", type=float, default=24.0, help="Epochs of modern; the others: its steps.")
    parser.add_argument("--frames-alike", action="store_true", help="The same epochs, not the same steps.")
    options = parser.parse_args()
    start_tensorflow()
    from edgenas.training.trainer import Trainer

    train, held_out = _split(options.data)
    network = _network(options.network, train)
    trainer = Trainer(train, held_out)
    results = json.loads(options.out.read_text()) if options.out.exists() else []
    for seed in (int(s) for s in options.seeds.split(",")):
        for variant in options.variants.split(";"):
            source = _VARIANTS[variant]
            steps = (
                (source if options.frames_alike else _MODERN)
                .for_epochs(options.epochs, len(train))
                .iterations
            )
            config = replace(source, iterations=steps, halve_every=max(1, -(-steps // 5)), seed=seed)
            key = {"network": options.network, "variant": variant, "seed": seed, "steps": steps}
            if any(all(row[k] == v for k, v in key.items()) for row in results):
                continue
            cpu = time.process_time()
            outcome = trainer.train(network, config)
            row = {**key, "config": config.to_dict(), "metrics": outcome.metrics}
            row["cpu_seconds"] = round(time.process_time() - cpu)
            results.append(row)
            write_json(options.out, results)
    for row in results:
        values = [
            row["metrics"][task][m] for task in row["metrics"] for m in row["metrics"][task] if m in _SHOWN
        ]
        names = [m for task in row["metrics"] for m in row["metrics"][task] if m in _SHOWN]
        cells = "  ".join(f"{n} {v:.3f}" for n, v in zip(names, values, strict=True))
        print(
            f"{row['network']:20s} {row['variant']:28s} seed {row['seed']} {row['steps']:5d} steps  {cells}"
        )


def _split(source: str) -> tuple[Dataset, Dataset]:
    """Frames to learn from, and frames of scenes that none of them shows."""
    parts = [load_dataset(source, split) for split in ("train", "validation")]
    stored = [part.stored_arrays() for part in parts]
    count = sum(map(len, parts))
    validates = np.arange(count) % 8 == 0

    def whole(key: str) -> Any:
        array = np.empty((count, *stored[0][key].shape[1:]), stored[0][key].dtype)
        array[~validates], array[validates] = (s[key] for s in stored)
        return array

    arrays = {key: whole(key) for key in stored[0]}
    out, scored = np.zeros(count, bool), np.zeros(count, bool)
    for start in (np.arange(_BLOCKS) * count / _BLOCKS + 32).astype(int):
        out[start : start + _BLOCK] = True
        scored[start + _EDGE : start + _BLOCK - _EDGE] = True
    info = replace(parts[0].info, fingerprint=f"{parts[0].info.fingerprint[:11]}-held")
    train, held_out = (
        ArrayDataset(info, {key: array[mask] for key, array in arrays.items()}) for mask in (~out, scored)
    )
    return train, held_out


def _network(name: str, train: Dataset) -> Architecture:
    shape, channels = (train.info.height, train.info.width), train.info.head_channels
    if name in SHIPPED_ARCHITECTURES:
        return shipped_architecture(name, input_shape=shape, head_channels=channels)
    return load_space("demo", train.info.tasks).named(name, input_shape=shape, head_channels=channels)


if __name__ == "__main__":
    main()
