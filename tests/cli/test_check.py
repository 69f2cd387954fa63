"""`edgenas check` as others call it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., object]

_KEYS = {
    "file", "device", "fully_mapped", "operators", "subgraphs", "parameter_bytes_on_chip", "parameter_bytes_off_chip",
    "peak_activation_bytes", "failure", "first_unmapped", "input_bytes", "output_bytes", "advice", "compiler",
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder as the only one on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def mapped(tmp_path: Path, tflite_file: Path) -> Path:
    """The one convolution of `tflite_file`, with the quantisation parameters that it lacks."""
    return _edited(tflite_file, tmp_path / "mapped.tflite")


def _edited(source: Path, target: Path, version: int = 3, dtype: int = 9) -> Path:
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model(str(source))
    model.operatorCodes[0].version = version
    for tensor in model.subgraphs[0].tensors:
        tensor.type = dtype
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale = np.array([0.1], np.float32)
        tensor.quantization.zeroPoint = np.array([0], np.int64)
    target.write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    return target


def test_one_file_gives_one_object(edgenas: Run, mapped: Path) -> None:
    outcome = edgenas("check", mapped, "--device", "edgetpu", "--json")
    assert outcome.code == 0, outcome.err
    value = outcome.value
    assert set(value) == _KEYS
    assert value["file"] == str(mapped) and value["device"] == "edgetpu"
    assert value["fully_mapped"] is True and value["failure"] == "" and value["first_unmapped"] is None
    assert value["operators"] == [{"index": 0, "type": "CONV_2D", "mapped": True, "reason": "", "rule": ""}]
    assert value["subgraphs"] == 1 and value["compiler"] is None and value["advice"] == []
    assert value["input_bytes"] == 32 * 64 * 3 and value["output_bytes"] == 16 * 32 * 16
    assert value["peak_activation_bytes"] == 32 * 64 * 3 + 16 * 32 * 16
    assert value["parameter_bytes_on_chip"] >= 16 * 27 and value["parameter_bytes_off_chip"] == 0


def test_several_files_give_a_list_and_the_worst_decides(edgenas: Run, mapped: Path, tmp_path: Path) -> None:
    floating = _edited(mapped, tmp_path / "float.tflite", version=1, dtype=0)
    outcome = edgenas("check", mapped, floating, "--device", "coral", "--json")
    assert outcome.code == 1
    first, second = outcome.value
    assert first["fully_mapped"] and not second["fully_mapped"]
    assert "not quantised" in second["failure"] and second["subgraphs"] == 0
    assert second["operators"][0]["mapped"] is False and "float32" in second["operators"][0]["reason"]
    assert second["advice"][0].startswith("The model: quantise weights and activations")


def test_words_for_people(edgenas: Run, mapped: Path, tmp_path: Path) -> None:
    outcome = edgenas("check", mapped, "--device", "edgetpu")
    assert outcome.code == 0
    assert "all 1 operators run on Coral Edge TPU (predicted from the operators)" in outcome.out
    assert "6 KiB in (about 0.02 ms over usb3)" in outcome.out
    outcome = edgenas("check", _edited(mapped, tmp_path / "new.tflite", version=6), "--device", "edgetpu")
    assert outcome.code == 1
    assert "refused by the compiler" in outcome.out and "version 6 of operator 0 (CONV_2D" in outcome.out
    assert "change: The model: convert with TensorFlow 2.8 or older" in outcome.out


@pytest.mark.shared_data
def test_partly_mapped_models(edgenas: Run, shared_data: Path) -> None:
    path = shared_data / "coral_models" / "deeplab_mobilenet_edgetpu_slim_cityscapes_quant.tflite"
    outcome = edgenas("check", path, "--device", "edgetpu")
    assert outcome.code == 0, "it compiles"
    assert (
        "82 of 84 operators" in outcome.out
        and "first on the CPU: operator 82 (RESIZE_BILINEAR)" in outcome.out
    )
    assert "ARG_MAX (operator 83): leave it out of the model" in outcome.out
    strict = edgenas("check", path, "--device", "edgetpu", "--require-full", "--json")
    assert strict.code == 1 and strict.value["first_unmapped"] == 82


def test_the_compilers_verdict_stands_beside_ours(edgenas: Run, mapped: Path, no_compiler: Path) -> None:
    script = no_compiler / "edgetpu_compiler"
    script.write_text(
        f"#!{sys.executable}\nprint('Edge TPU Compiler version 16.0.384591198')\n"
        f"print('Invalid model: {mapped}')\nprint('Model not quantized')\nraise SystemExit(1)\n"
    )
    script.chmod(0o755)
    outcome = edgenas("check", mapped, "--device", "edgetpu", "--json")
    assert outcome.code == 0, "our verdict decides"
    compiler = outcome.value["compiler"]
    assert compiler["executable"] == str(script) and compiler["attempts"] == 1
    assert "not quantized" in compiler["failure"].lower() or "Invalid model" in compiler["failure"]
    shown = edgenas("check", mapped, "--device", "edgetpu").out
    assert "edgetpu_compiler 16.0.384591198: no compiled model" in shown
    assert (
        edgenas("check", mapped, "--device", "edgetpu", "--no-compiler", "--json").value["compiler"] is None
    )


def test_unreadable_files(edgenas: Run, tmp_path: Path, mapped: Path) -> None:
    for name, content in (("cut.tflite", mapped.read_bytes()[:200]), ("text.tflite", b"hello" * 9)):
        path = tmp_path / name
        path.write_bytes(content)
        outcome = edgenas("check", path, "--device", "edgetpu", "--json")
        assert outcome.code == 2 and outcome.out == "" and str(path) in outcome.err
    outcome = edgenas("check", tmp_path / "mappd.tflite", "--device", "edgetpu")
    assert outcome.code == 2 and "Did you mean 'mapped.tflite'" in outcome.err


def test_devices_without_rules(edgenas: Run, mapped: Path) -> None:
    outcome = edgenas("check", mapped, "--device", "pixel4")
    assert outcome.code == 2
    assert "no compatibility rules for 'pixel4'" in outcome.err and "--device edgetpu" in outcome.err


def test_ethos_u_is_asked_of_vela(edgenas: Run, mapped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ethosu")
    monkeypatch.undo()
    outcome = edgenas("check", mapped, "--device", "ethos-u55-128", "--json")
    value = outcome.value
    assert value["device"] == "ethos-u55" and value["source"] == "simulated"
    (operator,) = value["operators"]
    # Vela gives the convolution, which has no bias, one of its own that it then refuses.
    assert operator["type"] == "CONV_2D" and not operator["mapped"] and "bias" in operator["reason"]
    assert outcome.code == 1, "nothing runs on the NPU"
    shown = edgenas("check", mapped, "--device", "ethos-u55-128").out
    assert "0 of 1 operators run on ethos-u55 (simulated by Vela)" in shown


def test_what_never_ends_is_not_read(edgenas: Run, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.tflite"
    os.mkfifo(pipe)
    for file in (pipe, Path("/dev/zero"), tmp_path):
        for device in ("edgetpu", "ethos-u55-128"):
            outcome = edgenas("check", file, "--device", device, "--json")
            assert outcome.code == 2 and outcome.out == ""
            assert outcome.err.startswith(f"Error: Cannot read {file}: it is a ")
            assert outcome.err.count("\n") == 1
