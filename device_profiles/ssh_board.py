"""`RemoteBoard`: rounds and jobs on a board through connections that may break; `RemoteWorker`: one round of them."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from edgenas.device_profiles.connection import Connection
from edgenas.device_profiles.ssh_connection import ConnectionLostError, SshConnection
from edgenas.device_profiles.worker_process import WorkerFailureError
from edgenas.errors import EdgenasError

__all__ = ["GIVE_UP_SECONDS", "RemoteBoard", "RemoteWorker", "job_key", "no_runtime"]

GIVE_UP_SECONDS = 180.0
"""How long a board that was lost is looked for: a small board needs about a minute to start."""

PYTHONS = (
    "python3", "python", "edgenas/bin/python", ".venv/bin/python",
    "python3.13", "python3.12", "python3.11", "python3.10", "python3.9", "python3.8", "python3.7",
)  # fmt: skip
"""Where the board's Python is looked for: on its PATH, and two folders under the home folder."""

_LOG = logging.getLogger("edgenas.devices")
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 15.0
_FIND_PYTHON_SECONDS, _UPLOAD_SECONDS = 300.0, 300.0
_FIRST_TRIES = 4
_OLD_NUMPY = "pip install 'numpy<2'"
_OTHERS_SECONDS, _EARLIER_SECONDS = 900.0, 300.0


class RemoteBoard:
    """A board; connects when it is first needed, and again when the connection breaks.

    Args:
        connection: how it is reached.
        edgetpu: whether to look for an Edge TPU on it.
        give_up_seconds: how long a lost board is looked for.
        ssh: the OpenSSH client.
        tell: is told what a waiting user should know, by default the logger "edgenas.devices".
    """

    def __init__(
        self,
        connection: Connection,
        *,
        edgetpu: bool = False,
        give_up_seconds: float = GIVE_UP_SECONDS,
        ssh: str = "ssh",
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._address = connection
        self._edgetpu = edgetpu
        self._give_up_seconds = give_up_seconds
        self._ssh = ssh
        self._tell = tell or _LOG.warning
        self._link: SshConnection | None = None
        self._in_round = False
        self._round: dict[str, Any] = {}
        self._hello: dict[str, Any] = {}

    def hello(self) -> dict[str, Any]:
        """What the board said of itself: "facts" of its Python and runtime, "edgetpu", "folder".

        And what it costs to ask: "connect_seconds" once, until a runtime is found, and "exchange_ms" per model.

        Raises:
            EdgenasError: it is not reached, or it has no Python that can run models; the message says what each lacks.
        """
        tries = 0
        while not self._hello:
            try:
                self._connect()
            except ConnectionLostError as error:
                self._drop()
                tries += 1
                if not error.failure.broken or tries == _FIRST_TRIES:
                    raise EdgenasError(_sentence(str(error))) from error
                time.sleep(_FIRST_PAUSE_SECONDS)
        return self._hello

    def begin_round(self, session: str, cpus: Sequence[int]) -> None:
        """Says under what name in the board's journal the next jobs are measured, and on which CPUs."""
        self._round = {"do": "begin", "session": session, "cpus": list(cpus)}

    def result(
        self, job: dict[str, Any], model: Path, sha256: str, key: str, timeout_seconds: float
    ) -> dict[str, Any]:
        """Measures one model in the round, or fetches what the board has of that key.

        Args:
            job: what the worker is told.
            model: the file, sent where the board does not have it.
            sha256: SHA-256 of the file.
            key: name of the job in the board's journal, letters and digits.
            timeout_seconds: longest time for measuring it.

        Returns:
            "answers" of the worker, "failure" ("" for none), "notes" of the worker's start, "age_seconds".

        Raises:
            EdgenasError: the board is lost for good, or cannot store what it measures.
        """
        lost_at: float | None = None
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return self._attempt(job, model, sha256, key, timeout_seconds)
            except ConnectionLostError as error:
                self._drop()
                now = time.monotonic()
                lost_at = now if lost_at is None else lost_at
                remaining = lost_at + self._give_up_seconds - now
                if remaining <= 0 or not error.failure.passing:
                    raise self._given_up(error, now - lost_at) from error
                pause = min(pause, max(remaining, 0.1))
                self._tell(
                    f"{_sentence(error.failure.text)} Connecting again in {pause:.2g} s, for {remaining:.0f} s at "
                    "most; what the board has measured is kept there."
                )
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def end_round(self) -> None:
        """Closes the round, if one is open: its worker ends, and others may measure."""
        if self._link is not None and self._in_round:
            try:
                self._link.send({"do": "end"})
            except ConnectionLostError:
                self._drop()
        self._in_round = False

    def close(self) -> None:
        """Ends the connection."""
        self._drop()

    def _attempt(
        self, job: dict[str, Any], model: Path, sha256: str, key: str, timeout_seconds: float
    ) -> dict[str, Any]:
        link = self._link or self._connect()
        if not self._in_round:
            link.send(self._round)
            self._wait_for_begin(link)
            self._in_round = True
        command = {"do": "job", "key": key, "sha256": sha256, "job": job, "timeout_seconds": timeout_seconds}
        link.send(command)
        answer = self._next(link, "result", "send")
        if answer["kind"] == "send":
            data = model.read_bytes()
            link.send({"do": "file", "sha256": sha256, "bytes": len(data)}, data)
            self._next(link, "stored", timeout_seconds=_UPLOAD_SECONDS)
            link.send(command)
            answer = self._next(link, "result")
        return answer

    def _connect(self) -> SshConnection:
        own = self._address.python
        names = (own.removeprefix("~/"),) if own else PYTHONS
        began = time.monotonic()
        link = SshConnection(self._address, names, ssh=self._ssh)
        link.send({
            "do": "hello", "pythons": names, "runtime": self._address.runtime, "edgetpu": self._edgetpu,
        })  # fmt: skip
        self._link, self._in_round = link, False
        answer = self._next(link, "hello", timeout_seconds=_FIND_PYTHON_SECONDS)
        if answer["facts"] is None:
            self._drop()
            raise EdgenasError(no_runtime(self._address, answer["lacks"]))
        if self._hello and self._hello["facts"] != answer["facts"]:
            self._drop()
            raise EdgenasError(
                f"{self._address.target} is another board or has another runtime than before the connection broke: "
                f"{self._hello['facts']} then, {answer['facts']} now.\nNext: give the same command again."
            )
        connected = time.monotonic()
        link.send({"do": "ping"})
        self._next(link, "pong")
        exchange_ms = 1000 * (time.monotonic() - connected)
        self._hello = {**answer, "connect_seconds": connected - began, "exchange_ms": exchange_ms}
        return link

    def _wait_for_begin(self, link: SshConnection) -> None:
        began, told = time.monotonic(), False
        while True:
            answer = self._next(link, "begun", "waiting")
            if answer["kind"] == "begun":
                return
            if not told and not answer["own"]:
                self._tell(f"Another edgenas measures on {self._address.target}; waiting until it is done.")
                told = True
            if time.monotonic() - began > (_EARLIER_SECONDS if answer["own"] else _OTHERS_SECONDS):
                self._drop()
                raise EdgenasError(
                    f"{self._address.target} has been busy with another measurement for "
                    f"{time.monotonic() - began:.0f} s.\nNext: ps aux | grep edgenas   # on the board"
                )

    def _next(self, link: SshConnection, *kinds: str, timeout_seconds: float | None = None) -> dict[str, Any]:
        """The next answer of one of some kinds.

        Raises:
            EdgenasError: the board cannot do what it was asked for.
            ConnectionLostError: the connection is broken.
        """
        while True:
            answer = link.receive() if timeout_seconds is None else link.receive(timeout_seconds)
            if answer["kind"] == "error":
                self._drop()
                raise EdgenasError(
                    f"{self._address.target} cannot measure: {answer['error']}.\n"
                    "What was measured before is kept; the same command goes on from there."
                    + (
                        "\nNext: df -h   # on the board: is its disk full or read-only?"
                        if answer.get("disk")
                        else ""
                    )
                )
            if answer["kind"] in kinds:
                return answer

    def forget(self) -> None:
        """Ends the connection and forgets what the board said of itself: the next `hello` asks it anew."""
        self._drop()
        self._hello = {}

    def _drop(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link, self._in_round = None, False

    def _given_up(self, error: ConnectionLostError, seconds: float) -> EdgenasError:
        tried = f" for {seconds:.0f} s" if seconds >= 1 else ""
        return EdgenasError(
            f"The board was lost and did not come back{tried}: {error.failure.text}.\n"
            "Measurements up to here are stored, and what the board finished is kept there: the same command goes on."
            + (f"\nNext: {error.failure.next_command}" if error.failure.next_command else "")
        )


class RemoteWorker:
    """One round on a board, as `measure_in_rounds` uses a local `WorkerProcess`.

    Args:
        board: the board.
        session: name of this client in the board's journal.
        cpus: CPUs of the board to stay on, empty for any.
        key_of: the key of a job in the board's journal, and the SHA-256 of its model.
    """

    def __init__(
        self,
        board: RemoteBoard,
        session: str,
        cpus: Sequence[int],
        key_of: Callable[[dict[str, Any]], tuple[str, str]],
    ) -> None:
        self._board = board
        self._key_of = key_of
        self.greeting: dict[str, Any] = {}
        board.begin_round(session, cpus)

    def answers(self, job: dict[str, Any], timeout_seconds: float) -> Iterator[dict[str, Any]]:
        """Measures or fetches one model and yields the worker's answers.

        Raises:
            WorkerFailureError: the board's worker crashed or hung on this model.
            EdgenasError: the board is lost for good, or cannot store what it measures.
        """
        key, sha256 = self._key_of(job)
        result = self._board.result(job, Path(job["model"]), sha256, key, timeout_seconds)
        for answer in result["answers"]:
            if answer["kind"] == "latency":
                answer["notes"] = [*result["notes"], *answer["notes"], *_kept(result["age_seconds"])]
            yield {**answer, "id": job["id"]}
        if result["failure"]:
            raise WorkerFailureError(result["failure"])

    def close(self) -> None:
        """Ends the round."""
        self._board.end_round()


def job_key(facts: dict[str, Any]) -> str:
    """A name for a job that is the same whenever all facts are."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _kept(age_seconds: float) -> list[str]:
    if not age_seconds:
        return []
    return [f"one process measured {age_seconds:.0f} s before it was fetched: the connection had broken"]


def no_runtime(connection: Connection, lacks: Sequence[str]) -> str:
    """What a user reads whose board has no Python that can run models: what each lacks, and what to type there."""
    tried = "\n".join(f"  {text}" for text in lacks)
    command = (
        "python3 -m venv ~/edgenas && ~/edgenas/bin/pip install tflite-runtime 'numpy<2'   # on the board; for Python "
        "3.12 and newer: ~/edgenas/bin/pip install ai-edge-litert"
    )
    for text in lacks:
        if text.endswith(_OLD_NUMPY):
            command = f"{text.partition(':')[0]} -m {_OLD_NUMPY}   # on the board"
            break
    return f"{connection.target} has no Python that can run models; tried:\n{tried}\nNext: {command}"


def _sentence(text: str) -> str:
    head, _, rest = text.partition("\n")
    if head.startswith(
        ("the ", "there ", "no ")
    ):  # Else it begins with a name, which stays as it is written.
        head = head[:1].upper() + head[1:]
    head = head.rstrip(".") + "."
    return f"{head}\n{rest}" if rest else head
