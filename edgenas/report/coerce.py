"""Reads values of unknown quality from JSON: what has the wrong type counts as absent, never as a crash."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from edgenas.device_profiles.measurement import MEASURED, SIMULATED

__all__ = [
    "Intervals",
    "Metrics",
    "as_interval",
    "as_intervals",
    "as_list",
    "as_mapping",
    "as_metrics",
    "as_number",
    "as_source",
    "as_text",
]

Metrics = dict[str, dict[str, float | None]]
Intervals = dict[str, dict[str, tuple[float, float]]]
_LONGEST_TEXT = 400


def as_number(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if math.isfinite(result) else None


def as_text(value: Any) -> str:
    """Text, cut to a length that cannot blow up the page; empty for None and for containers."""
    if value is None or isinstance(value, Mapping | list | tuple):
        return ""
    text = str(value)
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"


def as_source(value: Any) -> str:
    """Either "simulated" or "measured"; files of earlier versions do not say, and hold what was measured."""
    return SIMULATED if value == SIMULATED else MEASURED


def as_mapping(value: Any) -> dict[str, Any]:
    """A dictionary, empty where `value` is none."""
    return {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else {}


def as_list(value: Any) -> list[Any]:
    """A list, empty where `value` is none."""
    return list(value) if isinstance(value, list | tuple) else []


def as_interval(value: Any) -> tuple[float, float] | None:
    """An ordered pair of finite numbers (low, high), or None."""
    ends = [as_number(item) for item in as_list(value)]
    if len(ends) != 2 or ends[0] is None or ends[1] is None or ends[0] > ends[1]:
        return None
    return ends[0], ends[1]


def as_metrics(value: Any) -> Metrics:
    """Metrics per task; whatever is not a number becomes None."""
    return {
        task: {as_text(name): as_number(score) for name, score in as_mapping(scores).items()}
        for task, scores in as_mapping(value).items()
        if isinstance(scores, Mapping)
    }


def as_intervals(value: Any) -> Intervals:
    """Intervals per task and metric; those that are none are left out."""
    return {
        task: {
            as_text(name): ends
            for name, pair in as_mapping(pairs).items()
            if (ends := as_interval(pair)) is not None
        }
        for task, pairs in as_mapping(value).items()
    }
