"""`Board`: serves files and jobs on a board, through connections that may break at any moment.

Commands are JSON lines on stdin, answers JSON lines on stdout. "hello" finds the Python that has a runtime; "begin"
opens a round (the board measures for one client at a time); "job" measures one model in the round's worker process, or
asks for its file with "send"; "file" brings one; "end" closes the round. A finished job is in the journal, and the
journal on the disk, before it is sent: the client that lost the connection asks again by the job's key and gets what
was measured. A job that is running when the connection breaks is finished first.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import select
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import IO, Any

from .journal import Journal, clean_up
from .machine import edgetpu_facts
from .process import WorkerFailureError, WorkerProcess
from .pythons import find_python

__all__ = ["Board", "serve"]

# A client in a round sends the next job at once. One that is silent this long has gone, though nobody said so.
_SILENT_IN_ROUND_SECONDS, _SILENT_SECONDS = 60, 3600
_LOOK_SECONDS, _STALLED_SECONDS = 0.25, 20.0
_PIECE_BYTES = 2**18


def serve(commands: IO[bytes], agent: str) -> None:
    """Serves until the client ends the connection.

    Args:
        commands: where commands come from.
        agent: the agent's own file, beside which models, journals and the lock are kept.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    board = Board(commands, agent)
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, board.leave)
    try:
        board.run()
    finally:
        board.end()


class Board:
    """The server; see the module's text.

    Args:
        commands: where commands come from.
        agent: the agent's own file.
    """

    def __init__(self, commands: IO[bytes], agent: str) -> None:
        self._commands = commands
        # What libraries print must not come between the answers.
        self._answers = os.dup(1)
        os.dup2(2, 1)
        self._agent = agent
        self._folder = os.path.dirname(agent)
        tempfile.tempdir = self._folder
        self._session = ""
        self._python: list[str] = []
        self._connected = True
        self._measuring = False
        self._leaving = False
        self._lock = -1
        self._cpus: list[int] = []
        self._worker: WorkerProcess | None = None
        self._journal: Journal | None = None

    def leave(self, number: int, frame: object) -> None:
        """Signal handler: ends the process, but not before a job that is being measured is in the journal."""
        self._leaving = True
        if not self._measuring:
            sys.exit(0)

    def run(self) -> None:
        """Handles commands until there are no more."""
        known = {"hello": self._hello, "begin": self._begin, "job": self._job, "file": self._file}
        while self._connected and not self._leaving:
            signal.alarm(_SILENT_IN_ROUND_SECONDS if self._lock >= 0 else _SILENT_SECONDS)
            line = self._commands.readline()
            signal.alarm(0)
            if not line.endswith(b"\n"):
                return
            command = json.loads(line)
            try:
                if command["do"] == "end":
                    self.end()
                elif command["do"] == "ping":
                    self._say(kind="pong")
                else:
                    known[command["do"]](command)
            except OSError as error:
                self._say(kind="error", error=_disk_trouble(error, self._folder), disk=True)

    def end(self) -> None:
        """Closes the round: ends its worker and lets others measure."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _say(self, **answer: Any) -> None:
        """Sends an answer; a connection that does not take it within some seconds counts as broken."""
        data = json.dumps(answer).encode() + b"\n"
        try:
            while data and self._connected:
                self._connected = bool(select.select([], [self._answers], [], _STALLED_SECONDS)[1])
                if self._connected:
                    # A pipe that is said to be writable takes so many bytes without blocking.
                    data = data[os.write(self._answers, data[: select.PIPE_BUF]) :]
        except OSError:
            self._connected = False

    def _hello(self, command: dict[str, Any]) -> None:
        clean_up(self._folder, self._agent)
        found, lacks = find_python(self._agent, command["pythons"], command["runtime"])
        if found is not None:
            self._python = [found["executable"], self._agent, "worker", "--runtime", found["runtime"]]
        edgetpu = edgetpu_facts() if command.get("edgetpu") else None
        self._say(kind="hello", facts=found, lacks=lacks, edgetpu=edgetpu, folder=self._folder)

    def _begin(self, command: dict[str, Any]) -> None:
        """Opens a round as soon as nobody else measures; one's own earlier connection is asked to go."""
        self.end()
        self._cpus, self._session = command["cpus"], command["session"]
        path = os.path.join(self._folder, "lock")
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        asked, told = 0, 0.0
        while not _locked(lock):
            holder = _holder(lock)
            if holder.get("session") == self._session and holder["pid"] != asked:
                asked = holder["pid"]
                with contextlib.suppress(OSError):
                    os.kill(asked, signal.SIGTERM)
            if time.monotonic() - told >= 1.0:
                told = time.monotonic()
                self._say(kind="waiting", own=holder.get("session") == self._session)
            if not self._connected:
                os.close(lock)
                return
            time.sleep(_LOOK_SECONDS)
        self._lock = lock
        os.ftruncate(lock, 0)
        os.pwrite(lock, json.dumps({"pid": os.getpid(), "session": self._session}).encode(), 0)
        self._journal = Journal(os.path.join(self._folder, "journal-%s.jsonl" % self._session))
        self._say(kind="begun")

    def _job(self, command: dict[str, Any]) -> None:
        if self._journal is None or self._lock < 0:
            self._say(kind="error", error="a job came before its round")
            return
        key = command["key"]
        entry = self._journal.find(key)
        if entry is not None:
            self._say(
                kind="result", key=key, age_seconds=max(0.0, time.time() - entry["time"]), **entry["result"]
            )
            return
        model = self._model(command["sha256"])
        if not os.path.exists(model):
            self._say(kind="send", sha256=command["sha256"])
            return
        os.utime(model)
        self._measuring = True
        try:
            result = self._measure(dict(command["job"], model=model), command["timeout_seconds"])
            if result is not None:
                self._journal.add(key, result)
        finally:
            self._measuring = False
        if result is not None:
            self._say(kind="result", key=key, age_seconds=0.0, **result)

    def _measure(self, job: dict[str, Any], timeout_seconds: float) -> dict[str, Any] | None:
        """The worker's answers to a job and why it failed; None where there is not even a worker."""
        try:
            if self._worker is None:
                self._worker = WorkerProcess(self._cpus, self._python, self._alive)
        except WorkerFailureError as error:
            self._say(kind="error", error=str(error))
            return None
        answers = []
        greeting = self._worker.greeting
        try:
            for answer in self._worker.answers(job, timeout_seconds):
                answers.append(answer)
        except WorkerFailureError as error:
            self._worker = None
            return {"answers": answers, "failure": str(error), "notes": greeting["notes"]}
        return {"answers": answers, "failure": "", "notes": greeting["notes"]}

    def _alive(self) -> None:
        if self._connected and select.select([], [self._answers], [], 0)[1]:
            self._say(kind="alive")

    def _file(self, command: dict[str, Any]) -> None:
        """Stores a file under its SHA-256. What cannot be written is read all the same: commands follow it."""
        digest, trouble = hashlib.sha256(), ""
        pieces = self._pieces(command["bytes"])
        path = self._model(command["sha256"])
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=".incoming-", dir=os.path.dirname(path))
            try:
                with os.fdopen(handle, "wb") as file:
                    for piece in pieces:
                        digest.update(piece)
                        file.write(piece)
                    file.flush()
                    os.fsync(file.fileno())
                if digest.hexdigest() != command["sha256"]:
                    trouble = "the file that arrived is not the one that was announced"
                else:
                    os.rename(temporary, path)
            finally:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
        except OSError as error:
            trouble = _disk_trouble(error, self._folder)
            for _ in pieces:
                pass
        if trouble:
            self._say(kind="error", error=trouble, disk=True)
        else:
            self._say(kind="stored", sha256=command["sha256"])

    def _pieces(self, size_bytes: int) -> Iterator[bytes]:
        while size_bytes > 0:
            signal.alarm(_SILENT_IN_ROUND_SECONDS)
            piece = self._commands.read(min(size_bytes, _PIECE_BYTES))
            signal.alarm(0)
            if not piece:
                sys.exit(0)  # The connection broke; what is incomplete has no name yet.
            size_bytes -= len(piece)
            yield piece

    def _model(self, sha256: str) -> str:
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise ValueError("%r is no SHA-256" % sha256)
        return os.path.join(self._folder, "models", sha256 + ".tflite")


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _holder(handle: int) -> dict[str, Any]:
    try:
        found = json.loads(os.pread(handle, 1000, 0).decode())
        return {"session": str(found["session"]), "pid": int(found["pid"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _disk_trouble(error: OSError, folder: str) -> str:
    return "%s: %s" % (error.filename or folder, error.strerror or error)
