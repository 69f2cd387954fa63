"""Eq. 5 to 12: from metrics to quality, from quality and latency to reward, and the delta metrics.

Exact (from the paper's supplement): the form of Eq. 5, the aggregation with weights w_ij = 1 (Eq. 6, 7) and
the delta metrics (Eq. 9 to 12). Declared (this project's choice): the quality as a mean of ratios to the
multi-task edge baseline, which metrics enter it, the limits of a ratio, and the presets `hard` and `soft`.

Metrics are nested dictionaries {task: {metric: value}}; None stands for a metric that no valid pixel defines.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from edgenas.errors import UsageError, unknown_name
from edgenas.tasks.registry import PerTask

__all__ = [
    "HIGHER_IS_BETTER",
    "QUALITY_METRICS",
    "RATIO_RANGE",
    "REWARD_PRESETS",
    "MetricWeights",
    "Metrics",
    "defined",
    "delta_metric",
    "delta_task",
    "delta_total",
    "mean_of_defined",
    "quality",
    "reward",
]

Metrics = Mapping[str, Mapping[str, float | None]]
MetricWeights = Mapping[str, Mapping[str, float]]

HIGHER_IS_BETTER: Mapping[str, Mapping[str, bool]] = PerTask(lambda task: task.metrics)
"""Every metric of every task and its direction (l_j of Eq. 10), as the tasks say it."""

QUALITY_METRICS: Mapping[str, tuple[str, ...]] = PerTask(lambda task: task.quality_metrics)
"""Declared: the metrics M_ij that enter the quality and the delta metrics, each with w_ij = 1, as the tasks say it."""

RATIO_RANGE = (0.01, 100.0)
"""Declared: limits of one ratio r_ij; a metric at or near zero leaves the quality positive and finite."""

REWARD_PRESETS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"paper": (0.0, -0.07), "hard": (0.0, -1.0), "soft": (-0.07, -0.07)}
)
"""Exponents (p, q) of Eq. 5: p at or below the target, q above. `paper` is exact, the others are declared."""

# Below this a metric counts as zero: two networks that are both at zero then compare as equal.
_SMALLEST_METRIC = 1e-12


def quality(metrics: Metrics, baseline_metrics: Metrics, weights: MetricWeights | None = None) -> float:
    """Quality Q(a): how a network compares with the baseline, 1.0 meaning equal (Eq. 6, 7; declared ratios).

    Q is the mean over tasks of the w-weighted mean over metrics of r_ij, with r_ij = m/b where higher is
    better and b/m where lower is. Ratios are limited to `RATIO_RANGE`; two zeros compare as equal (1.0).

    What cannot be compared: a metric that is None (or not finite) in the baseline is left out; one that is
    None only in `metrics` counts with the worst ratio, since a network may not gain by missing a metric; a
    task none of whose metrics is left is left out of the mean over tasks.

    Args:
        metrics: metrics of the network. Its tasks are the ones compared.
        baseline_metrics: metrics of the baseline under the same schedule, at least of the tasks of `metrics`.
        weights: w_ij that differ from 1.0, {task: {metric: weight}}. A metric outside `QUALITY_METRICS` that
            is named here enters the quality; weight 0 takes a metric out.

    Returns:
        Q, positive and finite, within `RATIO_RANGE`.

    Raises:
        UsageError: a task without baseline, an unknown task or metric, a negative weight, nothing to compare.
    """
    missing = sorted(set(metrics) - set(baseline_metrics))
    if missing:
        raise UsageError(
            f"Invalid value for argument `baseline_metrics`. Expected metrics of every task to compare "
            f"({', '.join(sorted(metrics))}). Received none for: {', '.join(missing)}."
        )
    task_means = []
    for task, values in metrics.items():
        total = weight_sum = 0.0
        for metric, weight in _metric_weights(task, weights).items():
            base = defined(baseline_metrics[task].get(metric))
            if base is None or weight == 0.0:
                continue
            ratio = _ratio(defined(values.get(metric)), base, HIGHER_IS_BETTER[task][metric])
            total += weight * ratio
            weight_sum += weight
        if weight_sum > 0.0:
            task_means.append(total / weight_sum)
    if not task_means:
        raise UsageError(
            "The quality is undefined: no metric is defined in the baseline and has a positive weight. "
            f"Expected a value of at least one of {dict(QUALITY_METRICS)}. "
            f"Received { {task: dict(values) for task, values in baseline_metrics.items()} }. "
            "Check that the validation split holds valid pixels of the tasks."
        )
    return min(max(math.fsum(task_means) / len(task_means), RATIO_RANGE[0]), RATIO_RANGE[1])


def reward(quality: float, latency_ms: float | None, target_ms: float | None, preset: str = "paper") -> float:
    """Reward R = Q * (latency / target)^beta (Eq. 5, the form of MnasNet).

    beta is p at or below the target and q above it. Without a target the reward is the quality.

    Args:
        quality: Q of `quality`, positive.
        latency_ms: latency in milliseconds (the predictor's estimate or its upper quantile).
        target_ms: latency target in milliseconds, or None for a search without a target.
        preset: a name of `REWARD_PRESETS`.

    Raises:
        UsageError: unknown preset, or a number that is not positive and finite.
    """
    if preset not in REWARD_PRESETS:
        raise unknown_name("reward preset", preset, REWARD_PRESETS, "edgenas search --help")
    _require_positive("quality", quality)
    if target_ms is None:
        return quality
    ratio = _require_positive("latency_ms", latency_ms) / _require_positive("target_ms", target_ms)
    at_or_below, above = REWARD_PRESETS[preset]
    return float(quality * ratio ** (above if ratio > 1.0 else at_or_below))


def delta_metric(value: float | None, reference: float | None, *, higher_is_better: bool) -> float | None:
    """Eq. 9: relative improvement over the single-task model in percent, positive where `value` is better.

    Args:
        value: m_ij, the multi-task model's metric.
        reference: s_ij, the single-task model's metric.
        higher_is_better: direction of the metric; l_j of Eq. 10 is 0 when True, 1 when False.

    Returns:
        Percent, or None where it is undefined: a value is None or not finite, or the reference is 0.
    """
    m, s = defined(value), defined(reference)
    if m is None or s is None or s == 0.0:
        return None
    change = (m - s) / s * 100.0
    return change if higher_is_better else -change


def delta_task(
    task: str,
    values: Mapping[str, float | None],
    references: Mapping[str, float | None],
    metric_names: tuple[str, ...] | None = None,
) -> float | None:
    """Eq. 11: mean of `delta_metric` over a task's metrics, in percent.

    Args:
        task: name of the task.
        values: the multi-task model's metrics.
        references: the single-task model's metrics.
        metric_names: metrics to average; default `QUALITY_METRICS[task]`.

    Returns:
        Percent over the metrics whose delta is defined, or None when none is.

    Raises:
        UsageError: unknown task or metric.
    """
    names = metric_names if metric_names is not None else QUALITY_METRICS[_known_task(task)]
    deltas = [
        delta_metric(values.get(name), references.get(name), higher_is_better=_direction(task, name))
        for name in names
    ]
    return mean_of_defined(deltas)


def delta_total(metrics: Metrics, reference_metrics: Metrics) -> float | None:
    """Eq. 12: mean of `delta_task` over the tasks that both hold, in percent; None when none is defined."""
    deltas = [delta_task(t, metrics[t], reference_metrics[t]) for t in metrics if t in reference_metrics]
    return mean_of_defined(deltas)


def _metric_weights(task: str, weights: MetricWeights | None) -> dict[str, float]:
    """w_ij of one task: 1.0 for `QUALITY_METRICS`, then what the caller changes."""
    for name in weights or ():
        _known_task(name)
    result = dict.fromkeys(QUALITY_METRICS[_known_task(task)], 1.0)
    for metric, weight in (weights or {}).get(task, {}).items():
        _direction(task, metric)
        if not (math.isfinite(weight) and weight >= 0.0):
            raise UsageError(
                f"Invalid value for argument `weights`. Expected a finite weight of 0 or more for "
                f"{task}/{metric}. Received {weight!r}."
            )
        result[metric] = float(weight)
    return result


def _ratio(value: float | None, base: float, higher_is_better: bool) -> float:
    if value is None:
        return RATIO_RANGE[0]
    m, b = max(value, _SMALLEST_METRIC), max(base, _SMALLEST_METRIC)
    return min(max(m / b if higher_is_better else b / m, RATIO_RANGE[0]), RATIO_RANGE[1])


def defined(value: float | None) -> float | None:
    """A metric as it is stored: None where it is missing, NaN or infinite."""
    return float(value) if value is not None and math.isfinite(value) else None


def mean_of_defined(values: Iterable[float | None]) -> float | None:
    """The mean of the values that are not None; None where there is none."""
    given = [value for value in values if value is not None]
    return math.fsum(given) / len(given) if given else None


def _known_task(task: str) -> str:
    if task not in HIGHER_IS_BETTER:
        raise unknown_name("task", task, HIGHER_IS_BETTER)
    return task


def _direction(task: str, metric: str) -> bool:
    directions = HIGHER_IS_BETTER[_known_task(task)]
    if metric not in directions:
        raise unknown_name(f"{task} metric", metric, directions)
    return directions[metric]


def _require_positive(argument: str, value: float | None) -> float:
    if value is None or not (math.isfinite(value) and value > 0.0):
        raise UsageError(
            f"Invalid value for argument `{argument}`. Expected a positive, finite number. "
            f"Received {value!r}."
        )
    return float(value)
