"""Evaluators that worker processes of a Ray cluster import; and the search that the kill tests kill."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from toy_search import (
    HEAD_CHANNELS,
    INPUT_SHAPE,
    fragile_evaluator,
    toy_config,
    toy_estimator,
    toy_evaluator,
    toy_space,
)

from edgenas.errors import EdgenasError
from edgenas.search import Evaluation, Event, TrialDone, run_search
from edgenas.search.executors import Job
from edgenas.search.executors.ray_executor import RayExecutor
from edgenas.space import Architecture


@dataclass
class Toy:
    """Sleeps, and may do what `deed` says for one network in three; counts its calls in files of `folder`.

    The baseline is not one of these.

    Attributes:
        folder: one file a call, NETWORK-CALL-PROCESS.
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
            if self.deed == "stop":
                raise EdgenasError("The data are gone. Bring them back.")
        time.sleep(self.seconds)
        return toy_evaluator(architecture, seed)


@dataclass
class WithArrays:
    """Says in its metrics what became of a big array, and how often the evaluator was unpickled.

    Attributes:
        path: a file of the driver's machine; `portable` reads it and forgets it.
        array: None before that.
    """

    path: Path | None
    array: Any = field(default=None, repr=False)
    unpickled: int = 0
    called: int = 0

    def portable(self) -> WithArrays:
        if self.path is None:
            raise RuntimeError("portable already")
        return replace(self, path=None, array=np.load(self.path))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.unpickled += 1

    def __call__(self, architecture: Architecture, seed: int) -> Evaluation:
        self.called += 1
        facts = {
            "sum": float(self.array.sum()),
            "own": float(self.array.flags.owndata),
            "writeable": float(self.array.flags.writeable),
            "unpickled": float(self.unpickled),
            "called": float(self.called),
            "process": float(os.getpid()),
            "threads": float(os.environ["TF_NUM_INTRAOP_THREADS"]),
            "has_path": float(self.path is not None),
        }
        return Evaluation({"facts": facts})


class NotLoadable:
    """Can be pickled but not unpickled."""

    def __reduce__(self) -> Any:
        return (_fail, ())

    def __call__(self, architecture: Architecture, seed: int) -> Evaluation:
        return Evaluation()


def _fail() -> None:
    raise ModuleNotFoundError("No module named 'only_on_my_laptop'")


def slow_evaluator(architecture: Architecture, seed: int) -> Evaluation:
    time.sleep(0.5)
    return fragile_evaluator(architecture, seed)


def sleeping_evaluator(architecture: Architecture, seed: int) -> Evaluation:
    time.sleep(60)
    return toy_evaluator(architecture, seed)


def some_job() -> Job:
    network = toy_space().architecture(
        toy_space().default(), input_shape=INPUT_SHAPE, head_channels=HEAD_CHANNELS
    )
    return Job(0, network, 0)


def tell(event: Event) -> None:
    """One line an event, with the number of a finished trial."""
    number = event.record.number if isinstance(event, TrialDone) else ""
    print(type(event).__name__, number, flush=True)


if __name__ == "__main__":
    folder, trials, mode, address = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    run_search(
        toy_config(trials=trials),
        toy_space(),
        sleeping_evaluator if mode == "sleep" else slow_evaluator,
        toy_estimator,
        folder,
        resume=mode == "resume",
        on_event=tell,
        executor=lambda evaluator: RayExecutor(evaluator, address=address),
    )
