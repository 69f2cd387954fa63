"""Facts about the operators of a .tflite file that its `OpGraph` leaves out, straight from the flatbuffer."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edgenas.errors import UsageError
from edgenas.graph.tflite import parse_tflite

__all__ = ["ModelFacts", "OperatorFacts", "TensorFacts", "parse_facts"]

_DTYPES = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 5: "string", 6: "bool", 7: "int16",
    8: "complex64", 9: "int8", 10: "float64", 11: "complex128", 12: "uint64", 15: "uint32", 16: "uint16", 17: "int4",
}  # fmt: skip
_NUMPY = frozenset({
    "float32", "float16", "int32", "uint8", "int64", "bool", "int16", "int8", "float64", "uint32", "uint16", "uint64",
})  # fmt: skip
_MALFORMED = (struct.error, IndexError, ValueError, TypeError, OverflowError, AttributeError, MemoryError)


@dataclass(frozen=True)
class TensorFacts:
    """One tensor as an operator sees it.

    Attributes:
        name: its name in the file.
        shape: sizes; of dynamic dimensions the size that the file assumes.
        dtype: NumPy name, "int4" or "unknown".
        constant: whether its values are in the file.
        variable: whether it keeps its values from call to call, as the state of an LSTM does.
        dynamic: whether a size is left open until the model runs.
        scales: number of quantisation scales: 0 without any, 1 per tensor, more per channel.
        zero_point: of a tensor with one scale.
        data: bytes of a constant.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    constant: bool = False
    variable: bool = False
    dynamic: bool = False
    scales: int = 0
    zero_point: int = 0
    data: bytes = field(default=b"", repr=False)

    def values(self) -> npt.NDArray[Any] | None:
        """Values of a constant, flat; None where they are not in the file or not readable."""
        if not self.data or self.dtype not in _NUMPY:
            return None
        kind = np.dtype(self.dtype)
        return np.frombuffer(self.data, kind, count=len(self.data) // kind.itemsize)


@dataclass(frozen=True)
class OperatorFacts:
    """What the `OpGraph` does not say of an operator.

    Attributes:
        version: version of the operator.
        inputs: every input in its place, constants among them; None where an optional one is left out.
        outputs: results.
        options: the options that rules ask for, by the schema's names in small letters.
    """

    version: int
    inputs: tuple[TensorFacts | None, ...]
    outputs: tuple[TensorFacts, ...]
    options: Mapping[str, int] = field(default_factory=dict)

    def constant(self, position: int) -> list[int] | None:
        """Integers of a constant input; None where it is missing or computed."""
        tensor = self.inputs[position] if position < len(self.inputs) else None
        values = None if tensor is None else tensor.values()
        return None if values is None else [int(v) for v in values]


@dataclass(frozen=True)
class ModelFacts:
    """A .tflite file.

    Attributes:
        operators: of its main graph, at the places that they have in the `OpGraph`.
        subgraphs: number of graphs in the file.
        dynamic: names of the main graph's tensors whose size the file leaves open; results of custom operators do not
            count, whose kernels decide on it.
    """

    operators: tuple[OperatorFacts, ...]
    subgraphs: int
    dynamic: tuple[str, ...]


def parse_facts(data: bytes, source: str = "model") -> ModelFacts:
    """Reads the facts of a TFLite flatbuffer held in memory; `source` names it in errors.

    Raises:
        UsageError: the bytes are no TFLite model, or cut short or damaged; as `parse_tflite` says it.
    """
    parse_tflite(data, source)  # Checks every length once; what follows trusts them.
    try:
        return _Reader(data).facts()
    except _MALFORMED as error:
        raise UsageError(
            f"{source} is damaged: its quantisation parameters or options cannot be read "
            f"({type(error).__name__}: {error}). Export or download it again."
        ) from error


# Option table and the attributes that rules ask for.
_OPTIONS = {
    "CONCATENATION": ("ConcatenationOptions", ("Axis",)),
    "PACK": ("PackOptions", ("Axis",)),
    "FULLY_CONNECTED": ("FullyConnectedOptions", ("WeightsFormat", "KeepNumDims")),
    "STRIDED_SLICE": ("StridedSliceOptions", ("EllipsisMask", "NewAxisMask", "ShrinkAxisMask")),
    "L2_NORMALIZATION": ("L2NormOptions", ("FusedActivationFunction",)),
}


class _Reader:
    def __init__(self, data: bytes) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema = schema
        self._model = schema.Model.GetRootAs(data, 0)
        self._graph = self._model.Subgraphs(0)
        self._names = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
        self._tensors: dict[int, TensorFacts] = {}
        self._custom_results: set[int] = set()

    def facts(self) -> ModelFacts:
        operators = tuple(self._operators())
        # Tensors that nothing reads or writes do not matter.
        dynamic = tuple(
            t.name for i, t in sorted(self._tensors.items()) if t.dynamic and i not in self._custom_results
        )
        return ModelFacts(operators, self._model.SubgraphsLength(), dynamic)

    def _operators(self) -> Iterator[OperatorFacts]:
        for i in range(self._graph.OperatorsLength()):
            operator = self._graph.Operators(i)
            code = self._model.OperatorCodes(operator.OpcodeIndex())
            name = self._names.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "")
            inputs = tuple(self._tensor(t) if t >= 0 else None for t in _list(operator.InputsAsNumpy()))
            outputs = tuple(self._tensor(t) for t in _list(operator.OutputsAsNumpy()))
            if name == "CUSTOM":
                self._custom_results.update(_list(operator.OutputsAsNumpy()))
            yield OperatorFacts(code.Version(), inputs, outputs, self._options(name, operator))

    def _options(self, name: str, operator: Any) -> dict[str, int]:
        table = operator.BuiltinOptions()
        if name not in _OPTIONS or table is None:
            return {}
        kind, wanted = _OPTIONS[name]
        options = getattr(self._schema, kind)()
        options.Init(table.Bytes, table.Pos)
        return {attribute.lower(): int(getattr(options, attribute)()) for attribute in wanted}

    def _tensor(self, index: int) -> TensorFacts:
        if index not in self._tensors:
            tensor = self._graph.Tensors(index)
            buffer = self._model.Buffers(tensor.Buffer())
            data = bytes(buffer.DataAsNumpy()) if buffer.DataLength() > 0 else b""
            quantisation = tensor.Quantization()
            scales = 0 if quantisation is None else quantisation.ScaleLength()
            zeros = _list(quantisation.ZeroPointAsNumpy()) if scales else []
            self._tensors[index] = TensorFacts(
                name=(tensor.Name() or b"").decode(errors="replace"),
                shape=tuple(_list(tensor.ShapeAsNumpy())),
                dtype=_DTYPES.get(tensor.Type(), "unknown"),
                constant=bool(data) or buffer.Offset() > 1,
                variable=bool(tensor.IsVariable()),
                dynamic=any(n < 0 for n in _list(tensor.ShapeSignatureAsNumpy())),
                scales=scales,
                zero_point=zeros[0] if zeros else 0,
                data=data,
            )
        return self._tensors[index]


def _list(values: Any) -> list[int]:
    return [] if isinstance(values, int) else [int(v) for v in values]
