from __future__ import annotations

import pytest

from edgenas.device_profiles import DeviceProfile
from edgenas.errors import UsageError

_GOOD = """\
name = "board"
title = "A board"
kind = "litert"
aliases = ["plank"]
alias_meanings = { plank = "the board, lying" }

[configurations.int8-4t]
threads = 4
cpus = [0, 1]
columns = ["fbnet:board", "mobile-ml-benchmark:board|1large|quant"]
cores = "4 large"

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
    assert profile.configuration().columns == ("fbnet:board", "mobile-ml-benchmark:board|1large|quant")
    assert profile.configuration().description == "int8, cores: 4 large"
    assert profile.configuration("float32-1t").dtype == "float32"
    assert profile.configuration("float32-1t").columns == () and profile.configuration().site == ""
    assert dict(profile.alias_meanings) == {"plank": "the board, lying"}
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
            r"board.toml, line 8: .*'configurations.int8-4t.thread'.*mean 'configurations.int8-4t.threads'",
        ),
        (
            "threads = 4",
            'threads = "4"',
            r"line 8: `configurations.int8-4t.threads` must be an integer. Received '4'",
        ),
        ("threads = 4", "threads = 0", r"line 8: .*at least 1"),
        ("cpus = [0, 1]", "cpus = [-1]", r"line 9: .*must not be negative"),
        ("cpus = [0, 1]", 'bus = "usb"', r"line 9: .*Unknown value 'usb'"),
        ('"float32"', '"float23"', r"line 14: `configurations.float32-1t.dtype`: .*Did you mean 'float32'"),
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
        ("1.5", "[1.5]", r"line 20: `hardware.peak_tops_int8` must be a number or a text"),
        ('all = "', 'al = "', r"line 24: .*hardware key 'al'"),
        ('all = "', 'core = "', r"`hardware.peak_tops_int8` has no source"),
        (
            '"fbnet:board"',
            '"fbnte:board"',
            r"line 10: `configurations.int8-4t.columns`: Unknown table format 'fbnte'. Did you mean 'fbnet'",
        ),
        ('"fbnet:board"', '"fbnet:"', r"line 10: .*needs texts FORMAT:COLUMN.*Received 'fbnet:'"),
        ('"fbnet:board"', '"plain"', r"line 10: .*needs texts FORMAT:COLUMN.*Received 'plain'"),
        ('"fbnet:board"', "3", r"line 10: `configurations.int8-4t.columns` must be a list of texts"),
        (
            'dtype = "float32"',
            'columns = ["fbnet:board"]',
            r"line 10: `configurations.float32-1t.columns`: 'fbnet:board' is a column of .*'int8-4t' already",
        ),
        ('"4 large"', "4", r"line 11: `configurations.int8-4t.cores` must be a text. Received 4"),
        ("{ plank", "{ plonk", r"line 5: `alias_meanings`: Unknown name of the device 'plonk'. .*'plank'"),
        ('"the board, lying"', "1", r"line 4: `alias_meanings.plank` must be a text. Received 1"),
        ("[protocol]", "[protocols]", r"line 16: Unknown key 'protocols'. Did you mean 'protocol'"),
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
