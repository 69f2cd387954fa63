"""Runs a .tflite file on images by its named outputs; no TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgenas.errors import EdgenasError
from edgenas.runtime_interpreter import RuntimeInterpreter

__all__ = ["LitertModel"]


class LitertModel:
    """A .tflite file as a function from images to raw outputs, whatever its element type.

    Args:
        path: the file; it has one input, an image.
        threads: threads on the CPU.
        kernels: what computes the operators, one of `edgenas.runtime_interpreter.KERNELS`.

    Attributes:
        facts: which runtime it is, see `RuntimeInterpreter`.
        input_detail: shape, dtype and quantisation of the input.
        output_details: the same per named output.
    """

    def __init__(self, path: Path, *, threads: int = 1, kernels: str = "default") -> None:
        self._interpreter = RuntimeInterpreter(path, threads=threads, kernels=kernels)
        self.facts = self._interpreter.facts
        if len(self._interpreter.inputs) != 1:
            raise EdgenasError(
                f"{path} has the inputs {sorted(self._interpreter.inputs)}; expected one, an image. Export it again."
            )
        [self.input_detail] = self._interpreter.inputs.values()
        self.output_details = dict(sorted(self._interpreter.outputs.items()))

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Runs frame by frame (batch 1 is what devices run).

        Args:
            images: uint8 [B, H, W, 3].

        Returns:
            {output name: float32 [B, H, W, channels]}, de-quantised.
        """
        rows = [self._run(image[None]) for image in images]
        return {name: np.concatenate([row[name] for row in rows]) for name in self.output_details}

    def numbers(self, images: np.ndarray) -> np.ndarray:
        """Images as the numbers that the file takes; the network's input is in [-1, 1]."""
        return self.input_detail.quantise(images.astype(np.float32) / 127.5 - 1.0)

    def float_tensors(self) -> tuple[str, ...]:
        """Names of all tensors, constants included, that hold floating-point numbers."""
        return self._interpreter.float_tensors()

    def io_description(self) -> dict[str, Any]:
        """Dtype, shape, scale and zero point of the input and of every named output, JSON-ready."""
        return {
            "input": {"name": self.input_detail.name, **self.input_detail.to_dict()},
            "outputs": {name: detail.to_dict() for name, detail in self.output_details.items()},
        }

    def _run(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """One frame."""
        self._interpreter.set(self.input_detail, self.numbers(image))
        self._interpreter.invoke()
        return {
            name: detail.dequantise(self._interpreter.get(detail))
            for name, detail in self.output_details.items()
        }
