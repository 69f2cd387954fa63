"""The real command line in processes of its own, as a user types it."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = Path(sys.executable).parent / "edgenas"
SPACE = Path(__file__).parent / "mini.toml"
SEARCH = ("--space", str(SPACE), "--trials", "3", "--iterations", "4", "--batch-size", "4")
TRAIN = ("--iterations", "120", "--batch-size", "4")
EXPORT = ("--int8", "--name", "tiny", "--calibration-frames", "8")


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


@dataclass(frozen=True)
class CommandLine:
    """`edgenas` with a user's folder of its own.

    Attributes:
        home: value of EDGENAS_HOME.
    """

    home: Path

    def start(self, *arguments: object, file_bytes: int | None = None) -> subprocess.Popen[str]:
        """Starts a command; `file_bytes` bounds the size of any file, which is how a full disk looks like."""

        def limit() -> None:
            if file_bytes is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

        return subprocess.Popen(
            [str(SCRIPT), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "EDGENAS_HOME": str(self.home)},
            preexec_fn=limit,
        )

    def run(self, *arguments: object, file_bytes: int | None = None) -> Outcome:
        """Runs a command to its end."""
        process = self.start(*arguments, file_bytes=file_bytes)
        out, err = process.communicate(timeout=240)
        return Outcome(process.returncode, out, err)

    def kill_when(self, ready: Callable[[], bool], *arguments: object, then_seconds: float = 0.0) -> Outcome:
        """Starts a command and sends SIGKILL some time after `ready()` has become true."""
        process = self.start(*arguments)
        deadline = time.monotonic() + 120
        while not ready() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(then_seconds)
        process.send_signal(signal.SIGKILL)
        out, err = process.communicate(timeout=30)
        return Outcome(process.returncode, out, err)


@dataclass(frozen=True)
class FinishedRun:
    """A run that went the whole way, and what its commands said.

    Attributes:
        folder: the run folder; tests copy it.
        search: outcome of `edgenas search --json`.
        train: of `edgenas train --json`.
        export: of `edgenas export --json`.
        report: of `edgenas report --json`.
    """

    folder: Path
    search: Outcome
    train: Outcome
    export: Outcome
    report: Outcome

    def copy(self, to: Path, *without: str) -> Path:
        """A copy of the run folder, without some of its entries."""
        shutil.copytree(self.folder, to)
        for name in without:
            path = to / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        return to
