"""How a search went: the hypervolume as it grew, and the share of networks within the target."""

from __future__ import annotations

from collections.abc import Sequence

from edgenas.report.markup import Html, tag
from edgenas.report.run_data import RunData
from edgenas.report.study_data import Trial
from edgenas.report.svg import Plot, chart, mark, scale_over
from edgenas.report.wording import number

__all__ = ["feasible_figure", "growth", "hypervolume_figure"]

_WIDTH, _HEIGHT = 440.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 424.0, 54.0, 244.0
_LEAST_WINDOW = 10
_MOST_STEPS = 400


def growth(run: RunData) -> tuple[tuple[tuple[int, float], ...], float] | None:
    """(trial, hypervolume after it) of each trial that raised it, and the latency of the reference point in ms.

    None without a baseline, whose latency is the reference, or without a scored trial.
    """
    from edgenas.search.hypervolume import Hypervolume, reference_of  # imports Optuna, as its whole room does

    reference = reference_of(run.baseline.predicted_ms if run.baseline else None)
    scored = [t for t in run.trials if t.scored]
    if not reference or not scored:
        return None
    volume = Hypervolume(reference)
    for trial in scored:
        volume.add_point(trial.number, trial.quality or 0.0, trial.predicted_ms or 0.0)
    return volume.growth, reference


def hypervolume_figure(run: RunData) -> Html | None:
    """The hypervolume over the trials, or None where there is none."""
    found = growth(run)
    if found is None or not found[0]:
        return None
    steps, reference = found
    last = max(t.number for t in run.trials if t.scored)
    plot = _plot(last, [0.0, *(value for _, value in steps)])
    path = f"M{plot.x(0):.1f} {plot.y(0.0):.1f}"
    path += "".join(f"H{plot.x(n):.1f}V{plot.y(value):.1f}" for n, value in steps)
    parts = [plot.axes("trial", "hypervolume", x_ticks=5)]
    parts.append(tag("path", d=f"{path}H{plot.x(last):.1f}", class_="front-line"))
    for n, value in _thinned(steps):
        parts.append(_dot(plot, n, value, f"Trial {n}\nraised the hypervolume to {number(value, 4)}"))
    description = (
        f"Hypervolume over the trials, from 0 to {number(steps[-1][1], 4)}; the reference is quality 0 at "
        f"{number(reference)} ms, twice the predicted latency of the baseline."
    )
    title = "Hypervolume over the search"
    return chart("hypervolume", title, description, (_WIDTH, _HEIGHT), parts, "narrow")


def feasible_figure(trials: Sequence[Trial]) -> Html | None:
    """The share within the target among the last trials, or None with fewer than two ended trials."""
    ended = [t for t in trials if t.status not in ("running", "waiting")]
    if len(ended) < 2:
        return None
    window = max(_LEAST_WINDOW, len(ended) // 20)
    shares: list[tuple[int, float]] = []
    within = 0
    for place, trial in enumerate(ended):
        within += trial.feasible
        if place >= window:
            within -= ended[place - window].feasible
        shares.append((trial.number, 100.0 * within / min(place + 1, window)))
    plot = _plot(ended[-1].number, [0.0, 100.0], pad=0.0)
    drawn = _thinned(shares)
    path = "L".join(f"{plot.x(n):.1f} {plot.y(share):.1f}" for n, share in drawn)
    parts = [plot.axes("trial", "within the target (%)", x_ticks=5)]
    parts.append(tag("path", d=f"M{path}", class_="front-line"))
    for n, share in drawn[:: max(1, len(drawn) // 20)]:
        tip = f"Trial {n}\n{share:.0f}% of the last {min(window, n + 1)} trials within the target"
        parts.append(_dot(plot, n, share, tip))
    description = (
        f"Share of the last {window} trials that were within the target, by predicted latency: "
        f"{shares[0][1]:.0f}% at first, {shares[-1][1]:.0f}% at the end."
    )
    title = f"Within the target, of the last {window} trials"
    return chart("feasible", title, description, (_WIDTH, _HEIGHT), parts, "narrow")


def _plot(last: int, values: Sequence[float], pad: float = 0.06) -> Plot:
    x = scale_over([0.0, float(max(last, 1))], _LEFT, _RIGHT, pad=0.03)
    return Plot(_WIDTH, _HEIGHT, x, scale_over(values, _BOTTOM, _TOP, pad=pad))


def _thinned(steps: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most about `_MOST_STEPS`, with the last."""
    step = -(-len(steps) // _MOST_STEPS)
    kept = list(steps[::step])
    return kept if kept[-1] == steps[-1] else [*kept, steps[-1]]


def _dot(plot: Plot, trial: int, value: float, tip: str) -> Html:
    x, y = plot.x(trial), plot.y(value)
    touch = tag("circle", cx=x, cy=y, r=8, class_="touch")
    return mark("feasible front", tip, tag("circle", cx=x, cy=y, r=3), touch)
