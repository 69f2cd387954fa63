"""edgetpu_compiler, played by scripts that behave as it has been seen to."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from tiny_models import ModelWriter

from edgenas.compatibility import find_compiler, run_compiler

_SUCCESS = """Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 7 ms.

Input model: m.tflite
Input size: 3.00KiB
Output model: m_edgetpu.tflite
Output size: 28.00KiB
On-chip memory used for caching model parameters: 2.25KiB
On-chip memory remaining for caching model parameters: 7.70MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1
Total number of operations: 2
Operation log: m_edgetpu.log

Model successfully compiled but not all operations are supported by the Edge TPU.
Number of operations that will run on Edge TPU: 1
Number of operations that will run on CPU: 1

Operator                       Count      Status

CONV_2D                        1          Mapped to Edge TPU
LEAKY_RELU                     1          Operation not supported
Compilation child process completed within timeout period.
Compilation succeeded!
"""

_INTERNAL = "Edge TPU Compiler version 15.0.340273435\n\nInternal compiler error. Aborting! \n"
_LARGE = """Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.
ERROR: Restored original execution plan after delegate application failure.
Compilation failed: Compilation failed due to large activation tensors in model.
Compilation child process completed within timeout period.
Compilation failed!
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A convolution and a leaky ReLU, in a folder with a space."""
    folder = tmp_path / "my models"
    folder.mkdir()
    return _two_operators(folder, "m", compiled=False)


def _two_operators(folder: Path, name: str, *, compiled: bool) -> Path:
    writer = ModelWriter()
    x = writer.tensor((1, 8, 8, 8))
    if compiled:
        writer.tensor((16, 3, 3, 8)), writer.tensor((16,), "int32")
        middle = writer.tensor((1, 8, 8, 16))
        writer.operator("edgetpu-custom-op", (x,), (middle,))
    else:
        middle = writer.convolution(x)
    y = writer.tensor((1, 8, 8, 16))
    writer.operator("LEAKY_RELU", (middle,), (y,))
    return writer.write(folder, (x,), (y,), name)


def _script(folder: Path, body: str) -> str:
    """A real executable; `count` is the number of its run, `arguments` what it was given."""
    path = folder / "edgetpu_compiler"
    path.write_text(
        f"#!{sys.executable}\n"
        "import os, pathlib, signal, sys, time, shutil\n"
        f"here = pathlib.Path({str(folder)!r})\n"
        "arguments = sys.argv[1:]\n"
        "out = pathlib.Path(arguments[arguments.index('--out_dir') + 1])\n"
        "log = here / 'runs.txt'\n"
        "with log.open('a') as file: file.write(repr(arguments) + '\\n')\n"
        "count = len(log.read_text().splitlines())\n" + body
    )
    path.chmod(0o755)
    return str(path)


def _runs(folder: Path) -> list[list[str]]:
    import ast

    return [ast.literal_eval(line) for line in (folder / "runs.txt").read_text().splitlines()]


def _succeeding(folder: Path) -> str:
    twin = _two_operators(folder, "twin", compiled=True)
    return f"shutil.copy({str(twin)!r}, out / 'm_edgetpu.tflite')\nprint({_SUCCESS!r})\n"


def test_its_verdict(tmp_path: Path, model: Path) -> None:
    verdict = run_compiler(model, _script(tmp_path, _succeeding(tmp_path)), timeout_seconds=90)
    assert verdict.failure == "" and verdict.attempts == 1
    assert verdict.unmapped == (1,)
    assert verdict.log is not None and (verdict.log.mapped_count, verdict.log.unmapped_count) == (1, 1)
    value = verdict.to_dict()
    assert value["version"] == "16.0.384591198" and value["unmapped"] == [1]
    assert value["statuses"][1] == ["LEAKY_RELU", 1, "Operation not supported"]
    assert value["parameter_bytes_on_chip"] == 2304
    arguments = _runs(tmp_path)[0]
    folder = arguments[arguments.index("--out_dir") + 1]
    assert arguments == [
        "--show_operations", "--timeout_sec", "90", "--out_dir", folder, str(model.resolve()),
    ]  # fmt: skip
    assert not Path(folder).exists(), "its folder is removed"
    assert sorted(p.name for p in model.parent.iterdir()) == ["m.tflite"], "nothing is left beside the model"


@pytest.mark.parametrize(
    "misbehaviour",
    [
        f"print({_INTERNAL!r}); sys.exit(1)",
        "os.kill(os.getpid(), signal.SIGSEGV)",
        "sys.exit(139)",
    ],
)
def test_spurious_failures_are_tried_again(tmp_path: Path, model: Path, misbehaviour: str) -> None:
    body = f"if count < 3:\n    {misbehaviour}\n{_succeeding(tmp_path)}"
    verdict = run_compiler(model, _script(tmp_path, body))
    assert verdict.failure == "" and verdict.attempts == 3


def test_crashes_that_do_not_pass_are_told(tmp_path: Path, model: Path) -> None:
    verdict = run_compiler(model, _script(tmp_path, "os.kill(os.getpid(), signal.SIGSEGV)"))
    assert verdict.attempts == 3 and verdict.failure == "it crashed (exit code -11)"


def test_real_failures_are_not_tried_again(tmp_path: Path, model: Path) -> None:
    verdict = run_compiler(model, _script(tmp_path, f"print({_LARGE!r}); sys.exit(1)"))
    assert verdict.attempts == 1 and "large activation tensors" in verdict.failure
    assert verdict.unmapped is None


def test_nonsense_is_a_failure(tmp_path: Path, model: Path) -> None:
    verdict = run_compiler(model, _script(tmp_path, "os.write(1, b'\\xff\\x00 what?\\n')"))
    assert verdict.attempts == 1 and verdict.log is None
    assert verdict.failure.startswith("it wrote no model (exit code 0)") and "what?" in verdict.failure


def test_a_model_that_is_none_does_no_harm(tmp_path: Path, model: Path) -> None:
    body = f"(out / 'm_edgetpu.tflite').write_bytes(b'no model')\nprint({_SUCCESS!r})\n"
    verdict = run_compiler(model, _script(tmp_path, body))
    assert verdict.failure == "" and verdict.unmapped is None


def test_its_children_end_with_it(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgenas.compatibility.compiler._GRACE_SECONDS", 0.5)
    body = "import subprocess\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\ntime.sleep(60)"
    began = time.monotonic()
    verdict = run_compiler(model, _script(tmp_path, body), timeout_seconds=1.0)
    assert time.monotonic() - began < 15
    assert verdict.attempts == 1 and "did not end within" in verdict.failure


def test_what_cannot_be_started(tmp_path: Path, model: Path) -> None:
    path = tmp_path / "edgetpu_compiler"
    path.write_bytes(b"\x7fELF")
    path.chmod(0o755)
    assert "cannot be started" in run_compiler(model, str(path)).failure


def test_found_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_compiler() is None
    script = _script(tmp_path, "")
    assert find_compiler() == script
