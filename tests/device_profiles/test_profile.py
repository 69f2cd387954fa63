from __future__ import annotations

import pytest

from edgenas.device_profiles import DeviceProfile
from edgenas.errors import UsageError

_GOOD = """\
name = "board"
title = "A board"
kind = "litert"
aliases = ["plank"]

[configurations.int8-4t]
threads = 4
cpus = [0, 1]

[configurations.float32-1t]
dtype = "float32"

[protocol]
min_runs = 7

[hardware]
peak_tops_int8 = 1.5
core = "A76"

[source]
all = "its data sheet"
"""


def test_everything_is_read() -> None:
    profile = DeviceProfile.from_toml(_GOOD, "board.toml")
    assert profile.names == ("board", "plank")
    assert profile.default_configuration == "int8-4t"
    assert profile.configuration().cpus == (0, 1)
    assert profile.configuration("float32-1t").dtype == "float32"
    assert profile.protocol_for().threads == 4 and profile.protocol_for().min_runs == 7
    assert profile.hardware["peak_tops_int8"] == 1.5 and profile.origin == "board.toml"


def test_unknown_configuration() -> None:
    with pytest.raises(
        UsageError, match=r"Unknown configuration of device 'board' 'int8-1t'. Did you mean 'int8-4t'"
    ):
        DeviceProfile.from_toml(_GOOD, "board.toml").configuration("int8-1t")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "threads = 4",
            "thread = 4",
            r"board.toml, line 7: .*'configurations.int8-4t.thread'.*mean 'configurations.int8-4t.threads'",
        ),
        (
            "threads = 4",
            'threads = "4"',
            r"line 7: `configurations.int8-4t.threads` must be an integer. Received '4'",
        ),
        ("threads = 4", "threads = 0", r"line 7: .*at least 1"),
        ("cpus = [0, 1]", "cpus = [-1]", r"line 8: .*must not be negative"),
        ("cpus = [0, 1]", 'bus = "usb"', r"line 8: .*Unknown value 'usb'"),
        ('"float32"', '"float23"', r"line 11: `configurations.float32-1t.dtype`: .*Did you mean 'float32'"),
        (
            'kind = "litert"',
            'kind = "litret"',
            r"line 3: `kind`: Unknown value 'litret'. Did you mean 'litert'",
        ),
        ('kind = "litert"', "", r"lacks the key `kind` \(a text\)"),
        ('"board"', '"my board"', r"line 1: 'my board' is not a device name"),
        ('["plank"]', '"plank"', r"line 4: `aliases` must be a list of texts. Received 'plank'"),
        ("min_runs = 7", "min_run = 7", r"Unknown protocol key 'min_run'"),
        ("min_runs = 7", "threads = 7", r"belongs into each configuration"),
        ("1.5", "[1.5]", r"line 17: `hardware.peak_tops_int8` must be a number or a text"),
        ('all = "', 'al = "', r"line 21: .*hardware key 'al'"),
        ('all = "', 'core = "', r"`hardware.peak_tops_int8` has no source"),
        ("[protocol]", "[protocols]", r"line 13: Unknown key 'protocols'. Did you mean 'protocol'"),
        ('title = "A board"', 'title = "A board', r"is not valid TOML: .*line 2"),
        (
            'title = "A board"',
            'default_configuration = "int8"\ntitle = ""',
            r"line 2: `default_configuration`: .*'int8-4t'",
        ),
    ],
)
def test_wrong_files_are_refused_with_line_and_fix(old: str, new: str, message: str) -> None:
    assert old in _GOOD
    with pytest.raises(UsageError, match=message):
        DeviceProfile.from_toml(_GOOD.replace(old, new, 1), "board.toml")
