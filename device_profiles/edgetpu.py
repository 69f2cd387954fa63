"""Measures on a Coral Edge TPU through libedgetpu, and explains what is missing when there is none."""

from __future__ import annotations

import ctypes.util
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgenas.compatibility.compiler import COMPILER, find_compiler, run_compiler
from edgenas.device_profiles.host_facts import file_sha256, installed_runtime
from edgenas.device_profiles.measurement import Measurement
from edgenas.device_profiles.profile import Configuration, DeviceProfile
from edgenas.device_profiles.protocol import Protocol
from edgenas.device_profiles.runner import RUNTIME, Detection
from edgenas.device_profiles.worker_process import WORKER_COMMAND
from edgenas.device_profiles.worker_runner import WorkerRunner
from edgenas.errors import EdgenasError

__all__ = ["EdgeTpuRunner", "compiled_for_edgetpu", "not_compiled"]

_CUSTOM_OPERATOR = b"edgetpu-custom-op"
_LIBRARY = "libedgetpu.so.1"
_LIBRARY_FOLDERS = tuple(
    Path(folder)
    for folder in (
        "/usr/lib", "/usr/local/lib", "/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu", "/usr/lib/arm-linux-gnueabihf",
    )
)  # fmt: skip
# The accelerator changes its identity when the runtime loads its firmware, at the first use after plugging in.
_USB_IDENTITIES = {("1a6e", "089a"): "before its first use", ("18d1", "9302"): "after its first use"}
_USB2_MBIT_PER_S = 480.0
# Models that share a round. Few, because those that were measured when the device is unplugged are handed out first.
_CHUNK = 4
# How a libedgetpu ends that was built for another version of TFLite's delegates.
_INCOMPATIBLE = ("SIGSEGV", "SIGABRT", "undefined symbol")
_INCOMPATIBLE_HINT = (
    "If every model fails like this, libedgetpu was built for another TFLite than the runtime: take a newer "
    'libedgetpu, or tflite-runtime (`runtime = "tflite-runtime"` under [connection] of a device file)'
)
_REPOSITORY_HINT = "from the Coral package repository, https://coral.ai/software/"


def not_compiled(model: Path) -> str:
    """Why a model would not run on an Edge TPU at all, empty for one that its compiler made.

    Raises:
        OSError: the file cannot be read.
    """
    if _CUSTOM_OPERATOR in model.read_bytes():
        return ""
    return (
        f"{model.name} is not compiled for the Edge TPU: it has no {_CUSTOM_OPERATOR.decode()}. "
        f"Compile it first: {COMPILER} -s {model}"
    )


def compiled_for_edgetpu(model: Path, folder: Path, compiler: str | None) -> Path:
    """A model as the Edge TPU takes it.

    Args:
        model: a .tflite file; one that is compiled is returned as it is.
        folder: where the compiled file is kept, under a name with the first digits of its source's SHA-256.
        compiler: path of edgetpu_compiler, None where there is none.

    Raises:
        EdgenasError: there is no compiler, or it gives up.
    """
    if not not_compiled(model):
        return model
    target = folder / f"{model.stem}_{file_sha256(model)[:8]}_edgetpu.tflite"
    if target.exists():
        return target
    if compiler is None:
        raise EdgenasError(
            f"{model.name} must be compiled for the Edge TPU, and {COMPILER} is not on the PATH.\n"
            f"Install it: sudo apt-get install edgetpu-compiler   # x86-64 only, {_REPOSITORY_HINT}"
        )
    verdict = run_compiler(model, compiler, keep=target)
    if verdict.failure:
        raise EdgenasError(
            f"{COMPILER} compiles no model from {model.name}: {verdict.failure}.\n"
            f"See: edgenas check {model} --device edgetpu"
        )
    return target


class EdgeTpuRunner(WorkerRunner):
    """Measures compiled .tflite files (`*_edgetpu.tflite`) on an Edge TPU of this machine.

    Args:
        profile: the device.
        configuration: the configuration of it that is measured; its bus chooses the device.
        root: root of the file system that is searched.
        library_folders: folders that are searched for libedgetpu, before the dynamic linker's cache.
        search_path: folders for edgetpu_compiler as in $PATH, by default $PATH.
        timeout_seconds: longest time for one model in one process, None to derive it from the protocol.
        command: the worker program.
    """

    def __init__(
        self,
        profile: DeviceProfile,
        configuration: Configuration,
        *,
        root: Path = Path("/"),
        library_folders: Sequence[Path] = _LIBRARY_FOLDERS,
        search_path: str | None = None,
        timeout_seconds: float | None = None,
        command: Sequence[str] = WORKER_COMMAND,
    ) -> None:
        super().__init__(
            profile, configuration, chunk=_CHUNK, timeout_seconds=timeout_seconds, command=command
        )
        self._root = root
        self._library_folders = tuple(library_folders)
        self._search_path = search_path

    def prepare(self, model: Path, folder: Path) -> Path:
        """The model compiled by edgetpu_compiler, or itself where it is compiled already; see `Runner.prepare`."""
        return compiled_for_edgetpu(model, folder, find_compiler(self._search_path))

    def measure(
        self, models: Sequence[Path], protocol: Protocol | None = None, *, operators: bool = False
    ) -> Iterator[Measurement]:
        """Measures compiled models; see `Runner.measure`.

        Raises:
            EdgenasError: there is no usable device, or it was unplugged in the middle. A model that fails while the
                device is there is a failed measurement instead.
        """
        for model, measurement in zip(
            models, super().measure(models, protocol, operators=operators), strict=True
        ):
            if not measurement.ok and not self._refused(model):
                detection = self.probe()
                if not detection.available:
                    raise EdgenasError(
                        f"The Edge TPU ({self.configuration.name}) is gone: {measurement.error}. What was measured "
                        f"before is kept; plug it in again and give the same command.\n{detection.explain()}"
                    )
                if any(sign in measurement.error for sign in _INCOMPATIBLE):
                    measurement = replace(measurement, error=f"{measurement.error}. {_INCOMPATIBLE_HINT}")
            yield measurement

    def probe(self) -> Detection:
        """Looks for the runtime library, the device, the right to use it, and the compiler."""
        found: list[str] = []
        missing: list[str] = []
        commands: list[str] = []
        runtime = installed_runtime(self.profile.connection.runtime)
        if runtime is None:
            missing.append(f"Python package {RUNTIME} or tflite-runtime")
            commands.append(f"pip install '{RUNTIME}>=2.3,<2.4'")
        else:
            found.append(" ".join(runtime))
        library = self._library()
        if library is None:
            missing.append(f"{_LIBRARY} (the Edge TPU runtime library)")
            commands.append(f"sudo apt-get install libedgetpu1-std   # {_REPOSITORY_HINT}")
        else:
            found.append(f"{_LIBRARY} at {library}")
        devices = self._pci_devices() if self.configuration.bus == "pci" else self._usb_devices()
        found += [text for text, _ in devices]
        if not devices:
            missing.append(f"an Edge TPU on the {'PCIe' if self.configuration.bus == 'pci' else 'USB'} bus")
            commands.append(
                "lspci -nn -d 1ac1:089a; ls -l /dev/apex_*   # nothing listed: not plugged in or no gasket driver"
                if self.configuration.bus == "pci"
                else "lsusb -d 18d1:9302; lsusb -d 1a6e:089a   # nothing listed: not plugged in"
            )
        problems = [problem for _, problem in devices if problem]
        if devices and len(problems) == len(devices):
            missing += problems
            commands.append(
                "ls -l /dev/apex_* /dev/bus/usb/*/*; id   # your user or group must be able to write there"
            )
        compiler = find_compiler(self._search_path)
        if compiler:
            found.append(f"{COMPILER} at {compiler}")
        else:
            missing.append(f"{COMPILER} on the PATH (to compile models; compiled ones run without it)")
        usable = runtime is not None and library is not None and len(problems) < len(devices)
        if usable and not compiler:
            commands.append(f"sudo apt-get install edgetpu-compiler   # x86-64 only, {_REPOSITORY_HINT}")
        return Detection(
            usable, self._looked_for(), tuple(found), tuple(missing), commands[0] if commands else ""
        )

    @property
    def _delegate_name(self) -> str:
        return _LIBRARY

    def _looked_for(self) -> tuple[str, ...]:
        usb = self._root / "sys/bus/usb/devices"
        return (
            f"Python package {RUNTIME} or tflite-runtime",
            f"{_LIBRARY} in {', '.join(map(str, self._library_folders))} and the dynamic linker's cache",
            *(
                f"USB device {':'.join(identity)} ({when}) under {usb}"
                for identity, when in _USB_IDENTITIES.items()
            ),
            f"PCIe device {self._root / 'dev/apex_*'}",
            f"{COMPILER} on the PATH",
        )

    def _refused(self, model: Path) -> bool:
        try:
            return bool(self._refusal(model))
        except OSError:
            return True

    def _refusal(self, model: Path) -> str:
        return not_compiled(model)

    def _prepare(self) -> dict[str, Any] | None:
        detection = self.probe()
        if not detection.available:
            raise EdgenasError(
                f"No usable Edge TPU ({self.configuration.name}); nothing was measured.\n{detection.explain()}"
            )
        return {
            "library": self._library() or _LIBRARY,
            "options": {"device": "pci" if self.configuration.bus == "pci" else "usb"},
        }

    def _library(self) -> str | None:
        for folder in self._library_folders:
            if (folder / _LIBRARY).exists():
                return str(folder / _LIBRARY)
        return ctypes.util.find_library("edgetpu")

    def _usb_devices(self) -> list[tuple[str, str]]:
        """(description, problem or "") of every accelerator on a USB port."""
        devices = []
        for folder in sorted((self._root / "sys/bus/usb/devices").glob("*")):
            when = _USB_IDENTITIES.get((_text(folder / "idVendor"), _text(folder / "idProduct")))
            if when is None:
                continue
            speed = _number(_text(folder / "speed"))
            description = f"USB Accelerator at {folder.name} ({when}, {speed:g} Mbit/s)"
            bus, number = _number(_text(folder / "busnum")), _number(_text(folder / "devnum"))
            node = self._root / "dev/bus/usb" / f"{int(bus):03d}" / f"{int(number):03d}"
            problem = ""
            if node.exists() and not os.access(node, os.W_OK):
                problem = (
                    f"the right to write {node} (add the udev rule of the Edge TPU runtime, plug in again)"
                )
            elif self.configuration.bus == "usb3" and 0 < speed <= _USB2_MBIT_PER_S:
                problem = f"a USB 3 link: {folder.name} runs at {speed:g} Mbit/s; change port or cable, or use 'usb2'"
            elif self.configuration.bus == "usb2" and speed > _USB2_MBIT_PER_S:
                problem = (
                    f"a USB 2 link: {folder.name} runs at {speed:g} Mbit/s; use the configuration 'usb3'"
                )
            devices.append((description, problem))
        return devices

    def _pci_devices(self) -> list[tuple[str, str]]:
        """(description, problem or "") of every accelerator on PCIe."""
        devices = []
        for node in sorted((self._root / "dev").glob("apex_*")):
            problem = (
                ""
                if os.access(node, os.R_OK | os.W_OK)
                else f"the right to write {node} (join the group 'apex')"
            )
            devices.append((f"PCIe Accelerator at {node}", problem))
        return devices


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
