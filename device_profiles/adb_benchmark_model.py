"""The `benchmark_model` program for a phone: finding it, checking what it was built for, putting it there once."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgenas.device_profiles.adb_client import AdbClient, AdbError
from edgenas.device_profiles.catalogue import user_folder
from edgenas.device_profiles.host_facts import file_sha256

__all__ = ["BenchmarkProgram", "find_benchmark_model", "install", "program_abi"]

PREBUILT = "https://storage.googleapis.com/tensorflow-nightly-public/prod/tensorflow/release/lite/tools/nightly/latest"
"""Where Google publishes it: https://ai.google.dev/edge/litert/models/measurement, "Native benchmark binary"."""

VARIABLE = "EDGENAS_BENCHMARK_MODEL"

_NAME = "benchmark_model"
_PREBUILT_NAMES = {
    "arm64-v8a": "android_aarch64_benchmark_model",
    "armeabi-v7a": "android_arm_benchmark_model",
}
# e_machine of the ELF header (System V ABI, "ELF Header") to what Android calls it in ro.product.cpu.abi
# (https://developer.android.com/ndk/guides/abis).
_MACHINES = {183: "arm64-v8a", 40: "armeabi-v7a", 62: "x86_64", 3: "x86", 243: "riscv64"}
_SCRIPT = b"#!"
_PROGRAM_HEADER_INTERPRETER = 3
_CHECKSUMS = (("sha256sum", "sha256"), ("md5sum", "md5"))


@dataclass(frozen=True, slots=True)
class BenchmarkProgram:
    """A benchmark_model on this machine.

    Attributes:
        path: the file.
        sha256: its SHA-256.
        abi: what it was built for, empty for a script.
    """

    path: Path
    sha256: str
    abi: str

    @property
    def version(self) -> str:
        """What stands for its version in records: it has no version of its own that it would print."""
        return f"sha256:{self.sha256[:16]}"


def find_benchmark_model(given: str, abis: Sequence[str]) -> BenchmarkProgram:
    """Finds the program.

    Args:
        given: file that the device's connection names, empty for none. Without it $EDGENAS_BENCHMARK_MODEL counts,
            then the user's folder (beside `devices`), then the PATH; in the latter two what does not fit the phone
            is passed over.
        abis: what the phone runs, the best first (ro.product.cpu.abilist).

    Raises:
        AdbError: there is none, or the named one is none or was built for something else.
    """
    named = given or os.environ.get(VARIABLE, "")
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            who = "`benchmark_model` of the device's connection" if given else f"${VARIABLE}"
            raise AdbError(f"{who} names {path}, which is no file.\n{how_to_get(abis)}")
        return _checked(path, abis)
    misfits = []
    for path in _candidates(abis):
        try:
            return _checked(path, abis)
        except AdbError as error:
            misfits.append(str(error).splitlines()[0])
    looked = f"in {user_folder().parent} or on the PATH"
    passed = "".join(f"\nPassed over: {text}" for text in misfits)
    raise AdbError(f"The program benchmark_model for this phone is not {looked}.\n{how_to_get(abis)}{passed}")


def how_to_get(abis: Sequence[str]) -> str:
    """Where the program for a phone comes from, and where to put it."""
    abi = next((abi for abi in abis if abi in _PREBUILT_NAMES), "")
    target = user_folder().parent / _NAME
    put = f"and say --device 'adb://SERIAL?benchmark_model=FILE', or set {VARIABLE}=FILE, or keep it as {target}"
    if not abi:
        return (
            f"Google publishes none for {' '.join(abis) or 'this ABI'}: build it with bazel (tflite/tools/benchmark in "
            f"https://github.com/google-ai-edge/LiteRT), {put}."
        )
    return f"Get the one for {abi}: curl --create-dirs -o {target} {PREBUILT}/{_PREBUILT_NAMES[abi]}\n{put}."


def install(client: AdbClient, program: BenchmarkProgram, folder: str) -> str:
    """Makes sure that the program stands on the phone, unchanged; copies it only where it does not.

    Args:
        client: the phone.
        program: the program.
        folder: folder on the phone.

    Returns:
        Its path on the phone.

    Raises:
        AdbError: it cannot be put there.
    """
    remote = f"{folder}/{_NAME}-{program.sha256[:16]}"
    if not _same(client, program, remote):
        made = client.shell(["mkdir", "-p", folder])
        if made.code:
            raise AdbError(
                f"The folder {folder} cannot be made on the phone: {made.last_line}. Choose another one, e.g. "
                f"--device 'adb://{client.serial}?folder=/data/local/tmp/edgenas'"
            )
        client.push(program.path, remote)
        if not _same(client, program, remote):
            raise AdbError(f"{remote} on the phone differs from {program.path} after copying. Try again.")
    reply = client.shell(["chmod", "755", remote])
    if reply.code:
        raise AdbError(f"{remote} cannot be made executable on the phone: {reply.last_line}")
    return remote


def program_abi(path: Path) -> str:
    """What a program was built for, in Android's words; empty for a script, which may do anything.

    Raises:
        AdbError: it is no program, or one for desktop Linux.
    """
    with path.open("rb") as file:
        head = file.read(2**16)
    if head.startswith(_SCRIPT):
        return ""
    if head[:4] != b"\x7fELF" or len(head) < 64 or head[5] != 1:
        raise AdbError(f"{path} is no program for Android: it is no little-endian ELF file")
    machine = struct.unpack_from("<H", head, 18)[0]
    abi = _MACHINES.get(machine, f"ELF machine {machine}")
    loader = _interpreter(head)
    if b"ld-linux" in loader or b"ld-musl" in loader:
        raise AdbError(
            f"{path} was built for desktop Linux ({loader.decode(errors='replace')}), not for Android"
        )
    return abi


def _interpreter(head: bytes) -> bytes:
    """The dynamic loader that an ELF file asks for, empty for none."""
    wide = head[4] == 2
    start = struct.unpack_from("<Q" if wide else "<I", head, 32 if wide else 28)[0]
    size, count = struct.unpack_from("<HH", head, 54 if wide else 42)
    for at in range(start, start + size * count, max(size, 1)):
        if at + (56 if wide else 32) > len(head):
            break
        if struct.unpack_from("<I", head, at)[0] == _PROGRAM_HEADER_INTERPRETER:
            offset = struct.unpack_from("<Q" if wide else "<I", head, at + (8 if wide else 4))[0]
            return head[offset : offset + 256].partition(b"\0")[0]
    return b""


def _candidates(abis: Sequence[str]) -> list[Path]:
    names = [_NAME, *(_PREBUILT_NAMES[abi] for abi in abis if abi in _PREBUILT_NAMES)]
    folder = user_folder().parent
    found = [folder / name for name in names if (folder / name).is_file()]
    return found + [Path(path) for path in map(shutil.which, names) if path]


def _checked(path: Path, abis: Sequence[str]) -> BenchmarkProgram:
    try:
        abi = program_abi(path)
        digest = file_sha256(path)
    except OSError as error:
        raise AdbError(f"{path} cannot be read: {error.strerror or error}") from error
    if abi and abis and abi not in abis:
        raise AdbError(f"{path} was built for {abi}; the phone runs {', '.join(abis)}\n{how_to_get(abis)}")
    return BenchmarkProgram(path, digest, abi)


def _same(client: AdbClient, program: BenchmarkProgram, remote: str) -> bool:
    """Whether the phone's file has the program's checksum, by whichever tool the phone has."""
    for tool, kind in _CHECKSUMS:
        reply = client.shell([tool, remote])
        words = reply.stdout.split()
        if reply.code == 0 and words:
            with program.path.open("rb") as file:
                return words[0].lower().lstrip("\\") == hashlib.file_digest(file, kind).hexdigest()
        if "not found" not in reply.stderr + reply.stdout and reply.code != 127:
            return False  # The tool is there; the file is not.
    return False
