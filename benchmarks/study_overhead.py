"""What a search costs beside training: the study, the choice of networks, checks and predictions.

    python benchmarks/study_overhead.py [--trials 5000] [--algorithm evolution] [--storage STORAGE] [--json]

1. `--trials` trials of the demo space through `run_search` with an evaluator and an estimator that take no time:
   milliseconds a trial for the first and the last 500, wall clock. The study is a real one on the disk of `--dir`.
2. Candidates as the search makes them, without a study: mutation of a parent (or a random network), building the
   architecture, limits on parameters and activations, and the shipped predictor of `--device`; milliseconds each.

Needs `pip install 'edgenas[search]'`. Another load on the machine shows in the figures; `cpu` is the
process's own time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.device_profiles import load_device
from edgenas.graph import graph_of
from edgenas.latency_models import LatencyPredictor, find_predictor_folder
from edgenas.search import Evaluation, SearchConfig, activation_limit, parameter_limit, run_search
from edgenas.search.events import Event, TrialDone
from edgenas.space import Architecture, load_space

_TASKS = ("depth", "segmentation")
_CHANNELS = {"depth": 1, "segmentation": 13}
_SHAPE = (96, 128)
_WINDOW = 500


class _Estimate:
    """A latency that takes no time to predict."""

    def __init__(self, latency_ms: float) -> None:
        self.latency_ms = latency_ms
        self.interval_ms = (0.9 * latency_ms, 1.1 * latency_ms)

    def upper_ms(self, risk: float) -> float:
        return self.latency_ms * (2.0 - risk)


def _width(architecture: Architecture) -> float:
    return float(sum(stage.width * len(stage.blocks) for stage in architecture.stages))


def _evaluate(architecture: Architecture, seed: int) -> Evaluation:
    score = 0.2 + 0.1 * np.tanh(_width(architecture) / 500)
    metrics = {
        "depth": {"abs_error": 1 / score, "rel_error": 0.3 / score},
        "segmentation": {"miou": score, "pixel_accuracy": 0.5 + score},
    }
    return Evaluation(metrics=metrics, seconds={"train": 0.0})


def study_ms(trials: int, algorithm: str, storage: str | None, folder: Path) -> dict[str, Any]:
    """Wall and processor milliseconds a trial at the beginning and at the end of a search."""
    wall, cpu = [], []

    def on_event(event: Event) -> None:
        if isinstance(event, TrialDone):
            wall.append(time.perf_counter())
            cpu.append(time.process_time())

    config = SearchConfig(
        trials=trials,
        algorithm=algorithm,
        target_ms=3.0,
        input_shape=_SHAPE,
        head_channels=_CHANNELS,
        device="host",
        storage=storage,
    )
    run_search(
        config,
        load_space("demo", _TASKS),
        _evaluate,
        lambda a: _Estimate(_width(a) / 200),
        folder / "run",
        on_event=on_event,
    )
    window = min(_WINDOW, trials // 2)

    def each(times: list[float], first: int, last: int) -> float:
        return round(1000 * (times[last] - times[first]) / (last - first), 3)

    return {
        "algorithm": algorithm,
        "trials": trials,
        "window": window,
        "first_ms": each(wall, 0, window),
        "last_ms": each(wall, trials - 1 - window, trials - 1),
        "whole_ms": each(wall, 0, trials - 1),
        "first_cpu_ms": each(cpu, 0, window),
        "last_cpu_ms": each(cpu, trials - 1 - window, trials - 1),
    }


def candidate_ms(count: int, device: str) -> dict[str, float]:
    """Milliseconds of each step from a parent to a checked and predicted candidate, medians over `count`."""
    space, rng = load_space("demo", _TASKS), np.random.default_rng(0)
    profile = load_device(device)
    chosen = profile.configuration(None)
    predictor = LatencyPredictor.load(find_predictor_folder(profile, None, chosen.name))
    limits = [parameter_limit(10**9), activation_limit(10.0**9, chosen.dtype)]
    parent = space.sample(rng)
    steps: dict[str, list[float]] = {}

    def timed(name: str, call: Callable[[], Any]) -> Any:
        begun = time.perf_counter()
        value = call()
        steps.setdefault(name, []).append(1000 * (time.perf_counter() - begun))
        return value

    for _ in range(count):
        timed("sample", lambda: space.sample(rng))
        child = timed("mutate", lambda p=parent: space.mutate(p, rng))  # type: ignore[misc]
        network = timed(
            "architecture and hash",
            lambda c=child: _built(space, c),  # type: ignore[misc]
        )
        timed("limits", lambda a=network: [limit.problem(a) for limit in limits])  # type: ignore[misc]
        timed(
            "predict",
            lambda a=network: predictor.predict(graph_of(a, chosen.dtype)),  # type: ignore[misc]
        )
        parent = child
    medians = {name: round(float(np.median(times)), 4) for name, times in steps.items()}
    return {**medians, "together": round(sum(medians.values()), 4)}


def _built(space: Any, decisions: Any) -> Architecture:
    network: Architecture = space.architecture(decisions, input_shape=_SHAPE, head_channels=_CHANNELS)
    if not network.hash:  # computed once, here
        raise ValueError("a network without a hash")
    return network


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=5000)
    parser.add_argument("--algorithm", default="evolution")
    parser.add_argument("--storage")
    parser.add_argument("--device", default="pixel4")
    parser.add_argument("--candidates", type=int, default=1000)
    parser.add_argument(
        "--dir", type=Path, help="Where the run is made; by default the folder for temporary files."
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        study = study_ms(options.trials, options.algorithm, options.storage, Path(folder))
    candidate = candidate_ms(options.candidates, options.device)
    if options.json:
        print(json.dumps({"study": study, "candidate": candidate}))
        return
    print(f"study, {study['algorithm']}, {study['trials']} trials, ms a trial (wall; cpu):")
    print(f"  first {study['window']}: {study['first_ms']}; {study['first_cpu_ms']}")
    print(f"  last {study['window']}: {study['last_ms']}; {study['last_cpu_ms']}")
    print(f"candidate, ms each, median of {options.candidates}:")
    for name, value in candidate.items():
        print(f"  {name}: {value}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
