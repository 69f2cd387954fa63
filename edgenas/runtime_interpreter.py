"""A .tflite file in whichever runtime is installed, ai-edge-litert or tflite-runtime, behind the same calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.device_profiles.agent.runtime import load_runtime
from edgenas.errors import EdgenasError, MissingDependencyError, UsageError, no_such_file, unknown_name
from edgenas.runtime import quiet_stderr

__all__ = ["KERNELS", "RuntimeInterpreter", "TensorDetail"]

_RESOLVERS = {"builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "reference": "BUILTIN_REF"}
KERNELS = ("default", *_RESOLVERS)
"""What computes the operators: the runtime's choice (XNNPACK where it has it), TensorFlow Lite's own optimised kernels,
or its plain reference ones."""

_COMPILED = b"edgetpu-custom-op"


@dataclass(frozen=True, slots=True)
class TensorDetail:
    """An input or output of a file.

    Attributes:
        name: its name in the signature, or the tensor's own where the file has no signature.
        index: number of the tensor.
        shape: its shape.
        dtype: its element type, such as "int8".
        scale: of real value = scale * (number - zero point); 0 where it is not quantised.
        zero_point: see `scale`.
    """

    name: str
    index: int
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int

    @property
    def is_float(self) -> bool:
        """Whether its numbers are the real values."""
        return bool(np.issubdtype(np.dtype(self.dtype), np.floating))

    def quantise(self, values: np.ndarray) -> np.ndarray:
        """Real values as the file's numbers, rounded to even and clipped."""
        if self.is_float or self.scale == 0:
            return np.asarray(values, dtype=self.dtype)
        limits = np.iinfo(self.dtype)
        numbers = np.clip(np.rint(values / self.scale) + self.zero_point, limits.min, limits.max)
        return np.asarray(numbers, dtype=self.dtype)

    def dequantise(self, numbers: np.ndarray) -> np.ndarray:
        """The file's numbers as float32 real values; integers without a scale (labels) stay what they are."""
        if self.is_float:
            return numbers.astype(np.float32)
        if self.scale == 0:
            return numbers
        return ((numbers.astype(np.float32) - self.zero_point) * self.scale).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Dtype, shape, scale and zero point, JSON-ready."""
        return {
            "dtype": self.dtype,
            "shape": list(self.shape),
            "scale": self.scale,
            "zero_point": self.zero_point,
        }


class RuntimeInterpreter:
    """A .tflite file that can be run.

    Args:
        path: the file.
        threads: threads on the CPU.
        runtime: "ai-edge-litert" or "tflite-runtime"; empty for the first that works.
        kernels: one of `KERNELS`.

    Attributes:
        facts: "runtime", "runtime_version", "python", "numpy" and "machine".
        inputs: by their names.
        outputs: by their names.

    Raises:
        UsageError: there is no such file, or it is no model.
        MissingDependencyError: no runtime is installed.
        EdgenasError: the installed one does not work, or cannot run the file.
    """

    def __init__(self, path: Path, *, threads: int = 1, runtime: str = "", kernels: str = "default") -> None:
        if kernels not in KERNELS:
            raise unknown_name("kind of kernels", kernels, KERNELS)
        if not path.is_file():
            raise no_such_file(path)
        module, self.facts = _load(runtime)
        options = {}
        if kernels != "default":
            options["experimental_op_resolver_type"] = getattr(module.OpResolverType, _RESOLVERS[kernels])
        try:
            with quiet_stderr():
                self._interpreter = module.Interpreter(model_path=str(path), num_threads=threads, **options)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise _cannot_run(path, self.facts["runtime"], error) from error
        names = _signature_names(self._interpreter)
        self.inputs = _named(self._interpreter.get_input_details(), names)
        self.outputs = _named(self._interpreter.get_output_details(), names)

    def set(self, detail: TensorDetail, numbers: np.ndarray) -> None:
        """Puts numbers of the file's own type into an input."""
        self._interpreter.set_tensor(detail.index, numbers)

    def invoke(self) -> None:
        """Computes the outputs; nothing else happens in it, so it may be timed.

        Raises:
            RuntimeError: an operator fails.
        """
        self._interpreter.invoke()

    def get(self, detail: TensorDetail) -> np.ndarray:
        """A copy of an output's numbers, of the file's own type."""
        return np.asarray(self._interpreter.get_tensor(detail.index))

    def float_tensors(self) -> tuple[str, ...]:
        """Names of all tensors, constants included, that hold floating-point numbers."""
        details = self._interpreter.get_tensor_details()
        return tuple(d["name"] for d in details if np.issubdtype(d["dtype"], np.floating))


def _load(wanted: str) -> tuple[Any, dict[str, str]]:
    try:
        return load_runtime(wanted)
    except ImportError as error:
        reasons = str(error)
        if "does not work" in reasons:
            raise EdgenasError(f"No runtime for .tflite files works here: {reasons}.") from error
        package = wanted or "ai-edge-litert"
        raise MissingDependencyError(package, "device", "Running .tflite files") from error


def _cannot_run(path: Path, runtime: str, error: Exception) -> EdgenasError:
    data = path.read_bytes()
    if data[4:8] != b"TFL3":
        return UsageError(f"{path} is not a .tflite file: the identifier TFL3 is missing at byte 4.")
    reason = " ".join(str(error).split()) or type(error).__name__
    if _COMPILED in data:
        return EdgenasError(
            f"{path} is compiled for the Edge TPU, and runs on nothing else. Give the .tflite that it was compiled "
            "from (edgetpu_compiler appends _edgetpu to its name)."
        )
    return EdgenasError(f"{runtime} cannot run {path}: {reason}. Export it again, or try another --runtime.")


def _signature_names(interpreter: Any) -> dict[int, str]:
    """Tensor number to its name in the only signature; empty where a file has none or several."""
    if len(interpreter.get_signature_list()) != 1:
        return {}
    runner = interpreter.get_signature_runner()
    details = {**runner.get_input_details(), **runner.get_output_details()}
    return {int(detail["index"]): str(name) for name, detail in details.items()}


def _named(details: list[dict[str, Any]], names: Mapping[int, str]) -> dict[str, TensorDetail]:
    named: dict[str, TensorDetail] = {}
    for detail in details:
        index = int(detail["index"])
        scale, zero_point = detail["quantization"]
        name = names.get(index, str(detail["name"]))
        named[name if name not in named else f"{name} ({index})"] = TensorDetail(
            name,
            index,
            tuple(int(size) for size in detail["shape"]),
            np.dtype(detail["dtype"]).name,
            float(scale),
            int(zero_point),
        )
    return named
