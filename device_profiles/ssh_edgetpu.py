"""Which Edge TPU of a board is used, and what is missing where none can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["EdgeTpuChoice", "choose_edgetpu"]

_USB2_MBIT_PER_S = 480.0


@dataclass(frozen=True, slots=True)
class EdgeTpuChoice:
    """What a board's Edge TPU can be used by.

    Attributes:
        found: what is there, with places.
        missing: what is not there or cannot be used; empty where measuring works.
        next_command: what to type on the board next.
        delegate: "library" and "options" of the delegate to load.
    """

    found: tuple[str, ...]
    missing: tuple[str, ...]
    next_command: str
    delegate: dict[str, Any]


def choose_edgetpu(facts: Mapping[str, Any], bus: str) -> EdgeTpuChoice:
    """Judges what the agent found out.

    Args:
        facts: `agent.machine.edgetpu_facts` of the board.
        bus: "usb2", "usb3" or "pci".
    """
    kind = "pci" if bus == "pci" else "usb"
    devices = [device for device in facts["devices"] if device["bus"] == kind]
    found, missing, commands = [], [], []
    if facts["library"]:
        found.append(f"libedgetpu at {facts['library']}")
    else:
        missing.append("libedgetpu.so.1 (the Edge TPU runtime library)")
        commands.append(
            "sudo apt-get install libedgetpu1-std   # on the board, from https://coral.ai/software/"
        )
    problems = []
    for device in devices:
        speed = f", {device['mbit_per_s']:g} Mbit/s" if device["mbit_per_s"] else ""
        found.append(f"Edge TPU at {device['where']} ({device['bus']}{speed})")
        problems.append(_problem(device, bus))
    if not devices:
        missing.append(f"an Edge TPU on the {'PCIe' if kind == 'pci' else 'USB'} bus")
        commands.append(
            "ls -l /dev/apex_*   # on the board; nothing: no gasket driver"
            if kind == "pci"
            else "lsusb -d 18d1:9302; lsusb -d 1a6e:089a   # on the board; nothing: not plugged in"
        )
    elif all(problems):
        missing += problems
        commands.append("ls -l /dev/apex_* /dev/bus/usb/*/*; id   # on the board: who may write there?")
    return EdgeTpuChoice(
        found=tuple(found),
        missing=tuple(missing),
        next_command=commands[0] if commands else "",
        delegate={"library": facts["library"], "options": {"device": kind}},
    )


def _problem(device: Mapping[str, Any], bus: str) -> str:
    if not device["writable"]:
        group = (
            " (join the group 'apex')" if device["bus"] == "pci" else " (add the udev rule of the runtime)"
        )
        return f"the right to write {device['node']}{group}"
    speed = device["mbit_per_s"]
    if bus == "usb3" and 0 < speed <= _USB2_MBIT_PER_S:
        return (
            f"a USB 3 link: {device['where']} runs at {speed:g} Mbit/s; change port or cable, or use 'usb2'"
        )
    if bus == "usb2" and speed > _USB2_MBIT_PER_S:
        return f"a USB 2 link: {device['where']} runs at {speed:g} Mbit/s; use the configuration 'usb3'"
    return ""
