"""Runs edgetpu_compiler where it is installed; its verdict is a value, whatever it does."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgenas.compatibility.compiler_log import CompilerLog, parse_compiler_log
from edgenas.compatibility.twin import left_outside
from edgenas.errors import UsageError
from edgenas.storage import write_bytes_atomic

__all__ = ["COMPILER", "CompilerVerdict", "find_compiler", "run_compiler"]

COMPILER = "edgetpu_compiler"
ATTEMPTS = 3
TIMEOUT_SECONDS = 180.0  # The compiler's own default for one model.
_GRACE_SECONDS = 20.0

# The same model may compile at the second try. Source: google-coral/edgetpu/issues/206 and 283; a SIGSEGV without a
# message: issues/643 and 811.
_SPURIOUS = "Internal compiler error"
_CRASHES = (128 + signal.SIGSEGV, -signal.SIGSEGV)


@dataclass(frozen=True)
class CompilerVerdict:
    """What edgetpu_compiler said about a model.

    Attributes:
        executable: the compiler that was run.
        attempts: how often it was run.
        failure: why there is no compiled model, "" if there is one.
        log: what was read of its output, None if nothing could be.
        unmapped: operators of the model outside of the custom operator in what it wrote; None if that is not known.
    """

    executable: str
    attempts: int
    failure: str = ""
    log: CompilerLog | None = None
    unmapped: tuple[int, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        log = self.log
        return {
            "executable": self.executable,
            "version": log.version if log else "",
            "attempts": self.attempts,
            "failure": self.failure,
            "mapped_count": log.mapped_count if log else None,
            "unmapped_count": log.unmapped_count if log else None,
            "unmapped": None if self.unmapped is None else list(self.unmapped),
            "parameter_bytes_on_chip": log.on_chip_used_bytes if log else None,
            "parameter_bytes_off_chip": log.off_chip_bytes if log else None,
            "subgraphs": log.edgetpu_subgraphs if log else None,
            "statuses": [[o.type, o.count, o.status] for o in log.operations] if log else [],
            "problems": list(log.problems) if log else [],
        }


def find_compiler(search_path: str | None = None) -> str | None:
    """Path of the compiler, None where it is not on the PATH (or in `search_path`, folders like those in $PATH)."""
    return shutil.which(COMPILER, path=search_path)


def run_compiler(
    model: Path,
    executable: str,
    *,
    keep: Path | None = None,
    keep_log: Path | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
    attempts: int = ATTEMPTS,
) -> CompilerVerdict:
    """Compiles a model in a folder of its own that is removed again.

    Args:
        model: the .tflite file.
        executable: path of the compiler.
        keep: where the compiled model is put, if there is one; None to throw it away.
        keep_log: where what the compiler printed is put; None to throw it away.
        timeout_seconds: for one attempt; the compiler is told, and killed if it does not keep to it.
        attempts: how often to try while it fails with an internal error or crashes.

    Returns:
        Its verdict; nothing is raised for what the compiler does.

    Raises:
        EdgenasError: `keep` or `keep_log` cannot be written.
    """
    verdict = CompilerVerdict(executable, 0, failure="it was not run")
    for attempt in range(1, attempts + 1):
        with tempfile.TemporaryDirectory(prefix="edgenas-compiler-") as folder:
            code, text = _run(model, executable, Path(folder), timeout_seconds)
            verdict = _verdict(model, executable, attempt, code, text, Path(folder))
            made = _made(Path(folder))
            if keep is not None and made is not None and not verdict.failure:
                write_bytes_atomic(keep, made.read_bytes())
        if keep_log is not None:
            write_bytes_atomic(keep_log, text.encode())
        if not verdict.failure or not (code in _CRASHES or _SPURIOUS in text):
            break
    return verdict


def _run(model: Path, executable: str, folder: Path, timeout_seconds: float) -> tuple[int | None, str]:
    """Exit code (None: killed for its time, or never started) and output."""
    command: Sequence[str] = (
        executable, "--show_operations", "--timeout_sec", str(max(1, round(timeout_seconds))), "--out_dir",
        str(folder), str(model.resolve()),
    )  # fmt: skip
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # It works in a child process, which must end with it.
        )
    except OSError as error:
        return None, f"It cannot be started: {error.strerror or error}"
    try:
        output, _ = process.communicate(timeout=timeout_seconds + _GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        _kill(process)
        return None, f"It did not end within {timeout_seconds + _GRACE_SECONDS:.0f} seconds"
    except BaseException:
        _kill(process)
        raise
    return process.returncode, output.decode(errors="replace")


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.communicate()


def _made(folder: Path) -> Path | None:
    return next(iter(sorted(folder.glob("*_edgetpu.tflite"))), None)


def _verdict(
    model: Path, executable: str, attempt: int, code: int | None, text: str, folder: Path
) -> CompilerVerdict:
    if code is None:
        return CompilerVerdict(executable, attempt, text)
    try:
        log: CompilerLog | None = parse_compiler_log(text)[0]
    except (UsageError, IndexError):
        log = None
    made = _made(folder)
    failure = log.failure if log else ""
    if not failure and code in _CRASHES:
        failure = f"it crashed (exit code {code})"
    elif not failure and (code != 0 or made is None):
        last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no output")
        failure = f"it wrote no model (exit code {code}): {last}"
    unmapped = None
    if not failure and made is not None:
        try:
            unmapped = left_outside(made, model)
        except UsageError:
            unmapped = None
    return CompilerVerdict(executable, attempt, failure, log, unmapped)
