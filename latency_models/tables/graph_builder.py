"""`GraphBuilder`: layers in, `OpGraph` out, with the fusions that the TFLite converter makes."""

from __future__ import annotations

from functools import lru_cache

from edgenas.graph.opgraph import Operator, OpGraph, Tensor
from edgenas.latency_models.tables import operators
from edgenas.latency_models.tables.operators import Choice, Image

__all__ = ["GraphBuilder"]

_OPERATOR, _RELU, _SCALE, _CONSTANT = range(4)
_Wiring = tuple[tuple[int, ...], tuple[int, ...]]


@lru_cache(maxsize=1 << 18)
def _wire(reads: tuple[int, ...], number: int) -> _Wiring:
    """One shared object per wiring: thousands of networks of one space repeat the same few."""
    return reads, (number,)


class GraphBuilder:
    """Takes layers one by one; each call returns the number of the value it makes, 0 is the network's input.

    The converter's fusions happen in `graph`, when all readers of a value are known: a ReLU goes into the operator
    before it, and a scale and shift by constants (batch normalisation) into a convolution before it, each only if
    nothing else reads what lies between. Values that nobody reads are left out.
    """

    def __init__(self, image: Image, dtype: str, *, merge_equal: bool = False) -> None:
        """Starts a network.

        Args:
            image: height, width and channels of the input.
            dtype: element type of all activations.
            merge_equal: equal operators without weights on the same values become one, as today's converter makes
                them; the tables' converters kept one per reader.
        """
        self.dtype = dtype
        self._merge_equal = merge_equal
        self._equal: dict[tuple[int, tuple[int, ...]], int] = {}
        self._choices: list[Choice | None] = [None]
        self._reads: list[tuple[int, ...]] = [()]
        self._kinds: list[int] = [_CONSTANT]
        self._images: list[Image] = [image]

    def image(self, value: int) -> Image:
        """Height, width and channels of a value (the length of a vector)."""
        return self._images[value]

    def is_constant(self, value: int) -> bool:
        """Whether a value is the same for every input of the network."""
        return value > 0 and self._kinds[value] == _CONSTANT

    def append(self, choice: Choice, reads: tuple[int, ...], kind: int = _OPERATOR) -> int:
        """Adds an operator of `edgenas.latency_models.tables.operators`."""
        self._choices.append(choice)
        self._reads.append(reads)
        self._kinds.append(kind)
        self._images.append(choice.plain.outputs[0].shape[1:])
        return len(self._choices) - 1

    def _append_unweighted(self, choice: Choice, reads: tuple[int, ...], kind: int = _OPERATOR) -> int:
        if not self._merge_equal:
            return self.append(choice, reads, kind)
        key = (id(choice), reads)  # Choices are cached, hence equal ones are the same object.
        if key not in self._equal:
            self._equal[key] = self.append(choice, reads, kind)
        return self._equal[key]

    def constant(self, image: Image) -> int:
        """A constant: operators that read it list its shape, but it is no part of the wiring."""
        self._choices.append(None)
        self._reads.append(())
        self._kinds.append(_CONSTANT)
        self._images.append(image)
        return len(self._choices) - 1

    def conv(
        self, x: int, channels: int, kernel: int, stride: int = 1, *, groups: int = 1, zero: bool = False
    ) -> int:
        """Convolution with "same" padding; its batch normalisation is part of it. `zero`: of weights that are zero."""
        image = self._images[x]
        out = (-(-image[0] // stride), -(-image[1] // stride), channels)
        return self.append(
            operators.conv(image, out, kernel, stride, self.dtype, groups=groups, zero=zero), (x,)
        )

    def depthwise(self, x: int, kernel: int, stride: int = 1) -> int:
        """Depthwise convolution with "same" padding; its batch normalisation is part of it."""
        image = self._images[x]
        out = (-(-image[0] // stride), -(-image[1] // stride), image[2])
        return self.append(operators.depthwise(image, out, kernel, stride, self.dtype), (x,))

    def average_pool(self, x: int, kernel: int, stride: int, padding: str = "same") -> int:
        """Average pooling of a map whose sizes `stride` divides."""
        image = self._images[x]
        out = (image[0] // stride, image[1] // stride, image[2])
        return self._append_unweighted(
            operators.pool("AVERAGE_POOL_2D", image, out, kernel, stride, self.dtype, padding=padding), (x,)
        )

    def relu(self, x: int) -> int:
        """ReLU; of a constant it is a constant again."""
        if self.is_constant(x):
            return x
        return self._append_unweighted(operators.relu(self._images[x], self.dtype), (x,), _RELU)

    def add(self, x: int, y: int) -> int:
        """Sum of two values."""
        return self._append_unweighted(operators.add(self._images[x], self.dtype), (x, y))

    def times_zero(self, x: int) -> int:
        """Product with the one constant 0."""
        return self._append_unweighted(
            operators.multiply_constant(self._images[x], 1, self.dtype, zero=True), (x,)
        )

    def batch_norm(self, x: int) -> int:
        """Scale and shift per channel, for where no convolution before it takes them in."""
        image = self._images[x]
        scaled = self.append(operators.multiply_constant(image, image[-1], self.dtype), (x,), _SCALE)
        return self.append(operators.add_constant(image, image[-1], self.dtype), (scaled,), _SCALE)

    def global_mean(self, x: int) -> int:
        """Mean over height and width."""
        return self.append(operators.global_mean(self._images[x], self.dtype), (x,))

    def dense(self, x: int, units: int) -> int:
        """Dense layer with bias."""
        return self.append(operators.fully_connected(self._images[x], units, self.dtype), (x,))

    def channel_shuffle(self, x: int, groups: int) -> int:
        """Deals the channels of `groups` groups round robin: reshape, transpose, reshape."""
        height, width, channels = self._images[x]
        split, dealt = (
            (height, width, groups, channels // groups),
            (height, width, channels // groups, groups),
        )
        x = self.append(operators.reshape((height, width, channels), split, self.dtype), (x,))
        x = self.append(operators.transpose(split, dealt, self.dtype), (x,))
        return self.append(operators.reshape(dealt, (height, width, channels), self.dtype), (x,))

    def graph(self, output: int, name: str, *, prune: bool = True) -> OpGraph:
        """The finished network.

        Args:
            output: the value that it returns.
            name: its name.
            prune: leave out what the output does not depend on, as every converter does.
        """
        uses = self._uses(output, prune)
        roots, holds_relu = self._fuse(uses)
        numbers = [0] * len(uses)
        chosen: list[Operator] = []
        wiring: list[_Wiring] = []
        tensors: dict[int, Tensor] = {0: operators.tensor(self._images[0], self.dtype)}
        kinds = self._kinds
        for value, choice in enumerate(self._choices):
            if choice is None or not uses[value] or roots[value] != value:
                continue
            numbers[value] = len(tensors)
            operator = choice.with_relu if value in holds_relu and choice.with_relu else choice.plain
            reads = tuple([numbers[roots[r]] for r in self._reads[value] if r == 0 or kinds[r] != _CONSTANT])
            wiring.append(_wire(reads, len(tensors)))
            chosen.append(operator)
            tensors[len(tensors)] = operator.outputs[0]
        return OpGraph(tuple(chosen), tuple(wiring), tensors, (0,), (numbers[roots[output]],), (name,))

    def _uses(self, output: int, prune: bool) -> list[int]:
        """How often each value is read, 0 for those that are left out."""
        uses = [0 if prune else 1] * len(self._choices)
        if not prune:  # Everything runs; a value that nobody reads counts as read once.
            for reads in self._reads:
                for read in reads:
                    uses[read] += 1
            read_once = {read for reads in self._reads for read in reads}
            return [count - (value in read_once) for value, count in enumerate(uses)]
        uses[output] = 1
        for value in range(len(uses) - 1, -1, -1):
            if uses[value]:
                for read in self._reads[value]:
                    uses[read] += 1
        return uses

    def _fuse(self, uses: list[int]) -> tuple[list[int], set[int]]:
        """The value into whose operator each one is fused (itself if none), and the operators that took a ReLU in."""
        roots = list(range(len(uses)))
        holds_relu: set[int] = set()
        for value, kind in enumerate(self._kinds):
            if kind not in (_RELU, _SCALE) or not uses[value]:
                continue
            (source,) = self._reads[value]
            root = roots[source]
            choice = self._choices[root]
            if uses[source] != 1 or choice is None or root in holds_relu:
                continue
            if kind == _RELU and choice.with_relu is not None:
                holds_relu.add(root)
                roots[value] = root
            elif kind == _SCALE and choice.plain.type == "CONV_2D":
                roots[value] = root
        return roots, holds_relu
