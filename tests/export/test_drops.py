"""Drops know which way a metric is better."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenas.export.drops import metric_drops_percent, worst_drop
from edgenas.tasks import TASKS


def test_directions() -> None:
    before = {
        "segmentation": {"miou": 0.5, "pixel_accuracy": 0.8},
        "depth": {"abs_error": 0.5, "rel_error": None},
    }
    after = {
        "segmentation": {"miou": 0.49, "pixel_accuracy": 0.84},
        "depth": {"abs_error": 0.51, "rel_error": 0.1},
    }
    drops = metric_drops_percent(before, after)
    assert drops == {
        "segmentation": {"miou": pytest.approx(2.0), "pixel_accuracy": pytest.approx(-5.0)},
        "depth": {"abs_error": pytest.approx(2.0)},
    }
    assert worst_drop({**drops, "depth": {"abs_error": 3.0}}) == ("depth", "abs_error", 3.0)
    assert worst_drop({}) is None


@given(st.sampled_from(sorted(TASKS)), st.floats(0.01, 100), st.floats(0.01, 100))
def test_no_drop_to_itself_and_one_way_only(name: str, a: float, b: float) -> None:
    task = TASKS[name]
    values = {name: dict.fromkeys(task.quality_metrics, a)}
    assert set(metric_drops_percent(values, values)[name].values()) == {0.0}
    there = metric_drops_percent(values, {name: dict.fromkeys(task.quality_metrics, b)})[name]
    for metric, percent in there.items():
        assert (percent > 0) is ((b < a) if task.metrics[metric] else (b > a))
