"""`SearchSpace`: which decisions there are, and how a set of decisions becomes an `Architecture`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from edgenas.errors import UsageError, unknown_name
from edgenas.space.architecture import Architecture, Block, Head, Stage

__all__ = ["Choices", "Decision", "Decisions", "SearchSpace", "StageSpace", "scaled_width"]

Value = str | int | float
Decisions = dict[str, Value]
Choose = Callable[[str, tuple[Value, ...]], Value]


def scaled_width(base: int, multiplier: float) -> int:
    """Channels after a width multiplier: the nearest multiple of 8, at least 8."""
    return max(8, int(base * multiplier / 8 + 0.5) * 8)


@dataclass(frozen=True)
class Choices:
    """The values one decision may take.

    Attributes:
        values: at least one value, all different.
        default: the value of the MT edge baseline.
    """

    values: tuple[Value, ...]
    default: Value


@dataclass(frozen=True)
class Decision:
    """One named decision of a space.

    Attributes:
        name: e.g. "stage2.block1.kernel".
        choices: the values it may take.
        default: the value of the MT edge baseline.
    """

    name: str
    choices: tuple[Value, ...]
    default: Value


@dataclass(frozen=True)
class StageSpace:
    """Choices of one backbone stage.

    Attributes:
        width: channels at multiplier 1.0.
        width_multiplier: factors on `width`.
        depth: number of blocks.
        type: block type, decided for each block.
        kernel: kernel side, decided for each block.
        expansion: expansion ratio, decided for each block.
    """

    width: int
    width_multiplier: Choices
    depth: Choices
    type: Choices
    kernel: Choices
    expansion: Choices


_BLOCK_DECISIONS = ("type", "kernel", "expansion")


@dataclass(frozen=True)
class SearchSpace:
    """A space of networks for a fixed set of tasks.

    A decision is active when it changes the network: the kernel of block 3 exists only where the stage is
    three blocks deep. `suggest`, `sample` and `mutate` speak of active decisions only, so two sets of
    decisions describe the same network exactly when they are equal.

    Attributes:
        name: name of the preset or file.
        version: grows when the meaning of the space changes.
        tasks: tasks that get a head, in alphabetical order.
        stem_width: channels of the stem.
        activation: "relu6" or "relu".
        stages: one entry per backbone stage, strides 4, 8, 16, ... .
        fusion_width: channels of the BiFPN.
        fusion_repeats: number of BiFPN layers.
        head_width: channels of a head's convolutions, decided per task.
        head_depth: number of separable convolutions of a head, decided per task.
    """

    name: str
    version: int
    tasks: tuple[str, ...]
    stem_width: int
    activation: str
    stages: tuple[StageSpace, ...]
    fusion_width: Choices
    fusion_repeats: Choices
    head_width: Choices
    head_depth: Choices

    @cached_property
    def hash(self) -> str:
        """Identifies the content of the space; studies of different spaces never mix."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]

    @property
    def coarsest_stride(self) -> int:
        """Input sides must be multiples of this."""
        return int(2 ** (len(self.stages) + 1))

    @cached_property
    def _decisions(self) -> dict[str, Decision]:
        """Every decision of the space, in the order in which `suggest` asks."""
        table: dict[str, Choices] = {}
        for s, stage in enumerate(self.stages, start=1):
            table[f"stage{s}.width_multiplier"] = stage.width_multiplier
            table[f"stage{s}.depth"] = stage.depth
            for b in range(1, max(int(v) for v in stage.depth.values) + 1):
                table.update(
                    {f"stage{s}.block{b}.{field}": getattr(stage, field) for field in _BLOCK_DECISIONS}
                )
        table["fusion.width"] = self.fusion_width
        table["fusion.repeats"] = self.fusion_repeats
        for task in self.tasks:
            table[f"head.{task}.width"] = self.head_width
            table[f"head.{task}.depth"] = self.head_depth
        return {name: Decision(name, c.values, c.default) for name, c in table.items()}

    def decisions(self) -> tuple[Decision, ...]:
        """Every decision of the space, active or not."""
        return tuple(self._decisions.values())

    def suggest(self, choose: Choose) -> Decisions:
        """Asks `choose(name, choices)` for each active decision, in a fixed order."""
        made: Decisions = {}

        def ask(name: str) -> Value:
            made[name] = choose(name, self._decisions[name].choices)
            return made[name]

        for s in range(1, len(self.stages) + 1):
            ask(f"stage{s}.width_multiplier")
            for b in range(1, int(ask(f"stage{s}.depth")) + 1):
                for field in _BLOCK_DECISIONS:
                    ask(f"stage{s}.block{b}.{field}")
        ask("fusion.width")
        ask("fusion.repeats")
        for task in self.tasks:
            ask(f"head.{task}.width")
            ask(f"head.{task}.depth")
        return made

    def sample(self, rng: np.random.Generator) -> Decisions:
        """A random network: every active decision uniform."""
        return self.suggest(lambda _, choices: choices[int(rng.integers(len(choices)))])

    def default(self) -> Decisions:
        """The decisions of the MT edge baseline: every choice at its default."""
        return self.suggest(lambda name, _: self._decisions[name].default)

    @property
    def baseline_name(self) -> str:
        """Name of the MT edge baseline; its version is the space's, since `default` decides what it is."""
        return f"mt-edge-baseline-v{self.version}"

    def named(
        self, name: str, *, input_shape: tuple[int, int], head_channels: Mapping[str, int]
    ) -> Architecture:
        """The architecture that has a name in this space: the MT edge baseline.

        Raises:
            UsageError: nothing has that name.
        """
        if name != self.baseline_name:
            raise unknown_name(
                f"architecture in search space {self.name!r}",
                name,
                [self.baseline_name],
                "edgenas space show",
            )
        return self.architecture(self.default(), input_shape=input_shape, head_channels=head_channels)

    def mutate(self, decisions: Mapping[str, Value], rng: np.random.Generator) -> Decisions:
        """The uniform mutator: one active decision, chosen uniformly, takes another value.

        Decisions that become active by a greater depth are drawn at random. The result is never the same
        network, because active decisions determine the network.
        """
        self.validate(decisions)
        movable = [name for name in decisions if len(self._decisions[name].choices) > 1]
        if not movable:
            raise UsageError(
                f"Search space {self.name!r} leaves nothing to decide: every decision has one choice."
            )
        picked = movable[int(rng.integers(len(movable)))]
        others = [v for v in self._decisions[picked].choices if v != decisions[picked]]
        replacement = others[int(rng.integers(len(others)))]

        def choose(name: str, choices: tuple[Value, ...]) -> Value:
            if name == picked:
                return replacement
            return decisions[name] if name in decisions else choices[int(rng.integers(len(choices)))]

        return self.suggest(choose)

    def cardinality(self) -> int:
        """The exact number of different networks in the space."""
        total: int = len(self.fusion_width.values) * len(self.fusion_repeats.values)
        total *= (len(self.head_width.values) * len(self.head_depth.values)) ** len(self.tasks)
        for stage in self.stages:
            block = len(stage.type.values) * len(stage.kernel.values) * len(stage.expansion.values)
            total *= len(stage.width_multiplier.values) * sum(
                block ** int(depth) for depth in stage.depth.values
            )
        return total

    def validate(self, decisions: Mapping[str, Value]) -> None:
        """Checks that `decisions` are exactly the active ones with allowed values.

        Raises:
            UsageError: a decision is unknown, missing, inactive or has a value that is not a choice.
        """
        for name in decisions:
            if name not in self._decisions:
                raise unknown_name(f"decision of search space {self.name!r}", name, self._decisions)

        def choose(name: str, choices: tuple[Value, ...]) -> Value:
            if name not in decisions:
                raise UsageError(f"Decision '{name}' is missing. Expected one of {list(choices)}.")
            if decisions[name] not in choices:
                raise UsageError(
                    f"Decision '{name}' must be one of {list(choices)}. Received {decisions[name]!r}."
                )
            return decisions[name]

        active = self.suggest(choose)
        for name in decisions:
            if name not in active:
                raise UsageError(f"Decision '{name}' is inactive: its stage is not that deep. Remove it.")

    def architecture(
        self,
        decisions: Mapping[str, Value],
        *,
        input_shape: tuple[int, int],
        head_channels: Mapping[str, int],
    ) -> Architecture:
        """Builds the network that `decisions` describe.

        Args:
            decisions: the active decisions, as `sample` returns them.
            input_shape: (height, width) of the input, multiples of `coarsest_stride`.
            head_channels: output channels of each task of the space.

        Raises:
            UsageError: a decision is wrong, or `head_channels` lacks a task.
        """
        self.validate(decisions)
        missing = [task for task in self.tasks if task not in head_channels]
        if missing:
            raise UsageError(
                f"Invalid argument `head_channels`. Expected channels for {self.tasks}. Missing {missing}."
            )
        d: dict[str, Any] = dict(decisions)
        stages = tuple(
            Stage(
                scaled_width(stage.width, d[f"stage{s}.width_multiplier"]),
                tuple(
                    Block(*(d[f"stage{s}.block{b}.{field}"] for field in _BLOCK_DECISIONS))
                    for b in range(1, d[f"stage{s}.depth"] + 1)
                ),
            )
            for s, stage in enumerate(self.stages, start=1)
        )
        heads = tuple(
            Head(task, head_channels[task], d[f"head.{task}.width"], d[f"head.{task}.depth"])
            for task in self.tasks
        )
        return Architecture(
            *input_shape,
            self.stem_width,
            stages,
            d["fusion.width"],
            d["fusion.repeats"],
            heads,
            self.activation,
        )
