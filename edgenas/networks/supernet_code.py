"""The encoding vector of a network in a supernet: which slice of every shared weight it uses; no TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgenas.errors import UsageError
from edgenas.space.architecture import Architecture, Block
from edgenas.space.space import SearchSpace, StageSpace, scaled_width

__all__ = ["FORMS", "StageSizes", "SupernetCode", "form_of"]

FORMS = ("none", "ibn1", "ibn", "fused_ibn")
"""Ways of computing a block; the encoding holds the position. `ibn1` is an IBN without its expansion (ratio 1)."""


def form_of(block: Block) -> str:
    """Which of `FORMS` a block is."""
    return "ibn1" if block.type == "ibn" and block.expansion == 1 else block.type


@dataclass(frozen=True)
class StageSizes:
    """What the blocks of one stage can be.

    Attributes:
        widths: output channels.
        depths: numbers of blocks.
        kernels: kernel sides.
        expansions: expansion ratios.
        types: block types.
    """

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    kernels: tuple[int, ...]
    expansions: tuple[int, ...]
    types: tuple[str, ...]

    @classmethod
    def of(cls, stage: StageSpace) -> StageSizes:
        """The sizes of a stage of a search space."""
        return cls(
            tuple(scaled_width(stage.width, float(m)) for m in stage.width_multiplier.values),
            tuple(int(v) for v in stage.depth.values),
            tuple(int(v) for v in stage.kernel.values),
            tuple(int(v) for v in stage.expansion.values),
            tuple(str(v) for v in stage.type.values),
        )

    @property
    def forms(self) -> tuple[str, ...]:
        """Those of `FORMS` that a block of the stage can have, "none" left out."""
        found = {form_of(Block(t, 3, e)) for t in self.types for e in self.expansions}
        return tuple(form for form in FORMS if form in found)


@dataclass(frozen=True)
class SupernetCode:
    """Encodes architectures of one search space.

    Attributes:
        space: the space.
        head_channels: output channels of each task.
    """

    space: SearchSpace
    head_channels: Mapping[str, int]

    @cached_property
    def stages(self) -> tuple[StageSizes, ...]:
        """Sizes per backbone stage."""
        return tuple(StageSizes.of(stage) for stage in self.space.stages)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What each number of the vector means, e.g. "stage2.block1.kernel"."""
        names = []
        for s, stage in enumerate(self.stages, start=1):
            names += [f"stage{s}.width", f"stage{s}.depth"]
            for b in range(1, max(stage.depths) + 1):
                names += [f"stage{s}.block{b}.{field}" for field in ("form", "kernel", "expansion")]
        names += ["fusion.width", "fusion.repeats"]
        for task in self.space.tasks:
            names += [f"head.{task}.width", f"head.{task}.depth"]
        return tuple(names)

    def encode(self, architecture: Architecture) -> NDArray[np.int32]:
        """The vector [len(names)] of a network; 0 where a block does not exist.

        Raises:
            UsageError: the network is not of this space.
        """
        numbers: dict[str, int] = {}
        for s, stage in enumerate(architecture.stages, start=1):
            numbers |= {f"stage{s}.width": stage.width, f"stage{s}.depth": len(stage.blocks)}
            for b, block in enumerate(stage.blocks, start=1):
                place = f"stage{s}.block{b}"
                numbers[f"{place}.form"] = FORMS.index(form_of(block))
                numbers |= {f"{place}.kernel": block.kernel, f"{place}.expansion": block.expansion}
        numbers |= {
            "fusion.width": architecture.fusion_width,
            "fusion.repeats": architecture.fusion_repeats,
        }
        for head in architecture.heads:
            numbers |= {f"head.{head.task}.width": head.width, f"head.{head.task}.depth": head.depth}
        self._require_own(architecture)
        return np.array([numbers.get(name, 0) for name in self.names], np.int32)

    def _require_own(self, architecture: Architecture) -> None:
        space = self.space
        problem = ""
        if architecture.tasks != space.tasks or len(architecture.stages) != len(self.stages):
            problem = f"tasks {architecture.tasks}, {len(architecture.stages)} stages"
        elif (architecture.stem_width, architecture.activation) != (space.stem_width, space.activation):
            problem = f"stem width {architecture.stem_width}, activation {architecture.activation}"
        elif (
            architecture.fusion_width not in space.fusion_width.values
            or architecture.fusion_repeats not in space.fusion_repeats.values
        ):
            problem = f"fusion width {architecture.fusion_width}, repeats {architecture.fusion_repeats}"
        for head in architecture.heads:
            if head.channels != self.head_channels.get(head.task) or not (
                head.width in space.head_width.values and head.depth in space.head_depth.values
            ):
                problem = problem or f"{head}"
        for stage, sizes in zip(architecture.stages, self.stages, strict=False):
            if stage.width not in sizes.widths or len(stage.blocks) not in sizes.depths:
                problem = problem or f"a stage of width {stage.width} with {len(stage.blocks)} blocks"
            for block in stage.blocks:
                if (
                    block.kernel not in sizes.kernels
                    or block.expansion not in sizes.expansions
                    or block.type not in sizes.types
                ):
                    problem = problem or f"{block}"
        if problem:
            raise UsageError(
                f"The supernet of search space {space.name!r} does not hold this network: {problem}. "
                f"Expected a network of that space. See: edgenas space show {space.name}"
            )
