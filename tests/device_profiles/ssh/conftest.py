"""A board made of this machine: a real sshd on a free port of loopback, a Python with tflite-runtime and NumPy 1."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from board_pythons import runtime_python, unavailable


@dataclass
class LoopbackBoard:
    """See the module's text.

    Attributes:
        folder: keys, configurations and, in `board`, the agent's folder.
        port: sshd's.
        sshd: the process.
        python: the board's Python.
    """

    folder: Path
    port: int
    sshd: subprocess.Popen[bytes]
    python: str

    @classmethod
    def start(cls, folder: Path, python: str) -> LoopbackBoard:
        server = shutil.which("sshd") or "/usr/sbin/sshd"
        if not Path(server).exists() or shutil.which("ssh") is None:
            unavailable("no sshd or no ssh on this machine: apt-get install openssh-server openssh-client")
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        for name in ("host_key", "key", "other_key"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True
            )
        (folder / "authorized_keys").write_bytes((folder / "key.pub").read_bytes())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        (folder / "sshd_config").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\n"
            f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\n"
            "PidFile none\nPermitRootLogin yes\nPasswordAuthentication no\n"
            "KbdInteractiveAuthentication no\n",
            encoding="utf-8",
        )
        public = " ".join((folder / "host_key.pub").read_text(encoding="utf-8").split()[:2])
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}\n", encoding="utf-8")
        log = (folder / "sshd.log").open("wb")
        sshd = subprocess.Popen([server, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log)
        board = cls(folder, port, sshd, python)
        board.wait_for(
            board._answers, "sshd does not start: " + (folder / "sshd.log").read_text(encoding="utf-8")
        )
        board.config()
        return board

    def config(self, **options: str) -> Path:
        """A client configuration with the host `board`; options replace the usual ones."""
        usual = {
            "HostName": "127.0.0.1",
            "Port": str(self.port),
            "IdentityFile": str(self.folder / "key"),
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": str(self.folder / "known_hosts"),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
        }
        path = self.folder / ("-".join(["config", *options]) or "config")
        lines = [f"  {key} {value}" for key, value in {**usual, **options}.items()]
        path.write_text("\n".join(["Host board", *lines, ""]), encoding="utf-8")
        return path

    def address(self, **query: str) -> str:
        """The board's address; a key of the query that is None is left out."""
        keys = {
            "config": str(self.folder / "config"),
            "python": self.python,
            "folder": str(self.folder / "board"),
            **query,
        }
        return "ssh://board?" + "&".join(f"{key}={value}" for key, value in keys.items() if value)

    def journal(self) -> list[dict[str, Any]]:
        """Everything that was ever measured on the board, in order."""
        lines: list[dict[str, Any]] = []
        for path in (self.folder / "board").glob("journal-*.jsonl"):
            lines += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return sorted(lines, key=lambda entry: entry["time"])

    def connections(self) -> int:
        """How many connections there are; sshd may serve one by several processes."""
        return sum(_name(child).startswith("sshd") for child in _children(self.sshd.pid))

    def sessions(self) -> list[int]:
        """The sshd processes of open connections, the listener not included."""
        found, new = [], [self.sshd.pid]
        while new:
            children = [child for parent in new for child in _children(parent)]
            new = [child for child in children if _name(child).startswith("sshd")]
            found += new
        return found

    def cut(self, number: int = signal.SIGKILL) -> int:
        """Kills (or stops) the sshd processes of all connections; returns how many connections there were."""
        connections, sessions = self.connections(), self.sessions()
        for pid in sessions:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return connections

    def kill_clients(self) -> int:
        """Kills the ssh processes that this process has started; returns how many there were."""
        clients = [pid for pid in _children(os.getpid()) if _name(pid) == "ssh"]
        for pid in clients:
            os.kill(pid, signal.SIGKILL)
        return len(clients)

    def agents(self) -> list[int]:
        """Processes of our agent that work in this board's folder."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    place = os.fsencode(str(self.folder / "board"))
                    maps = (entry / "cmdline").read_bytes()
                    handles = (
                        [str(h.readlink()) for h in (entry / "fd").iterdir()] if b"unpack(c)" in maps else []
                    )
                    if place in maps or any(h.startswith(os.fsdecode(place)) for h in handles):
                        found.append(int(entry.name))
        return found

    def wait_for(self, condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
        """Waits until something is true."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(what)
            time.sleep(0.02)

    def stop(self) -> None:
        self.cut(signal.SIGCONT)
        self.cut()
        self.sshd.terminate()
        self.sshd.wait()

    def _answers(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0


def _children(pid: int) -> list[int]:
    """Of all threads of a process; threads and processes may end while they are looked at."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(word) for word in path.read_text(encoding="ascii").split()]
    return found


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


@pytest.fixture(scope="session")
def python_for() -> Callable[[str], str]:
    """`runtime_python`."""
    return runtime_python


@pytest.fixture(scope="session")
def board_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackBoard]:
    board = LoopbackBoard.start(tmp_path_factory.mktemp("board"), runtime_python("3.11"))
    yield board
    board.stop()


@pytest.fixture
def board(board_process: LoopbackBoard) -> Iterator[LoopbackBoard]:
    """A board with an empty disk; no process of ours may be left on it at the end."""
    shutil.rmtree(board_process.folder / "board", ignore_errors=True)
    yield board_process
    board_process.cut(signal.SIGCONT)
    board_process.cut()
    board_process.wait_for(lambda: not board_process.agents(), "the agent does not end")
