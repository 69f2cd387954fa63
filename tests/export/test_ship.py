"""Before a file ships: the Edge TPU's rules and compiler, Vela, every device's prediction."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from edgenas.cli.shipped_lines import shipped_lines
from edgenas.datasets import Dataset
from edgenas.device_profiles import load_device
from edgenas.graph import read_tflite
from edgenas.workflow.export import _configuration
from edgenas.workflow.ship import Checked, check_shipped, predictions, provenance

_FAKE = """#!{python}
import pathlib, shutil, sys
folder = sys.argv[sys.argv.index("--out_dir") + 1]
model = pathlib.Path(sys.argv[-1])
if {fails}:
    sys.exit("Internal compiler error. Aborting!")
shutil.copy(model, pathlib.Path(folder) / (model.stem + "_edgetpu.tflite"))
print("Edge TPU Compiler version 16.0.384591198")
print("Model compiled successfully in 7 ms.")
print("Number of operations that will run on Edge TPU: 3")
"""


@pytest.fixture
def shipped(int8_file: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(int8_file, tmp_path / "net_int8.tflite"))


def _compiler(folder: Path, monkeypatch: pytest.MonkeyPatch, *, fails: bool = False) -> None:
    folder.mkdir(exist_ok=True)
    script = folder / "edgetpu_compiler"
    script.write_text(_FAKE.format(python=sys.executable, fails=fails))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def _check(shipped: Path, frames: Dataset, device: str | None = None) -> Checked:
    profile = load_device(device) if device else None
    return check_shipped(shipped, read_tflite(shipped), "int8", frames, profile, None)


def test_every_operator_of_the_network_is_mapped(shipped: Path, frames: Dataset) -> None:
    checked = _check(shipped, frames)
    check = checked.sections["check"]
    assert check["fully_mapped"] and check["mapped"] == check["operators"] > 20 and not check["unmapped"]
    assert checked.sections["compiled"] == {} and checked.files == ()
    lines = "\n".join(shipped_lines(checked.sections))
    assert "Edge TPU: " in lines and "within 2 steps of XNNPACK" in lines and "reference kernels: " in lines
    assert "tflite-runtime: not compared: no Python with it: set EDGENAS_TFLITE_PYTHON" in lines


def test_the_edgetpu_compiler_on_the_path(
    shipped: Path, frames: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _compiler(tmp_path / "bin", monkeypatch)
    checked = _check(shipped, frames)
    compiled = shipped.with_name("net_int8_edgetpu.tflite")
    log = shipped.with_name("net_int8_edgetpu.log")
    assert checked.files == (compiled, log)
    assert compiled.read_bytes() == shipped.read_bytes() and "version 16.0" in log.read_text()
    assert checked.sections["compiled"]["edgetpu"]["file"] == compiled.name
    _compiler(tmp_path / "bin", monkeypatch, fails=True)
    failed = _check(shipped, frames)
    assert not compiled.exists() and failed.files == (log,)
    assert "Internal compiler error" in failed.sections["compiled"]["edgetpu"]["failure"]
    assert any("not compiled" in line for line in shipped_lines(failed.sections))


def test_vela_compiles_without_the_cpu(shipped: Path, frames: Dataset) -> None:
    pytest.importorskip("ethosu.vela")
    checked = _check(shipped, frames, "ethos-u55-128")
    [entry] = [value for key, value in checked.sections["compiled"].items() if key == "ethos-u55-128"]
    assert entry["cpu_operators"] == [] and entry["source"] == "simulated" and entry["npu_ms"] > 0
    [compiled] = [path for path in checked.files if path.name == entry["file"]]
    assert [operator.type for operator in read_tflite(compiled).operators] == ["ethos-u"]


def test_the_accelerator_that_was_named_is_the_one_that_is_taken() -> None:
    assert load_device("ethos-u55-128").default_configuration == "128"
    assert _configuration(load_device("ethos-u55-128"), "int8", {}) == "128"
    assert _configuration(load_device("host"), "float32", {}) == "float32-1t"


def test_every_predictor_of_the_element_type_is_asked(shipped: Path, nothing_shipped: Any) -> None:
    assert predictions(read_tflite(shipped), "int8") == []


def test_predictions_are_labelled_as_such(shipped: Path) -> None:
    found = predictions(read_tflite(shipped), "int8")
    assert {"edgetpu", "pixel4"} <= {entry["device"] for entry in found}
    for entry in found:
        low, high = entry["predicted_interval_ms"]
        assert 0 < low <= entry["predicted_ms"] <= high
    assert predictions(read_tflite(shipped), "int16x8") == []


def test_provenance_names_the_weights_and_the_training(tmp_path: Path) -> None:
    model = tmp_path / "model.keras"
    model.write_bytes(b"weights")
    found = provenance(model, None)
    assert found["model_sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert found["training"] is None and found["run"] is None
    identity = {"identity": {"config": {"iterations": 3}, "data": "abc"}}
    (tmp_path / "metrics.json").write_text(json.dumps(identity))
    found = provenance(model, tmp_path)
    assert found["training"] == {"iterations": 3} and found["training_data_fingerprint"] == "abc"
    assert found["run"] == tmp_path.name and found["model"] == "model.keras"
