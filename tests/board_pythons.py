"""Pythons as boards have them: virtual environments with tflite-runtime and NumPy 1."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

REQUIREMENTS = {
    "3.11": ("tflite-runtime==2.14.0", "numpy==1.26.4"),
    "3.7": ("tflite-runtime==2.11.0", "numpy==1.21.6"),
}


def unavailable(reason: str) -> None:
    """Skips, or fails where CI=true: there everything that the tests need can be installed."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def find_python(version: str) -> str | None:
    """A Python of a version such as "3.7" on this machine."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
        return sys.executable
    places = sorted(Path("/root/.pyenv/versions").glob(f"{version}.*/bin/python"))
    return str(places[-1]) if places else shutil.which(f"python{version}")


def runtime_python(version: str, *more: str) -> str:
    """The Python of a virtual environment with tflite-runtime, made once per machine and shared by test processes.

    `more` are further packages. $EDGENAS_TEST_VENVS is the folder of the environments, by default one in the temporary
    folder.
    """
    python = find_python(version)
    if python is None:
        unavailable(f"no Python {version} on this machine")
    folder = Path(os.environ.get("EDGENAS_TEST_VENVS") or Path(tempfile.gettempdir()) / "edgenas-test-venvs")
    folder.mkdir(parents=True, exist_ok=True)
    packages = (*REQUIREMENTS[version], *more)
    place = folder / f"py{version}-{'-'.join(packages)}"
    with (folder / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            shutil.rmtree(place, ignore_errors=True)
            subprocess.run([str(python), "-m", "venv", str(place)], check=True, capture_output=True)
            done = subprocess.run(
                [str(place / "bin/python"), "-m", "pip", "install", "--quiet", *packages],
                capture_output=True,
                text=True,
            )
            if done.returncode:
                unavailable(f"tflite-runtime cannot be installed: {done.stderr.strip()[-300:]}")
            (place / "complete").touch()
    return str(place / "bin/python")
