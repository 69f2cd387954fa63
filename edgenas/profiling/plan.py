"""What to measure: networks and single operators of a search space, as a pure function of the seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from edgenas.graph import Operator, graph_of
from edgenas.space import Architecture, SearchSpace
from edgenas.space.space import Decisions, Value

__all__ = ["NETWORK", "OPERATOR", "SINGLE_OPERATORS", "PlannedModel", "planned_models"]

NETWORK, OPERATOR = "network", "operator"
SINGLE_OPERATORS = ("CONV_2D", "DEPTHWISE_CONV_2D", "RESIZE_BILINEAR")
"""Types that single-operator models are made of: those in which networks spend their time."""

_OTHER_TYPE = {"int8": "float32", "float32": "int8"}
# The baseline, the four extremes and every tenth network are measured in the other element type too; every fifth
# network gives a single operator.
_BOTH_TYPES_FIRST, _BOTH_TYPES_PERIOD = 5, 10
_OPERATOR_PERIOD, _OPERATOR_TURN = 5, 2
_MOST_MUTATIONS = 8
_ATTEMPTS = 200


@dataclass(frozen=True)
class PlannedModel:
    """A model to export and measure.

    Attributes:
        name: unique in the plan, usable as a file name.
        kind: "network" or "operator".
        dtype: "int8" or "float32".
        architecture: the network, or the one that the operator was taken from.
        operator: the single operator, None for networks.
    """

    name: str
    kind: str
    dtype: str
    architecture: Architecture
    operator: Operator | None = None


def planned_models(
    space: SearchSpace,
    *,
    input_shape: tuple[int, int],
    head_channels: Mapping[str, int],
    dtype: str,
    seed: int,
    networks: int,
    both_types: bool = True,
    single_operators: bool = True,
) -> tuple[PlannedModel, ...]:
    """The models to measure, the most telling first: a shorter plan is the beginning of a longer one.

    The baseline and the extremes of the space (smallest and largest, per block type) come first, so that later
    predictions lie between measured networks. Then random networks, mutations of extremes and mutations of
    the baseline take turns, which spreads the sizes more evenly than uniform sampling.

    Args:
        space: where the networks come from.
        input_shape: (height, width) of the input.
        head_channels: output channels of each task.
        dtype: element type of the device's configuration.
        seed: the same seed gives the same plan.
        networks: number of different networks; a tiny space may hold fewer.
        both_types: whether some networks are planned in the other element type too. Accelerators run one type; and
            where operators are not timed, a few networks would not tell the prices of the other type.
        single_operators: whether some operators are planned alone. On accelerators a call costs more than they do.
    """
    rng = np.random.default_rng([seed, 1])
    models: list[PlannedModel] = []
    chosen = islice(
        _architectures(space, input_shape, head_channels, np.random.default_rng([seed, 0])), networks
    )
    for number, architecture in enumerate(chosen):
        stem = f"network-{number:03d}-{architecture.hash[:8]}"
        models.append(PlannedModel(f"{stem}-{dtype}", NETWORK, dtype, architecture))
        if both_types and (number < _BOTH_TYPES_FIRST or number % _BOTH_TYPES_PERIOD == 0):
            other = _OTHER_TYPE[dtype]
            models.append(PlannedModel(f"{stem}-{other}", NETWORK, other, architecture))
        if single_operators and number % _OPERATOR_PERIOD == _OPERATOR_TURN:
            kind = SINGLE_OPERATORS[number // _OPERATOR_PERIOD % len(SINGLE_OPERATORS)]
            operators = [o for o in dict.fromkeys(graph_of(architecture, dtype).operators) if o.type == kind]
            operator = operators[int(rng.integers(len(operators)))]
            name = f"operator-{number:03d}-{kind.lower()}-{dtype}"
            models.append(PlannedModel(name, OPERATOR, dtype, architecture, operator))
    return tuple(models)


def _architectures(
    space: SearchSpace,
    input_shape: tuple[int, int],
    head_channels: Mapping[str, int],
    rng: np.random.Generator,
) -> Iterator[Architecture]:
    """Different networks of the space, until no new one is found."""
    seen: set[Architecture] = set()
    for decisions in _decisions(space, rng):
        architecture = space.architecture(decisions, input_shape=input_shape, head_channels=head_channels)
        if architecture not in seen:
            seen.add(architecture)
            yield architecture


def _decisions(space: SearchSpace, rng: np.random.Generator) -> Iterator[Decisions]:
    baseline, extremes = space.default(), _extremes(space)
    yield baseline
    yield from extremes
    # Repetitions are dropped by the caller; the bound ends the search in a space that is used up.
    for turn in range(_ATTEMPTS * 100):
        if turn % 3 == 0:
            yield space.sample(rng)
            continue
        decisions = extremes[int(rng.integers(len(extremes)))] if turn % 3 == 1 else baseline
        if space.cardinality() > 1:
            for _ in range(int(rng.integers(1, _MOST_MUTATIONS + 1))):
                decisions = space.mutate(decisions, rng)
        yield decisions


def _extremes(space: SearchSpace) -> list[Decisions]:
    """The largest and the smallest network for each choice of the decisions that are not numbers."""
    kinds = max((len(d.choices) for d in space.decisions() if not _is_numeric(d.choices)), default=1)

    def extreme(kind: int, largest: bool) -> Decisions:
        def choose(_: str, choices: tuple[Value, ...]) -> Value:
            if not _is_numeric(choices):
                return choices[kind % len(choices)]
            return max(choices, key=float) if largest else min(choices, key=float)

        return space.suggest(choose)

    return [extreme(kind, largest) for kind in range(kinds) for largest in (True, False)]


def _is_numeric(choices: tuple[Value, ...]) -> bool:
    return not any(isinstance(choice, str) for choice in choices)
