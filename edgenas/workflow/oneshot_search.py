"""What a one-shot search puts before and behind the trials: the supernet, and the ranking of what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgenas.search import (
    Estimator,
    Evaluator,
    Event,
    Requirement,
    SearchConfig,
    SearchResult,
    read_trials,
)
from edgenas.search.events import EventHandler
from edgenas.search.executors import Done, Executor, ExecutorFactory, Job
from edgenas.search.objective import Objective, objective_of
from edgenas.search.result import write_best
from edgenas.space import SearchSpace
from edgenas.training.config import TrainingConfig
from edgenas.training.supernet_config import SupernetConfig
from edgenas.workflow.data import OpenData
from edgenas.workflow.oneshot import (
    FOLDER,
    WEIGHTS_FILE,
    InheritedWeights,
    OneShot,
    Region,
    prepare_supernet,
)
from edgenas.workflow.oneshot_ranking import finalists_of, spread_over, train_alone

__all__ = ["OneShotSearch", "oneshot_options"]


def oneshot_options(proxy: TrainingConfig, *, steps: int | None, rank_networks: int | None) -> OneShot:
    """The options of a new search: the supernet's schedule, with seed, loss weights and batch size of the proxy's.

    Args:
        proxy: schedule of stand-alone training.
        steps: steps of the supernet; None for the default.
        rank_networks: see `OneShot`; None for the default.
    """
    default = SupernetConfig()
    training = replace(
        default.training,
        iterations=steps or default.training.iterations,
        seed=proxy.seed,
        loss_weights=proxy.loss_weights,
        batch_size=proxy.batch_size,
        augment=proxy.augment,
    )
    options = OneShot(supernet=replace(default, training=training))
    return options if rank_networks is None else replace(options, rank_networks=rank_networks)


@dataclass
class OneShotSearch:
    """The parts of one one-shot search.

    Attributes:
        options: what it does beside searching.
        config: the search.
        space: the search space.
        data: both splits.
        objective: judges networks.
        requirements: what candidates must meet.
        run_dir: the run folder.
        on_event: is told about progress.
    """

    options: OneShot
    config: SearchConfig
    space: SearchSpace
    data: OpenData
    objective: Objective
    requirements: Sequence[Requirement]
    run_dir: Path
    on_event: EventHandler

    @classmethod
    def of(
        cls,
        config: SearchConfig,
        space: SearchSpace,
        data: OpenData,
        estimators: Sequence[Estimator],
        requirements: Sequence[Requirement],
        run_dir: Path,
        on_event: EventHandler | None,
    ) -> OneShotSearch | None:
        """None where the configuration asks for another algorithm."""
        if config.oneshot is None:
            return None
        objective = objective_of(config, estimators[0] if estimators else None, estimators[1:])
        options = OneShot.from_dict(config.oneshot)
        return cls(options, config, space, data, objective, requirements, run_dir, on_event or _ignore)

    @property
    def evaluator(self) -> InheritedWeights:
        """Scores candidates; works once the supernet is there."""
        return InheritedWeights(
            self.space,
            self.data.train,
            self.data.validation,
            self.run_dir / FOLDER / WEIGHTS_FILE,
            self.options.supernet.calibration_frames,
        )

    def after_supernet(self, make: ExecutorFactory) -> ExecutorFactory:
        """An executor that trains the supernet, and only then starts its workers, when the first job comes.

        Not before: a run has its `config.json` then, without which a killed training could not be resumed. And the
        weights travel with the evaluator.
        """
        region = Region.of(self.objective.bounds(), self.requirements, self.options.margin)

        def prepare() -> None:
            prepare_supernet(self.options, self.space, self.data.train, self.run_dir, region, self.on_event)

        return lambda evaluator: _Prepared(prepare, lambda: make(evaluator))

    def judged(self, result: SearchResult, alone: Evaluator, make: ExecutorFactory) -> SearchResult:
        """Trains some networks alone, and recommends the best of the finalists by that where there are any.

        Args:
            result: what the search recommends by inherited weights.
            alone: trains a network under the proxy schedule.
            make: makes the executor for that.
        """
        options = self.options
        if options.rank_networks == 0 or result.finished == 0:
            return result
        records = read_trials(self.run_dir)
        shape, channels = self.config.input_shape, self.config.head_channels
        ranking = train_alone(
            spread_over(records, options.rank_networks),
            finalists_of(records, options.finalists),
            self.space.architecture(self.space.default(), input_shape=shape, head_channels=channels),
            self.objective,
            alone,
            make,
            self.run_dir,
            store=self.run_dir / FOLDER / "alone.jsonl",
            seed=self.config.seed,
            on_event=self.on_event,
        )
        best = ranking.best
        judged = replace(result, ranking=ranking.to_dict())
        if best is not None and (result.best is None or best.record.number != result.best.number):
            judged = replace(judged, best=best.record, measured_ms=None, measured_source=None)
        write_best(judged)
        return judged


class _Prepared:
    """An executor whose workers start with the first job, after something was prepared."""

    def __init__(self, prepare: Callable[[], None], make: Callable[[], Executor]) -> None:
        self._prepare, self._make = prepare, make
        self._workers: Executor | None = None

    @property
    def capacity(self) -> int:
        """One until there are workers: the first job makes them."""
        return 1 if self._workers is None else self._workers.capacity

    def submit(self, job: Job) -> None:
        """Prepares before the first job."""
        if self._workers is None:
            self._prepare()
            self._workers = self._make()
        self._workers.submit(job)

    def wait(self) -> list[Done]:
        """As the workers do."""
        return [] if self._workers is None else self._workers.wait()

    def close(self) -> None:
        """Ends the workers, if there are any."""
        if self._workers is not None:
            self._workers.close()


def _ignore(_: Event) -> None:
    """Nobody wants to know."""
