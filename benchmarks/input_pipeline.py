"""The input pipeline beside the training step that it feeds: images per second of each, and their ratio.

    python benchmarks/input_pipeline.py [--sizes 96x128 256x512] [--space demo declared] [--rounds 3] [--json]

In one run, one after the other: batches of 16 with augmentation, drawn and thrown away, from frames in memory and from
a prepared folder on the disk; then steps of the space's baseline network on one batch in memory. Medians over rounds.
CPU seconds per image are given as well, since wall times of a busy machine say little.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 16


def frames_of(count: int, height: int, width: int) -> Any:
    """Random blocks with all three tasks."""
    from edgenas.datasets import NYUV2_13, ArrayDataset, DatasetInfo

    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (count, height // 8, width // 8, 3)).repeat(8, 1).repeat(8, 2)
    arrays = {
        "image": small.astype(np.uint8),
        "segmentation": (small[..., 0] % 13).astype(np.uint8),
        "depth": (small[..., 1] / 25).astype(np.float16),
        "normals": np.broadcast_to(np.array([0, 0, 127], np.int8), small.shape).copy(),
    }
    info = DatasetInfo("made", height, width, ("depth", "normals", "segmentation"), NYUV2_13, "m", "made")
    return ArrayDataset(info, arrays)


def timed(action: Callable[[], Any], times: int) -> tuple[float, float]:
    """(wall, CPU) seconds per image."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(times):
        action()
    images = times * BATCH
    return (time.perf_counter() - wall) / images, (time.process_time() - cpu) / images


def measure(height: int, width: int, spaces: list[str], rounds: int, steps: int) -> dict[str, Any]:
    """All of one size."""
    import edgenas.datasets.dataset as dataset_module
    from edgenas.datasets import make_pipeline
    from edgenas.datasets.prepared import PreparedDataset, prepare_dataset
    from edgenas.space import load_space
    from edgenas.training.config import TrainingConfig
    from edgenas.training.session import Training

    held = frames_of(min(256, 2**27 // (height * width)), height, width)
    with tempfile.TemporaryDirectory() as name:
        prepare_dataset({"train": held}, Path(name) / "out")
        dataset_module.IN_MEMORY_BYTES = 0
        streamed = PreparedDataset(Path(name) / "out", "train")
        sources = {
            "memory": iter(make_pipeline(held, batch_size=BATCH, training=True)),
            "prepared": iter(make_pipeline(streamed, batch_size=BATCH, training=True)),
        }
        actions: dict[str, Callable[[], Any]] = {}
        for label, batches in sources.items():
            actions[f"pipeline, {label}"] = lambda batches=batches: next(batches)
        batch = next(sources["memory"])
        for space in spaces:
            architecture = load_space(space, held.info.tasks).named(
                "mt-edge-baseline-v1", input_shape=(height, width), head_channels=held.info.head_channels
            )
            training = Training(architecture, TrainingConfig(iterations=10_000), held)
            training.batches = iter(lambda: batch, None)
            actions[f"training step, {space}"] = training.step
        rows: dict[str, list[tuple[float, float]]] = {label: [] for label in actions}
        for label, action in actions.items():
            timed(action, 2)
            for _ in range(rounds):
                rows[label].append(timed(action, 4 * steps if label.startswith("pipeline") else steps))
        streamed_all = not streamed.hold()
    medians = {label: [statistics.median(v) for v in zip(*r, strict=True)] for label, r in rows.items()}
    result: dict[str, Any] = {"size": f"{height}x{width}", "streamed": streamed_all}
    for label, (wall, cpu) in medians.items():
        result[label] = {"images_per_s": round(1 / wall, 1), "cpu_ms_per_image": round(1e3 * cpu, 3)}
        for space in spaces:
            step_wall, step_cpu = medians[f"training step, {space}"]
            if label.startswith("pipeline"):
                result[label][f"times_faster_than_{space}"] = {
                    "wall": round(step_wall / wall, 1),
                    "cpu": round(step_cpu / cpu, 1),
                }
    return result


def main() -> None:
    """Measures every size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", default=["96x128", "256x512"])
    parser.add_argument("--space", nargs="+", default=["demo", "declared"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    from edgenas.runtime import start_tensorflow

    start_tensorflow()
    results = []
    for size in options.sizes:
        height, width = (int(side) for side in size.split("x"))
        results.append(measure(height, width, options.space, options.rounds, options.steps))
        print(json.dumps(results[-1], indent=1), file=sys.stderr)
    if options.json:
        print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
