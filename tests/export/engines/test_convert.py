"""Every format by both engines: near to Keras, no float where none belongs, no larger than it must be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.compatibility import check_edgetpu
from edgenas.datasets import Dataset
from edgenas.errors import EdgenasError, MissingDependencyError, UsageError
from edgenas.export.candidate import Candidate, IoTypes
from edgenas.export.engines import litert_quantizer
from edgenas.export.engines.convert import convert, finished
from edgenas.export.engines.formats import INTEGER_FORMATS
from edgenas.export.litert_model import LitertModel
from edgenas.export.outputs import device_network
from edgenas.export.verify import compare_heads
from edgenas.graph import parse_tflite

ENGINES = ("tensorflow", "litert-quantizer")
LEAST_SQNR_DB = {"float16": 45.0, "dynamic": 25.0, "int8": 20.0, "int16x8": 25.0}


@pytest.fixture(scope="module")
def candidates(model: Any, network_inputs: list[np.ndarray]) -> dict[tuple[str, str], Candidate]:
    float_file = convert(model, format="float32", engine="tensorflow").data
    return {
        (format, engine): convert(
            model, format=format, engine=engine, images=network_inputs, float_file=float_file
        )
        for format in ("float32", *LEAST_SQNR_DB)
        for engine in ENGINES
    }


def opened(data: bytes, folder: Path) -> LitertModel:
    path = folder / "net.tflite"
    path.write_bytes(data)
    return LitertModel(path)


def scales_of(data: bytes) -> int:
    from ai_edge_litert.tools import flatbuffer_utils

    tensors = flatbuffer_utils.read_model_from_bytearray(bytearray(data)).subgraphs[0].tensors
    known = [t.quantization.scale for t in tensors if t.quantization is not None]
    return sum(len(scale) for scale in known if scale is not None)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("format", LEAST_SQNR_DB)
def test_formats(
    candidates: dict[tuple[str, str], Candidate],
    model: Any,
    splits: tuple[Dataset, Dataset],
    tmp_path: Path,
    format: str,
    engine: str,
) -> None:
    from edgenas.training.trainer import predictor_of

    made = candidates[format, engine]
    assert (made.format, made.engine) == (format, engine)
    run = opened(made.data, tmp_path)
    assert bool(run.float_tensors()) is (format not in INTEGER_FORMATS)
    images = splits[1].arrays(range(4))["image"]
    for head, error in compare_heads(predictor_of(model), {format: run}, images)[format].items():
        assert error.sqnr_db is not None and error.sqnr_db > LEAST_SQNR_DB[format], (head, error.sqnr_db)
    graph = parse_tflite(made.data)
    # A scale (4 bytes) and a zero point (8) for each channel, and what describes an operator and its tensors.
    allowed = 1.1 * graph.parameter_bytes + 12 * scales_of(made.data)
    assert len(made.data) <= allowed + (1024 if format == "int16x8" else 640) * len(graph.operators)


def test_the_engines_make_the_same_operators(candidates: dict[tuple[str, str], Candidate]) -> None:
    """So that neither is quicker on any device."""
    ours, theirs = (parse_tflite(candidates["int8", engine].data) for engine in ENGINES)
    assert ours.operators == theirs.operators and ours.output_names == theirs.output_names


def test_recipes(candidates: dict[tuple[str, str], Candidate]) -> None:
    [rule] = candidates["int8", "litert-quantizer"].recipe["rules"]
    assert rule["op_config"]["weight_tensor_config"]["granularity"] == "CHANNELWISE"
    assert candidates["int8", "tensorflow"].recipe == {}
    assert candidates["float32", "litert-quantizer"].engine == "tensorflow"


@pytest.mark.parametrize(
    "io",
    [IoTypes("uint8", "uint8"), IoTypes("int8", "float32"), IoTypes("uint8", "float32"), IoTypes("float32")],
)
def test_ends(
    candidates: dict[tuple[str, str], Candidate], splits: tuple[Dataset, Dataset], tmp_path: Path, io: IoTypes
) -> None:
    """Other types at the ends, the same values."""
    plain = candidates["int8", "tensorflow"]
    changed = finished(plain, io, {})
    assert finished(plain, IoTypes(), {}).data == plain.data
    image = splits[1].arrays(range(1))["image"]
    expected = opened(plain.data, tmp_path)(image)
    run = opened(changed.data, tmp_path)
    assert run.input_detail.dtype == io.input
    for head, values in run(image).items():
        assert run.output_details[head].dtype == io.output
        # The runtime rounds halves of float inputs in another way than we do: every pixel is one.
        away = 1e-6 if io.input != "float32" else 0.05 * np.abs(expected[head]).max()
        np.testing.assert_allclose(values, expected[head], rtol=0, atol=away)
    assert check_edgetpu(tmp_path / "net.tflite").mapped_count >= len(parse_tflite(plain.data).operators)


@pytest.mark.parametrize(("form", "factor"), [("argmax", 1), ("argmax-low", 4)])
@pytest.mark.parametrize("engine", ENGINES)
def test_labels(
    model: Any,
    network_inputs: list[np.ndarray],
    splits: tuple[Dataset, Dataset],
    tmp_path: Path,
    form: str,
    factor: int,
    engine: str,
) -> None:
    """Labels are those of the file's own scores, and only what makes them is left to the CPU."""
    device = device_network(model, {"segmentation": form})
    assert device.labels == {"segmentation": factor}
    scores = convert(device.model, format="int8", engine=engine, images=network_inputs)
    file = finished(scores, IoTypes(), device.labels)
    image = splits[1].arrays(range(2))["image"]
    # A tie goes to the first class in both.
    expected = opened(scores.data, tmp_path)(image)["segmentation"].argmax(-1)
    labels = opened(file.data, tmp_path)(image)["segmentation"]
    assert labels.shape == (2, 32, 64) and labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, expected.repeat(factor, 1).repeat(factor, 2))
    report = check_edgetpu(tmp_path / "net.tflite")
    left = [operator.type for operator in report.operators if not operator.mapped]
    assert report.failure == "" and report.mapped_count == len(parse_tflite(scores.data).operators)
    assert left[:2] == ["ARG_MAX", "CAST"]


def test_a_low_head_is_mapped_whole(model: Any, network_inputs: list[np.ndarray], tmp_path: Path) -> None:
    device = device_network(model, {"segmentation": "logits-low", "depth": "low", "normals": "low"})
    made = convert(device.model, format="int8", engine="tensorflow", images=network_inputs)
    run = opened(made.data, tmp_path)
    assert {detail.shape[1:3] for detail in run.output_details.values()} == {(8, 16)}
    assert check_edgetpu(tmp_path / "net.tflite").fully_mapped


def test_what_engines_refuse(
    model: Any,
    network_inputs: list[np.ndarray],
    candidates: dict[tuple[str, str], Candidate],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UsageError, match="Unknown engine 'tensorflw'"):
        convert(model, format="int8", engine="tensorflw", images=network_inputs)
    float_file = candidates["float32", "tensorflow"].data
    broken = [{"regex": ".*", "operation": "*", "algorithm_key": "none_such", "op_config": {}}]
    with pytest.raises(EdgenasError, match=r"cannot quantise this network: .*--engine tensorflow"):
        litert_quantizer.quantise(float_file, broken, network_inputs)
    monkeypatch.setitem(__import__("sys").modules, "ai_edge_quantizer", None)
    with pytest.raises(MissingDependencyError, match=r"edgenas\[quant\]"):
        convert(model, format="int8", engine="litert-quantizer", images=network_inputs, float_file=float_file)
