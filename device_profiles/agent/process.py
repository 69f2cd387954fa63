"""The parent's side of one worker process: jobs go in, answers come out, and it may die at any moment."""

from __future__ import annotations

import json
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any

__all__ = ["WorkerFailureError", "WorkerProcess"]

_START_SECONDS, _LOOK_UP_SECONDS = 120.0, 5.0
_STDERR_BYTES = 4000
_LONGEST_LINE = 64 * 2**20


class WorkerFailureError(Exception):
    """The process crashed, hung, could not start or answered nonsense; the text says which. It is gone now."""


class WorkerProcess:
    """One worker process; use as a context manager.

    Args:
        cpus: CPUs the process stays on, empty for any.
        command: program and first arguments.
        on_wait: called every few seconds while the process has not answered.

    Attributes:
        greeting: the worker's first answer: "load_average", "notes" and "facts".

    Raises:
        WorkerFailureError: the process does not come up.
    """

    def __init__(
        self, cpus: Sequence[int], command: Sequence[str], on_wait: Callable[[], None] | None = None
    ) -> None:
        arguments = [*command, *(["--cpus", ",".join(map(str, cpus))] if cpus else [])]
        self._on_wait = on_wait or (lambda: None)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        try:
            self._process = subprocess.Popen(
                arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, bufsize=0
            )
        except OSError as error:
            self._errors.close()
            raise WorkerFailureError("the measuring process does not start: %s" % error) from error
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stdout, selectors.EVENT_READ)
        self._buffer = b""
        self.greeting = self._next(time.monotonic() + _START_SECONDS, _START_SECONDS)

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def answers(self, job: dict[str, Any], timeout_seconds: float) -> Iterator[dict[str, Any]]:
        """Hands in a job and yields its answers; the last one has kind "done" or "error".

        Raises:
            WorkerFailureError: no end within `timeout_seconds`, a crash, or an answer that is none.
        """
        deadline = time.monotonic() + timeout_seconds
        try:
            self._stdin.write(json.dumps(job).encode() + b"\n")
        except OSError as error:
            raise self._failure("the measuring process went away: %s" % error) from error
        while True:
            answer = self._next(deadline, timeout_seconds)
            if answer.get("id") != job["id"]:
                raise self._failure("the measuring process answered another job: " + str(answer)[:200])
            yield answer
            if answer["kind"] in ("done", "error"):
                return

    def close(self) -> None:
        """Ends the process, by force if it does not end at once."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._selector.close()
        self._stdin.close()
        self._stdout.close()
        self._errors.close()

    @property
    def _stdin(self) -> Any:
        return self._process.stdin

    @property
    def _stdout(self) -> Any:
        return self._process.stdout

    def _next(self, deadline: float, timeout_seconds: float) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise self._failure("no answer within %g s" % timeout_seconds, running=True)
            if not self._selector.select(min(remaining, _LOOK_UP_SECONDS)):
                self._on_wait()
                continue
            data = self._stdout.read(2**16)
            if not data:
                raise self._failure("")
            self._buffer += data
            if len(self._buffer) > _LONGEST_LINE:
                raise self._failure("the measuring process answers without end", running=True)
        line, self._buffer = self._buffer.split(b"\n", 1)
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or "kind" not in answer:
            raise self._failure("the measuring process answered nonsense: %r" % line[:200], running=True)
        return answer

    def _failure(self, text: str, *, running: bool = False) -> WorkerFailureError:
        """Ends the process and makes the error; without `text` the way it ended is the text."""
        try:
            code = None if running else self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = None
        if not text:
            text = "the measuring process " + _ending(code)
        self._errors.seek(0, 2)
        self._errors.seek(max(0, self._errors.tell() - _STDERR_BYTES))
        printed = self._errors.read().decode(errors="replace").strip().splitlines()
        self.close()
        return WorkerFailureError(
            "%s; it printed last: %s" % (text, printed[-1][:300]) if printed and code else text
        )


def _ending(code: int | None) -> str:
    if code is None:
        return "closed its output"
    if code >= 0:
        return "ended with exit code %d" % code
    try:
        return "was killed by " + signal.Signals(-code).name
    except ValueError:
        return "was killed by signal %d" % -code
