"""Error of every operator: the int8 file beside the float file, tensor by tensor, on real frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.errors import EdgenasError
from edgenas.export.calibration import network_input
from edgenas.export.flat_file import FlatFile
from edgenas.runtime import quiet_stderr

__all__ = ["OperatorError", "describe_operators", "operator_errors", "trace", "worst_operators"]

_LEAST_DB, _MOST_DB = -20.0, 100.0


@dataclass(frozen=True)
class OperatorError:
    """How far an int8 operator's output is from the float one.

    Attributes:
        number: its place among the computing operators.
        type: such as "CONV_2D".
        name: such as "stage1_block1/expand".
        sqnr_db: signal to quantisation noise, the mean over the channels in dB: a channel whose values drown beside
            those of another counts as much as that other one.
        added_noise: noise to signal that came in here: that of the output less that of the noisiest input, at least 0.
        largest: largest absolute value of the float output.
        weakest_channel: largest absolute value of the channel with the lowest ratio.
    """

    number: int
    type: str
    name: str
    sqnr_db: float
    added_noise: float
    largest: float
    weakest_channel: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "number": self.number, "type": self.type, "name": self.name, "sqnr_db": round(self.sqnr_db, 2),
            "added_noise": float(f"{self.added_noise:.4g}"), "largest": float(f"{self.largest:.4g}"),
            "weakest_channel": float(f"{self.weakest_channel:.4g}"),
        }  # fmt: skip


def trace(data: bytes, images: NDArray[np.uint8]) -> Iterator[list[NDArray[np.float32]]]:
    """The real values of every computing operator's output, frame by frame.

    Reference kernels without a delegate, because delegates keep no tensors.

    Args:
        data: a .tflite file.
        images: uint8 [N, H, W, 3].
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    file = FlatFile(data)
    with quiet_stderr():
        interpreter = Interpreter(
            model_content=data,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=True,
        )
        interpreter.allocate_tensors()
    details = {int(d["index"]): d for d in interpreter.get_tensor_details()}
    places = [op.output for op in file.computing]
    [entry] = interpreter.get_input_details()
    for image in images:
        interpreter.set_tensor(entry["index"], _as_stored(network_input(image[None]), entry))
        interpreter.invoke()
        yield [_real(interpreter.get_tensor(place), details[place]) for place in places]


def operator_errors(
    float_file: bytes, int8_file: bytes, images: NDArray[np.uint8], names: Sequence[str] = ()
) -> tuple[OperatorError, ...]:
    """Compares two files of the same network operator by operator.

    Args:
        float_file: the float32 file.
        int8_file: the quantised one; QUANTIZE and DEQUANTIZE operators are looked through.
        images: real frames, uint8 [N, H, W, 3].
        names: what users know the computing operators by; those of the float32 file without it.

    Raises:
        EdgenasError: the files have different operators.
    """
    ours, theirs = FlatFile(int8_file), FlatFile(float_file)
    kinds = [[op.type for op in file.computing] for file in (theirs, ours)]
    if kinds[0] != kinds[1]:
        raise EdgenasError(
            f"The int8 file has other operators than the float32 file ({len(kinds[1])} and {len(kinds[0])}), so they "
            "cannot be compared one by one. Export it again with --engine tensorflow."
        )
    sums: list[Any] = [None] * len(kinds[0])
    for expected, found in zip(trace(float_file, images), trace(int8_file, images), strict=True):
        for i, (a, b) in enumerate(zip(expected, found, strict=True)):
            wanted, got = a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1])
            row = np.stack([np.square(wanted).sum(0), np.square(got - wanted).sum(0)]).astype(np.float64)
            largest = np.abs(wanted).max(0)
            if sums[i] is not None:
                row, largest = row + sums[i][0], np.maximum(largest, sums[i][1])
            sums[i] = (row, largest)
    ratios = [_channel_ratios(signal, noise) for (signal, noise), _ in sums]
    means = [float(r[np.isfinite(r)].mean()) if np.isfinite(r).any() else _MOST_DB for r in ratios]
    writer = {op.output: i for i, op in enumerate(theirs.computing)}
    result = []
    for i, op in enumerate(theirs.computing):
        sources = [means[writer[t]] for t in op.inputs if t in writer]
        added = _noise_share(means[i]) - _noise_share(min(sources, default=_MOST_DB))
        largest = sums[i][1]
        weakest = int(np.nanargmin(ratios[i])) if np.isfinite(ratios[i]).any() else 0
        result.append(
            OperatorError(
                i,
                op.type,
                names[i] if names else op.name,
                means[i],
                max(0.0, added),
                float(largest.max()),
                float(largest[weakest]),
            )
        )
    return tuple(result)


def describe_operators(
    float_file: bytes, int8_file: bytes, images: NDArray[np.uint8], names: Sequence[str] = ()
) -> dict[str, Any]:
    """The card's section: every operator's error and the worst ones; why not, where they cannot be compared."""
    try:
        errors = operator_errors(float_file, int8_file, images, names)
    except EdgenasError as error:
        return {"frames": 0, "worst": [], "operators": [], "reason": str(error)}
    return {
        "frames": len(images),
        "worst": [e.name for e in worst_operators(errors)],
        "operators": [e.to_dict() for e in errors],
    }


def worst_operators(errors: Sequence[OperatorError], count: int = 5) -> list[OperatorError]:
    """Those that added most noise, worst first."""
    return sorted(errors, key=lambda e: (-e.added_noise, e.sqnr_db))[:count]


def _noise_share(ratio_db: float) -> float:
    return float(10.0 ** (-ratio_db / 10.0))


def _channel_ratios(signal: NDArray[np.float64], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ratio per channel in dB; NaN for channels that are zero throughout."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = 10.0 * np.log10(signal / noise)
    return np.where(signal > 0, np.clip(ratios, _LEAST_DB, _MOST_DB), np.nan)


def _as_stored(values: NDArray[np.float32], detail: Any) -> NDArray[Any]:
    kind = np.dtype(detail["dtype"])
    scale, zero = detail["quantization"]
    if kind.kind == "f":
        return values.astype(kind)
    limits = np.iinfo(kind)
    return np.asarray(np.clip(np.rint(values / scale) + zero, limits.min, limits.max), kind)


def _real(numbers: NDArray[Any], detail: Any) -> NDArray[np.float32]:
    scale, zero = detail["quantization"]
    if numbers.dtype.kind == "f" or scale == 0:
        return numbers.astype(np.float32)
    return np.asarray((numbers.astype(np.float32) - zero) * np.float32(scale), np.float32)
