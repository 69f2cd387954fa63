"""How well a search on Ray scales with its workers, and what a trial costs the driver; trials only sleep.

    python benchmarks/ray_scaling.py [--workers 1,8,50,200] [--seconds 10] [--rounds 4] [--processes 8] [--json]

Starts a Ray cluster on this machine with as many logical CPUs as workers. Two drivers are measured: `executor` submits
and waits through `RayExecutor` alone; `search` is a whole `run_search` with regularized evolution, estimates and the
SQLite study. Efficiency is trials * seconds / (workers * wall time). Driver CPU is that of the driver's process, all
threads of Ray in it included, from the first trial to the last. A warm-up round starts the worker processes first.

Up to `--processes` workers every trial is a Ray task in a worker process of its own, as in a real search. More would
not fit on a small machine (the size of one is printed), so they share `--processes` processes then: a trial is a method
of an actor with threads. What the driver does is the same but for the kind of call.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

from edgenas.search import Evaluation, SearchConfig, run_search
from edgenas.search.executors import Done, Job
from edgenas.search.executors.ray_connection import connect, import_ray
from edgenas.search.executors.ray_executor import RayExecutor
from edgenas.search.executors.ray_task import run_trial
from edgenas.space import Architecture, load_space

HEADS = {"depth": 1, "segmentation": 13}
SHAPE = (64, 64)


class Sleeping:
    """A synthetic evaluator; the score grows with the width of the network."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self, architecture: Architecture, seed: int) -> Evaluation:
        time.sleep(self.seconds)
        score = sum(stage.width for stage in architecture.stages) / 1000
        return Evaluation({"depth": {"rel_error": 1 / score}, "segmentation": {"miou": score}})


class Estimate:
    """A synthetic latency."""

    def __init__(self, architecture: Architecture) -> None:
        self.latency_ms = sum(stage.width * len(stage.blocks) for stage in architecture.stages) / 100
        self.interval_ms = (0.9 * self.latency_ms, 1.1 * self.latency_ms)

    def upper_ms(self, risk: float) -> float:
        """Not asked for here."""
        return self.latency_ms


class SharedProcesses(RayExecutor):
    """`RayExecutor` whose trials are methods of actors with many threads."""

    def __init__(self, evaluator: Any, *, workers: int, processes: int) -> None:
        super().__init__(evaluator, workers=workers)
        ray = import_ray()

        class Host:
            def run(self, reference: list[Any], job: Job, threads: int) -> Any:
                yield from run_trial(reference, job, threads)

        threads = -(-workers // processes)
        hosts = [
            ray.remote(Host).options(num_cpus=0, max_concurrency=threads).remote() for _ in range(processes)
        ]
        self._free: deque[Any] = deque(host for host in hosts for _ in range(threads))
        self._host_of: dict[int, Any] = {}

    def submit(self, job: Job) -> None:
        """Gives the job to a host that has a thread free."""
        host = self._host_of[job.number] = self._free.popleft()
        self._task = host.run
        self._options = {"num_returns": "streaming"}
        super().submit(job)

    def wait(self) -> list[Done]:
        """Frees the threads of what ended."""
        ended = super().wait()
        for done in ended:
            self._free.append(self._host_of.pop(done.job.number))
        return ended


def drive(executor: RayExecutor, trials: int) -> None:
    """Submits and waits as `run_search` does, without a study."""
    space = load_space("demo", tuple(HEADS))
    architecture = space.architecture(space.default(), input_shape=SHAPE, head_channels=HEADS)
    left, running = list(range(trials)), 0
    while left or running:
        while left and running < executor.capacity:
            executor.submit(Job(left.pop(), architecture, 0, 3600.0))
            running += 1
        for done in executor.wait():
            if done.evaluation is None or not done.evaluation.completed:
                raise RuntimeError(f"trial {done.job.number}: {done}")
            running -= 1


def measured(work: Any) -> tuple[float, float]:
    """(wall seconds, CPU seconds of this process) of a call."""
    wall, cpu = time.monotonic(), time.process_time()
    work()
    return time.monotonic() - wall, time.process_time() - cpu


def search(executor: RayExecutor, trials: int, folder: Path) -> tuple[float, float, int]:
    """A whole search; (wall, CPU) after the baseline, and how many trials were evaluated."""
    config = SearchConfig(
        trials=trials, seed=0, population=50, tournament=10, target_ms=6.0, input_shape=SHAPE, head_channels=HEADS,
        data={"source": "synthetic"}, device="synthetic", proxy={},
    )  # fmt: skip
    marks: list[tuple[float, float]] = []

    def on_event(event: Any) -> None:
        if type(event).__name__ == "BaselineDone":
            marks.append((time.monotonic(), time.process_time()))

    result = run_search(
        config, load_space("demo", tuple(HEADS)), Sleeping(0), Estimate, folder,
        on_event=on_event, executor=lambda _: executor,
    )  # fmt: skip
    wall, cpu = marks[0]
    return time.monotonic() - wall, time.process_time() - cpu, result.finished - result.duplicates


def worker_mib() -> dict[str, float]:
    """Size of a Ray worker process that has evaluated a synthetic trial."""
    ray = import_ray()
    rollup = ray.get(ray.remote(lambda: Path("/proc/self/smaps_rollup").read_text()).remote())
    sizes = {line.split(":")[0]: line.split()[1] for line in rollup.splitlines() if line.endswith("kB")}
    return {name: round(int(sizes[name]) / 1024, 1) for name in ("Rss", "Pss")}


def level(workers: int, options: argparse.Namespace) -> list[dict[str, Any]]:
    """One number of workers, both drivers."""
    ray = import_ray()
    trials = workers * options.rounds
    rows = []
    connection = connect("local", cpus=workers)
    try:
        for driver in ("executor", "search"):
            evaluator = Sleeping(options.seconds)
            shared = workers > options.processes
            if shared:
                executor: RayExecutor = SharedProcesses(
                    evaluator, workers=workers, processes=options.processes
                )
            else:
                executor = RayExecutor(evaluator, workers=workers)
            drive(executor, workers)
            if driver == "executor":
                wall, cpu = measured(lambda executor=executor: drive(executor, trials))
                evaluated = trials
            else:
                with tempfile.TemporaryDirectory() as folder:
                    wall, cpu, evaluated = search(executor, trials, Path(folder) / "run")
            executor.close()
            rows.append({
                "workers": workers,
                "driver": driver,
                "trials": trials,
                "evaluated": evaluated,
                "wall_seconds": round(wall, 2),
                "efficiency": round(evaluated * options.seconds / (workers * wall), 3),
                "driver_cpu_ms_per_trial": round(1000 * cpu / trials, 2),
                "processes": options.processes if shared else workers,
                "worker_mib": worker_mib(),
                "load_average": round(os.getloadavg()[0], 1),
            })  # fmt: skip
            print(rows[-1], file=sys.stderr, flush=True)
    finally:
        connection.close()
        if ray.is_initialized():
            ray.shutdown()
    return rows


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", default="1,8,50,200")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [row for workers in options.workers.split(",") for row in level(int(workers), options)]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print("workers  driver    trials  efficiency  driver CPU ms/trial")
    for row in rows:
        print(
            f"{row['workers']:>7}  {row['driver']:<8}  {row['trials']:>6}  {row['efficiency']:>10.1%}  "
            f"{row['driver_cpu_ms_per_trial']:>19.2f}"
        )


if __name__ == "__main__":
    main()
