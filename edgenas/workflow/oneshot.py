"""`--algorithm oneshot`: a supernet is trained in the run folder, and candidates are scored with weights of it.

The rest of the search stays as it is: evolution, targets, limits, study, resume, executors. What a candidate costs
is a second instead of a training, so thousands can be looked at; how far inherited weights rank networks as training
does is measured afterwards (`edgenas.workflow.oneshot_ranking`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgenas.datasets import Dataset
from edgenas.errors import EdgenasError, UsageError
from edgenas.runtime import start_tensorflow
from edgenas.search import Evaluation, Requirement, SearchInterrupted
from edgenas.search.config import resume_command
from edgenas.search.events import EventHandler, StageProgress
from edgenas.search.requirement import Bound
from edgenas.space import Architecture, SearchSpace
from edgenas.space.space import Decisions
from edgenas.storage import write_json
from edgenas.tasks.base import NonFiniteOutputError
from edgenas.training.supernet_config import SupernetConfig

__all__ = ["FOLDER", "WEIGHTS_FILE", "InheritedWeights", "OneShot", "Region", "prepare_supernet"]

FOLDER = "supernet"
"""Folder in the run folder."""

WEIGHTS_FILE = "weights.npz"
_CHECKPOINT_FILE = "checkpoint.npz"
_RECORD_FILE = "supernet.json"
_SLOW = ("max_sram_kib",)  # asks Vela


@dataclass(frozen=True, kw_only=True)
class OneShot:
    """What a one-shot search does beside searching.

    Attributes:
        supernet: training of the supernet.
        margin: networks up to this multiple of the targets and limits are trained in the supernet: those far beyond
            can never be recommended, and are the most expensive ones.
        rank_networks: networks trained alone afterwards, to measure how well inherited weights rank; 0 for none.
        finalists: best networks by inherited weights that are trained alone, the best of which is recommended; read
            only where `rank_networks` is not 0. None by default: with one seed under a short schedule the order of the
            best few is noise (on NYUv2 the baseline's delta T over three seeds has a standard deviation of 3.7 points
            at 400 steps, the finalists differ by 2; `experiments/oneshot_nyuv2.json`).
    """

    supernet: SupernetConfig = field(default_factory=SupernetConfig)
    margin: float = 1.2
    rank_networks: int = 8
    finalists: int = 0

    def __post_init__(self) -> None:
        if self.rank_networks < 0 or self.rank_networks in (1, 2):
            raise UsageError(
                "Invalid value for `rank_networks`. Expected 0, or at least 3: fewer have no rank correlation. "
                f"Received {self.rank_networks}."
            )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "supernet": self.supernet.to_dict(),
            "margin": self.margin,
            "rank_networks": self.rank_networks,
            "finalists": self.finalists,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> OneShot:
        """Reads what `to_dict` wrote."""
        try:
            return cls(**{**data, "supernet": SupernetConfig.from_dict(data["supernet"])})
        except (KeyError, TypeError) as error:
            raise UsageError(f"Not a complete description of a one-shot search: {error}.") from error


@dataclass(frozen=True)
class Region:
    """The part of a space that a supernet is trained for: networks near or below every limit.

    Attributes:
        bounds: amounts with limits.
        requirements: what is either met or not.
        margin: multiple of the limits.
    """

    bounds: Sequence[Bound]
    requirements: Sequence[Requirement]
    margin: float

    @classmethod
    def of(cls, targets: Sequence[Bound], requirements: Sequence[Requirement], margin: float) -> Region:
        """The region of a search's latency targets and of what it requires.

        Left out is what takes seconds to find out of a network: each step asks of several.
        """
        asked = [r for r in requirements if r.name not in _SLOW]
        amounts = [r.bound for r in asked if r.bound is not None and not r.bound.word]
        return cls([*targets, *amounts], [r for r in asked if r.bound is None or r.bound.word], margin)

    def holds(self, architecture: Architecture) -> bool:
        """Whether the network lies in it."""
        return all(b.amount(architecture) <= self.margin * b.limit for b in self.bounds) and not any(
            r.problem(architecture) for r in self.requirements
        )

    def __str__(self) -> str:
        limits = [f"{b.wanted} x {self.margin:g}" for b in self.bounds]
        return ", ".join([*limits, *(r.name for r in self.requirements)])


@dataclass
class InheritedWeights:
    """The evaluator of a one-shot search: validation metrics with weights of the supernet.

    It can be sent to other processes and machines: the weights travel with it. A process builds the supernet with
    its first network.

    Attributes:
        space: the search space.
        train: frames whose statistics recalibrate the batch norms.
        validation: frames to score on.
        weights: file of the shared weights; it need not exist before the first network.
        calibration_frames: see `SupernetConfig`.
    """

    space: SearchSpace
    train: Dataset
    validation: Dataset
    weights: Path
    calibration_frames: int = 64
    _arrays: Any = field(default=None, repr=False)
    _scorer: Any = field(default=None, init=False, repr=False)

    def __call__(self, architecture: Architecture, seed: int) -> Evaluation:
        """Scores a network; `seed` changes nothing, as nothing is trained."""
        start_tensorflow()
        if self._scorer is None:
            self._scorer = self._load()
        began = time.monotonic()
        try:
            metrics, seconds = self._scorer.score(architecture)
        except NonFiniteOutputError as error:
            return Evaluation(status="diverged", reason=str(error))
        return Evaluation(metrics, {**seconds, "total": time.monotonic() - began})

    def _load(self) -> Any:
        from edgenas.networks.supernet import Supernet
        from edgenas.training.supernet_score import SupernetScorer, read_weights, take_weights

        info = self.train.info
        supernet = Supernet(self.space, info.head_channels, (info.height, info.width))
        take_weights(self._arrays or read_weights(self.weights), supernet, str(self.weights))
        return SupernetScorer(
            supernet, self.train, self.validation, calibration_frames=self.calibration_frames
        )

    def __getstate__(self) -> dict[str, Any]:
        """With the weights themselves and without the supernet, which belongs to one process."""
        from edgenas.training.supernet_score import read_weights

        return {**self.__dict__, "_scorer": None, "_arrays": self._arrays or read_weights(self.weights)}


def prepare_supernet(
    options: OneShot,
    space: SearchSpace,
    dataset: Dataset,
    run_dir: Path,
    region: Region,
    on_event: EventHandler,
) -> None:
    """Trains the supernet of a run, or goes on with its training, or does nothing where it is there.

    Raises:
        EdgenasError: the training diverged.
        SearchInterrupted: Ctrl-C.
    """
    folder = run_dir / FOLDER
    if (folder / WEIGHTS_FILE).exists():
        return
    start_tensorflow()
    from edgenas.networks.supernet import Supernet
    from edgenas.training.supernet_score import save_weights
    from edgenas.training.supernet_trainer import train_supernet

    info, training = dataset.info, options.supernet.training
    supernet = Supernet(space, info.head_channels, (info.height, info.width), seed=training.seed)

    def accept(decisions: Decisions) -> bool:
        return region.holds(supernet.architecture(decisions))

    try:
        result = train_supernet(
            supernet,
            dataset,
            options.supernet,
            accept=accept,
            accepted=str(region),
            checkpoint=folder / _CHECKPOINT_FILE,
            on_step=_reporter("supernet", on_event),
        )
    except KeyboardInterrupt as error:
        raise SearchInterrupted(
            "Interrupted while the supernet was trained; its checkpoint is stored. "
            f"Go on with: {resume_command(run_dir)}"
        ) from error
    if result.status != "completed":
        raise EdgenasError(
            f"The training of the supernet diverged: {result.reason}. Start a new run with a lower --learning-rate."
        )
    save_weights(folder / WEIGHTS_FILE, supernet)
    record = {"region": str(region), "seconds": result.seconds, "history": list(result.history)}
    write_json(folder / _RECORD_FILE, {**options.to_dict(), **record})
    (folder / _CHECKPOINT_FILE).unlink(missing_ok=True)


def _reporter(what: str, on_event: EventHandler) -> Callable[[Any], None]:
    """Tells about each step, with the time that is left at the pace of this session."""
    begun: list[tuple[float, int]] = []

    def report(step: Any) -> None:
        now = time.monotonic()
        if not begun:
            begun.append((now, step.step))
        since, first = begun[0]
        done = step.step - first
        left = (now - since) / done * (step.total - step.step) if done else None
        on_event(StageProgress(what, step.step, step.total, f"loss {step.loss:.4g}", left))

    return report
