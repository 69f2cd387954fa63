"""Evaluators that misbehave in worker processes; and the search that the kill tests kill."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from toy_search import fragile_evaluator, toy_config, toy_estimator, toy_evaluator, toy_space

from edgenas.errors import EdgenasError, MissingDependencyError
from edgenas.search import Evaluation, Event, TrialDone, run_search
from edgenas.search.executors.local import LocalWorkers
from edgenas.space import Architecture


@dataclass(frozen=True)
class Misbehaving:
    """Does what `deed` says for one network in three, and counts its calls in files of `folder`.

    Attributes:
        folder: one file a call, named by the network.
        deed: "hang", "die", "die once", "stop" or "" for nothing.
        seconds: how long a good evaluation takes.
    """

    folder: Path
    deed: str = ""
    seconds: float = 0.0

    def __call__(self, architecture: Architecture, seed: int) -> Evaluation:
        calls = len(list(self.folder.glob(f"{architecture.hash}-*")))
        (self.folder / f"{architecture.hash}-{calls}-{os.getpid()}").touch()
        if self.deed and int(architecture.hash, 16) % 3 == 1:
            if self.deed == "hang":
                time.sleep(1000)
            if self.deed == "die" or (self.deed == "die once" and calls == 0):
                os.kill(os.getpid(), signal.SIGKILL)
            if self.deed == "exit":
                os._exit(0)
            if self.deed == "stop":
                raise EdgenasError("The data are gone. Bring them back.")
        time.sleep(self.seconds)
        return toy_evaluator(architecture, seed)


def slow_evaluator(architecture: Architecture, seed: int) -> Evaluation:
    time.sleep(0.05)
    return fragile_evaluator(architecture, seed)


def needing_tensorflow(architecture: Architecture, seed: int) -> Evaluation:
    raise MissingDependencyError("tensorflow-cpu", "train", "Building and training networks")


def tell(event: Event) -> None:
    """One line an event, with the number of a finished trial."""
    number = event.record.number if isinstance(event, TrialDone) else ""
    print(type(event).__name__, number, flush=True)


if __name__ == "__main__":
    folder, trials, mode, workers = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    run_search(
        toy_config(trials=trials),
        toy_space(),
        slow_evaluator,
        toy_estimator,
        folder,
        resume=mode == "resume",
        on_event=tell,
        executor=lambda evaluator: LocalWorkers(evaluator, workers=workers),
    )
