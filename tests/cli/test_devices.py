"""`edgenas devices`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgenas.latency_models import LatencyPredictor, user_predictors


def test_list_without_any_predictor(edgenas: Callable[..., Any]) -> None:
    outcome = edgenas("devices")
    assert outcome.code == 0
    assert "host: This machine" in outcome.out and "edgetpu: Coral Edge TPU, not attached" in outcome.out


def test_list_as_json(edgenas: Callable[..., Any]) -> None:
    rows = {row["name"]: row for row in edgenas("devices", "--json").value}
    assert rows["host"].keys() == {"name", "title", "aliases", "configurations", "available", "predictor"}
    assert rows["host"]["available"] is True
    assert rows["edgetpu"]["available"] is False
    assert "int8-1t" in rows["host"]["configurations"]
    assert edgenas("devices", "list", "--json").value == list(rows.values())


def test_what_the_predictor_knows(edgenas: Callable[..., Any], host_predictor: Path) -> None:
    LatencyPredictor.load(host_predictor).save(
        user_predictors() / "host" / "int8-1t", {"mape_percent": 1.25, "rows": 40}
    )
    assert "MAPE 1.2% on 40 networks held out" in edgenas("devices", "show", "host").out


def test_show_edgetpu_says_what_was_looked_for(edgenas: Callable[..., Any]) -> None:
    value = edgenas("devices", "show", "coral", "--json").value
    assert value["name"] == "edgetpu" and value["predictor"] == "none yet"
    assert value["hardware"] and value["source"]
    assert value["detection"]["available"] is False
    assert any("libedgetpu" in text for text in value["detection"]["looked_for"])
    assert "libedgetpu" in edgenas("devices", "show", "edgetpu").out


@pytest.mark.parametrize("arguments", [("devices", "lst"), ("devices", "show")])
def test_wrong_use(edgenas: Callable[..., Any], arguments: tuple[str, ...]) -> None:
    assert edgenas(*arguments).code == 2
