"""The `OpGraph` of an `Architecture`, as its exported .tflite will have it; no TensorFlow."""

from __future__ import annotations

from edgenas.errors import unknown_name
from edgenas.graph import fragments as f
from edgenas.graph.opgraph import OpGraph
from edgenas.space.architecture import Architecture

__all__ = ["DTYPES", "fragments_of", "graph_of", "parameter_count", "parts_of"]

DTYPES = ("int8", "float32")

# A placed fragment: the piece and, per input, the number of the piece it reads (-1: the image).
_Placed = tuple[f.Fragment, tuple[int, ...]]


def graph_of(architecture: Architecture, dtype: str = "int8") -> OpGraph:
    """Operators of the network after conversion: batch norm, activations and fusion weights folded.

    Args:
        architecture: the network.
        dtype: "int8" (fully quantised, int8 in and out) or "float32".
    """
    placed, outputs = _place(architecture, dtype)
    assembler = f.GraphAssembler((architecture.input_height, architecture.input_width, 3), dtype)
    tensors: list[int] = []
    for fragment, sources in placed:
        tensors.append(assembler.add(fragment, [0 if s < 0 else tensors[s] for s in sources]))
    return assembler.graph(tuple(tensors[i] for i in outputs), architecture.tasks)


def fragments_of(architecture: Architecture, dtype: str = "int8") -> tuple[f.Fragment, ...]:
    """The cached pieces whose operators together are those of `graph_of`; quick, for pricing many networks."""
    return tuple(fragment for fragment, _ in _place(architecture, dtype)[0])


def parts_of(architecture: Architecture, dtype: str) -> tuple[list[f.Fragment], tuple[object, ...]]:
    """Stem, blocks, laterals and heads, the same objects as in `fragments_of`, and what the fusion depends on."""
    activation, fusion_width = architecture.activation, architecture.fusion_width
    height, width = architecture.input_height, architecture.input_width
    last = f.stem((height, width, 3), architecture.stem_width, activation, dtype)
    parts = [last]
    for stage in architecture.stages:
        channels, stride = stage.width, 2
        for b in stage.blocks:
            last = f.block(last.output, b.type, channels, b.kernel, b.expansion, stride, activation, dtype)
            parts.append(last)
            stride = 1
        parts.append(f.lateral(last.output, fusion_width, dtype))
    shape = (height // 4, width // 4, fusion_width)
    outputs = []
    for h in architecture.heads:
        parts.append(f.head(shape, h.channels, h.width, h.depth, activation, dtype))
        outputs.append(h.channels)
    repeats, levels = architecture.fusion_repeats, len(architecture.stages)
    return parts, (height, width, fusion_width, repeats, levels, activation, *outputs)


def parameter_count(architecture: Architecture) -> int:
    """Trainable parameters of the network as trained: before batch norm and fusion weights are folded."""
    arch, total = architecture, 0
    width = arch.stem_width
    total += 27 * width + 2 * width
    for stage in arch.stages:
        for block in stage.blocks:
            wide = width * block.expansion
            if block.type == "fused_ibn":
                total += block.kernel**2 * width * wide
            else:
                total += (width * wide + 2 * wide if block.expansion > 1 else 0) + block.kernel**2 * wide
            total += 2 * wide + wide * stage.width + 2 * stage.width
            width = stage.width
    fused = arch.fusion_width
    total += sum(stage.width * fused + 2 * fused for stage in arch.stages)
    separable = 9 * fused + fused * fused + 2 * fused
    levels = len(arch.stages)
    down = (levels - 1) * (2 + separable)
    up = (levels - 2) * (3 + separable) + 2 + separable
    total += arch.fusion_repeats * down + (arch.fusion_repeats - 1) * up
    for head in arch.heads:
        channels = fused
        for _ in range(head.depth):
            total += 9 * channels + channels * head.width + 2 * head.width
            channels = head.width
        total += channels * head.channels + head.channels
    return total


def _place(arch: Architecture, dtype: str) -> tuple[list[_Placed], list[int]]:
    if dtype not in DTYPES:
        raise unknown_name("element type", dtype, DTYPES)
    placer = _Placer(arch, dtype)
    outputs = placer.place()
    return placer.placed, outputs


class _Placer:
    """Places the pieces in the order in which the converter emits them.

    That order is the one of `edgenas.networks.builder`, except that the converter runs an operator as soon as
    its inputs exist: the scale factors of a map follow the map, and the first sum of a three-way fusion
    follows its second term.
    """

    def __init__(self, arch: Architecture, dtype: str) -> None:
        self.placed: list[_Placed] = []
        self._arch, self._dtype = arch, dtype

    def place(self) -> list[int]:
        """Places everything; returns the pieces that are the network's outputs."""
        arch, act, dtype = self._arch, self._arch.activation, self._dtype
        x = self._put(f.stem((arch.input_height, arch.input_width, 3), arch.stem_width, act, dtype), -1)
        levels: list[int] = []
        scaled: list[tuple[int, int]] = []
        for s, stage in enumerate(arch.stages):
            for i, b in enumerate(stage.blocks):
                stride = 2 if i == 0 else 1
                x = self._put(
                    f.block(self._shape(x), b.type, stage.width, b.kernel, b.expansion, stride, act, dtype), x
                )
            levels.append(self._put(f.lateral(self._shape(x), arch.fusion_width, dtype), x))
            scaled.append(self._scale_level(levels, s, first=True))
        for repeat in range(1, arch.fusion_repeats + 1):
            levels = self._layer(levels, scaled, repeat)
        finest = levels[0]
        return [
            self._put(f.head(self._shape(finest), h.channels, h.width, h.depth, act, dtype), finest)
            for h in arch.heads
        ]

    def _put(self, fragment: f.Fragment, *sources: int) -> int:
        self.placed.append((fragment, sources))
        return len(self.placed) - 1

    def _shape(self, index: int) -> f.Shape:
        return self.placed[index][0].output

    def _scale(self, index: int) -> int:
        return self._put(f.scale(self._shape(index), self._dtype), index)

    def _add(self, activation: str, a: int, b: int) -> int:
        return self._put(f.add(self._shape(a), activation, self._dtype), a, b)

    def _scale_level(
        self, levels: list[int], s: int, *, first: bool, last: bool | None = None
    ) -> tuple[int, int]:
        """Scales map `s` for the (bottom-up, top-down) fusions that read it.

        The converter folds a factor into the lateral convolution that made the map where nothing else reads it.
        """
        last = self._arch.fusion_repeats == 1 if last is None else last
        top = len(self._arch.stages) - 1
        bottom_up = self._scale(levels[s]) if not last and s > 0 else levels[s]
        folded = first and (last or s == 0)
        top_down = self._scale(levels[s]) if s < top and not folded else levels[s]
        return bottom_up, top_down

    def _layer(self, levels: list[int], scaled: list[tuple[int, int]], repeat: int) -> list[int]:
        """Places one BiFPN layer; the last one is top-down only, as the heads read its finest map alone."""
        act, dtype, top = self._arch.activation, self._dtype, len(levels) - 1
        first, last = repeat == 1, repeat == self._arch.fusion_repeats
        if not first:
            scaled = [(-1, -1)] * top + [self._scale_level(levels, top, first=False, last=last)]
        down, partial = list(levels), [scaled_up for scaled_up, _ in scaled]
        for s in range(top - 1, -1, -1):
            up = self._scale(self._put(f.upsample(self._shape(down[s + 1]), dtype), down[s + 1]))
            bottom_up, top_down = scaled[s] if first else self._scale_level(levels, s, first=False, last=last)
            down[s] = self._put(f.separable(self._shape(up), dtype), self._add(act, top_down, up))
            if not last and s > 0:
                partial[s] = self._add("none", bottom_up, self._scale(down[s]))
        if last:
            return down
        out = [down[0]]
        for s in range(1, top + 1):
            pooled = self._scale(self._put(f.pool(self._shape(out[-1]), dtype), out[-1]))
            out.append(self._put(f.separable(self._shape(pooled), dtype), self._add(act, partial[s], pooled)))
        return out
