from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenas import scoring
from edgenas.errors import UsageError

BASE = {
    "segmentation": {"miou": 0.4, "pixel_accuracy": 0.8},
    "depth": {"abs_error": 0.5, "rel_error": 0.2, "rmse": 0.9, "delta1": 0.7, "delta2": 0.8, "delta3": 0.9},
}

# Table 9: loss weights -> mIoU, PAcc, AbsE, RelE and the published delta of segmentation, depth and both.
# The RE weight of the last row stands as .010 in the source though its L1 weight is .900.
SINGLE_TASK = {
    "segmentation": {"miou": 40.04, "pixel_accuracy": 88.68},
    "depth": {"abs_error": 0.0157, "rel_error": 0.340},
}
TABLE_9 = {
    (0.5, 1.000, 0.000): ((38.64, 88.49, 0.0171, 0.354), (-1.9, -6.3, -4.1)),
    (0.5, 0.999, 0.001): ((46.78, 90.62, 0.0149, 0.323), (+9.5, +5.1, +7.3)),
    (0.5, 0.990, 0.010): ((46.83, 90.56, 0.0144, 0.304), (+9.5, +9.5, +9.5)),
    (0.5, 0.950, 0.050): ((46.11, 90.47, 0.0143, 0.281), (+8.6, +13.3, +10.9)),
    (0.5, 0.900, 0.010): ((46.41, 90.56, 0.0146, 0.300), (+9.0, +9.5, +9.3)),
}


@pytest.mark.parametrize("weights", TABLE_9)
def test_delta_metrics_recompute_table_9(weights: tuple[float, float, float]) -> None:
    (miou, accuracy, abs_error, rel_error), published = TABLE_9[weights]
    metrics = {
        "segmentation": {"miou": miou, "pixel_accuracy": accuracy},
        "depth": {"abs_error": abs_error, "rel_error": rel_error},
    }
    got = (
        scoring.delta_task("segmentation", metrics["segmentation"], SINGLE_TASK["segmentation"]),
        scoring.delta_task("depth", metrics["depth"], SINGLE_TASK["depth"]),
        scoring.delta_total(metrics, SINGLE_TASK),
    )
    assert got == pytest.approx(published, abs=0.25)


def test_delta_metric_sign_follows_the_direction() -> None:
    assert scoring.delta_metric(1.1, 1.0, higher_is_better=True) == pytest.approx(10.0)
    assert scoring.delta_metric(1.1, 1.0, higher_is_better=False) == pytest.approx(-10.0)


@pytest.mark.parametrize(
    ("value", "reference"), [(None, 1.0), (1.0, None), (1.0, 0.0), (math.nan, 1.0), (1.0, math.inf)]
)
def test_undefined_delta_is_none(value: float | None, reference: float | None) -> None:
    assert scoring.delta_metric(value, reference, higher_is_better=True) is None


def test_delta_means_leave_undefined_metrics_out() -> None:
    metrics = {"segmentation": {"miou": 0.5, "pixel_accuracy": None}, "depth": {"abs_error": None}}
    assert scoring.delta_task("segmentation", metrics["segmentation"], BASE["segmentation"]) == pytest.approx(
        25.0
    )
    assert scoring.delta_task("depth", metrics["depth"], BASE["depth"]) is None
    assert scoring.delta_total(metrics, BASE) == pytest.approx(25.0)
    assert scoring.delta_total({}, BASE) is None


def test_delta_task_of_named_metrics() -> None:
    assert scoring.delta_task("depth", {"delta1": 0.77}, BASE["depth"], ("delta1",)) == pytest.approx(10.0)
    with pytest.raises(UsageError, match="Unknown depth metric 'delta4'"):
        scoring.delta_task("depth", {}, {}, ("delta4",))
    with pytest.raises(UsageError, match="Unknown task 'edges'"):
        scoring.delta_task("edges", {}, {})


def test_quality_of_the_baseline_is_one() -> None:
    assert scoring.quality(BASE, BASE) == pytest.approx(1.0)


def test_quality_is_the_mean_of_task_means_of_ratios() -> None:
    metrics = {
        "segmentation": {"miou": 0.5, "pixel_accuracy": 0.6},
        "depth": {"abs_error": 0.4, "rel_error": 0.25, "rmse": 100.0},
    }
    segmentation, depth = (0.5 / 0.4 + 0.6 / 0.8) / 2, (0.5 / 0.4 + 0.2 / 0.25) / 2
    assert scoring.quality(metrics, BASE) == pytest.approx((segmentation + depth) / 2)
    assert scoring.quality({"depth": metrics["depth"]}, BASE) == pytest.approx(depth)


def test_quality_weights() -> None:
    metrics = {"segmentation": {"miou": 0.8, "pixel_accuracy": 0.8}}
    assert scoring.quality(metrics, BASE, {"segmentation": {"miou": 3.0}}) == pytest.approx((3 * 2 + 1) / 4)
    assert scoring.quality(metrics, BASE, {"segmentation": {"miou": 0.0}}) == pytest.approx(1.0)
    depth = {"depth": {"abs_error": 0.5, "rel_error": 0.2, "rmse": 0.3}}
    assert scoring.quality(depth, BASE, {"depth": {"rmse": 2.0}}) == pytest.approx((1 + 1 + 2 * 3) / 4)


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ({"segmentation": {"miuo": 1.0}}, "Unknown segmentation metric 'miuo'. Did you mean 'miou'"),
        ({"segmentatoin": {}}, "Unknown task 'segmentatoin'"),
        ({"depth": {"rmse": -1.0}}, "0 or more for depth/rmse"),
        ({"depth": {"rmse": math.nan}}, "0 or more for depth/rmse"),
    ],
)
def test_quality_refuses_wrong_weights(weights: Any, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        scoring.quality(BASE, BASE, weights)


def test_quality_needs_a_baseline_for_every_task() -> None:
    with pytest.raises(UsageError, match=r"every task to compare \(depth, segmentation\).*none for: depth"):
        scoring.quality(BASE, {"segmentation": BASE["segmentation"]})


def test_quality_with_undefined_metrics() -> None:
    no_depth = {"segmentation": BASE["segmentation"], "depth": dict.fromkeys(BASE["depth"])}
    assert scoring.quality(no_depth, no_depth) == pytest.approx(1.0)  # left out: no valid pixel for either
    low, _ = scoring.RATIO_RANGE
    assert scoring.quality(no_depth, BASE) == pytest.approx((1 + low) / 2)  # missing only here: worst ratio
    with pytest.raises(UsageError, match=r"quality is undefined"):
        scoring.quality({"depth": BASE["depth"]}, {"depth": {}})


def test_quality_limits_ratios() -> None:
    low, high = scoring.RATIO_RANGE
    base = {"segmentation": {"miou": 0.0, "pixel_accuracy": 0.5}}
    assert scoring.quality({"segmentation": {"miou": 0.0, "pixel_accuracy": 0.5}}, base) == 1.0
    assert scoring.quality({"segmentation": {"miou": 0.1, "pixel_accuracy": 0.5}}, base) == (high + 1) / 2
    assert scoring.quality({"depth": {"abs_error": 0.0, "rel_error": 1e9}}, BASE) == (high + low) / 2


metric_values = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.floats(0, 1))


@given(values=st.lists(metric_values, min_size=6, max_size=6))
def test_quality_is_always_positive_and_finite(values: list[float | None]) -> None:
    metrics = {"depth": dict(zip(BASE["depth"], values, strict=True))}
    low, high = scoring.RATIO_RANGE
    assert low <= scoring.quality(metrics, BASE) <= high
    assert low <= scoring.quality(metrics, {"depth": {"abs_error": 1e-300, "rel_error": 1e300}}) <= high


@pytest.mark.parametrize(
    ("preset", "latency_ms", "expected"),
    [
        ("paper", 5.0, 2.0),
        ("paper", 10.0, 2.0),
        ("paper", 20.0, 2 * 2**-0.07),
        ("hard", 5.0, 2.0),
        ("hard", 9.9, 2.0),
        ("hard", 20.0, 1.0),
        ("soft", 5.0, 2 * 0.5**-0.07),
        ("soft", 10.0, 2.0),
        ("soft", 20.0, 2 * 2**-0.07),
    ],
)
def test_reward(preset: str, latency_ms: float, expected: float) -> None:
    assert scoring.reward(2.0, latency_ms, 10.0, preset) == pytest.approx(expected)


def test_reward_without_target_is_the_quality() -> None:
    assert scoring.reward(1.3, None, None) == 1.3
    assert scoring.reward(1.3, 99.0, None, "hard") == 1.3


@given(
    quality=st.floats(0.01, 100),
    preset=st.sampled_from(sorted(scoring.REWARD_PRESETS)),
    latencies=st.tuples(st.floats(0.01, 1e4), st.floats(0.01, 1e4)),
)
def test_reward_never_rises_with_latency(quality: float, preset: str, latencies: tuple[float, float]) -> None:
    fast, slow = sorted(latencies)
    better = scoring.reward(quality, fast, 10.0, preset)
    assert better >= scoring.reward(quality, slow, 10.0, preset) * (1 - 1e-12)
    assert better > 0 and math.isfinite(better)


def test_reward_refuses_unknown_preset_and_bad_numbers() -> None:
    with pytest.raises(UsageError, match=r"Unknown reward preset 'papier'\. Did you mean 'paper'"):
        scoring.reward(1.0, 1.0, 1.0, "papier")
    for quality, latency, target, name in [
        (0.0, 1.0, 1.0, "quality"),
        (1.0, None, 1.0, "latency_ms"),
        (1.0, math.nan, 1.0, "latency_ms"),
        (1.0, 1.0, -2.0, "target_ms"),
    ]:
        with pytest.raises(UsageError, match=f"argument `{name}`. Expected a positive, finite number"):
            scoring.reward(quality, latency, target)
