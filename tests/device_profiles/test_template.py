from __future__ import annotations

import re

import pytest

from edgenas.device_profiles import DeviceProfile
from edgenas.device_profiles.connection import Connection, parse_address
from edgenas.device_profiles.profile_reader import _CONFIGURATION, _TOP_LEVEL
from edgenas.device_profiles.template import TEMPLATE_KINDS, device_template
from edgenas.errors import UsageError


@pytest.mark.parametrize("kind", TEMPLATE_KINDS)
def test_templates_are_valid_as_they_are_and_with_every_line_in_use(kind: str) -> None:
    text = device_template("mine", kind)
    profile = DeviceProfile.from_toml(text, "mine.toml")
    assert (profile.name, profile.kind, profile.connection.via) == ("mine", kind, "local")
    everything = re.sub(r"^# (?=[a-z_]+ = |\[)", "", text, flags=re.MULTILINE)
    profile = DeviceProfile.from_toml(everything, "mine.toml")
    assert profile.aliases == ("desk",) and profile.predictor and profile.hardware


def test_the_address_is_kept_whole() -> None:
    address = "ssh://pi@Board:2222?python=/opt/p%20y/bin/python&identity=/k%22ey&runtime=tflite-runtime&folder=/tmp/e"
    connection, _ = parse_address(address)
    assert DeviceProfile.from_toml(device_template("b", connection=connection), "b").connection == connection
    assert connection.host == "Board" and connection.identity == '/k"ey'
    phone = Connection(via="adb", serial="192.168.1.5:5555", benchmark_model="/opt/benchmark_model")
    assert DeviceProfile.from_toml(device_template("b", connection=phone), "b").connection == phone


def test_template_explains_the_keys_of_the_reader() -> None:
    together = "".join(device_template("mine", kind) for kind in TEMPLATE_KINDS)
    unexplained = {"alias_meanings", "columns", "cores", "site"}  # Of shipped devices.
    for key in {*_TOP_LEVEL, *_CONFIGURATION} - unexplained:
        assert re.search(rf"^#? ?\[?{key}\b", together, re.MULTILINE), key


@pytest.mark.parametrize(
    ("name", "kind", "address", "message"),
    [
        ("My Board", "litert", None, "not a device name"),
        ("mine", "litret", None, "Did you mean 'litert'"),
        ("mine", "vela", "ssh://board", "not reached over ssh"),
        ("mine", "edgetpu", "adb://", "not reached over adb"),
    ],
)
def test_what_cannot_be(name: str, kind: str, address: str | None, message: str) -> None:
    connection = parse_address(address)[0] if address else None
    with pytest.raises(UsageError, match=message):
        device_template(name, kind, connection)
