"""How `edgenas search` and `edgenas export` say what a latency on the device is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgenas.cli import export_tables, search_result
from edgenas.search import SearchResult


@pytest.mark.parametrize(
    ("ms", "source", "words"),
    [
        (None, None, "not measured"),
        (1.25, "measured", "measured 1.25 ms"),
        (1.25, "simulated", "simulated 1.25 ms"),
    ],
)
def test_search(tmp_path: Path, ms: float | None, source: str | None, words: str) -> None:
    result = SearchResult(tmp_path, None, None, None, (), 1, 0, 0)
    if ms is not None and source is not None:
        result = result.with_measurement(ms, source)
    assert search_result._checked(result) == words


def test_search_whose_recommendation_cannot_be_simulated(tmp_path: Path) -> None:
    result = SearchResult(tmp_path, None, None, None, (), 1, 0, 0)
    assert "measured_error" not in result.to_dict()
    failed = result.with_failed_measurement("RESIZE stays on the CPU", "simulated")
    assert search_result._checked(failed) == "not simulated (RESIZE stays on the CPU)"
    assert failed.to_dict()["measured_error"] == "RESIZE stays on the CPU"
    assert failed.with_measurement(1.0, "simulated").measured_error == ""


@pytest.mark.parametrize(
    ("latency", "words"),
    [
        ({"measured_ms": None, "measured_source": None, "measured_error": None}, "not measured"),
        ({"measured_ms": 2.0, "measured_source": "measured", "measured_error": None}, "measured 2 ms"),
        ({"measured_ms": 2.0, "measured_source": "simulated", "measured_error": None}, "simulated 2 ms"),
        (
            {
                "measured_ms": None,
                "measured_source": "simulated",
                "measured_error": "RESIZE stays on the CPU",
            },
            "not simulated (RESIZE stays on the CPU)",
        ),
    ],
)
def test_export(latency: dict[str, Any], words: str) -> None:
    assert export_tables._measured(latency) == words
