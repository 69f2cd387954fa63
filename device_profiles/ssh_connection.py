"""`SshConnection`: one ssh process to a board, with our agent at the other end."""

from __future__ import annotations

import hashlib
import io
import json
import os
import select
import shlex
import shutil
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import IO, Any

from edgenas.device_profiles.connection import Connection
from edgenas.device_profiles.ssh_errors import SshFailure, explain_failure
from edgenas.errors import EdgenasError

__all__ = ["ConnectionLostError", "SshConnection", "bundle", "ssh_command"]

CONNECT_SECONDS, ALIVE_SECONDS, ALIVE_COUNT = 10, 5, 3
"""A board that does not answer for 15 seconds counts as gone: ServerAliveInterval times ServerAliveCountMax."""

_AGENT_PACKAGE = "edgenas_agent"
_AGENT_FILES = (
    "__init__", "__main__", "board", "journal", "machine", "measure", "process", "pythons", "runtime",
)  # fmt: skip
# The whole program that the remote shell is given. What it runs comes over stdin: nothing is glued into it.
_LOADER = "import sys;c=sys.stdin.buffer;exec(c.read(int(c.readline())));unpack(c)"
_FOLDER = "~/.cache/edgenas"
_HELLO_SECONDS, _STALLED_SECONDS = 60.0, 30.0
_LONGEST_LINE, _STDERR_BYTES, _CHATTER_LINES = 64 * 2**20, 8000, 500
# POSIX: found but not executable, not found. What bash, dash, busybox and fish say then, in small letters; the dynamic
# loader says "no such file" too, of the library that it is loading.
_NO_SUCH_PROGRAM = (126, 127)
_NOT_FOUND = ("not found", "no such file", "unknown command")


class ConnectionLostError(Exception):
    """The connection broke or stalled; `failure` says why."""

    def __init__(self, failure: SshFailure) -> None:
        super().__init__(str(failure))
        self.failure = failure


@cache
def bundle() -> bytes:
    """The agent as one file that Python runs: a zip archive of its modules, the same bytes every time."""
    folder = resources.files("edgenas.device_profiles") / "agent"
    members = {f"{_AGENT_PACKAGE}/{name}.py": (folder / f"{name}.py").read_bytes() for name in _AGENT_FILES}
    members["__main__.py"] = (
        f"import sys\nfrom {_AGENT_PACKAGE}.__main__ import main\nsys.exit(main())\n".encode()
    )
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:  # Not compressed: small Pythons may lack zlib.
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return data.getvalue()


def ssh_command(connection: Connection, remote: Sequence[str], *, ssh: str = "ssh") -> list[str]:
    """The argument list of the OpenSSH client.

    Args:
        connection: where to.
        remote: the program to run there and its arguments; each arrives as it is.
        ssh: the client.
    """
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": str(CONNECT_SECONDS),
        "ServerAliveInterval": str(ALIVE_SECONDS),
        "ServerAliveCountMax": str(ALIVE_COUNT),
        "RemoteCommand": "none",  # Hosts may be configured to begin with a command such as `tmux attach`.
    }
    if connection.identity:
        options["IdentitiesOnly"] = "yes"  # Else the keys of an ssh-agent are tried first, often too many.
    words = [ssh, "-T", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
    for flag, value in (
        ("-F", connection.config and str(Path(connection.config).expanduser())),
        ("-i", connection.identity and str(Path(connection.identity).expanduser())),
        ("-p", str(connection.port or "")),
        ("-l", connection.user),
    ):
        words += [flag, value] if value else []
    return [*words, "--", connection.host, shlex.join(remote)]


class SshConnection:
    """An agent on a board, reached by one ssh process.

    Args:
        connection: where to.
        pythons: programs that may be the Python that serves, the first that is there is taken; it needs no packages.
        ssh: the OpenSSH client.

    Raises:
        EdgenasError: no ssh client, or no Python on the board.
        ConnectionLostError: the board is not reached, or the connection breaks again at once.
    """

    def __init__(self, connection: Connection, pythons: Sequence[str], *, ssh: str = "ssh") -> None:
        if shutil.which(ssh) is None:
            raise EdgenasError(
                f"No OpenSSH client: the program {ssh!r} is not on the PATH.\nNext: sudo apt-get install openssh-client"
            )
        self._connection = connection
        refused = []
        for python in pythons:
            failure = self._start(python.removeprefix("~/"), ssh)
            if failure is None:
                return
            refused.append(f"{python}: {failure}")
        raise EdgenasError(
            f"{connection.target} has no Python 3.7 or newer under the names that were tried:\n"
            + "\n".join(f"  {text}" for text in refused)
            + "\nNext: sudo apt-get install python3 python3-venv   # on the board; or name one with ?python=PATH"
        )

    def send(self, command: dict[str, Any], payload: bytes = b"") -> None:
        """Sends a command, and the bytes that it announces.

        Raises:
            ConnectionLostError: the connection is broken, or nothing is taken for 30 seconds.
        """
        self._write(json.dumps(command).encode() + b"\n" + payload)

    def receive(self, timeout_seconds: float = _STALLED_SECONDS) -> dict[str, Any]:
        """The next answer.

        Raises:
            ConnectionLostError: the connection is broken, or there is no answer in time.
        """
        deadline = time.monotonic() + timeout_seconds
        for _ in range(_CHATTER_LINES):
            line = self._line(deadline, timeout_seconds)
            try:
                answer = json.loads(line)
            except ValueError:
                continue  # Login files of some boards print greetings.
            if isinstance(answer, dict) and "kind" in answer:
                return answer
        raise self._lost(SshFailure(f"{self._connection.target} prints what is no answer: {line[:200]!r}"))

    def close(self) -> None:
        """Ends the ssh process; the agent finishes what it is measuring and ends by itself."""
        self._end()
        self._errors.close()

    def _start(self, python: str, ssh: str) -> str | None:
        """Starts the agent with a Python of the board; returns why it is none, None when it answers."""
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self._buffer = bytearray()
        self._process = subprocess.Popen(
            ssh_command(self._connection, [python, "-c", _LOADER], ssh=ssh),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for us; we end the connection in order.
            env={**os.environ, "LC_ALL": "C"},
        )
        os.set_blocking(self._stdin.fileno(), False)
        first = (resources.files("edgenas.device_profiles") / "agent" / "unpack.py").read_bytes()
        agent = bundle()
        head = {
            "bytes": len(agent),
            "sha256": hashlib.sha256(agent).hexdigest(),
            "folder": self._connection.folder or _FOLDER,
        }
        try:
            self._write(b"%d\n%b%b\n%b" % (len(first), first, json.dumps(head).encode(), agent))
            self.send({"do": "ping"})
            answer = self.receive(CONNECT_SECONDS + _HELLO_SECONDS)
        except ConnectionLostError:
            code = self._process.returncode
            printed = self._printed()
            if code in _NO_SUCH_PROGRAM:
                return _absence(printed, python)
            if code == 1 and "SyntaxError" in printed:
                return "older than Python 3.7"
            if code == 1 and "AttributeError" in printed:
                return "Python 2"
            raise
        if answer["kind"] == "error":
            self.close()
            raise EdgenasError(
                f"{self._connection.target} cannot store the measuring program: {answer['error']}.\n"
                "Next: df -h   # on the board; or name another folder with ?folder=PATH"
            )
        return None

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                if not select.select([], [self._stdin], [], _STALLED_SECONDS)[1]:
                    raise self._lost(
                        SshFailure(f"{self._connection.target} takes nothing any more", "", True)
                    )
                view = view[self._stdin.write(view[: 2**16]) or 0 :]
            except (OSError, ValueError) as error:
                raise self._lost() from error

    def _line(self, deadline: float, timeout_seconds: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not select.select([self._stdout], [], [], remaining)[0]:
                text = f"no answer from {self._connection.target} within {timeout_seconds:g} s"
                raise self._lost(SshFailure(text, "", True))
            data = self._stdout.read(2**16)
            if not data or len(self._buffer) > _LONGEST_LINE:
                raise self._lost()
            self._buffer += data
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _lost(self, failure: SshFailure | None = None) -> ConnectionLostError:
        """Ends the process and makes the error; without `failure` what ssh printed is the reason."""
        code: int | None = None
        if failure is None:
            try:
                code = self._process.wait(timeout=CONNECT_SECONDS)
            except subprocess.TimeoutExpired:
                code = None
        self._end()
        return ConnectionLostError(failure or explain_failure(self._printed(), code, self._connection))

    def _end(self) -> None:
        self._stdin.close()
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stdout.close()

    def _printed(self) -> str:
        self._errors.seek(0, 2)
        self._errors.seek(max(0, self._errors.tell() - _STDERR_BYTES))
        return self._errors.read().decode(errors="replace")

    @property
    def _stdin(self) -> Any:
        return self._process.stdin

    @property
    def _stdout(self) -> Any:
        return self._process.stdout


def _absence(printed: str, python: str) -> str:
    """Why a shell could not start a program: it is not there, or what the shell or the loader says instead."""
    line = next((line.strip() for line in printed.splitlines() if python in line), "")
    absent = not line or ("loading" not in line and any(words in line.lower() for words in _NOT_FOUND))
    return "not there" if absent else f"does not start: {line[-300:]}"
