"""The reward of every trial in their order, and the best feasible one so far."""

from __future__ import annotations

from edgenas.report.markup import Html, tag
from edgenas.report.pareto_figure import trial_tip
from edgenas.report.study_data import Trial
from edgenas.report.svg import Plot, chart, cross, mark, scale_over

__all__ = ["progress_figure"]

_WIDTH, _HEIGHT = 440.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 424.0, 54.0, 244.0

_MOST_MARKS = 1500


def progress_figure(trials: tuple[Trial, ...]) -> Html | None:
    """The figure, or None when no trial has a reward."""
    rewarded = [t for t in trials if t.completed]
    if not rewarded:
        return None
    x = scale_over([0.0, float(max(rewarded[-1].number, 1))], _LEFT, _RIGHT, pad=0.03)
    y = scale_over([t.reward or 0.0 for t in rewarded], _BOTTOM, _TOP, pad=0.08)
    plot = Plot(_WIDTH, _HEIGHT, x, y)
    parts = [plot.axes("trial", "reward", x_ticks=5)]
    path, best = "", None
    for trial in rewarded:
        reward = trial.reward or 0.0
        if trial.feasible and (best is None or reward > best):
            left = f"M{x(trial.number):.1f}" if best is None else f"H{x(trial.number):.1f}V"
            path += f"{left} {y(reward):.1f}" if best is None else f"{left}{y(reward):.1f}"
            best = reward
    if path:
        parts.append(tag("path", d=f"{path}H{x.end:.1f}", class_="front-line"))
    if len(rewarded) <= _MOST_MARKS:
        parts += [_point(plot, trial) for trial in rewarded]
    else:
        parts += [_dots(plot, rewarded, feasible) for feasible in (False, True)]
    reached = f"The best feasible reward is {best:.4g}." if best is not None else "No trial is feasible."
    description = f"Reward of {len(rewarded)} trials in the order of the search. {reached}"
    return chart("progress", "Reward over the search", description, (_WIDTH, _HEIGHT), parts, "narrow")


def _dots(plot: Plot, trials: list[Trial], feasible: bool) -> Html:
    """All trials of a kind as one path of dots: small, without a tooltip each."""
    kept = [t for t in trials if t.feasible == feasible]
    path = "".join(f"M{plot.x(t.number):.1f} {plot.y(t.reward or 0.0):.1f}h0" for t in kept)
    return tag("path", d=path or None, class_="dots" if feasible else "dots over")


def _point(plot: Plot, trial: Trial) -> Html:
    x, y = plot.x(trial.number), plot.y(trial.reward or 0.0)
    shape = tag("circle", cx=x, cy=y, r=3.5) if trial.feasible else cross(x, y, 3.5)
    touch = tag("circle", cx=x, cy=y, r=8, class_="touch")
    return mark("feasible" if trial.feasible else "infeasible", trial_tip(trial), shape, touch)
