"""What a phone is, and the state it is in around a measurement: battery, temperatures, governor, frequencies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgenas.device_profiles.adb_client import AdbClient, AdbError

__all__ = ["Phone", "PhoneState", "describe", "parse_state", "read_state"]

_PROPERTY = re.compile(r"\[([^\]]+)\]: \[(.*)\]")
# Constant, so that nothing is quoted into it. grep prints "FILE:TEXT" for all files in one process; phones have up to
# a hundred thermal zones. A file that may not be read (-s) or does not exist is left out.
_STATE_SCRIPT = (
    "grep -s -H . /proc/loadavg /sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor "
    "/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq "
    "/sys/class/thermal/thermal_zone*/type /sys/class/thermal/thermal_zone*/temp; dumpsys battery"
)
_CPU = re.compile(r"/sys/devices/system/cpu/(cpu\d+)/cpufreq/scaling_(governor|cur_freq):(.+)")
_LOAD = re.compile(r"/proc/loadavg:(\d+\.\d+) .*")
_ZONE = re.compile(r"/sys/class/thermal/(thermal_zone\d+)/(type|temp):(.+)")
_BATTERY = re.compile(r"\s*(level|scale|temperature|status):\s*(-?\d+)\s*")
_STATE_SECONDS = 60.0
_CELSIUS = (-40.0, 150.0)  # Zones that are switched off read 0 mK, -273000 or 2^31 - 1.


@dataclass(frozen=True, slots=True)
class Phone:
    """What does not change while a phone is measured.

    Attributes:
        model: maker and model, e.g. "Google Pixel 4".
        soc: its system on a chip, as the phone names it; empty for none.
        build: Android version, build and patch level.
        abis: what it runs, the best first.
    """

    model: str
    soc: str
    build: str
    abis: tuple[str, ...]

    @property
    def machine(self) -> str:
        """One line for records."""
        return ", ".join(filter(None, (self.model, self.soc, self.build)))


@dataclass(frozen=True, slots=True)
class PhoneState:
    """The state of a phone at one moment; what it does not tell is None or empty.

    Attributes:
        battery_c: temperature of the battery, degrees Celsius.
        battery_percent: charge.
        governors: clock governor per CPU.
        frequencies_khz: clock per CPU at that moment.
        load_average: 1-minute load average.
        thermal_c: temperature per thermal zone ("TYPE" or "TYPE (zone)"), degrees Celsius.
    """

    battery_c: float | None = None
    battery_percent: float | None = None
    governors: Mapping[str, str] = field(default_factory=dict)
    frequencies_khz: Mapping[str, int] = field(default_factory=dict)
    thermal_c: Mapping[str, float] = field(default_factory=dict)
    load_average: float | None = None

    @property
    def governor(self) -> str:
        """The governor, or the different ones of the CPUs."""
        return "/".join(sorted(set(self.governors.values())))

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary of what is known."""
        data = {
            "battery_c": self.battery_c,
            "battery_percent": self.battery_percent,
            "governor": self.governor,
            "load_average": self.load_average,
            "frequencies_khz": dict(self.frequencies_khz),
            "thermal_c": dict(self.thermal_c),
        }
        return {key: value for key, value in data.items() if value not in (None, "", {})}


def describe(client: AdbClient) -> Phone:
    """Asks a phone what it is.

    Raises:
        AdbError: it is gone, or does not tell what it runs.
    """
    reply = client.shell(["getprop"])
    matches = filter(None, map(_PROPERTY.match, reply.stdout.splitlines()))
    found = {match[1]: match[2] for match in matches}
    abis = found.get("ro.product.cpu.abilist") or found.get("ro.product.cpu.abi", "")
    if not abis:
        raise AdbError(
            f"{client.serial} does not tell its ABI (getprop ro.product.cpu.abi): {reply.last_line or 'no answer'}. "
            "Is it an Android device?"
        )
    maker, model = found.get("ro.product.manufacturer", ""), found.get("ro.product.model", client.serial)
    named = model if model.lower().startswith(maker.lower()) else f"{maker} {model}".strip()
    # ro.soc.* exist since Android 12 (https://developer.android.com/reference/android/os/Build#SOC_MODEL).
    soc = " ".join(filter(None, (found.get("ro.soc.manufacturer"), found.get("ro.soc.model"))))
    soc = soc or found.get("ro.board.platform", "")
    release, build = found.get("ro.build.version.release", ""), found.get("ro.build.id", "")
    text = f"Android {release} {build}".strip()
    return Phone(named, soc, text, tuple(abi.strip() for abi in abis.split(",") if abi.strip()))


def read_state(client: AdbClient) -> PhoneState:
    """Asks a phone how it is.

    Raises:
        AdbError: it is gone.
    """
    return parse_state(client.shell(["sh", "-c", _STATE_SCRIPT], _STATE_SECONDS).stdout)


def parse_state(text: str) -> PhoneState:
    """Reads the answer to the question of `read_state`; numbers that cannot be true are left out."""
    governors: dict[str, str] = {}
    frequencies: dict[str, int] = {}
    zones: dict[str, dict[str, str]] = {}
    battery: dict[str, int] = {}
    load: float | None = None
    for line in text.splitlines():
        if match := _CPU.fullmatch(line.strip()):
            cpu, kind, value = match.groups()
            if kind == "governor":
                governors[cpu] = value
            elif value.isdigit():
                frequencies[cpu] = int(value)
        elif match := _LOAD.fullmatch(line.strip()):
            load = float(match[1])
        elif match := _ZONE.fullmatch(line.strip()):
            zone, kind, value = match.groups()
            zones.setdefault(zone, {})[kind] = value
        elif match := _BATTERY.fullmatch(line):
            battery.setdefault(match[1], int(match[2]))
    scale = battery.get("scale", 100)
    return PhoneState(
        # Tenths of a degree (https://developer.android.com/reference/android/os/BatteryManager#EXTRA_TEMPERATURE).
        battery_c=_celsius(battery["temperature"] / 10) if "temperature" in battery else None,
        battery_percent=round(100 * battery["level"] / scale, 1)
        if "level" in battery and scale > 0
        else None,
        governors=governors,
        frequencies_khz=frequencies,
        thermal_c=_zone_temperatures(zones),
        load_average=load,
    )


def _zone_temperatures(zones: Mapping[str, Mapping[str, str]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for zone, values in zones.items():
        text = values.get("temp", "")
        if not text.lstrip("-").isdigit():
            continue
        # The kernel's interface says millidegrees (Documentation/driver-api/thermal/sysfs-api.rst); old phones give
        # whole degrees, which no millidegree value of a running phone can be mistaken for.
        value = int(text)
        celsius = _celsius(value / 1000 if abs(value) > 1000 else float(value))
        if celsius is not None and value != 0:
            name = values.get("type", zone)
            found[name if name not in found else f"{name} ({zone})"] = celsius
    return found


def _celsius(value: float) -> float | None:
    return round(value, 1) if _CELSIUS[0] <= value <= _CELSIUS[1] else None
