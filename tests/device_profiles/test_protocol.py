from __future__ import annotations

import pytest

from edgenas.device_profiles import Protocol
from edgenas.errors import UsageError


def test_round_trip() -> None:
    protocol = Protocol(warmup_runs=0, min_seconds=0, processes=2, threads=2)
    assert Protocol.from_dict(protocol.to_dict()) == protocol


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"min_runs": 0}, r"`min_runs`. Expected an integer of at least 1. Received 0"),
        ({"processes": 1.5}, r"`processes`. Expected an integer"),
        ({"threads": True}, r"`threads`. Expected an integer"),
        ({"warmup_seconds": -1}, r"`warmup_seconds`. Expected a number of at least 0"),
        ({"min_seconds": float("nan")}, r"`min_seconds`. Expected a number"),
        ({"max_seconds": "long"}, r"`max_seconds`. Expected a number"),
        ({"min_seconds": 5.0, "max_seconds": 1.0}, r"`max_seconds`. Expected at least `min_seconds`"),
    ],
)
def test_invalid_values_are_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Protocol.from_dict(values)


def test_unknown_key_names_the_nearest() -> None:
    with pytest.raises(
        UsageError, match=r"board\.toml: Unknown protocol key 'min_run'. Did you mean 'min_runs'"
    ):
        Protocol.from_dict({"min_run": 3}, source="board.toml")
