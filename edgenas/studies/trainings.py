"""`TrainingStore`: the trainings of studies in one folder; finished ones are read, the others made."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgenas.errors import UsageError
from edgenas.studies.plan import Planned, unique
from edgenas.workflow.train import TrainingDivergedError, load_trained, train_network

if TYPE_CHECKING:
    from edgenas.training.trainer import Progress

__all__ = ["Outcome", "TrainingStore"]

Metrics = Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True)
class Outcome:
    """What a training of a study gave.

    Attributes:
        folder: where it is.
        metrics: {task: {metric: value}} on the validation split after the last step; empty when it diverged.
        late: the metrics after the steps of `Planned.evaluate_at`, by rising step.
        seconds: wall time of its last session.
        failure: why there are no metrics; empty when there are.
    """

    folder: Path
    metrics: Metrics
    late: tuple[Metrics, ...] = ()
    seconds: float = 0.0
    failure: str = ""


@dataclass(frozen=True)
class TrainingStore:
    """Trainings by their content.

    Attributes:
        root: folder of the studies; the trainings stand in `root/trainings`.
    """

    root: Path

    def folder(self, plan: Planned) -> Path:
        """Where a training is, or will be."""
        return self.root / "trainings" / plan.key

    def find(self, plan: Planned) -> Outcome | None:
        """A finished training; None while it is not finished."""
        folder = self.folder(plan)
        if not (folder / "metrics.json").exists():
            return None
        trained = load_trained(folder)
        late = {**trained.evaluations, plan.config.iterations: trained.metrics}
        missing = [step for step in plan.evaluate_at if step not in late]
        if missing:
            raise UsageError(
                f"{folder} lacks the metrics after step {', '.join(map(str, missing))}. Remove the folder, and run the "
                "same command again."
            )
        metrics = tuple(late[step] for step in plan.evaluate_at)
        return Outcome(folder, trained.metrics, metrics, sum(trained.seconds.values()))

    def missing(self, plans: Iterable[Planned]) -> list[Planned]:
        """Those that are not finished, each once."""
        return [plan for plan in unique(plans) if self.find(plan) is None]

    def run(
        self,
        plans: Iterable[Planned],
        *,
        on_step: Callable[[Planned, Progress], None] | None = None,
        on_done: Callable[[Planned, Outcome], None] | None = None,
    ) -> dict[str, Outcome]:
        """Makes what is missing, one after the other.

        A training that diverges is an outcome too; it is made again by the next call.

        Args:
            plans: trainings, in the order in which they are made.
            on_step: called after every step of a training.
            on_done: called after every training that was made now.

        Returns:
            {key: outcome} of all of them.
        """
        outcomes = {}
        for plan in unique(plans):
            outcome = self.find(plan)
            if outcome is None:
                outcome = self._make(plan, on_step)
                if on_done is not None:
                    on_done(plan, outcome)
            outcomes[plan.key] = outcome
        return outcomes

    def _make(self, plan: Planned, on_step: Callable[[Planned, Progress], None] | None) -> Outcome:
        folder = self.folder(plan)

        def tell(progress: Progress) -> None:
            if on_step is not None:
                on_step(plan, progress)

        try:
            train_network(
                plan.architecture,
                plan.data.open(),
                plan.config,
                folder,
                on_step=tell,
                evaluate_at=plan.evaluate_at,
            )
        except TrainingDivergedError as error:
            return Outcome(folder, {}, failure=str(error))
        finally:
            _forget_network()
        found = self.find(plan)
        if found is None:
            raise UsageError(f"{folder} changed while it was being written. Run the same command again.")
        return found


def _forget_network() -> None:
    """Frees a network's graph; otherwise dozens of trainings in one process would add up."""
    import keras

    keras.backend.clear_session()
    gc.collect()
