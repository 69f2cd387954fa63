"""`edgenas profile` where nothing can be measured, and refused options; measuring: tests/workflow/test_kill.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgenas.latency_models import LatencyPredictor, user_predictors


def test_nothing_attached(edgenas: Callable[..., Any]) -> None:
    outcome = edgenas("profile", "--device", "edgetpu")
    assert outcome.code == 1
    assert "not attached" in outcome.out and "libedgetpu" in outcome.out
    assert "Nothing is known of the latency" in outcome.err
    assert " ms" not in outcome.out


def test_nothing_attached_as_json(edgenas: Callable[..., Any]) -> None:
    outcome = edgenas("profile", "--device", "edgetpu", "--json")
    assert outcome.code == 1
    value = outcome.value
    assert value["device"] == "edgetpu" and value["available"] is False and value["predictor"] is None
    assert value["looked_for"] and value["missing"]


def test_a_predictor_is_known_though_nothing_is_attached(
    edgenas: Callable[..., Any], host_predictor: Path
) -> None:
    LatencyPredictor.load(host_predictor).save(user_predictors() / "edgetpu" / "usb3", {"mape_percent": 4.2})
    outcome = edgenas("profile", "--device", "edgetpu")
    assert outcome.code == 0 and "MAPE 4.2%" in outcome.out
    assert "MAPE 4.2%" in edgenas("profile", "--device", "edgetpu", "--json").value["predictor"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--height", "100"), "multiple of 32"),
        (("--tasks", "depth,depth"), "different tasks"),
        (("--seconds", "1"), "--seconds"),
        (("--space", "dmeo"), "'demo'"),
    ],
)
def test_wrong_options(edgenas: Callable[..., Any], arguments: tuple[str, ...], text: str) -> None:
    outcome = edgenas("profile", *arguments)
    assert outcome.code == 2
    assert text in outcome.err and "Traceback" not in outcome.err


def test_unwritable_folder(edgenas: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    outcome = edgenas("profile", "--out", tmp_path / "taken", "--json")
    assert outcome.code == 1 and outcome.out == ""
    assert "Cannot write" in outcome.err
