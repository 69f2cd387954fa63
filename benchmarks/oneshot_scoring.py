"""What a candidate of a one-shot search costs: recalibration, inference and metrics, with inherited weights.

    python benchmarks/oneshot_scoring.py [--data NPZ] [--space demo] [--weights W.npz] [--candidates 40]
        [--processes 1] [--json]

Scores random networks of the space at the size of the data, as `edgenas search --algorithm oneshot` does; fresh
weights cost what trained ones do. CPU seconds beside wall seconds, because they say the same on a busy machine. Each
process runs on one thread when there are several.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="rooms")
    parser.add_argument("--space", default="demo")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--candidates", type=int, default=40)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.processes > 1:
        os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
    each = -(-options.candidates // options.processes)
    began = time.monotonic()
    tasks = [(options.data, options.space, options.weights, each, seed) for seed in range(options.processes)]
    if options.processes == 1:
        parts = [score(*tasks[0])]
    else:
        with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
            parts = list(pool.map(score, *zip(*tasks, strict=True)))
    rows = [row for part in parts for row in part["rows"]]
    mean = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
    slowest = max(sum(row["wall"] for row in part["rows"]) for part in parts)
    result = {
        "candidates": len(rows),
        "processes": options.processes,
        "mean_seconds": mean,
        "wall_seconds_per_candidate": slowest / len(rows),
        "minutes_for_2000": 2000 * slowest / len(rows) / 60,
        "cpu_minutes_for_2000": 2000 * mean["cpu"] / 60,
        "start_seconds": max(part["start_seconds"] for part in parts),
        "retraced": max(part["traces"] for part in parts) > 1,
        "validation_frames": parts[0]["frames"],
        "total_seconds": time.monotonic() - began,
    }
    print(json.dumps(result) if options.json else json.dumps(result, indent=1))


def score(data: str, space_name: str, weights: Path | None, count: int, seed: int) -> dict[str, Any]:
    """Scores `count` networks in this process."""
    import numpy as np

    from edgenas.datasets import load_dataset
    from edgenas.runtime import start_tensorflow
    from edgenas.space import load_space

    began = time.monotonic()
    start_tensorflow()
    from edgenas.networks.supernet import Supernet
    from edgenas.training.supernet_score import SupernetScorer, read_weights, take_weights

    train, validation = load_dataset(data, "train"), load_dataset(data, "validation")
    space, rng, info = load_space(space_name, train.info.tasks), np.random.default_rng(seed), train.info
    supernet = Supernet(space, info.head_channels, (info.height, info.width))
    if weights is not None:
        take_weights(read_weights(weights), supernet, str(weights))
    scorer = SupernetScorer(supernet, train, validation)
    scorer.score(supernet.architecture(space.default()))  # traces
    started, rows = time.monotonic() - began, []
    for _ in range(count):
        architecture = supernet.architecture(space.sample(rng))
        wall, cpu = time.monotonic(), time.process_time()
        _, seconds = scorer.score(architecture)
        rows.append({"wall": time.monotonic() - wall, "cpu": time.process_time() - cpu, **seconds})
    print(f"process {seed}: {count} networks", file=sys.stderr)
    traces = supernet.infer_graph.experimental_get_tracing_count()
    return {"rows": rows, "start_seconds": started, "traces": traces, "frames": len(validation)}


if __name__ == "__main__":
    main()
