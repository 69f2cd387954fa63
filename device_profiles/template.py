"""The commented device file that `edgenas devices new` writes."""

from __future__ import annotations

from edgenas.device_profiles.connection import ADB, LOCAL, SSH, Connection
from edgenas.device_profiles.profile import EDGETPU, LITERT, VELA, DeviceProfile
from edgenas.errors import UsageError, unknown_name

__all__ = ["TEMPLATE_KINDS", "device_template"]

TEMPLATE_KINDS = (LITERT, EDGETPU, VELA)

_HEAD = """\
# A device of edgenas. Every key that is missing has its default; unknown keys are refused with their line.
# Check it: edgenas devices show {name}      What is missing to use it: edgenas devices doctor {name}
name = "{name}"
title = "{title}"           # for people
# litert: a CPU with LiteRT. edgetpu: a Coral Edge TPU. vela: an Arm Ethos-U, simulated by Arm's compiler.
kind = "{kind}"
# aliases = ["desk"]           # other names it answers to
default_configuration = "{default}"
# Whose predictor speaks for this device until it has been profiled, "DEVICE" or "DEVICE/CONFIGURATION":
# predictor = "{like}"
# What `edgenas check` judges operators by: "edgetpu", "ethos-u" or "" (nothing).
operator_rules = "{rules}"

"""

_CONNECTION = {
    LOCAL: """\
# How it is reached. Without this table: on this machine.
# [connection]
# via = "ssh"                  # or "adb"
# host = "raspberrypi"         # a name, an address, or a Host of ~/.ssh/config
# user = "pi"
# port = 22
# identity = "~/.ssh/id_ed25519"
# python = "/home/pi/venv/bin/python"   # a Python 3.7 or newer with NumPy and tflite-runtime or ai-edge-litert
""",
    SSH: """\
[connection]
via = "ssh"
host = "{host}"         # a name, an address, or a Host of ~/.ssh/config
{user}
{port}
# The private key, and another OpenSSH configuration; the usual ones without them:
{identity}
{config}
# A Python 3.7 or newer with NumPy and tflite-runtime or ai-edge-litert; looked for without it:
{python}
# tflite-runtime or ai-edge-litert; the first that works without it:
{runtime}
# For the agent, models and results; ~/.cache/edgenas without it:
{folder}
""",
    ADB: """\
[connection]
via = "adb"
{serial}
# Google's benchmark_model for Android, built for the phone's ABI:
{benchmark_model}
# For models and the program; below /data/local/tmp without it:
{folder}
""",
}
_EXAMPLES = {
    "user": "pi", "identity": "~/.ssh/id_ed25519", "config": "~/.ssh/config", "python": "/home/pi/venv/bin/python",
    "runtime": "tflite-runtime", "folder": "/data/local/tmp/edgenas", "serial": "0123456789ABCDEF",
    "benchmark_model": "~/android_aarch64_benchmark_model",
}  # fmt: skip

_CONFIGURATIONS = {
    LITERT: """\
# Ways of using it; each has latencies and a predictor of its own.
[configurations.int8-1t]
title = "int8, one thread"
threads = 1
dtype = "int8"                 # or "float32"
# cpus = [7]                   # stay on these CPUs, e.g. the large core

[configurations.float32-1t]
title = "float32, one thread"
threads = 1
dtype = "float32"
""",
    EDGETPU: """\
# Ways of using it; each has latencies and a predictor of its own.
[configurations.usb3]
title = "USB Accelerator on a USB 3 port"
dtype = "int8"
bus = "usb3"                   # usb3, usb2 or pci
""",
    VELA: """\
# Names of Vela: see `vela --help` and its vela.ini.
[configurations.256]
title = "256 MACs per cycle"
dtype = "int8"
accelerator = "ethos-u55-256"
system = "Ethos_U55_High_End_Embedded"
memory = "Shared_Sram"
""",
}

_DEFAULTS = {
    LITERT: ("int8-1t", "raspi4", ""),
    EDGETPU: ("usb3", "edgetpu", "edgetpu"),
    VELA: ("256", "ethos-u55", "ethos-u"),
}

_TAIL = """
# How it is measured; the values are the defaults.
[protocol]
warmup_runs = 5
warmup_seconds = 0.05
min_runs = 30                  # per process
min_seconds = 0.3              # per process; it ends when both minima are reached
max_seconds = 3.0              # wins over both
processes = 3                  # every model is measured by so many processes, far apart in time where it can be
max_processes = 6              # where the two fastest still disagree
agreement = 0.03               # what counts as agreement

# Numbers about the hardware, each with a source.
# [hardware]
# cpu = "4 Cortex-A72, 1.5 GHz"
# [source]
# all = "the board's data sheet"
"""


def device_template(name: str, kind: str = LITERT, connection: Connection | None = None) -> str:
    """A device file with every key explained, valid as it is.

    Args:
        name: the device's name.
        kind: one of `TEMPLATE_KINDS`.
        connection: how it is reached; this machine without it.

    Raises:
        UsageError: the name or the kind is not valid, or a kind cannot be reached that way.
    """
    connection = connection or Connection()
    if kind not in TEMPLATE_KINDS:
        raise unknown_name("kind of device", kind, TEMPLATE_KINDS)
    if (kind == VELA and connection.via != LOCAL) or (kind == EDGETPU and connection.via == ADB):
        raise UsageError(f"A device of the kind {kind!r} is not reached over {connection.via}.")
    default, like, rules = _DEFAULTS[kind]
    place = _CONNECTION[connection.via].format(
        host=connection.host,
        port=f"port = {connection.port}" if connection.port else "# port = 22",
        **{key: _line(key, getattr(connection, key), example) for key, example in _EXAMPLES.items()},
    )
    title = name if connection.via == LOCAL else f"{name}, {connection.target} over {connection.via}"
    text = _HEAD.format(name=name, title=title, kind=kind, default=default, like=like, rules=rules)
    text += f"{place}\n{_CONFIGURATIONS[kind]}{_TAIL}"
    DeviceProfile.from_toml(text, f"{name}.toml")
    return text


def _line(key: str, value: str, example: str) -> str:
    """A TOML line, commented out where there is no value."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{key} = "{quoted}"' if value else f'# {key} = "{example}"'
