"""Facts about the machine that belong beside a measured number, and what it has of an Edge TPU."""

from __future__ import annotations

import glob
import os
import platform
from typing import Any

__all__ = ["cpu_model", "edgetpu_facts", "governor", "load_average", "temperature_c"]

_EDGETPU_LIBRARY = "libedgetpu.so.1"
# The accelerator changes its identity when the runtime loads its firmware, at the first use after plugging in.
_EDGETPU_USB = ("1a6e:089a", "18d1:9302")


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip("\0 \n\t")
    except OSError:
        return ""


def cpu_model(root: str = "/") -> str:
    """The board, or the CPU's model, and the number of cores: "Raspberry Pi 4 Model B Rev 1.4, 4 cores"."""
    lines = [line.partition(":") for line in _text(os.path.join(root, "proc/cpuinfo")).splitlines()]
    fields = {key.strip(): value.strip() for key, _, value in lines}
    # "model name" of 32-bit Arm is "ARMv7 Processor rev 3 (v7l)" on every board: the board's own name says more.
    name = _text(os.path.join(root, "proc/device-tree/model"))
    for key in (
        ("Model", "Hardware") if "CPU part" in fields else ("model name", "Model", "Hardware", "cpu model")
    ):
        name = name or fields.get(key, "")
    if not name and "CPU part" in fields:
        name = "%s CPU %s/%s" % (platform.machine(), fields.get("CPU implementer"), fields["CPU part"])
    cores = os.cpu_count() or 1
    return "%s, %d core%s" % (name or platform.machine() or "unknown CPU", cores, "s" if cores > 1 else "")


def load_average() -> float | None:
    """1-minute load average, None where the system has none."""
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None


def governor(root: str = "/") -> str:
    """Clock governors of the CPUs that this process may use, "" where the system has none."""
    cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    place = os.path.join(root, "sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor")
    return "+".join(sorted({text for text in (_text(place % cpu) for cpu in cpus) if text}))


def temperature_c(root: str = "/") -> list[float]:
    """[Temperature of the warmest zone], of the CPU's where zones have such names; [] where none can be read."""
    zones = []
    for zone in glob.glob(os.path.join(root, "sys/class/thermal/thermal_zone*")):
        try:
            celsius = int(_text(zone + "/temp")) / 1000.0
        except ValueError:
            continue
        kind = _text(zone + "/type").lower()
        if 0.0 < celsius < 150.0:
            zones.append((any(word in kind for word in ("cpu", "soc", "pkg", "core")), round(celsius, 1)))
    return [max(zones)[1]] if zones else []


def edgetpu_facts(root: str = "/") -> dict[str, Any]:
    """What a board has of an Edge TPU: "library" (its place, "" for none) and "devices".

    A device has "bus" ("usb" or "pci"), "where", "node" (what must be writable), "writable", "mbit_per_s" (0 on PCIe).
    """
    from ctypes.util import find_library

    folders = ("usr/lib", "usr/local/lib", "lib", "usr/lib64", "usr/lib/*-linux-gnu*")
    found = [p for f in folders for p in sorted(glob.glob(os.path.join(root, f, _EDGETPU_LIBRARY)))]
    devices = []
    for node in sorted(glob.glob(os.path.join(root, "dev/apex_*"))):
        writable = os.access(node, os.R_OK | os.W_OK)
        devices.append({"bus": "pci", "where": node, "node": node, "writable": writable, "mbit_per_s": 0.0})
    for folder in sorted(glob.glob(os.path.join(root, "sys/bus/usb/devices/*"))):
        if _text(folder + "/idVendor") + ":" + _text(folder + "/idProduct") not in _EDGETPU_USB:
            continue
        number = [_text(folder + "/" + name) for name in ("busnum", "devnum")]
        node = os.path.join(root, "dev/bus/usb", number[0].zfill(3), number[1].zfill(3))
        try:
            speed = float(_text(folder + "/speed"))
        except ValueError:
            speed = 0.0
        writable = not os.path.exists(node) or os.access(node, os.W_OK)
        where = os.path.basename(folder)
        devices.append(
            {"bus": "usb", "where": where, "node": node, "writable": writable, "mbit_per_s": speed}
        )
    return {"library": found[0] if found else find_library("edgetpu") or "", "devices": devices}
