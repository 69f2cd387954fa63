"""Android phones through the `adb` program: which one, what it answers, and what to do when it does not."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgenas.errors import EdgenasError

__all__ = ["AdbClient", "AdbError", "AdbTimeoutError", "AttachedDevice", "Reply", "find_adb", "parse_devices"]

_READY = "device"
_NO_PERMISSIONS = "no permissions"
_SDK_VARIABLES = ("ANDROID_HOME", "ANDROID_SDK_ROOT")
_SHORT_SECONDS = 30.0
_BYTES_PER_SECOND = 1e6
"""Slowest transfer that is waited for: adb over Wi-Fi does more."""
_ADVICE = {
    "unauthorized": "confirm the dialogue 'Allow USB debugging?' on the phone, then type the same command again. "
    "If no dialogue appears: adb kill-server, and plug the phone in again",
    "authorizing": "the phone is just being asked; type the same command again in a few seconds",
    "offline": "the phone does not answer: unlock it, plug it in again, or type: adb reconnect offline",
    _NO_PERMISSIONS: "this user may not use the USB device. Type: sudo apt-get install "
    "android-sdk-platform-tools-common, then plug the phone in again (udev rules), then: adb kill-server",
    "recovery": "the phone is in its recovery mode; restart it",
    "sideload": "the phone waits for an update; restart it",
    "bootloader": "the phone is in its boot loader; restart it",
}


class AdbError(EdgenasError):
    """The phone cannot be used; the text says what to do."""


class AdbTimeoutError(AdbError):
    """The phone, or the adb server, does not answer in time."""


@dataclass(frozen=True, slots=True)
class AttachedDevice:
    """One line of `adb devices -l`.

    Attributes:
        serial: serial number, or host:port of one reached over the network.
        state: "device" for one that is ready, otherwise "unauthorized", "offline", "no permissions" and such.
        model: name of the model, with underscores for spaces; empty while it is not ready.
    """

    serial: str
    state: str
    model: str = ""

    @property
    def ready(self) -> bool:
        """Whether commands can run on it."""
        return self.state == _READY

    @property
    def label(self) -> str:
        """For people, such as "0A041FDD4003EH (Pixel 4)"."""
        note = self.model.replace("_", " ") if self.ready else self.state
        return f"{self.serial} ({note})" if note else self.serial


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command on the phone gave.

    Attributes:
        code: its exit code; some versions of adb say 0 where the connection broke.
        stdout: what it printed.
        stderr: what it, or adb itself, complained about.
    """

    code: int
    stdout: str
    stderr: str

    @property
    def last_line(self) -> str:
        """The last line that it printed, complaints before results; empty when it was silent."""
        return next((lines[-1][:300] for lines in self._lines if lines), "")

    @property
    def complaint(self) -> str:
        """The last line that speaks of an error, or else the last one."""
        errors = [line for lines in self._lines for line in lines if "error" in line.lower()]
        return errors[-1][:300] if errors else self.last_line

    @property
    def _lines(self) -> tuple[list[str], ...]:
        texts = (self.stderr, self.stdout)
        return tuple([line.strip() for line in text.splitlines() if line.strip()] for text in texts)


def find_adb() -> str:
    """The adb program on the PATH or in the Android SDK ($ANDROID_HOME, $ANDROID_SDK_ROOT); empty for none."""
    found = shutil.which("adb")
    if found:
        return found
    for variable in _SDK_VARIABLES:
        folder = os.environ.get(variable)
        if folder:
            found = shutil.which("adb", path=str(Path(folder) / "platform-tools"))
            if found:
                return found
    return ""


def parse_devices(text: str) -> tuple[AttachedDevice, ...]:
    """Reads what `adb devices -l` prints; lines of the adb server itself are left out."""
    devices = []
    for line in text.splitlines():
        serial, _, rest = line.strip().partition("\t") if "\t" in line else line.strip().partition(" ")
        rest = rest.strip()
        if not rest or serial == "*" or line.startswith(("List of", "adb ")):
            continue
        state = _NO_PERMISSIONS if rest.startswith(_NO_PERMISSIONS) else rest.split()[0]
        model = next((word[6:] for word in rest.split() if word.startswith("model:")), "")
        devices.append(AttachedDevice(serial, state, model))
    return tuple(devices)


class AdbClient:
    """Commands on one phone.

    Args:
        serial: its serial number; empty for $ANDROID_SERIAL, or the only one that is attached.
        program: the adb program, by default the one that `find_adb` finds.
    """

    def __init__(self, serial: str = "", *, program: str = "") -> None:
        self._wanted = serial or os.environ.get("ANDROID_SERIAL", "")
        self._program = program
        self._chosen = ""

    @property
    def program(self) -> str:
        """The adb program.

        Raises:
            AdbError: there is none.
        """
        self._program = self._program or find_adb()
        if not self._program:
            raise AdbError(
                "Measuring on an Android phone needs the program 'adb', which is neither on the PATH nor in "
                "$ANDROID_HOME/platform-tools.\nInstall it with: sudo apt-get install adb"
            )
        return self._program

    def version(self) -> str:
        """First line of `adb version`, without starting a server."""
        lines = self._run(["version"], _SHORT_SECONDS).stdout.splitlines()
        return lines[0].strip() if lines else ""

    def devices(self) -> tuple[AttachedDevice, ...]:
        """Every phone that adb sees, ready or not.

        Raises:
            AdbError: adb is missing or its server does not start.
        """
        reply = self._run(["devices", "-l"], _SHORT_SECONDS)
        if reply.code:
            raise AdbError(
                f"adb cannot list the attached phones: {reply.last_line}\nTry: adb kill-server; adb devices"
            )
        return parse_devices(reply.stdout)

    def choose(self) -> AttachedDevice:
        """The phone that is wanted.

        Raises:
            AdbError: it is not attached, not ready, or several are attached and none was named.
        """
        devices = self.devices()
        if self._wanted:
            found = next((d for d in devices if d.serial == self._wanted), None)
            if found is None:
                seen = ", ".join(d.label for d in devices) or "none"
                network = (
                    f" (over the network first: adb connect {self._wanted})" if ":" in self._wanted else ""
                )
                raise AdbError(
                    f"The phone {self._wanted} is not attached. adb sees: {seen}.\nSee: adb devices{network}"
                )
        elif not devices:
            raise AdbError(
                "No Android phone is attached. Plug one in with a cable that carries data, and switch on USB "
                "debugging (Settings, About phone: tap the build number seven times; then Developer options).\n"
                "See: adb devices"
            )
        else:
            ready = [d for d in devices if d.ready]
            if len(ready) > 1:
                raise AdbError(
                    f"{len(ready)} phones are attached: {', '.join(d.label for d in ready)}. Say which one: "
                    f"--device adb://{ready[0].serial}, `serial` under [connection] of the device file, or "
                    f"ANDROID_SERIAL={ready[0].serial}"
                )
            found = (ready or list(devices))[0]
        if not found.ready:
            advice = _ADVICE.get(found.state, "type: adb reconnect")
            raise AdbError(f"The phone {found.serial} cannot be used, adb says {found.state!r}: {advice}.")
        self._chosen = found.serial
        return found

    def shell(self, words: Sequence[str], timeout_seconds: float = _SHORT_SECONDS) -> Reply:
        """Runs a command on the phone.

        Args:
            words: program and arguments; they are quoted for the phone's shell.
            timeout_seconds: longest time.

        Raises:
            AdbError: the phone is gone.
            AdbTimeoutError: the command takes longer.
        """
        reply = self._run(["-s", self.serial, "shell", shlex.join(words)], timeout_seconds)
        # Where the connection breaks, adb ends with what it got so far and exit code 0 (29.0.6).
        if reply.code or not reply.stdout:
            self.require_attached()
        return reply

    def push(self, file: Path, remote: str) -> None:
        """Copies a file to the phone.

        Raises:
            AdbError: it does not arrive, or the phone is gone.
        """
        limit_seconds = _SHORT_SECONDS + file.stat().st_size / _BYTES_PER_SECOND
        self._transfer(["push", str(file), remote], limit_seconds, f"{file.name} does not get onto the phone")

    def pull(self, remote: str, file: Path) -> None:
        """Copies a file from the phone.

        Raises:
            AdbError: it does not arrive, or the phone is gone.
        """
        self._transfer(
            ["pull", remote, str(file)], 2 * _SHORT_SECONDS, f"{remote} does not get off the phone"
        )

    def require_attached(self) -> None:
        """Makes sure that the phone is still there.

        Raises:
            AdbError: it is not.
        """
        state = next((d.state for d in self.devices() if d.serial == self.serial), "not attached")
        if state != _READY:
            advice = _ADVICE.get(state, "plug it in again")
            raise AdbError(
                f"The phone {self.serial} went away while it was measured (adb: {state}): {advice}. What was "
                "stored before is kept; the same command goes on from there."
            )

    @property
    def serial(self) -> str:
        """Serial number of the chosen phone; chooses it at the first use.

        Raises:
            AdbError: see `choose`.
        """
        return self._chosen or self.choose().serial

    def _transfer(self, arguments: list[str], timeout_seconds: float, problem: str) -> None:
        try:
            reply = self._run(["-s", self.serial, *arguments], timeout_seconds)
        except AdbTimeoutError:
            self.require_attached()
            raise AdbError(
                f"{problem}: not done within {timeout_seconds:.0f} s. Try another cable."
            ) from None
        if reply.code:
            self.require_attached()
            space = "\nFree some space on the phone." if "No space" in reply.stderr + reply.stdout else ""
            raise AdbError(f"{problem}: {reply.complaint}{space}")

    def _run(self, arguments: Sequence[str], timeout_seconds: float) -> Reply:
        try:
            done = subprocess.run(
                [self.program, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout_seconds,
            )
        except subprocess.TimeoutExpired:
            raise AdbTimeoutError(
                f"adb {' '.join(arguments)[:200]}: no answer within {timeout_seconds:.0f} s. Try: adb kill-server"
            ) from None
        except OSError as error:
            raise AdbError(f"{self._program} does not start: {error.strerror or error}.") from error
        return Reply(
            done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        )
