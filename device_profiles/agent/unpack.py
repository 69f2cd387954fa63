"""The first thing that a board runs: takes the agent from the connection, stores it as one file and starts it.

Sent as text, before there is an agent on the board: it imports nothing of it at the top.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import IO

__all__ = ["unpack"]


def unpack(commands: IO[bytes]) -> None:
    """Reads a line {"bytes", "sha256", "folder"} and the agent's file, then serves commands."""
    print(
        flush=True
    )  # A greeting of the login shell may have left its line open: the first answer begins a new one.
    head = json.loads(commands.readline().decode())
    data = commands.read(head["bytes"])
    if len(data) < head["bytes"]:
        return
    folder = os.path.abspath(os.path.expanduser(head["folder"]))
    path = os.path.join(folder, "agent-%s.pyz" % head["sha256"][:16])
    temporary = "%s.%d" % (path, os.getpid())
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if _holds(path, data):  # As after a reconnection; the disk may have become full or read-only since.
            with contextlib.suppress(OSError):
                os.utime(path)  # So that no other version's tidying takes it for an old one.
        else:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        text = "%s: %s" % (error.filename or folder, error.strerror or error)
        print(json.dumps({"kind": "error", "error": text}), flush=True)
        return
    sys.path.insert(0, path)
    from edgenas_agent.board import serve  # type: ignore[import-not-found]  # It came with `data`.

    serve(commands, path)


def _holds(path: str, data: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read() == data
    except OSError:
        return False
