"""Quality against latency: the Pareto figure of each device and the same trials as tables."""

from __future__ import annotations

from collections import Counter

from edgenas.report.coerce import as_text
from edgenas.report.commands import missing
from edgenas.report.markup import Cell, Html, join, note, table, tag
from edgenas.report.pareto_figure import pareto_figure
from edgenas.report.ranking_section import ranking_section
from edgenas.report.run_data import RunData
from edgenas.report.study_data import Trial, front_of
from edgenas.report.wording import interval, number, status_text

__all__ = ["front_section"]

_MOST_ROWS = 1000
_MOST_FRONT_ROWS = 15
_SCORES: tuple[Cell, ...] = ("quality", "reward", "predicted (ms)", "90% interval", "within target")


def front_section(run: RunData) -> Html:
    """The figure, the front as a table and every trial folded away."""
    if not any(t.completed for t in run.trials):
        return join((missing("No trial has a score yet.", "search", run), _unscored(run)))
    figure = _figures(run)
    recommended = run.best is not None and run.best.feasible
    legend = [
        ("key-feasible", "within the target"),
        ("key-infeasible", "over the target"),
        ("key-front", "Pareto front"),
    ]
    if run.best:
        legend.append(("key-winner", "recommended" if recommended else "nearest to the target"))
    if run.baseline:
        legend.append(("key-baseline", "MT edge baseline"))
    if run.remeasured and any(row.measured_ms for row in run.remeasured.rows):
        sources = " or ".join(sorted({row.source for row in run.remeasured.rows if row.measured_ms}))
        legend.append(("key-remeasured", f"{sources} after the search, joined to its prediction"))
    keys = tag(
        "ul",
        *(tag("li", tag("span", class_=f"key {k}", aria_hidden="true"), words) for k, words in legend),
        class_="legend",
    )
    how = "Latency is predicted; bars are its 90% interval. Point at a mark, or step with the arrow keys."
    if figure is None:
        how = "No latency was predicted, as this search had no target device."
    parts: list[Html | None] = [figure, keys if figure is not None else None, note(how), _unscored(run)]
    if run.best is None:
        parts.append(missing("The search has not ended, so no network is recommended yet.", "search", run))
    elif run.baseline is None:
        parts.append(missing("The baseline of this run is not stored.", "search", run))
    ranking = ranking_section(run)
    if ranking is not None:
        parts.append(ranking)
    front = front_of(run.trials)
    best = run.best.trial if run.best and recommended else None
    leading = sorted(front, key=lambda t: (not t.feasible, -(t.quality or 0.0)))
    rows = [[_name(t, best), *_scores(t)] for t in leading[:_MOST_FRONT_ROWS]]
    if rows:
        parts.append(table("The Pareto front: networks within the target first", ["trial", *_SCORES], rows))
    every = sorted(run.trials, key=lambda t: (t.reward is None, -(t.reward or 0.0), t.number))
    rows = [[_name(t, best), _state(t), *_scores(t)] for t in every[:_MOST_ROWS]]
    title = (
        f"The {_MOST_ROWS} trials with the highest reward" if len(every) > _MOST_ROWS else "Trials by reward"
    )
    inner = table(title, ["trial", "state", *_SCORES], rows, text_columns=2)
    rejected = _rejected(run)
    parts.append(tag("details", tag("summary", "Trials as a table"), rejected, inner))
    return join(parts)


def _figures(run: RunData) -> Html | None:
    """The figure; with several devices one each, of which the page's script shows one at a time."""
    labels = [as_text(device.get("label")) for device in run.config.devices]
    if len(labels) < 2:
        figure = pareto_figure(run)
        return None if figure is None else tag("figure", figure)
    figures = [(label, pareto_figure(run, place)) for place, label in enumerate(labels)]
    drawn = [(label, figure) for label, figure in figures if figure is not None]
    if not drawn:
        return None
    buttons = [tag("button", label, type="button", value=label, aria_pressed="false") for label, _ in drawn]
    views = [
        tag("figure", figure, tag("figcaption", f"Latency predicted for {label}."), data_view=label)
        for label, figure in drawn
    ]
    switch = tag(
        "div", "Latency on", *buttons, class_="switch", role="group", aria_label="Device", hidden="hidden"
    )
    return tag("div", switch, *views, data_switch="device")


def _unscored(run: RunData) -> Html | None:
    """How many trials have no place in the figure, and why."""
    counts = Counter(status_text(t.status) for t in run.trials if not t.completed)
    if not counts:
        return None
    words = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    return note(
        f"Not in the figure, as they have no quality: {words}. The table of trials gives the reasons."
    )


def _name(trial: Trial, best: int | None) -> str:
    return f"{trial.number} (recommended)" if trial.number == best else str(trial.number)


def _state(trial: Trial) -> str:
    state = status_text(trial.status)
    return f"{state}: {trial.reason}" if trial.reason else state


def _rejected(run: RunData) -> Html | None:
    """What "rejected" means, where a trial is."""
    if not any(trial.status == "rejected" for trial in run.trials):
        return None
    place = as_text(run.config.settings.get("require"))
    limits = any(
        run.config.settings.get(name) is not None
        for name in ("max_parameters", "max_activation_kib", "max_sram_kib")
    )
    what = [f"would not run on {place or 'the accelerator'} as a whole"] if place or not limits else []
    what += ["exceed a limit"] if limits else []
    return note(
        f"Rejected networks {' or '.join(what)}, which this search requires, for "
        "the reason beside them. They were not trained, so they have no score."
    )


def _scores(t: Trial) -> list[Cell]:
    within = None if not t.scored else ("yes" if t.feasible else "no")
    scores = (number(t.quality, 4), number(t.reward, 4), number(t.predicted_ms))
    return [*scores, interval(t.low_ms, t.high_ms), within]
