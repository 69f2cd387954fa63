"""An adb server of the tests' own, with phones that are folders of this machine; the real adb client talks to it.

It speaks the smart-socket protocol on loopback (platform/packages/modules/adb: OVERVIEW.TXT, SERVICES.TXT, SYNC.TXT):
the version, the list of phones, features, shell v2 with separate streams and exit codes, and file transfer (sync v1).
A phone runs its shell lines here, with /data/local/tmp standing for its folder and its own programs first on the PATH.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

_TMP = "/data/local/tmp"
_STDOUT, _STDERR, _EXIT = 1, 2, 3
_FEATURES = "shell_v2,cmd,stat_v2"

PROPERTIES = {
    "ro.product.manufacturer": "Google",
    "ro.product.model": "Pixel 4",
    "ro.soc.manufacturer": "QTI",
    "ro.soc.model": "SM8150",
    "ro.build.version.release": "13",
    "ro.build.id": "TP1A.221005.002.B2",
    "ro.product.cpu.abilist": "arm64-v8a,armeabi-v7a,armeabi",
    "ro.product.cpu.abi": "arm64-v8a",
}
# Lines of a real `dumpsys battery`, with the numbers that the test sets.
BATTERY = """Current Battery Service state:
  AC powered: false
  USB powered: true
  Wireless powered: false
  Max charging current: 500000
  status: 2
  health: 2
  present: true
  level: 87
  scale: 100
  voltage: 4256
  temperature: {tenths}
  technology: Li-ion
"""


@dataclass
class FakePhone:
    """A phone that is a folder.

    Attributes:
        root: the folder; `tmp` in it is /data/local/tmp, `bin` its own programs.
        serial: its serial number.
        state: what `adb devices` says of it.
        lines: shell lines that were run, as the phone got them.
        received: names of the files that were pushed.
        unplug_at: the phone goes away when a shell line that holds this text begins, "" for never.
        running: sockets of what runs on it.
    """

    root: Path
    serial: str = "0A041FDD4003EH"
    state: str = "device"
    lines: list[str] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    unplug_at: str = ""
    running: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.root / "tmp").mkdir(parents=True)
        (self.root / "bin").mkdir()
        self.program("getprop", "".join(f"echo '[{k}]: [{v}]'\n" for k, v in PROPERTIES.items()))
        self.set_battery(31.4)

    def program(self, name: str, script: str) -> None:
        """Puts a shell script on the phone's PATH."""
        path = self.root / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
        path.chmod(0o755)

    def set_battery(self, celsius: float) -> None:
        text = BATTERY.format(tenths=round(celsius * 10))
        self.program("dumpsys", f"cat <<'END'\n{text}END\n")

    def here(self, text: str) -> str:
        """A path or line of the phone as this machine knows it."""
        return text.replace(_TMP, str(self.root / "tmp"))

    def files(self) -> list[str]:
        return sorted(
            str(p.relative_to(self.root / "tmp")) for p in (self.root / "tmp").rglob("*") if p.is_file()
        )

    def unplug(self) -> None:
        self.state = ""
        for connection in self.running:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class AdbServer:
    """Serves on a free port of loopback until `close`."""

    def __init__(self, phones: list[FakePhone], version: int = 41) -> None:
        self.phones = phones
        self.requests: list[str] = []
        self._version = version
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, EOFError):
            phone: FakePhone | None = None
            while True:
                request = _read(connection, int(_read(connection, 4), 16)).decode()
                self.requests.append(request)
                if request == "host:version":
                    return _answer(connection, f"{self._version:04x}")
                if request in ("host:devices", "host:devices-l"):
                    return _answer(connection, "".join(map(_listed, self.phones)))
                if match := re.fullmatch(r"host(?:-serial:(.+?))?:(features|get-state)", request):
                    found = self._find(connection, match[1] or "")
                    if found is None:
                        return None
                    return _answer(connection, _FEATURES if match[2] == "features" else found.state)
                if match := re.fullmatch(r"host:(?:tport:serial|transport):(.+)", request):
                    phone = self._find(connection, match[1])
                    if phone is None:
                        return None
                    connection.sendall(b"OKAY" + (struct.pack("<Q", 1) if "tport" in request else b""))
                    continue
                if phone is not None and (
                    match := re.fullmatch(r"shell(?:,[^:]*)?:(.*)", request, re.DOTALL)
                ):
                    connection.sendall(b"OKAY")
                    return _shell(connection, phone, match[1])
                if phone is not None and request == "sync:":
                    connection.sendall(b"OKAY")
                    return _sync(connection, phone)
                return _fail(connection, f"unknown host service {request!r}")

    def _find(self, connection: socket.socket, serial: str) -> FakePhone | None:
        for phone in self.phones:
            if phone.serial == serial and phone.state == "device":
                return phone
            if phone.serial == serial and phone.state:
                _fail(connection, f"device {phone.state}")
                return None
        _fail(connection, f"device '{serial}' not found")
        return None


def _listed(phone: FakePhone) -> str:
    if not phone.state:
        return ""
    model = " product:flame model:Pixel_4 device:flame transport_id:1" if phone.state == "device" else ""
    return f"{phone.serial:<22} {phone.state}{model}\n"


def _shell(connection: socket.socket, phone: FakePhone, line: str) -> None:
    phone.lines.append(line)
    if phone.unplug_at and phone.unplug_at in line:
        phone.unplug()
        return
    path = f"{phone.root / 'bin'}:{os.environ['PATH']}"
    process = subprocess.Popen(
        ["sh", "-c", phone.here(line)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=phone.root,
        env={**os.environ, "PATH": path},
    )
    phone.running.append(connection)
    out, err = process.communicate()
    phone.running.remove(connection)
    code = process.returncode if process.returncode >= 0 else 128 - process.returncode
    for kind, data in ((_STDOUT, out), (_STDERR, err), (_EXIT, bytes([code]))):
        if data:
            connection.sendall(struct.pack("<BI", kind, len(data)) + data)
    # Closing with unread input (the client tells the end of its stdin) would reset the connection and lose the answer.
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(4096):
        pass


def _sync(connection: socket.socket, phone: FakePhone) -> None:
    while True:
        kind, size = struct.unpack("<4sI", _read(connection, 8))
        if kind == b"QUIT":
            return
        path = Path(phone.here(_read(connection, size).decode()))
        if kind == b"STAT":
            found = path.stat() if path.exists() else None
            numbers = (found.st_mode, found.st_size, int(found.st_mtime)) if found else (0, 0, 0)
            connection.sendall(b"STAT" + struct.pack("<III", *numbers))
        elif kind in (b"STA2", b"LST2"):
            found = path.stat() if path.exists() else None
            error = 0 if found else 2
            values = (found.st_mode, found.st_size) if found else (0, 0)
            connection.sendall(
                kind + struct.pack("<IQQIIIIQqqq", error, 0, 0, values[0], 1, 0, 0, values[1], 0, 0, 0)
            )
        elif kind == b"SEND":
            _receive(connection, phone, path)
        elif kind == b"RECV":
            if not path.exists():
                message = b"open failed: No such file or directory"
                connection.sendall(b"FAIL" + struct.pack("<I", len(message)) + message)
                continue
            data = path.read_bytes()
            for start in range(0, len(data), 2**16):
                piece = data[start : start + 2**16]
                connection.sendall(b"DATA" + struct.pack("<I", len(piece)) + piece)
            connection.sendall(b"DONE" + struct.pack("<I", 0))
        else:
            raise EOFError(f"{kind!r} is not served")


def _receive(connection: socket.socket, phone: FakePhone, target: Path) -> None:
    path = Path(str(target).rpartition(",")[0])
    content = b""
    while True:
        kind, size = struct.unpack("<4sI", _read(connection, 8))
        if kind == b"DONE":
            break
        content += _read(connection, size)
    try:
        path.write_bytes(content)
    except OSError as error:
        message = f"couldn't create file: {error.strerror}".encode()
        connection.sendall(b"FAIL" + struct.pack("<I", len(message)) + message)
        return
    phone.received.append(path.name)
    connection.sendall(b"OKAY" + struct.pack("<I", 0))


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def _answer(connection: socket.socket, text: str) -> None:
    connection.sendall(b"OKAY" + f"{len(text.encode()):04x}".encode() + text.encode())


def _fail(connection: socket.socket, text: str) -> None:
    connection.sendall(b"FAIL" + f"{len(text.encode()):04x}".encode() + text.encode())
