from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenas.device_profiles import DeviceProfile, load_device
from edgenas.device_profiles.connection import Connection, is_address, parse_address
from edgenas.errors import UsageError


def test_addresses() -> None:
    assert parse_address("ssh://pi@board:2222") == (Connection("ssh", "board", "pi", 2222), "")
    assert parse_address("ssh://MyHost/edgetpu-usb2") == (Connection("ssh", "MyHost"), "edgetpu-usb2")
    assert parse_address("ssh://root@[::1]:22")[0].host == "::1"
    assert parse_address("adb://") == (Connection("adb"), "")
    assert parse_address("adb://192.168.1.5:5555/pixel4")[0].serial == "192.168.1.5:5555"
    assert parse_address("adb://R58M?benchmark_model=/b")[0] == Connection(
        "adb", serial="R58M", benchmark_model="/b"
    )
    assert parse_address("adb://R58M:x_y")[0].serial == "R58M:x_y"
    assert is_address("ssh://x") and not is_address("host") and not is_address("http://x")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("ssh://", "names no host"),
        ("ssh://pi@board:70000", "is no address"),
        ("ssh://pi:secret@board", "passwords are not taken"),
        ("ssh://board?pyhton=/x", "Did you mean 'python'"),
        ("ssh://-oProxyCommand=x", "must not begin with '-'"),
        ("ssh://-oProxyCommand=x@board", "must not begin with '-'"),
        ("adb://?python=/x", "Unknown key 'python'"),
        ("adb://-H", "must not begin with '-'"),
        ("ssh://board?runtime=tensorflow", "Unknown runtime"),
        ("ssh://a b", "hold spaces"),
        ("ssh://board?python=/opt/c#/python", "%23"),
        ("adb://[x", "Expected adb://SERIAL"),
    ],
)
def test_what_is_no_address(address: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_address(address)


def test_paths_in_addresses_are_taken_as_they_are() -> None:
    assert parse_address("ssh://b?python=/opt/c++/my python")[0].python == "/opt/c++/my python"
    assert (
        parse_address("adb://?benchmark_model=/a%26b%23/\u00f6'\"=x")[0].benchmark_model
        == "/a&b#/\u00f6'\"=x"
    )
    assert parse_address("ssh://b?python=")[0].python == ""


def test_addresses_of_ipv6() -> None:
    connection, _ = parse_address("ssh://pi@[fe80::1%25eth0]:2222")
    assert (connection.host, connection.target) == ("fe80::1%eth0", "pi@[fe80::1%eth0]:2222")
    assert parse_address("ssh://[::1]")[0].target == "::1"


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for scheme in ("ssh://", "adb://"):
        try:
            connection, _ = parse_address(scheme + text)
        except UsageError:
            continue
        assert not connection.host.startswith("-") and not connection.serial.startswith("-")


def test_devices_by_address() -> None:
    board = load_device("ssh://pi@Desk.Pi:2222")
    assert (board.name, board.kind, board.predictor) == ("ssh-desk.pi-2222", "litert", "")
    assert board.asked_as == "ssh://pi@Desk.Pi:2222" and "pi@Desk.Pi:2222 over ssh" in board.title
    assert board.configuration().name == "int8-1t"
    coral = load_device("ssh://mendel@coral/edgetpu-devboard")
    assert (coral.name, coral.kind, coral.predictor) == ("ssh-coral-edgetpu-devboard", "edgetpu", "edgetpu")
    assert coral.default_configuration == "devboard" and coral.operator_rules == "edgetpu"
    phone = load_device("adb://R58M/pixel4")
    assert (phone.name, phone.kind, phone.connection.serial) == ("adb-r58m-pixel4", "litert", "R58M")
    with pytest.raises(UsageError, match="Unknown device 'edgetup'"):
        load_device("ssh://board/edgetup")


def test_device_with_configuration() -> None:
    profile = load_device("edgetpu-usb2")
    assert (profile.name, profile.default_configuration) == ("edgetpu", "usb2")
    assert load_device("mobile-cpu-4small-int8").configuration().name == "4small-int8"
    with pytest.raises(UsageError, match="Unknown device 'edgetpu-usb9'"):
        load_device("edgetpu-usb9")


_FILE = 'name = "b"\ntitle = "B"\nkind = "litert"\n[connection]\n{}\n[configurations.c]\n'


def test_connections_in_device_files() -> None:
    text = _FILE.format('via = "ssh"\nhost = "h"\nport = 2')
    assert DeviceProfile.from_toml(text, "b.toml").connection == Connection("ssh", "h", port=2)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            'via = "shs"',
            r"b.toml, line 4: `connection`: Unknown way to reach a device 'shs'. Did you mean 'ssh'",
        ),
        ('via = "ssh"', r"line 4: .*needs a `host`"),
        ('via = "ssh"\nhost = 3', r"line 6: `connection.host` must be a text"),
        ('via = "ssh"\nhots = "x"', r"line 6: Unknown key 'connection.hots'. Did you mean 'connection.host'"),
        ('via = "ssh"\nhost = "x"\nport = 99999', r"line 4: .*at most 65535"),
    ],
)
def test_wrong_connections_are_told_with_their_line(lines: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        DeviceProfile.from_toml(_FILE.format(lines), "b.toml")
