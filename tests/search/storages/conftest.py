"""A real PostgreSQL server, and stores of the toy problem on every storage."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PASSWORD = "not a word: 4711"


class PostgresServer:
    """A server of its own, on a free port, with everything in one folder; not as root, which it refuses."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._prefix: list[str] = []
        if os.geteuid() == 0:
            self._prefix = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
            shutil.chown(folder, "nobody", "nogroup")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        (folder / "password").write_text(PASSWORD + "\n")
        (folder / "password").chmod(0o644)
        data = ["-D", str(folder / "data"), "--no-sync", "-U", "edgenas", "-E", "UTF8", "--no-locale"]
        self._call("initdb", *data, "-A", "scram-sha-256", f"--pwfile={folder / 'password'}")
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://edgenas@127.0.0.1:{self.port}/postgres"

    @property
    def url_for_optuna(self) -> str:
        return f"postgresql+psycopg://edgenas@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._call("pg_ctl", "-D", str(self._folder / "data"), "-w", "-o", options, "-l", self._log, "start")

    def stop(self) -> None:
        """Without a word to its clients, as a crash."""
        self._call("pg_ctl", "-D", str(self._folder / "data"), "-w", "-m", "immediate", "stop")

    @property
    def _log(self) -> str:
        return str(self._folder / "log")

    def _call(self, program: str, *arguments: str) -> None:
        command = [*self._prefix, str(self._binaries / program), *arguments]
        # Not through pipes: the server would hold them open. Not from a folder that it may not enter.
        with (self._folder / "calls").open("a") as calls:
            done = subprocess.run(command, stdout=calls, stderr=calls, cwd="/", timeout=120)
        if done.returncode:
            raise RuntimeError((self._folder / "calls").read_text()[-2000:])


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[PostgresServer]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found or shutil.which("setpriv") is None:
        reason = "no PostgreSQL server here: apt-get install postgresql util-linux"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="edgenas-pg-"))
    server = PostgresServer(found[-1].parent, folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres(own_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> PostgresServer:
    """The server, with the password where libpq looks for it."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    return own_postgres
