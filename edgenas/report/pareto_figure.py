"""Quality against predicted latency: every trial, the front, the target, the baseline, the winner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgenas.report.coerce import as_number, as_text
from edgenas.report.markup import Html, tag
from edgenas.report.run_data import Candidate, RunData
from edgenas.report.study_data import Trial, front_of
from edgenas.report.svg import Plot, chart, cross, diamond, line, mark, scale_over, text
from edgenas.report.wording import interval, ms, number

__all__ = ["pareto_figure"]

_WIDTH, _HEIGHT = 680.0, 446.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 660.0, 54.0, 390.0
_LOG_FROM_RATIO = 6.0
_MOST_INTERVALS = 300  # beyond this the bars of ordinary trials only hide the points
_MOST_LABELS = 5
_MOST_POINTS = 6000  # keeps the page under 5 MB


def trial_tip(trial: Trial) -> str:
    """What the tooltip of a trial says."""
    lines = [
        f"Trial {trial.number} ({'meets the target' if trial.feasible else 'over the target'})",
        f"quality {number(trial.quality, 4)}",
        f"reward {number(trial.reward, 4)}",
        f"predicted {ms(trial.predicted_ms)}",
    ]
    if trial.low_ms is not None and trial.high_ms is not None:
        lines.append(f"90% interval {interval(trial.low_ms, trial.high_ms)}")
    if trial.duplicate_of:
        origin = trial.duplicate_of if trial.duplicate_of == "baseline" else f"trial {trial.duplicate_of}"
        lines.append(f"same network as {origin}, not trained again")
    if trial.architecture_hash:
        lines.append(f"network {trial.architecture_hash}")
    return "\n".join(lines)


def pareto_figure(run: RunData, device: int = 0) -> Html | None:
    """The figure, or None when no trial has a score.

    Args:
        run: the run.
        device: position of the device in the search's list, whose latencies are drawn.
    """
    label, target_ms = _device(run, device)
    trials = [t.on(label) for t in run.trials if t.scored]
    trials = [t for t in trials if t.predicted_ms is not None]
    if not trials:
        return None
    front = front_of(trials)
    baseline = _baseline_on(run.baseline, label, device)
    measured = _measured(run, trials, label)
    plot = _plot(trials, baseline, target_ms, [value for _, value, _ in measured])
    best = run.best.trial if run.best else None
    on_front = {t.number for t in front}
    parts = [plot.axes("predicted latency (ms)", "quality (1 = MT edge baseline)")]
    if target_ms:
        parts.append(_target(plot, target_ms))
    drawn = _thinned(trials, on_front, _MOST_POINTS // max(len(run.config.devices), 1))
    if len(trials) <= _MOST_INTERVALS:
        parts += [_interval_bar(plot, t) for t in trials if t.number not in on_front]
    parts.append(_front_line(plot, front))
    parts += [_interval_bar(plot, t, "front") for t in front]
    for trial in sorted(drawn, key=lambda t: (t.predicted_ms or 0.0, t.number)):
        if trial.number != best:
            parts.append(_point(plot, trial, trial.number in on_front))
    if baseline:
        parts.append(_baseline(plot, baseline))
    parts += [_remeasured(plot, *found) for found in measured]
    winner = next((t for t in trials if t.number == best), None)
    parts += _labels(plot, front, winner)
    if winner:
        parts.append(_winner(plot, winner, recommended=bool(run.best and run.best.feasible)))
    feasible = sum(t.feasible for t in trials)
    description = (
        f"{len(trials)} scored trials, {feasible} of them within the latency target; "
        f"{len(front)} lie on the Pareto front; {len(drawn)} are drawn. "
        "Use the arrow keys to step through the trials by latency."
    )
    title = "Quality against predicted latency" + (f" on {label}" if run.config.devices else "")
    return chart(f"pareto-{device}", title, description, (_WIDTH, _HEIGHT), parts, "wide")


def _device(run: RunData, position: int) -> tuple[str, float | None]:
    """Label of a device and its target."""
    if not run.config.devices:
        return run.config.device, run.config.target_ms
    device = run.config.devices[position]
    return as_text(device.get("label")), as_number(device.get("target_ms"))


def _baseline_on(baseline: Candidate | None, label: str, position: int) -> Candidate | None:
    """The baseline with its latency on a device; None where that is not known."""
    if baseline is None:
        return None
    if position and label not in baseline.others:
        return None
    if position:
        predicted, bounds = baseline.others[label]
        baseline = replace(baseline, predicted_ms=predicted, interval_ms=bounds)
    return baseline if baseline.predicted_ms is not None else None


def _measured(run: RunData, trials: Sequence[Trial], label: str) -> list[tuple[Trial, float, str]]:
    """Trials that were measured after the search on a device, with the latency and how it came about."""
    by_number = {str(t.number): t for t in trials}
    rows = run.remeasured.rows if run.remeasured else ()
    return [
        (by_number[row.trial], row.measured_ms, row.source)
        for row in rows
        if row.measured_ms and row.device == label and row.trial in by_number
    ]


def _remeasured(plot: Plot, trial: Trial, measured_ms: float, source: str) -> Html:
    """A hollow square at the latency on the device, joined to the predicted point."""
    (x, y), at = _place(plot, trial), plot.x(measured_ms)
    tip = f"Trial {trial.number}, {source} after the search\n{source} {ms(measured_ms)}\n"
    tip += f"predicted {ms(trial.predicted_ms)}"
    square = tag("rect", x=at - 4.5, y=y - 4.5, width=9, height=9)
    return tag("g", line(x, y, at, y, "joined"), mark("remeasured", tip, square, _touch(at, y)))


def _thinned(trials: Sequence[Trial], on_front: set[int], most: int) -> list[Trial]:
    """At most about `most` trials, evenly over the search; the whole front is always among them."""
    step = -(-len(trials) // most)
    return [t for place, t in enumerate(trials) if place % step == 0 or t.number in on_front]


def _plot(
    trials: Sequence[Trial], baseline: Candidate | None, target_ms: float | None, measured_ms: list[float]
) -> Plot:
    latencies = measured_ms + [
        value for t in trials for value in (t.predicted_ms, t.low_ms, t.high_ms) if value is not None
    ]
    qualities = [t.quality for t in trials if t.quality is not None]
    if baseline and baseline.predicted_ms is not None:
        latencies += [baseline.predicted_ms, *(baseline.interval_ms or ())]
        qualities.append(1.0)
    if target_ms:
        latencies.append(target_ms)
    log = min(latencies) > 0 and max(latencies) / min(latencies) > _LOG_FROM_RATIO
    x = scale_over(latencies, _LEFT, _RIGHT, log=log)
    return Plot(_WIDTH, _HEIGHT, x, scale_over(qualities, _BOTTOM, _TOP, pad=0.1))


def _place(plot: Plot, trial: Trial) -> tuple[float, float]:
    return plot.x(trial.predicted_ms or 0.0), plot.y(trial.quality or 0.0)


def _target(plot: Plot, target_ms: float) -> Html:
    x = plot.x(target_ms)
    left = x > (plot.x.start + plot.x.end) / 2
    label = text(
        x - 7 if left else x + 7,
        _TOP - 8,
        f"target {ms(target_ms)}",
        "target-label",
        anchor="end" if left else None,
    )
    shade = tag("rect", x=x, y=_TOP, width=max(plot.x.end - x, 0.0), height=_BOTTOM - _TOP, class_="beyond")
    return tag("g", shade, line(x, _TOP - 20, x, _BOTTOM, "target"), label, aria_hidden="true")


def _interval_bar(plot: Plot, trial: Trial, kind: str = "") -> Html:
    if trial.low_ms is None or trial.high_ms is None:
        return Html("")
    y = plot.y(trial.quality or 0.0)
    return line(plot.x(trial.low_ms), y, plot.x(trial.high_ms), y, f"interval {kind}".strip())


def _front_line(plot: Plot, front: Sequence[Trial]) -> Html:
    """A staircase: at any latency, the best quality that costs no more."""
    x, y = _place(plot, front[0])
    path = [f"M{x:.1f} {y:.1f}"]
    for trial in front[1:]:
        x, y = _place(plot, trial)
        path.append(f"H{x:.1f}V{y:.1f}")
    return tag("path", d="".join(path) + f"H{plot.x.end:.1f}", class_="front-line")


def _point(plot: Plot, trial: Trial, on_front: bool) -> Html:
    x, y = _place(plot, trial)
    kind = " front" if on_front else ""
    if not trial.feasible:
        return mark(f"infeasible{kind}", trial_tip(trial), cross(x, y, 4), _touch(x, y))
    return mark(
        f"feasible{kind}", trial_tip(trial), tag("circle", cx=x, cy=y, r=5 if on_front else 4), _touch(x, y)
    )


def _touch(x: float, y: float) -> Html:
    """An invisible disc that makes a small mark easy to hit."""
    return tag("circle", cx=x, cy=y, r=9, class_="touch")


def _winner(plot: Plot, trial: Trial, *, recommended: bool) -> Html:
    x, y = _place(plot, trial)
    role = "Recommended" if recommended else "Nearest to the target, not recommended"
    return mark("winner", f"{role}\n{trial_tip(trial)}", diamond(x, y, 9), _touch(x, y))


def _baseline(plot: Plot, baseline: Candidate) -> Html:
    x, y = plot.x(baseline.predicted_ms or 0.0), plot.y(1.0)
    tip = f"MT edge baseline\nquality 1 by definition\npredicted {ms(baseline.predicted_ms)}"
    bar = Html("")
    if baseline.interval_ms:
        low, high = baseline.interval_ms
        bar = line(plot.x(low), y, plot.x(high), y, "interval baseline")
        tip += f"\n90% interval {interval(low, high)}"
    left = x > plot.x.end - 90
    label = text(x - 11 if left else x + 11, y + 19, "baseline", "label", anchor="end" if left else None)
    square = tag("rect", x=x - 6, y=y - 6, width=12, height=12)
    return tag("g", bar, mark("baseline", tip, square), label)


def _labels(plot: Plot, front: Sequence[Trial], winner: Trial | None) -> list[Html]:
    """Names the winner and a few feasible members of the front, leaving out what would overlap.

    The names stand above and left of their points: no trial can lie there, or the front would run through it.
    """
    parts: list[Html] = []
    taken: list[tuple[float, float]] = []
    for trial in ([winner] if winner else []) + [
        t for t in reversed(front) if t.feasible and t is not winner
    ]:
        x, y = _place(plot, trial)
        crowded = any(abs(x - a) < 70 and abs(y - b) < 30 for a, b in taken)
        if crowded or len(parts) == _MOST_LABELS:
            continue
        if trial is winner:
            parts.append(text(x - 10, y - 12, f"trial {trial.number}", "label strong", anchor="end"))
        else:
            parts.append(text(x - 8, y - 9, f"{trial.number}", "label", anchor="end"))
        taken.append((x, y))
    return parts
