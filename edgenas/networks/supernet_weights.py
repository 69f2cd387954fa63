"""The shared weights of a supernet by name, and the slices that one network takes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from edgenas.networks.layers import BATCH_NORM_MOMENTUM, FusedBatchNormalization
from edgenas.networks.supernet_code import SupernetCode

__all__ = ["BATCH_NORM_EPSILON", "SupernetWeights", "centre"]

BATCH_NORM_EPSILON = float(FusedBatchNormalization(momentum=BATCH_NORM_MOMENTUM).epsilon)
_STATISTICS = ("moving_mean", "moving_variance")


def centre(kernel: Any, side: Any) -> Any:
    """The middle `side` x `side` of a kernel [K, K, ...]; of tensors and of arrays.

    With "same" padding the middle of a larger kernel meets the same pixels as a smaller kernel: the padding before
    grows by one where the side grows by two. At stride 2 this holds from side 3 on (a kernel of side 1 needs no padding
    at all, and meets the pixel before); sharing is then less apt, and the slice no less exact.
    """
    low = (int(kernel.shape[0]) - side) // 2
    return kernel[low : low + side, low : low + side]


class SupernetWeights:
    """Weights at their largest size. Names are those of `build_model`'s layers with the block's form between.

    What is shared: a smaller kernel is the middle of a larger one; narrower layers are the first channels of wider
    ones; a shallower stage is the first blocks of a deeper one. What is not shared: the forms of a block ("ibn1",
    "ibn", "fused_ibn"), because their kernels mean different things (a depthwise kernel filters expanded features
    or raw ones), and every layer's batch-norm scale from that of another layer.

    Args:
        code: the space's encoding, whose largest sizes count.
        seed: seed of the initial weights.
    """

    def __init__(self, code: SupernetCode, seed: int) -> None:
        self._seed = seed
        self._by_name: dict[str, keras.Variable] = {}
        self._add_backbone(code)
        self._add_fusion(code)
        self._add_heads(code)

    def __getitem__(self, name: str) -> keras.Variable:
        """The variable of that name, e.g. "stage1_block1/ibn/expand/kernel"."""
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        """Whether there is such a variable."""
        return name in self._by_name

    @property
    def trainable(self) -> list[keras.Variable]:
        """Kernels, batch-norm scales and offsets, fusion weights, biases; in a fixed order."""
        return [v for _, v in self.items() if v.trainable]

    @property
    def variables(self) -> list[keras.Variable]:
        """All of them, batch-norm statistics too, in a fixed order."""
        return list(self._by_name.values())

    def items(self) -> Iterator[tuple[str, keras.Variable]]:
        """Names and variables."""
        yield from self._by_name.items()

    def arrays(self) -> dict[str, np.ndarray]:
        """Copies of the trainable weights by name."""
        return {name: v.numpy() for name, v in self.items() if v.trainable}

    def assign(self, arrays: dict[str, np.ndarray]) -> None:
        """Takes over what `arrays` gave; unknown and missing names are a `KeyError`."""
        for name, variable in self.items():
            if variable.trainable:
                variable.assign(arrays[name])

    def _add(self, name: str, shape: Sequence[int], initializer: str, trainable: bool = True) -> None:
        made: Any = initializer
        if initializer == "glorot_uniform":
            made = keras.initializers.GlorotUniform(seed=self._seed * 100_003 + len(self._by_name))
        path = name.replace("/", "_")
        self._by_name[name] = keras.Variable(
            made, shape=tuple(shape), dtype="float32", trainable=trainable, name=path
        )

    def _conv(self, name: str, *shape: int) -> None:
        self._add(f"{name}/kernel", shape, "glorot_uniform")

    def _norm(self, name: str, channels: int) -> None:
        for part, value in (("gamma", "ones"), ("beta", "zeros")):
            self._add(f"{name}/{part}", (channels,), value)
        for part, value in zip(_STATISTICS, ("zeros", "ones"), strict=True):
            self._add(f"{name}/{part}", (channels,), value, trainable=False)

    def _separable(self, name: str, width: int, filters: int) -> None:
        self._conv(f"{name}/depthwise", 3, 3, width, 1)
        self._conv(f"{name}/pointwise", 1, 1, width, filters)
        self._norm(f"{name}/bn", filters)

    def _add_backbone(self, code: SupernetCode) -> None:
        width = code.space.stem_width
        self._conv("stem_conv", 3, 3, 3, width)
        self._norm("stem_bn", width)
        for s, stage in enumerate(code.stages, start=1):
            filters, side = max(stage.widths), max(stage.kernels)
            for b in range(1, max(stage.depths) + 1):
                for form in stage.forms:
                    place = f"stage{s}_block{b}/{form}"
                    expanded = width if form == "ibn1" else width * max(stage.expansions)
                    if form != "ibn1":
                        window = side if form == "fused_ibn" else 1
                        self._conv(f"{place}/expand", window, window, width, expanded)
                        self._norm(f"{place}/expand_bn", expanded)
                    if form != "fused_ibn":
                        self._conv(f"{place}/depthwise", side, side, expanded, 1)
                        self._norm(f"{place}/depthwise_bn", expanded)
                    self._conv(f"{place}/project", 1, 1, expanded, filters)
                    self._norm(f"{place}/project_bn", filters)
                width = filters

    def _add_fusion(self, code: SupernetCode) -> None:
        width = max(int(v) for v in code.space.fusion_width.values)
        levels = len(code.stages)
        for s, stage in enumerate(code.stages, start=1):
            self._conv(f"lateral{s}_conv", 1, 1, max(stage.widths), width)
            self._norm(f"lateral{s}_bn", width)
        repeats = max(int(v) for v in code.space.fusion_repeats.values)
        for r in range(1, repeats + 1):
            nodes = {f"fpn{r}_td{s}": 2 for s in range(levels - 1, 0, -1)}
            if r < repeats:
                nodes |= {f"fpn{r}_bu{s}": 3 if s < levels else 2 for s in range(2, levels + 1)}
            for name, inputs in nodes.items():
                self._add(f"{name}_fuse/weight", (inputs,), "ones")
                self._separable(f"{name}_conv", width, width)

    def _add_heads(self, code: SupernetCode) -> None:
        fused = max(int(v) for v in code.space.fusion_width.values)
        width = max(int(v) for v in code.space.head_width.values)
        depths = [int(v) for v in code.space.head_depth.values]
        for task in code.space.tasks:
            for i in range(1, max(depths) + 1):
                self._separable(f"{task}_conv{i}", fused if i == 1 else width, width)
            last = width if min(depths) > 0 else max(width, fused)
            self._conv(f"{task}_out", 1, 1, last, code.head_channels[task])
            self._add(f"{task}_out/bias", (code.head_channels[task],), "zeros")
