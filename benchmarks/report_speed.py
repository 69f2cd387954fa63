"""How long `edgenas report` takes, and how large the page is, for searches of 500 and 5,000 trials.

    python benchmarks/report_speed.py [--trials 500 5000] [--device pixel4] [--keep FOLDER] [--json]

Each search is a real one: `run_search` on the demo space with the shipped predictor of `--device`, so its study, its
networks and its latencies are what a search stores. Only the qualities are synthetic (a saturating function of the
multiply-accumulates, with noise that is fixed for each network): nothing is trained. The report is then written three
times by the command line in a process of its own, start-up included; the median counts. `--keep` leaves the runs and
their pages in a folder, to be looked at.

Needs `pip install 'edgenas[search]'`. Another load on the machine shows in the figures; `cpu` is the process's own
time.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.device_profiles import load_device
from edgenas.graph import graph_of
from edgenas.latency_models import LatencyPredictor, find_predictor_folder
from edgenas.search import Evaluation, SearchConfig, run_search
from edgenas.space import Architecture, load_space

_TASKS = ("depth", "segmentation")
_CHANNELS = {"depth": 1, "segmentation": 13}
_SHAPE = (96, 128)
_REPEATS = 3
_WRITE = "from edgenas.cli.main import main; main()"


def _evaluate(architecture: Architecture, seed: int) -> Evaluation:
    noise = np.random.default_rng(int(architecture.hash[:12], 16)).normal()
    score = 0.2 + 0.25 * math.tanh(graph_of(architecture).macs / 6e7) + 0.01 * float(noise)
    metrics = {
        "depth": {"abs_error": 0.3 / score, "rel_error": 0.1 / score},
        "segmentation": {"miou": score, "pixel_accuracy": 0.4 + score},
    }
    return Evaluation(metrics=metrics, seconds={"train": 0.0})


def search(trials: int, device: str, folder: Path) -> None:
    """Makes a run folder with a study of that many trials."""
    profile = load_device(device)
    chosen = profile.configuration(None)
    predictor = LatencyPredictor.load(find_predictor_folder(profile, None, chosen.name))
    space = load_space("demo", _TASKS)
    baseline = space.architecture(space.default(), input_shape=_SHAPE, head_channels=_CHANNELS)
    baseline_ms = predictor.predict(graph_of(baseline, chosen.dtype)).latency_ms
    config = SearchConfig(
        trials=trials,
        target_ms=baseline_ms,
        input_shape=_SHAPE,
        head_channels=_CHANNELS,
        device=device,
        configuration=chosen.name,
        predictor=predictor.name,
        command=("edgenas", "search", "--space", "demo", "--device", device, "--trials", str(trials)),
    )
    predictor.save(folder / "predictor")
    run_search(config, space, _evaluate, lambda a: predictor.predict(graph_of(a, chosen.dtype)), folder)


def write(folder: Path) -> dict[str, float]:
    """Seconds and bytes of the report of a run, medians of a few."""
    wall, cpu = [], []
    for _ in range(_REPEATS):
        begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", _WRITE, "report", str(folder)], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall.append(time.perf_counter() - begun)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {
        "wall_s": round(statistics.median(wall), 2),
        "cpu_s": round(statistics.median(cpu), 2),
        "page_bytes": (folder / "report.html").stat().st_size,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, nargs="+", default=[500, 5000])
    parser.add_argument("--device", default="pixel4")
    parser.add_argument("--keep", type=Path, help="Folder to leave the runs in.")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        root = options.keep or Path(temporary)
        for trials in options.trials:
            folder = root / f"trials-{trials}"
            search(trials, options.device, folder)
            rows.append({"trials": trials, **write(folder)})
            if not options.json:
                row = rows[-1]
                print(
                    f"{trials} trials: {row['wall_s']:.2f} s ({row['cpu_s']:.2f} s of the processor), "
                    f"{row['page_bytes'] / 1e6:.2f} MB",
                    flush=True,
                )
    if options.json:
        print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
