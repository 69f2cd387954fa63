"""Several runs in one figure: their Pareto fronts, and how each of them went."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgenas.report.growth_figures import growth
from edgenas.report.markup import Html, tag
from edgenas.report.run_data import RunData
from edgenas.report.study_data import front_of
from edgenas.report.svg import Plot, chart, cross, diamond, mark, scale_over, text
from edgenas.report.wording import interval, ms, number

__all__ = ["MOST_RUNS", "fronts_figure", "hypervolumes_figure", "keys", "rewards_figure"]

MOST_RUNS = 6
"""Colours and shapes that can be told apart."""

Named = Sequence[tuple[str, RunData]]

_WIDTH, _HEIGHT = 680.0, 446.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 660.0, 54.0, 390.0
_LOG_FROM_RATIO = 6.0


def _square(x: float, y: float) -> Html:
    return tag("rect", x=x - 4.5, y=y - 4.5, width=9, height=9)


def _triangle(x: float, y: float) -> Html:
    return tag("path", d=f"M{x:.1f} {y - 6:.1f}l6 10h-12z")


_SHAPES: tuple[Callable[[float, float], Html], ...] = (
    lambda x, y: tag("circle", cx=x, cy=y, r=5),
    _square,
    lambda x, y: diamond(x, y, 6),
    _triangle,
    lambda x, y: cross(x, y, 4.5),
    lambda x, y: tag("path", d=f"M{x - 5:.1f} {y:.1f}h10m-5 -5v10"),
)


def keys(runs: Named) -> Html:
    """Which colour and shape stands for which run."""
    items = []
    for place, (name, _) in enumerate(runs):
        drawing = tag(
            "svg",
            _SHAPES[place](8, 8),
            width=16,
            height=16,
            aria_hidden="true",
            class_=f"run-key run-{place}",
        )
        items.append(tag("li", drawing, name))
    return tag("ul", *items, class_="legend")


def fronts_figure(runs: Named) -> Html | None:
    """Quality against predicted latency: the Pareto front of each run."""
    fronts = [(place, name, front_of(run.trials), run) for place, (name, run) in enumerate(runs)]
    points = [t for _, _, front, _ in fronts for t in front]
    if not points:
        return None
    latencies = [t.predicted_ms or 0.0 for t in points]
    targets = [run.config.target_ms for _, run in runs if run.config.target_ms]
    ends = latencies + targets
    log = min(ends) > 0 and max(ends) / min(ends) > _LOG_FROM_RATIO
    plot = Plot(
        _WIDTH,
        _HEIGHT,
        scale_over(ends, _LEFT, _RIGHT, log=log),
        scale_over([t.quality or 0.0 for t in points], _BOTTOM, _TOP, pad=0.1),
    )
    parts = [plot.axes("predicted latency (ms)", "quality (1 = MT edge baseline of the run)")]
    for place, name, front, run in fronts:
        if not front:
            continue
        at = [(plot.x(t.predicted_ms or 0.0), plot.y(t.quality or 0.0)) for t in front]
        path = "".join(f"H{x:.1f}V{y:.1f}" for x, y in at[1:])
        start = f"M{at[0][0]:.1f} {at[0][1]:.1f}"
        parts.append(tag("path", d=f"{start}{path}H{plot.x.end:.1f}", class_=f"run-line run-{place}"))
        best = run.best.trial if run.best and run.best.feasible else None
        for trial, (x, y) in zip(front, at, strict=True):
            role = " (recommended)" if trial.number == best else ""
            tip = f"{name}, trial {trial.number}{role}\nquality {number(trial.quality, 4)}\n"
            tip += f"predicted {ms(trial.predicted_ms)}"
            if trial.low_ms is not None and trial.high_ms is not None:
                tip += f"\n90% interval {interval(trial.low_ms, trial.high_ms)}"
            touch = tag("circle", cx=x, cy=y, r=9, class_="touch")
            parts.append(mark(f"run-mark run-{place}", tip, _SHAPES[place](x, y), touch))
            if trial.number == best:
                parts.append(text(x - 10, y - 12, f"{trial.number}", "label strong", anchor="end"))
    description = "; ".join(f"{name}: {len(front)} networks on its front" for _, name, front, _ in fronts)
    title = "Pareto fronts of the runs"
    return chart("fronts", title, f"{description}.", (_WIDTH, _HEIGHT), parts, "wide")


def rewards_figure(runs: Named) -> Html | None:
    """The best reward within the target so far, over the trials."""
    lines = []
    for place, (name, run) in enumerate(runs):
        steps: list[tuple[int, float]] = []
        for trial in run.trials:
            reward = trial.reward
            if (
                trial.completed
                and trial.feasible
                and reward is not None
                and (not steps or reward > steps[-1][1])
            ):
                steps.append((trial.number, reward))
        lines.append((place, name, steps, _last(run)))
    return _steps_figure("rewards", "Best reward within the target so far", "reward", lines)


def hypervolumes_figure(runs: Named) -> Html | None:
    """The hypervolume of each run, relative to its own baseline."""
    lines = []
    for place, (name, run) in enumerate(runs):
        found = growth(run)
        lines.append((place, name, list(found[0]) if found else [], _last(run)))
    return _steps_figure("hypervolumes", "Hypervolume over the search", "hypervolume", lines)


def _last(run: RunData) -> int:
    return max((t.number for t in run.trials if t.completed), default=0)


def _steps_figure(
    id_: str, title: str, unit: str, lines: Sequence[tuple[int, str, list[tuple[int, float]], int]]
) -> Html | None:
    known = [line for line in lines if line[2]]
    if not known:
        return None
    width, height = 560.0, 340.0
    x = scale_over([0.0, *(float(max(last, 1)) for *_, last in known)], _LEFT, 540.0, pad=0.03)
    y = scale_over([value for _, _, steps, _ in known for _, value in steps], 284.0, _TOP, pad=0.08)
    plot = Plot(width, height, x, y)
    parts = [plot.axes("trial", unit, x_ticks=5)]
    for place, name, steps, last in known:
        path = f"M{x(steps[0][0]):.1f} {y(steps[0][1]):.1f}"
        path += "".join(f"H{x(n):.1f}V{y(value):.1f}" for n, value in steps[1:])
        parts.append(tag("path", d=f"{path}H{x(last):.1f}", class_=f"run-line run-{place}"))
        at = (x(last), y(steps[-1][1]))
        tip = f"{name}\n{unit} {number(steps[-1][1], 4)} after {last + 1} trials\nreached with trial {steps[-1][0]}"
        touch = tag("circle", cx=at[0], cy=at[1], r=9, class_="touch")
        parts.append(mark(f"run-mark run-{place}", tip, _SHAPES[place](*at), touch))
    description = "; ".join(f"{name}: {number(steps[-1][1], 4)}" for _, name, steps, _ in known)
    return chart(id_, title, f"At the end, {description}.", (width, height), parts, "half")
