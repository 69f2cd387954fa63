"""`edgenas predict` on architectures and .tflite files."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgenas.graph import graph_of, read_tflite
from edgenas.latency_models import LatencyPredictor, user_predictors
from edgenas.latency_models.feature_sets import FEATURE_SETS
from edgenas.space import Architecture

# As if edgenas shipped no predictors: what is said then, and what one of the user adds.
pytestmark = pytest.mark.usefixtures("nothing_shipped")


@pytest.fixture
def predict(edgenas: Callable[..., Any], host_predictor: Path) -> Callable[..., Any]:
    return lambda *arguments: edgenas("predict", *arguments, "--predictor", host_predictor)


def test_json_schema(
    predict: Callable[..., Any], architecture_file: Path, tflite_file: Path, small_network: Architecture
) -> None:
    rows = predict(architecture_file, tflite_file, "--json").value
    assert [row["file"] for row in rows] == [str(architecture_file), str(tflite_file)]
    for row, graph in zip(rows, (graph_of(small_network, "int8"), read_tflite(tflite_file)), strict=True):
        assert row["device"] == "host" and row["configuration"] == "int8-1t"
        assert row["source"] == "predicted"
        low, high = row["interval_ms"]
        assert 0 < low < row["latency_ms"] < high < math.inf
        assert isinstance(row["in_domain"], bool)
        assert [o["index"] for o in row["operators"]] == list(range(len(graph.operators)))
        assert [o["type"] for o in row["operators"]] == [o.type for o in graph.operators]
        assert all(o.keys() == {"index", "type", "latency_ms", "placement"} for o in row["operators"])
        total = sum(o["latency_ms"] for o in row["operators"])
        assert 0 < total <= row["latency_ms"] * (1 + 1e-9)
    assert rows[0]["in_domain"] is True


def test_text(predict: Callable[..., Any], architecture_file: Path) -> None:
    outcome = predict(architecture_file)
    assert outcome.code == 0 and outcome.err == ""
    assert "predicted" in outcome.out and "90% interval" in outcome.out and "CONV_2D" in outcome.out
    assert "measured" not in outcome.out
    assert len(predict(architecture_file, "--operators").out.splitlines()) > 30


def test_what_the_predictor_was_fitted_to(
    edgenas: Callable[..., Any], host_predictor: Path, tmp_path: Path, architecture_file: Path
) -> None:
    arguments = (
        "predict",
        architecture_file,
        "--device",
        "ethos-u55-128",
        "--predictor",
        tmp_path / "made_up",
    )
    predictor = replace(LatencyPredictor.load(host_predictor), device="ethos-u55", configuration="128")
    predictor.save(tmp_path / "made_up")
    assert edgenas(*arguments, "--json").value[0]["fitted_to"] is None
    figures = {"source": "simulated", "machine": "Vela's model", "runtime": "ethos-u-vela 5.2.0"}
    predictor.save(tmp_path / "made_up", {**figures, "rows": 96})
    (row,) = edgenas(*arguments, "--json").value
    assert row["source"] == "predicted" and row["fitted_to"] == figures
    out = edgenas(*arguments).out
    assert " ms; fitted to figures simulated by ethos-u-vela 5.2.0\n" in out and "measured" not in out
    predictor.save(tmp_path / "made_up", {**figures, "source": "measured"})
    assert edgenas(*arguments, "--json").value[0]["fitted_to"]["source"] == "measured"
    assert "fitted" not in edgenas(*arguments).out


def test_unlike_anything_measured(
    predict: Callable[..., Any], tmp_path: Path, small_network: Architecture
) -> None:
    data = json.loads(small_network.to_json())
    path = tmp_path / "huge.json"
    path.write_text(json.dumps({**data, "input_height": 1024, "input_width": 2048}))
    assert predict(path, "--json").value[0]["in_domain"] is False
    assert "outside of what the predictor has seen" in predict(path).out


def test_the_users_own_predictor_is_found(
    edgenas: Callable[..., Any], host_predictor: Path, architecture_file: Path
) -> None:
    LatencyPredictor.load(host_predictor).save(user_predictors() / "host" / "int8-1t")
    assert edgenas("predict", architecture_file).code == 0


@pytest.fixture
def edgetpu_predictor(host_predictor: Path, tmp_path: Path) -> Path:
    """A predictor of an Edge TPU with made-up prices."""
    prices = {
        "call/int8": {"call": 0.3, "input_bytes": 3e-6, "output_bytes": 2e-5},
        "chip": {"instructions": 1e-3, "macs": 1e-8},
        "stream": {"bytes": 3e-6},
        "cpu": {"desktop_ns": 1e-6},
    }
    predictor = replace(
        LatencyPredictor.load(host_predictor), name="made up", device="edgetpu", configuration="usb3",
        coefficients=prices, features=FEATURE_SETS["edgetpu"],
    )  # fmt: skip
    predictor.save(tmp_path / "edgetpu")
    return tmp_path / "edgetpu"


def test_what_runs_on_the_edge_tpu(
    edgenas: Callable[..., Any], edgetpu_predictor: Path, architecture_file: Path, small_network: Architecture
) -> None:
    arguments = ("predict", architecture_file, "--device", "edgetpu", "--predictor", edgetpu_predictor)
    (row,) = edgenas(*arguments, "--json").value
    on_chip, off_chip = row["parameter_bytes_on_chip"], row["parameter_bytes_off_chip"]
    assert on_chip > 0 and off_chip == 0 and isinstance(on_chip, int)
    places = [operator["placement"] for operator in row["operators"]]
    assert set(places) <= {"edgetpu", "cpu"} and places.count("edgetpu") > 10
    out = edgenas(*arguments).out
    assert f"{places.count('edgetpu')} operators on the Edge TPU, {places.count('cpu')} on the CPU" in out
    assert "KiB stay on the chip, 0 KiB are sent in each call" in out


def test_what_falls_back_to_the_cpu(
    edgenas: Callable[..., Any],
    edgetpu_predictor: Path,
    tflite_file: Path,
    small_network: Architecture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = graph_of(small_network, "float32")
    monkeypatch.setattr("edgenas.workflow.predict.read_tflite", lambda path: graph)
    arguments = ("predict", tflite_file, "--device", "edgetpu", "--predictor", edgetpu_predictor)
    out = edgenas(*arguments).out
    assert f"0 operators on the Edge TPU, {len(graph.operators)} on the CPU (first: 0 CONV_2D)" in out
    (row,) = edgenas(*arguments, "--json").value
    assert row["parameter_bytes_on_chip"] == row["parameter_bytes_off_chip"] == 0


def test_a_cpu_has_no_chip_to_speak_of(predict: Callable[..., Any], architecture_file: Path) -> None:
    assert "parameter_bytes_on_chip" not in predict(architecture_file, "--json").value[0]
    assert "Edge TPU" not in predict(architecture_file).out


def test_no_predictor_yet(edgenas: Callable[..., Any], architecture_file: Path) -> None:
    outcome = edgenas("predict", architecture_file)
    assert outcome.code == 2 and outcome.out == ""
    assert "edgenas profile --device host" in outcome.err
    outcome = edgenas("predict", architecture_file, "--device", "edgetpu", "--json")
    assert outcome.code == 2 and outcome.out == ""
    assert "No latency predictor for 'edgetpu' yet" in outcome.err


@pytest.mark.parametrize("share", [0, 0.005, 0.05, 0.3, 0.7, 0.95])
def test_truncated_tflite(
    predict: Callable[..., Any], tmp_path: Path, tflite_file: Path, share: float
) -> None:
    path = tmp_path / "cut.tflite"
    whole = tflite_file.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    outcome = predict(path, "--json")
    assert outcome.code == 2 and outcome.out == ""
    assert "cut.tflite" in outcome.err and "fault of edgenas" not in outcome.err


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("text.tflite", b"This is a text, not a model at all.", "not a TFLite model"),
        ("text.json", b"This is a text", "cannot be read as JSON"),
        ("list.json", b"[1, 2]", "list.json"),
        ("number.json", b"3", "number.json"),
        ("other.json", b'{"a": 1}', "other.json"),
        ("binary.json", b"\xff\xfe\x00", "cannot be read as JSON"),
        ("deep.json", b"[" * 100_000, "cannot be read as JSON"),
    ],
)
def test_files_of_another_kind(
    predict: Callable[..., Any], tmp_path: Path, name: str, content: bytes, text: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    outcome = predict(path)
    assert outcome.code == 2 and outcome.out == ""
    assert text in outcome.err and "fault of edgenas" not in outcome.err


def test_a_folder_and_a_missing_file(predict: Callable[..., Any], tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing.tflite", tmp_path / "nothing.json"):
        outcome = predict(path)
        assert outcome.code == 2
        assert str(path) in outcome.err


def test_one_bad_file_prints_nothing_half(
    predict: Callable[..., Any], architecture_file: Path, tmp_path: Path
) -> None:
    outcome = predict(architecture_file, tmp_path / "nothing.json", "--json")
    assert outcome.code == 2 and outcome.out == ""


def test_unknown_decision_value_in_an_architecture(
    predict: Callable[..., Any], tmp_path: Path, small_network: Architecture
) -> None:
    data = json.loads(small_network.to_json())
    data["stages"][0]["blocks"][0]["type"] = "fused_ibm"
    path = tmp_path / "typo.json"
    path.write_text(json.dumps(data))
    outcome = predict(path)
    assert outcome.code == 2
    assert "fused_ibm" in outcome.err and "fused_ibn" in outcome.err


@pytest.mark.parametrize("content", ["", "{}", '{"format": "edgenas.latency_predictor", "version": 99}'])
def test_damaged_predictor(
    edgenas: Callable[..., Any], tmp_path: Path, architecture_file: Path, content: str
) -> None:
    folder = tmp_path / "predictor"
    folder.mkdir()
    (folder / "predictor.json").write_text(content)
    outcome = edgenas("predict", architecture_file, "--predictor", folder)
    assert outcome.code == 2
    assert "predictor.json" in outcome.err


@pytest.mark.shared_data
def test_compiled_models_are_refused(predict: Callable[..., Any], shared_data: Path) -> None:
    outcome = predict(shared_data / "coral_models" / "mobilenet_v1_0.25_128_quant_edgetpu.tflite")
    assert outcome.code == 2 and outcome.out == ""
    assert "'edgetpu-custom-op'" in outcome.err and "compiled from" in outcome.err
