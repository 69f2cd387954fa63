"""`OpGraph`: the operators of a network as a TFLite file has them; what predictors and checks read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

__all__ = ["BYTES_PER_ELEMENT", "OpGraph", "Operator", "Tensor"]

BYTES_PER_ELEMENT = {
    "float32": 4, "float16": 2, "float64": 8, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4,
    "uint32": 4, "int64": 8, "uint64": 8, "bool": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tensor:
    """Shape and element type of one tensor.

    Attributes:
        shape: sizes, NHWC for feature maps.
        dtype: NumPy name such as "int8" or "float32".
    """

    shape: tuple[int, ...]
    dtype: str

    @property
    def elements(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Size in bytes; 0 for types without a fixed size, such as strings."""
        return self.elements * BYTES_PER_ELEMENT.get(self.dtype, 0)


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator, by value: equal operators cost the same wherever they stand.

    Attributes:
        type: TFLite builtin name, e.g. "CONV_2D", or the name of a custom operator.
        inputs: activation inputs (constants are counted in `parameter_bytes`).
        outputs: results.
        kernel: (height, width) of a convolution or pool, (0, 0) elsewhere.
        stride: (vertical, horizontal), (0, 0) where it has no meaning.
        dilation: (vertical, horizontal), (0, 0) where it has no meaning.
        padding: "same", "valid" or "".
        activation: fused activation: "none", "relu", "relu6", ... .
        macs: multiply-accumulates; 0 for operators that have none.
        parameter_bytes: bytes of constant inputs (weights, biases, scale factors).
        flags: further options that change the cost or the support, sorted (e.g. "align_corners").
    """

    type: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    kernel: tuple[int, int] = (0, 0)
    stride: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (0, 0)
    padding: str = ""
    activation: str = "none"
    macs: int = 0
    parameter_bytes: int = 0
    flags: tuple[str, ...] = ()

    @property
    def activation_bytes(self) -> int:
        """Bytes of the activation inputs and the outputs together."""
        return sum(t.bytes for t in self.inputs) + sum(t.bytes for t in self.outputs)


@dataclass(frozen=True)
class OpGraph:
    """Operators in execution order with their wiring.

    Attributes:
        operators: the operators.
        wiring: per operator (input tensor numbers, output tensor numbers), activations only.
        tensors: tensor number to `Tensor`.
        inputs: tensor numbers of the network's inputs.
        outputs: tensor numbers of the network's outputs.
        output_names: names of the outputs by the signature (or tensor names where there is none).
    """

    operators: tuple[Operator, ...]
    wiring: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    tensors: dict[int, Tensor]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    output_names: tuple[str, ...] = ()

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(op.macs for op in self.operators)

    @cached_property
    def parameter_bytes(self) -> int:
        """Bytes of all constants that operators read."""
        return sum(op.parameter_bytes for op in self.operators)

    @cached_property
    def live_activation_bytes(self) -> tuple[int, ...]:
        """Bytes of the activations that live while each operator runs, without in-place reuse."""
        last_use = {t: len(self.operators) for t in self.outputs}
        for step, (reads, _) in enumerate(self.wiring):
            for t in reads:
                last_use[t] = max(last_use.get(t, 0), step)
        live = {t: self.tensors[t].bytes for t in self.inputs}
        found = []
        for step, (_, writes) in enumerate(self.wiring):
            live.update({t: self.tensors[t].bytes for t in writes})
            found.append(sum(live.values()))
            live = {t: size for t, size in live.items() if last_use.get(t, -1) > step}
        return tuple(found)

    @cached_property
    def peak_activation_bytes(self) -> int:
        """Largest sum of live activations over the execution order, without in-place reuse."""
        return max((sum(self.tensors[t].bytes for t in self.inputs), *self.live_activation_bytes))
