"""Runs a .tflite file through LiteRT by its named signature; no TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgenas.errors import EdgenasError, MissingDependencyError

__all__ = ["LitertModel"]


class LitertModel:
    """A .tflite file as a function from images to raw outputs, whatever its element type.

    Attributes:
        input_detail: shape, dtype and quantisation of the input.
        output_details: the same per named output.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingDependencyError("ai-edge-litert", "all", "Running .tflite files") from error
        try:
            self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
            self._runner = self._interpreter.get_signature_runner()
        except (ValueError, RuntimeError) as error:
            raise EdgenasError(f"LiteRT cannot run {path}: {error}. Export it again.") from error
        self.input_detail: dict[str, Any] = next(iter(self._runner.get_input_details().values()))
        self._input_name = next(iter(self._runner.get_input_details()))
        self.output_details: dict[str, dict[str, Any]] = self._runner.get_output_details()

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Runs frame by frame (batch 1 is what devices run).

        Args:
            images: uint8 [B, H, W, 3].

        Returns:
            {output name: float32 [B, H, W, channels]}, de-quantised.
        """
        rows = [self._runner(**{self._input_name: self._encode(image[None])}) for image in images]
        return {
            name: np.concatenate([_dequantize(row[name], detail) for row in rows])
            for name, detail in self.output_details.items()
        }

    def float_tensors(self) -> tuple[str, ...]:
        """Names of all tensors, constants included, that hold floating-point numbers."""
        details = self._interpreter.get_tensor_details()
        return tuple(d["name"] for d in details if np.issubdtype(d["dtype"], np.floating))

    def io_description(self) -> dict[str, Any]:
        """Dtype, shape, scale and zero point of the input and of every named output, JSON-ready."""
        return {
            "input": {"name": self._input_name, **_describe(self.input_detail)},
            "outputs": {name: _describe(detail) for name, detail in self.output_details.items()},
        }

    def _encode(self, image: np.ndarray) -> np.ndarray:
        """The network's input in [-1, 1], quantised where the file asks for it."""
        values = image.astype(np.float32) / 127.5 - 1.0
        dtype = self.input_detail["dtype"]
        if np.issubdtype(dtype, np.floating):
            return np.asarray(values, dtype=dtype)
        scale, zero_point = _scale(self.input_detail)
        limits = np.iinfo(dtype)
        quantised = np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max)
        return np.asarray(quantised, dtype=dtype)


def _scale(detail: dict[str, Any]) -> tuple[float, int]:
    scale, zero_point = detail["quantization"]
    return float(scale), int(zero_point)


def _dequantize(values: np.ndarray, detail: dict[str, Any]) -> np.ndarray:
    if np.issubdtype(values.dtype, np.floating):
        return values.astype(np.float32)
    scale, zero_point = _scale(detail)
    return ((values.astype(np.float32) - zero_point) * scale).astype(np.float32)


def _describe(detail: dict[str, Any]) -> dict[str, Any]:
    scale, zero_point = _scale(detail)
    return {
        "dtype": np.dtype(detail["dtype"]).name,
        "shape": [int(n) for n in detail["shape"]],
        "scale": scale,
        "zero_point": zero_point,
    }
