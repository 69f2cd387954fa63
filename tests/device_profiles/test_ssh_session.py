from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from edgenas.device_profiles.agent.journal import REUSABLE_SECONDS
from edgenas.device_profiles.connection import Connection
from edgenas.device_profiles.ssh_edgetpu import choose_edgetpu
from edgenas.device_profiles.ssh_session import _REMEMBERED_SECONDS, ClientSession
from edgenas.errors import EdgenasError

_BOARD = Connection(via="ssh", host="board", port=22)


def test_numbers_grow_only_when_something_is_handed_out(tmp_path: Path) -> None:
    session = ClientSession(_BOARD, tmp_path)
    assert [session.number("a"), session.number("a"), session.number("b")] == [0, 1, 0]
    session.hand_out("a")
    session.close()
    again = ClientSession(_BOARD, tmp_path)
    assert again.name == session.name
    assert [again.number("a"), again.number("b")] == [1, 0], "what was not handed out keeps its number"
    again.forget_waiting()
    assert again.number("a") == 1


def test_two_at_once_have_two_names_and_other_boards_others(tmp_path: Path) -> None:
    first, second = ClientSession(_BOARD, tmp_path), ClientSession(_BOARD, tmp_path)
    other = ClientSession(Connection(via="ssh", host="board2"), tmp_path)
    assert len({first.name, second.name, other.name}) == 3
    first.close()
    assert ClientSession(_BOARD, tmp_path).name == first.name


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"session": "x"}', '{"session": "x", "handed_out": {"a": [1]}}']
)
def test_a_damaged_file_gives_a_new_name(tmp_path: Path, text: str) -> None:
    session = ClientSession(_BOARD, tmp_path)
    session.hand_out("a")
    session.close()
    (path,) = tmp_path.glob("*.json")
    path.write_text(text, encoding="utf-8")
    again = ClientSession(_BOARD, tmp_path)
    assert again.name != session.name and again.number("a") == 0


def test_counts_are_forgotten_long_after_the_board_has_forgotten_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _REMEMBERED_SECONDS > REUSABLE_SECONDS + 3600
    session = ClientSession(_BOARD, tmp_path)
    session.hand_out("a")
    session.close()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + _REMEMBERED_SECONDS + 1)
    assert ClientSession(_BOARD, tmp_path).number("a") == 0
    (path,) = tmp_path.glob("*.json")
    assert json.loads(path.read_text(encoding="utf-8"))["session"] == session.name


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EdgenasError, match="cannot be written: Not a directory"):
        ClientSession(_BOARD, tmp_path / "file" / "folder")


def test_the_edge_tpu_of_the_right_bus_is_chosen() -> None:
    pci = {"bus": "pci", "where": "/dev/apex_0", "node": "/dev/apex_0", "writable": True, "mbit_per_s": 0.0}
    usb = {
        "bus": "usb",
        "where": "2-1",
        "node": "/dev/bus/usb/002/004",
        "writable": True,
        "mbit_per_s": 480.0,
    }
    facts = {"library": "/usr/lib/libedgetpu.so.1", "devices": [pci, usb]}
    assert choose_edgetpu(facts, "pci").delegate["options"] == {"device": "pci"}
    slow = choose_edgetpu(facts, "usb3")
    assert "runs at 480 Mbit/s" in slow.missing[0] and not choose_edgetpu(facts, "usb2").missing
    fast = {**facts, "devices": [{**usb, "mbit_per_s": 5000.0}]}
    assert (
        not choose_edgetpu(fast, "usb3").missing
        and "use the configuration 'usb3'" in choose_edgetpu(fast, "usb2").missing[0]
    )
    locked = choose_edgetpu({**facts, "devices": [{**pci, "writable": False}]}, "pci")
    assert locked.missing == ("the right to write /dev/apex_0 (join the group 'apex')",)
    nothing = choose_edgetpu({"library": "", "devices": []}, "pci")
    assert len(nothing.missing) == 2 and "libedgetpu1-std" in nothing.next_command
