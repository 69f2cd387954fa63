"""Runs commands inside the test process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgenas.cli.main import main
from edgenas.space import Architecture, load_space


@dataclass(frozen=True)
class Outcome:
    """Exit code and what was printed."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """The one JSON value on stdout."""
        return json.loads(self.out)


@pytest.fixture
def edgenas(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """`edgenas("space", "list")`: runs the command line as its entry point does."""

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        code = stop.value.code
        return Outcome(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def small_network() -> Architecture:
    """The baseline of the demo space at 64x96, inside the domain of `host_predictor`."""
    space = load_space("demo")
    return space.architecture(
        space.default(),
        input_shape=(64, 96),
        head_channels={"depth": 1, "normals": 3, "segmentation": 13},
    )


@pytest.fixture
def architecture_file(tmp_path: Path, small_network: Architecture) -> Path:
    path = tmp_path / "network.json"
    path.write_text(small_network.to_json())
    return path


@pytest.fixture(scope="session")
def tflite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .tflite file of one int8 convolution, written by the schema: no TensorFlow is needed for it."""
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    def tensor(name: str, shape: tuple[int, ...], buffer: int, kind: int = 9) -> Any:
        made = schema.TensorT()
        made.name, made.shape, made.buffer, made.type = name.encode(), np.array(shape, np.int32), buffer, kind
        made.quantization = schema.QuantizationParametersT()
        scale = 0.02**2 if kind == 2 else 0.02
        made.quantization.scale, made.quantization.zeroPoint = (
            np.array([scale], np.float32),
            np.array([0], np.int64),
        )
        return made

    model, graph, code, convolution = (
        kind() for kind in (schema.ModelT, schema.SubGraphT, schema.OperatorCodeT, schema.OperatorT)
    )
    empty, weights, bias = schema.BufferT(), schema.BufferT(), schema.BufferT()
    bias.data = np.zeros(16 * 4, np.uint8)
    weights.data = np.random.default_rng(0).integers(0, 256, 16 * 3 * 3 * 3, dtype=np.uint8)
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    convolution.inputs, convolution.outputs = np.array([0, 1, 3], np.int32), np.array([2], np.int32)
    convolution.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
    convolution.builtinOptions = schema.Conv2DOptionsT()
    convolution.builtinOptions.strideH = convolution.builtinOptions.strideW = 2
    graph.tensors = [
        tensor("image", (1, 32, 64, 3), 0),
        tensor("weights", (16, 3, 3, 3), 1),
        tensor("output", (1, 16, 32, 16), 0),
        tensor("bias", (16,), 2, 2),
    ]
    graph.inputs, graph.outputs = np.array([0], np.int32), np.array([2], np.int32)
    graph.operators = [convolution]
    model.version, model.operatorCodes, model.subgraphs, model.buffers = (
        3,
        [code],
        [graph],
        [empty, weights, bias],
    )
    path = tmp_path_factory.mktemp("tflite") / "convolution.tflite"
    path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    return path
