"""`pip install edgenas[device]` beside tflite-runtime and NumPy 1, as on a board: four commands, no TensorFlow."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

_ROOT = Path(__file__).resolve().parents[2]
_SOURCES = ("edgenas", "cli", "device_profiles", "latency_models", "pyproject.toml", "README.md", "LICENSE")
_PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet")


def _give_up(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder `bin` of a new virtual environment with the wheel of this very source tree."""
    # The last tflite-runtime, 2.14.0, has no wheel for later versions of Python.
    python = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which("python3.11")
    if python is None:
        _give_up("there is no Python 3.11, the last one that tflite-runtime has a wheel for")
    folder = tmp_path_factory.mktemp("board")
    source = folder / "source"
    source.mkdir()
    for name in _SOURCES:
        here = _ROOT / name
        if here.is_dir():
            shutil.copytree(here, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(here, source / name)
    _run(python, "-m", "venv", folder / "venv")
    there = folder / "venv" / "bin" / "python"
    first = subprocess.run(
        [there, *_PIP, "install", "tflite-runtime==2.14.0", "numpy<2"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    if first.returncode:
        _give_up(f"PyPI cannot be reached, or lacks tflite-runtime: {first.stderr.strip()[-300:]}")
    _run(sys.executable, *_PIP, "wheel", "--no-deps", "--wheel-dir", folder / "dist", source)
    [wheel] = (folder / "dist").glob("edgenas-*.whl")
    _run(there, *_PIP, "install", f"{wheel}[device]")
    return folder / "venv" / "bin"


@pytest.fixture(scope="session")
def model(small_network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("tensorflow", reason="building .tflite files needs TensorFlow")
    from edgenas.export.engines.tensorflow import to_tflite
    from edgenas.networks import build_model

    rng = np.random.default_rng(0)
    frames = [rng.uniform(-1, 1, (1, 64, 96, 3)).astype(np.float32) for _ in range(4)]
    path = tmp_path_factory.mktemp("model") / "net_int8.tflite"
    path.write_bytes(to_tflite(build_model(small_network, seed=0), format="int8", representative=frames))
    np.save(path.with_name("frame.npy"), rng.integers(0, 256, (64, 96, 3), dtype=np.uint8))
    return path


def test_what_is_installed(board: Path) -> None:
    listed = _run(board / "python", *_PIP[:3], "list", "--format=json")
    versions = {entry["name"].lower(): entry["version"] for entry in json.loads(listed)}
    assert versions["numpy"].startswith("1.26.") and versions["tflite-runtime"] == "2.14.0"
    assert {"edgenas", "pillow", "ai-edge-litert"} <= versions.keys()
    assert not {name for name in versions if name.startswith(("tensorflow", "keras", "scipy", "pandas"))}
    _run(board / "python", *_PIP, "check")


def test_predict(board: Path, model: Path) -> None:
    [value] = _edgenas(board, "predict", model, "--device", "pixel4")
    assert value["latency_ms"] > 0


def test_check(board: Path, model: Path) -> None:
    value = _edgenas(board, "check", model, "--device", "edgetpu")
    assert value["fully_mapped"] is True and value["operators"]


def test_run_in_either_runtime(board: Path, model: Path, tmp_path: Path) -> None:
    ranges = []
    for runtime in ("ai-edge-litert", "tflite-runtime"):
        frame = model.with_name("frame.npy")
        value = _edgenas(board, "run", model, frame, "--out", tmp_path / runtime, "--runtime", runtime)
        assert value["runtime"] == runtime and value["measured_median_ms"] > 0
        outputs = value["images"][0]["outputs"]
        assert outputs.keys() == {"depth", "normals", "segmentation"}
        assert all(Path(out["file"]).read_bytes().startswith(b"\x89PNG") for out in outputs.values())
        ranges.append([(out["min"], out["max"]) for out in outputs.values()])
    # Their int8 kernels round differently, by a few steps of the scale.
    np.testing.assert_allclose(*ranges, atol=0.05)


def test_benchmark(board: Path, model: Path) -> None:
    value = _edgenas(board, "benchmark", model, "--device", "host")
    text = json.dumps(value)
    assert "measured" in text and "ai-edge-litert" in text
    assert model.name in text


def _edgenas(board: Path, *arguments: object) -> Any:
    return json.loads(_run(board / "edgenas", *arguments, "--json"))


def _run(*words: object) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout
