"""What a training is asked for: the network, the data and the schedule that the words of a user mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenas.errors import UsageError
from edgenas.space import Architecture, load_space
from edgenas.space.named import named_architecture
from edgenas.training.config import TRAINING_PRESETS, TrainingConfig, default_loss_weights
from edgenas.training.loss_weights import LossWeights, load_loss_weights
from edgenas.training.schedule_file import load_schedule, resolve_schedule
from edgenas.workflow import train
from edgenas.workflow.data import DataRequest, OpenData
from edgenas.workflow.runs import RunFolder

if TYPE_CHECKING:
    from edgenas.training.trainer import Progress

__all__ = ["PlannedTraining", "TrainingRequest"]

_BEGIN_WITH = "modern"


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """What the user asked for.

    Attributes:
        run: run folder whose winner is trained; None where `architecture` says what to train.
        architecture: a network, the path of its .json file, or its name, see `named_architecture`.
        space: search space of a named architecture.
        data: which data; of a run, which has its data, its tasks alone count.
        schedule: name of a schedule, or a path that ends in .toml.
        epochs: passes over the training frames, instead of steps.
        loss_weights: as `resolve_schedule` takes them; None for those of the run's search, or what fits.
        changes: fields of `TrainingConfig` that are to differ from the schedule, the seed among them.
        out: folder of the result; RUN/train without it.
        allow_infeasible: take the network nearest to the target where none of the run meets it.
    """

    run: Path | None = None
    architecture: Architecture | str | None = None
    space: str = "demo"
    data: DataRequest = field(default_factory=DataRequest)
    schedule: str = _BEGIN_WITH
    epochs: float | None = None
    loss_weights: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    out: Path | None = None
    allow_infeasible: bool = False

    def plan(self) -> PlannedTraining:
        """Opens the network and the data and resolves the schedule; trains nothing yet.

        Raises:
            UsageError: there is no such run, network, schedule or data, or they do not fit together.
        """
        if (self.run is None) == (self.architecture is None):
            raise UsageError(
                f"Give either a run or --architecture. Received {self.run} and --architecture {self.architecture}."
            )
        if self.run is not None:
            return self._of_run(RunFolder(self.run))
        if self.out is None:
            raise UsageError("--architecture needs --out, the folder of the trained network.")
        network, data = self._without_run()
        return PlannedTraining(network, data, self._config(data), self.out)

    def _of_run(self, folder: RunFolder) -> PlannedTraining:
        from edgenas.search.config import read_config  # brings Optuna, which other trainings do without

        tasks = self.data.tasks
        stored = read_config(folder.root)
        network = train.architecture_of_run(folder.best, allow_infeasible=self.allow_infeasible)
        data = OpenData.reopen(stored["data"])
        if tasks is not None and tasks != data.tasks:
            if self.out is None:
                raise UsageError(
                    f"{folder.root} is a run for {', '.join(data.tasks)}. To train its network for {', '.join(tasks)} "
                    "alone, name another folder with --out."
                )
            network = network.with_tasks(tasks)
            data = replace(data.request, tasks=tasks).open()
        searched = TrainingConfig.from_dict(stored["proxy"]).loss_weights
        return PlannedTraining(network, data, self._config(data, searched), self.out or folder.train)

    def _without_run(self) -> tuple[Architecture, OpenData]:
        """An architecture as it is, by file or by name, on the data that the request names."""
        network, request = self.architecture, self.data
        if isinstance(network, str) and network.endswith(".json"):
            network = Architecture.load(Path(network))
        if isinstance(network, Architecture):
            request = replace(
                request,
                tasks=request.tasks or network.tasks,
                height=request.height or network.input_height,
                width=request.width or network.input_width,
            )
            network = network.with_tasks(request.tasks or ())
        data = request.open()
        info = data.train.info
        if not isinstance(network, Architecture):
            network = named_architecture(
                str(network),
                load_space(self.space, data.tasks),
                input_shape=(info.height, info.width),
                head_channels=info.head_channels,
            )
        wanted = {h.task: h.channels for h in network.heads}
        if any(info.head_channels.get(task) != channels for task, channels in wanted.items()):
            name = self.architecture if isinstance(self.architecture, str) else "the architecture"
            raise UsageError(
                f"The heads of {name} do not fit the data: it has the channels {wanted}, the data need "
                f"{info.head_channels}. Sample the architecture for these data: edgenas space sample --classes N"
            )
        return network, data

    def _config(self, data: OpenData, searched: LossWeights | None = None) -> TrainingConfig:
        """The schedule with what the request changes.

        Where nobody names loss weights, those hold with which the network was searched if they were chosen for that,
        else the ones that fit the schedule and the data.
        """
        info = data.train.info
        preset, _ = load_schedule(self.schedule, begin_with=_BEGIN_WITH)
        by_default = [
            load_loss_weights(default_loss_weights(info.tasks, info.depth_unit, p)) for p in TRAINING_PRESETS
        ]
        fitting: str | LossWeights = default_loss_weights(info.tasks, info.depth_unit, preset)
        if searched is not None and searched not in by_default:
            fitting = searched
        if self.epochs is not None and "iterations" in self.changes:
            raise UsageError(
                f"Give either --epochs or --iterations. Received --epochs {self.epochs:g} and --iterations "
                f"{self.changes['iterations']}."
            )
        config = resolve_schedule(
            self.schedule,
            data.tasks,
            fitting=fitting,
            begin_with=_BEGIN_WITH,
            loss_weights=self.loss_weights,
            changes=self.changes,
        )
        return config if self.epochs is None else config.for_epochs(self.epochs, len(data.train))


@dataclass(frozen=True)
class PlannedTraining:
    """A training that is ready to begin.

    Attributes:
        network: what is trained.
        data: on what.
        config: by which schedule.
        folder: where to.
    """

    network: Architecture
    data: OpenData
    config: TrainingConfig
    folder: Path

    def train(
        self,
        folder: Path | None = None,
        *,
        seed: int | None = None,
        validate_every: int | None = None,
        restart: bool = False,
        keep: str = "last",
        checkpoint_every: int = 100,
        checkpoint_minutes: float = 10.0,
        on_step: Callable[[Progress], None] | None = None,
    ) -> train.TrainedNetwork:
        """Trains, going on from a checkpoint; see `train_network` for the errors and the other arguments.

        Args:
            folder: another folder.
            seed: another seed.
            validate_every: steps between validations; 4 in all without it.
        """
        every = validate_every or max(1, math.ceil(self.config.iterations / 4))
        evaluate_at: Sequence[int] = range(every, self.config.iterations, every)
        return train.train_network(
            self.network,
            self.data,
            self.config if seed is None else replace(self.config, seed=seed),
            folder or self.folder,
            restart=restart,
            on_step=on_step,
            evaluate_at=evaluate_at,
            keep=keep,
            checkpoint_every=checkpoint_every,
            checkpoint_minutes=checkpoint_minutes,
        )
