"""`SupernetConfig`: how long and how a weight-sharing supernet is trained, and which networks each step trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgenas.errors import UsageError
from edgenas.space.space import Decisions, SearchSpace
from edgenas.training.config import TrainingConfig

__all__ = ["SupernetConfig", "networks_of_step"]

_NETWORKS_STREAM = 0x5AD1
_TRIES = 200

Accept = Callable[[Decisions], bool]


@dataclass(frozen=True, kw_only=True)
class SupernetConfig:
    """One supernet training.

    Attributes:
        training: steps, batch size, learning rates, loss weights, seed; a step trains several networks on one batch.
        extremes: whether each step also trains a largest and a smallest network (the sandwich rule of slimmable
            networks, arXiv 1903.05134); the block types, which have no order, are drawn.
        random_networks: networks drawn uniformly at each step.
        calibration_frames: training frames whose statistics become a network's batch-norm statistics.
    """

    training: TrainingConfig = field(
        default_factory=lambda: TrainingConfig(iterations=4000, learning_rate=3e-3, warmup_iterations=50)
    )
    extremes: bool = True
    random_networks: int = 2
    calibration_frames: int = 64

    def __post_init__(self) -> None:
        if self.random_networks < 0 or self.random_networks + 2 * self.extremes < 1:
            raise UsageError(
                "Invalid value for `random_networks`. Expected at least one network a step. "
                f"Received {self.random_networks}."
            )
        if self.calibration_frames < 1:
            raise UsageError(
                f"Invalid value for `calibration_frames`. Expected at least 1. Received {self.calibration_frames}."
            )

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary."""
        return {
            "training": self.training.to_dict(),
            "extremes": self.extremes,
            "random_networks": self.random_networks,
            "calibration_frames": self.calibration_frames,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SupernetConfig:
        """Reads what `to_dict` wrote."""
        try:
            return cls(**{**data, "training": TrainingConfig.from_dict(data["training"])})
        except (KeyError, TypeError) as error:
            raise UsageError(f"Not a complete supernet configuration: {error}.") from error


def networks_of_step(
    space: SearchSpace, config: SupernetConfig, step: int, accept: Accept | None = None
) -> list[Decisions]:
    """The networks that a step trains: a pure function of the seed and the step.

    Args:
        space: the search space.
        config: seed and sandwich.
        step: number of the step, from 0.
        accept: networks to draw from, e.g. those near the latency target; the networks that the search cannot
            recommend need no training. The largest networks shrink, decision by decision, until they are accepted.
    """
    rng = np.random.default_rng([config.training.seed, step, _NETWORKS_STREAM])
    wanted: list[Decisions] = []
    if config.extremes:
        wanted += [_largest(space, rng, accept), _extreme(space, rng, min)]
    return [*wanted, *(_drawn(space, rng, accept) for _ in range(config.random_networks))]


def _extreme(space: SearchSpace, rng: np.random.Generator, pick: Callable[[Any], Any]) -> Decisions:
    def choose(_: str, choices: tuple[Any, ...]) -> Any:
        ordered = not any(isinstance(value, str) for value in choices)
        return pick(choices) if ordered else choices[int(rng.integers(len(choices)))]

    return space.suggest(choose)


def _largest(space: SearchSpace, rng: np.random.Generator, accept: Accept | None) -> Decisions:
    """A network no decision of which is far from the largest that is accepted."""
    found = _extreme(space, rng, max)
    table = {decision.name: decision for decision in space.decisions()}
    while accept is not None and not accept(found):
        smaller: dict[str, list[Any]] = {
            name: [v for v in table[name].choices if not isinstance(value, str) and v < value]  # type: ignore[operator]
            for name, value in found.items()
        }
        movable = [name for name, values in smaller.items() if values]
        if not movable:
            break
        name = movable[int(rng.integers(len(movable)))]
        found = space.suggest(_taken({**found, name: max(smaller[name])}))
    return found


def _taken(values: Decisions) -> Callable[[str, Any], Any]:
    """A choice that takes what is in `values`; decisions that became inactive are not asked for."""
    return lambda name, _: values[name]


def _drawn(space: SearchSpace, rng: np.random.Generator, accept: Accept | None) -> Decisions:
    drawn = space.sample(rng)
    for _ in range(_TRIES if accept is not None else 0):
        if accept is None or accept(drawn):
            break
        drawn = space.sample(rng)
    return drawn
