"""`edgenas profile` where nothing can be measured, and refused options; measuring: tests/workflow/test_kill.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgenas.latency_models import LatencyPredictor, user_predictors
from edgenas.space import list_presets

# As if edgenas shipped no predictors: what is said then, and what one of the user adds.
pytestmark = pytest.mark.usefixtures("nothing_shipped")


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
    assert "not attached" in outcome.out and "nothing was measured" in outcome.out
    assert "Everything below is predicted" in outcome.out and "90% interval" in outcome.out
    assert "predicted ms of 500 random networks" in outcome.out
    for space in list_presets():
        assert f"\n{space} " in outcome.out


def test_the_answer_as_json(edgenas: Callable[..., Any], host_predictor: Path) -> None:
    predictor = LatencyPredictor.load(host_predictor)
    predictor.save(user_predictors() / "edgetpu" / "usb3", {"mape_percent": 4.2, "rows": 24, "seed": 0})
    arguments = (
        "profile",
        "--device",
        "edgetpu",
        "--tasks",
        "depth",
        "--height",
        "64",
        "--width",
        "96",
        "--json",
    )
    outcome = edgenas(*arguments)
    value = outcome.value
    assert outcome.code == 0 and outcome.err == ""
    assert (value["device"], value["configuration"], value["available"]) == ("edgetpu", "usb3", False)
    assert value["source"] == "predicted" and value["looked_for"] and value["next_command"]
    assert value["predictor"]["name"] == predictor.name
    assert value["predictor"]["mape_percent"] == 4.2 and value["predictor"]["rows"] == 24
    baseline = value["baseline"]
    low, high = baseline["interval_ms"]
    assert 0 < low < baseline["latency_ms"] < high and isinstance(baseline["in_domain"], bool)
    assert set(value["spaces"]) == set(list_presets())
    for space in value["spaces"].values():
        quantiles = [space[key] for key in ("min_ms", "p10_ms", "median_ms", "p90_ms", "max_ms")]
        assert quantiles == sorted(quantiles) and quantiles[0] > 0
        assert space["count"] == 500 and 0 <= space["in_domain_share"] <= 1
    assert value["spaces"]["demo"]["baseline_ms"] == pytest.approx(baseline["latency_ms"])
    assert edgenas(*arguments).out == outcome.out


def test_a_damaged_predictor_is_no_missing_one(edgenas: Callable[..., Any]) -> None:
    folder = user_predictors() / "edgetpu" / "usb3"
    folder.mkdir(parents=True)
    (folder / "predictor.json").write_text("{")
    outcome = edgenas("profile", "--device", "edgetpu", "--json")
    assert outcome.code == 2 and outcome.out == "" and "predictor.json" in outcome.err


def test_a_phone_without_predictor(edgenas: Callable[..., Any]) -> None:
    outcome = edgenas("profile", "--device", "mobile-cpu")
    assert outcome.code == 1 and "edgenas latency adapt --from pixel4" in outcome.out
    assert "'pixel4' (1large-int8)" in outcome.err
    assert edgenas("profile", "--device", "mobile-cpu", "--width", "100").code == 2


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


def test_a_board_that_is_not_reached_is_a_failure_even_if_something_is_known_of_it(
    edgenas: Callable[..., Any], host_predictor: Path
) -> None:
    LatencyPredictor.load(host_predictor).save(
        user_predictors() / "ssh-127.0.0.1-1" / "int8-1t", {"mape_percent": 4.2, "rows": 24}
    )
    outcome = edgenas("profile", "--device", "ssh://127.0.0.1:1", "--height", 64, "--width", 96)
    assert outcome.code == 1 and "was not reached" in outcome.out and "predicted" in outcome.out
    assert "Nothing was measured on 127.0.0.1:1" in outcome.err
