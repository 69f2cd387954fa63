"""Twenty kill -9 of the driver of a search on Ray, at random moments, each followed by a resumed search.

    python experiments/ray_driver_kills.py [--kills 20] [--trials 60] [--seed 0]

Starts a Ray cluster of four logical CPUs. At the end every trial number must be stored exactly once, completed, and
what was stored before a kill must be stored still, unchanged. Trials sleep two seconds; how many of their evaluations
came to an end is printed too.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from edgenas.search import Evaluation, SearchConfig, TrialDone, read_trials, run_search
from edgenas.search.executors.ray_connection import connect, import_ray
from edgenas.search.executors.ray_executor import RayExecutor
from edgenas.space import Architecture, load_space

HEADS = {"depth": 1, "segmentation": 13}


class Sleeping:
    """Leaves a file behind for each call."""

    def __init__(self, calls: Path) -> None:
        self.calls = calls

    def __call__(self, architecture: Architecture, seed: int) -> Evaluation:
        time.sleep(2.0)
        with tempfile.NamedTemporaryFile(prefix=architecture.hash, dir=self.calls, delete=False):
            score = sum(stage.width for stage in architecture.stages) / 1000
        return Evaluation({"depth": {"rel_error": 1 / score}, "segmentation": {"miou": score}})


def drive(folder: Path, trials: int, address: str) -> None:
    """The process that is killed: begins the search, or goes on with it."""
    config = SearchConfig(
        trials=trials, seed=0, population=10, tournament=3, target_ms=None, input_shape=(64, 64), head_channels=HEADS,
        data={"source": "synthetic"}, device=None, proxy={},
    )  # fmt: skip

    def tell(event: Any) -> None:
        if isinstance(event, TrialDone):
            print(event.record.number, flush=True)

    run_search(
        config, load_space("demo", tuple(HEADS)), Sleeping(folder.parent / "calls"), None, folder,
        resume=(folder / "config.json").exists(), on_event=tell,
        executor=lambda evaluator: RayExecutor(evaluator, address=address),
    )  # fmt: skip


def start(folder: Path, trials: int, address: str) -> subprocess.Popen[str]:
    """The driver as a process of its own."""
    command = [
        sys.executable,
        __file__,
        "--drive",
        str(folder),
        "--trials",
        str(trials),
        "--address",
        address,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def stored(folder: Path) -> dict[int, Any]:
    """Everything that the study holds of finished trials."""
    if not (folder / "config.json").exists():
        return {}
    return {record.number: json.loads(json.dumps(record.to_attrs())) for record in read_trials(folder)}


def main() -> None:
    """Kills, resumes, checks and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--drive", type=Path)
    parser.add_argument("--address", default="")
    options = parser.parse_args()
    if options.drive is not None:
        drive(options.drive, options.trials, options.address)
        return
    connection = connect("local", cpus=4)
    address = import_ray().get_runtime_context().gcs_address
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "run"
        (Path(root) / "calls").mkdir()
        told: Counter[int] = Counter()
        before: dict[int, Any] = {}
        for kill in range(options.kills + 1):
            process = start(folder, options.trials, address)
            last = kill == options.kills
            early = not last and moments.random() < 0.25
            lines = 10**9 if last else 0 if early else moments.randint(1, 4)
            for _ in range(lines):
                line = process.stdout.readline() if process.stdout is not None else ""
                if not line:
                    break
                told[int(line)] += 1
            if not last:
                time.sleep(moments.uniform(0.0, 8.0) if early else moments.uniform(0.0, 2.0))
                process.kill()
            rest, _ = process.communicate()
            told.update(int(line) for line in rest.split())
            if process.returncode != (0 if last else -9):
                raise RuntimeError(f"session {kill} ended with code {process.returncode}")
            now = stored(folder)
            lost = [number for number, attrs in before.items() if now.get(number) != attrs]
            if lost:
                raise RuntimeError(f"kill {kill}: trials {lost} were stored and are not any more, or changed")
            before = now
            print(
                f"session {kill}: {len(now)} of {options.trials} trials stored", file=sys.stderr, flush=True
            )
        connection.close()
        numbers = [record.number for record in read_trials(folder)]
        trained = {attrs["architecture_hash"] for attrs in before.values() if attrs["duplicate_of"] is None}
        calls = sum(1 for file in (Path(root) / "calls").iterdir() if file.name[:16] in trained)
    every = numbers == list(range(options.trials))
    completed = sum(attrs["status"] == "completed" for attrs in before.values())
    twice = sum(times > 1 for times in told.values())
    print(
        f"{options.kills} kills; numbers 0 to {options.trials - 1} stored once each: {every}; completed: {completed}; "
        f"told of twice: {twice}; networks trained: {len(trained)}, finished evaluations of them: {calls}"
    )
    if not every or completed < options.trials or twice:
        sys.exit(1)


if __name__ == "__main__":
    main()
