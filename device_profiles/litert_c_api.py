"""`ProfiledModel`: a model compiled by the C API of libLiteRt.so with its profiler on; by ctypes.

The Python classes of ai-edge-litert have no profiler, but the library in the same wheel exports one. That is not
a public Python interface: version and symbols are checked before anything is called. A wrong guess about a
structure could crash the process, so only the worker process imports this module.
"""

from __future__ import annotations

import ctypes
from contextlib import ExitStack
from importlib import metadata, util
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from edgenas.device_profiles.agent.measure import random_input

__all__ = ["ProfileUnavailableError", "ProfiledModel"]

_TESTED_VERSIONS = ("2.3.",)
_SYMBOLS = (
    "LiteRtAddOpaqueOptions", "LiteRtCompiledModelGetProfiler", "LiteRtCreateCompiledModel",
    "LiteRtCreateEnvironment", "LiteRtCreateManagedTensorBufferFromRequirements", "LiteRtCreateModelFromFile",
    "LiteRtCreateOpaqueOptions", "LiteRtCreateOptions", "LiteRtDestroyCompiledModel", "LiteRtDestroyEnvironment",
    "LiteRtDestroyModel", "LiteRtDestroyOptions", "LiteRtDestroyTensorBuffer",
    "LiteRtGetCompiledModelInputBufferRequirements", "LiteRtGetCompiledModelOutputBufferRequirements",
    "LiteRtGetModelSignature", "LiteRtGetNumProfilerEvents", "LiteRtGetNumSignatureInputs",
    "LiteRtGetNumSignatureOutputs", "LiteRtGetProfilerEvents", "LiteRtGetRankedTensorType",
    "LiteRtGetSignatureInputTensorByIndex", "LiteRtGetSignatureOutputTensorByIndex", "LiteRtLockTensorBuffer",
    "LiteRtRunCompiledModel", "LiteRtSetOptionsHardwareAccelerators", "LiteRtStartProfiler",
    "LiteRtStopProfiler", "LiteRtUnlockTensorBuffer",
)  # fmt: skip
# LiteRtElementType has the numbers of TfLiteType.
_ELEMENT_TYPES = {
    1: "float32", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16", 9: "int8", 10: "float16",
}  # fmt: skip
_CPU_ACCELERATOR = 1
_LOCK_FOR_WRITING = 1
_OPERATOR_EVENT, _DELEGATE_OPERATOR_EVENT = 2, 8
_MAX_EVENTS = 1_000_000


class ProfileUnavailableError(Exception):
    """This runtime or this model gives no operator times; the text says why."""


class _Event(ctypes.Structure):
    _fields_ = (
        ("tag", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("start_us", ctypes.c_uint64),
        ("elapsed_us", ctypes.c_uint64),
        ("memory_begin", ctypes.c_size_t * 3),
        ("memory_end", ctypes.c_size_t * 3),
        ("index", ctypes.c_uint64),
        ("subgraph", ctypes.c_uint64),
        ("source", ctypes.c_int),
    )


class _RankedTensorType(ctypes.Structure):
    _fields_ = (
        ("element_type", ctypes.c_int),
        ("rank_and_strides_bit", ctypes.c_uint32),
        ("dimensions", ctypes.c_int32 * 8),
        ("strides", ctypes.c_uint32 * 8),
    )

    @property
    def shape(self) -> tuple[int, ...]:
        rank = self.rank_and_strides_bit & 0x7F
        return tuple(self.dimensions[:rank])


_NO_DELETER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)


class ProfiledModel:
    """The first signature of a model, compiled for the CPU with XNNPACK and filled with random inputs.

    Use as a context manager: it frees what the C library allocated.

    Args:
        model: the .tflite file.
        threads: threads of XNNPACK.
        rng: source of the input values.

    Raises:
        ProfileUnavailableError: the version is not a tested one, a symbol is missing, or the library refuses.
    """

    def __init__(self, model: Path, threads: int, rng: np.random.RandomState) -> None:
        self._library = _load_library()
        self._stack = ExitStack()
        try:
            self._compile(model, threads, rng)
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self) -> None:
        """One inference."""
        self._call(
            "LiteRtRunCompiledModel",
            self._compiled,
            ctypes.c_size_t(0),
            ctypes.c_size_t(len(self._inputs)),
            self._inputs,
            ctypes.c_size_t(len(self._outputs)),
            self._outputs,
        )

    def start(self) -> None:
        """Starts recording."""
        self._call("LiteRtStartProfiler", self._profiler)

    def stop(self) -> list[tuple[str, int]]:
        """Ends recording; returns (tag, microseconds) of every operator event in order of execution.

        Tags are kernel names of XNNPACK; an operator outside the delegate has its TFLite name and its index in
        the file, such as "TILE [11]".
        """
        self._call("LiteRtStopProfiler", self._profiler)
        count = ctypes.c_int()
        self._call("LiteRtGetNumProfilerEvents", self._profiler, ctypes.byref(count))
        if not 0 < count.value <= _MAX_EVENTS:
            raise ProfileUnavailableError(f"the profiler reports {count.value} events")
        events = (_Event * count.value)()
        self._call("LiteRtGetProfilerEvents", self._profiler, count, events)
        result: list[tuple[str, int]] = []
        for event in events:
            if event.type in (_OPERATOR_EVENT, _DELEGATE_OPERATOR_EVENT):
                tag = (event.tag or b"").decode(errors="replace")
                outside = f" [{event.index}]" if event.type == _OPERATOR_EVENT else ""
                result.append((tag + outside, int(event.elapsed_us)))
        return result

    def _compile(self, model: Path, threads: int, rng: np.random.RandomState) -> None:
        environment = self._create("LiteRtCreateEnvironment", 0, None, destroy="LiteRtDestroyEnvironment")
        loaded = self._create(
            "LiteRtCreateModelFromFile", environment, str(model).encode(), destroy="LiteRtDestroyModel"
        )
        options = self._create("LiteRtCreateOptions", destroy="LiteRtDestroyOptions")
        self._call("LiteRtSetOptionsHardwareAccelerators", options, _CPU_ACCELERATOR)
        self._add_option(options, "runtime_options_string", "enable_profiling = true\n")
        self._add_option(options, "xnnpack", f"num_threads = {threads}\n")
        self._compiled = self._create(
            "LiteRtCreateCompiledModel", environment, loaded, options, destroy="LiteRtDestroyCompiledModel"
        )
        signature = self._get("LiteRtGetModelSignature", loaded, ctypes.c_size_t(0))
        self._inputs = self._buffers("Input", environment, signature, rng)
        self._outputs = self._buffers("Output", environment, signature, None)
        self._profiler = self._get("LiteRtCompiledModelGetProfiler", self._compiled)
        if not self._profiler.value:
            raise ProfileUnavailableError("the compiled model has no profiler")

    def _buffers(
        self,
        kind: str,
        environment: ctypes.c_void_p,
        signature: ctypes.c_void_p,
        rng: np.random.RandomState | None,
    ) -> Any:
        """A C array of one buffer per input or output; filled where `rng` is given."""
        count = ctypes.c_size_t()
        self._call(f"LiteRtGetNumSignature{kind}s", signature, ctypes.byref(count))
        pointers = []
        for position in range(count.value):
            index = ctypes.c_size_t(position)
            tensor = self._get(f"LiteRtGetSignature{kind}TensorByIndex", signature, index)
            described = _RankedTensorType()
            self._call("LiteRtGetRankedTensorType", tensor, ctypes.byref(described))
            requirements = self._get(
                f"LiteRtGetCompiledModel{kind}BufferRequirements", self._compiled, ctypes.c_size_t(0), index
            )
            pointer = self._create(
                "LiteRtCreateManagedTensorBufferFromRequirements",
                environment,
                ctypes.byref(described),
                requirements,
                destroy="LiteRtDestroyTensorBuffer",
            )
            if rng is not None:
                self._fill(pointer, described, rng)
            pointers.append(pointer.value)
        return (ctypes.c_void_p * len(pointers))(*pointers)

    def _fill(
        self, pointer: ctypes.c_void_p, described: _RankedTensorType, rng: np.random.RandomState
    ) -> None:
        try:
            values = random_input(described.shape, _ELEMENT_TYPES.get(described.element_type, "V"), rng)
        except (TypeError, ValueError) as error:
            raise ProfileUnavailableError(f"an input cannot be filled: {error}") from error
        address = ctypes.c_void_p()
        self._call("LiteRtLockTensorBuffer", pointer, ctypes.byref(address), _LOCK_FOR_WRITING)
        ctypes.memmove(address, values.ctypes.data, values.nbytes)
        self._call("LiteRtUnlockTensorBuffer", pointer)

    def _add_option(self, options: ctypes.c_void_p, name: str, text: str) -> None:
        payload = ctypes.create_string_buffer(text.encode())
        self._stack.callback(lambda: payload)  # The library keeps the address, not a copy.
        option = self._get(
            "LiteRtCreateOpaqueOptions", name.encode(), ctypes.cast(payload, ctypes.c_void_p), _NO_DELETER
        )
        self._call("LiteRtAddOpaqueOptions", options, option)  # `options` owns it from here on.

    def _create(self, name: str, *arguments: Any, destroy: str) -> ctypes.c_void_p:
        """Calls a function whose last argument receives an object that `destroy` frees at the end."""
        pointer = self._get(name, *arguments)
        free = getattr(self._library, destroy)
        free.restype = None
        self._stack.callback(free, pointer)
        return pointer

    def _get(self, name: str, *arguments: Any) -> ctypes.c_void_p:
        pointer = ctypes.c_void_p()
        self._call(name, *arguments, ctypes.byref(pointer))
        return pointer

    def _call(self, name: str, *arguments: Any) -> None:
        function = getattr(self._library, name)
        function.restype = ctypes.c_int
        status = function(*arguments)
        if status:
            raise ProfileUnavailableError(f"{name} of libLiteRt.so answered status {status}")


def _load_library() -> ctypes.CDLL:
    try:
        version = metadata.version("ai-edge-litert")
    except metadata.PackageNotFoundError as error:
        raise ProfileUnavailableError("ai-edge-litert is not installed") from error
    if not version.startswith(_TESTED_VERSIONS):
        raise ProfileUnavailableError(
            f"the profiler of ai-edge-litert is known for versions {_TESTED_VERSIONS[0]}x; installed is {version}"
        )
    spec = util.find_spec("ai_edge_litert")
    if spec is None or spec.origin is None:
        raise ProfileUnavailableError("the folder of the package ai_edge_litert was not found")
    try:
        library = ctypes.CDLL(str(Path(spec.origin).with_name("libLiteRt.so")))
    except OSError as error:
        raise ProfileUnavailableError(f"libLiteRt.so does not load: {error}") from error
    missing = [name for name in _SYMBOLS if not hasattr(library, name)]
    if missing:
        raise ProfileUnavailableError(f"libLiteRt.so of ai-edge-litert {version} lacks {', '.join(missing)}")
    return library
