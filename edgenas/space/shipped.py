"""Architectures that come with edgenas under a name of their own, outside of every search space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edgenas.errors import unknown_name
from edgenas.space.architecture import Architecture, Block, Head, Stage

__all__ = ["SHIPPED_ARCHITECTURES", "shipped_architecture"]


@dataclass(frozen=True)
class _Plan:
    """An architecture without what the data decide: input size, tasks and their channels."""

    stem_width: int
    stages: tuple[Stage, ...]
    fusion_width: int
    fusion_repeats: int
    head_width: int
    head_depth: int


def _stage(width: int, block: Block, depth: int) -> Stage:
    return Stage(width, (block,) * depth)


SHIPPED_ARCHITECTURES: Mapping[str, _Plan] = MappingProxyType(
    {
        # Declared, our choice: full convolutions where maps are large and channels few, 5x5 depthwise ones at stride
        # 16 to see much of the room early, under 0.5 M parameters with three heads (experiments/modern_recipe.md).
        "edgenas-compact-v1": _Plan(
            stem_width=24,
            stages=(
                _stage(24, Block("fused_ibn", 3, 3), 1),
                _stage(40, Block("fused_ibn", 3, 3), 2),
                _stage(72, Block("ibn", 5, 4), 3),
                _stage(112, Block("ibn", 3, 4), 2),
            ),
            fusion_width=48,
            fusion_repeats=2,
            head_width=48,
            head_depth=2,
        )
    }
)
"""By name; a name ends in its version, and what a name stands for never changes."""


def shipped_architecture(
    name: str, *, input_shape: tuple[int, int], head_channels: Mapping[str, int]
) -> Architecture:
    """The architecture `name` for some data.

    Args:
        name: one of `SHIPPED_ARCHITECTURES`.
        input_shape: (height, width) of the input, multiples of 32.
        head_channels: output channels of every task that gets a head.

    Raises:
        UsageError: no architecture has this name, or the input does not fit.
    """
    if name not in SHIPPED_ARCHITECTURES:
        raise unknown_name("shipped architecture", name, SHIPPED_ARCHITECTURES)
    plan = SHIPPED_ARCHITECTURES[name]
    return Architecture(
        *input_shape,
        plan.stem_width,
        plan.stages,
        plan.fusion_width,
        plan.fusion_repeats,
        tuple(Head(task, n, plan.head_width, plan.head_depth) for task, n in head_channels.items()),
    )
