"""The search over time, and which decisions of the space made the difference."""

from __future__ import annotations

import shlex

from edgenas.report.commands import missing
from edgenas.report.growth_figures import feasible_figure, growth, hypervolume_figure
from edgenas.report.importance import LEAST_TRIALS, importances
from edgenas.report.markup import Cell, Html, code, join, note, table, tag
from edgenas.report.progress_figure import progress_figure
from edgenas.report.run_data import RunData
from edgenas.report.wording import number

__all__ = ["search_section"]

_MOST_ROWS = 12
_QUARTERS = ((0.25, "a quarter"), (0.5, "half"), (0.75, "three quarters"), (1.0, "all"))


def search_section(run: RunData) -> Html:
    """Three figures over the trials, the same as a table, the importances and the tools for more."""
    progress = progress_figure(run.trials)
    if progress is None:
        return join((missing("No trial has a score yet.", "search", run), _tools(run)))
    figures = (
        (progress, "The reward of each trial; the line is the best within the target so far."),
        (hypervolume_figure(run), "How much of quality and predicted latency the networks dominate."),
        (feasible_figure(run.trials), "How well the search keeps to the target, by predicted latency."),
    )
    shown = [
        tag("figure", figure, tag("figcaption", words)) for figure, words in figures if figure is not None
    ]
    parts: list[Html | None] = [tag("div", *shown, class_="three"), _over_time(run)]
    return join((*parts, _importances(run), _tools(run)))


def _over_time(run: RunData) -> Html:
    """The figures in numbers, for those who do not see them."""
    last = max(t.number for t in run.trials if t.completed)
    found = growth(run)
    rows: list[list[Cell]] = []
    for share, words in _QUARTERS:
        until = [t for t in run.trials if t.number <= share * last]
        ended = [t for t in until if t.status not in ("running", "waiting")]
        within = [t for t in ended if t.feasible]
        rewards = [t.reward for t in within if t.completed and t.reward is not None]
        volumes = [value for n, value in found[0] if n <= share * last] if found else []
        rows.append(
            [
                f"{words} of the trials",
                number(max(rewards)) if rewards else None,
                number(max(volumes)) if volumes else None,
                f"{100 * len(within) / len(ended):.0f}%" if ended else None,
            ]
        )
    header: list[Cell] = ["after", "best reward within the target", "hypervolume", "within the target"]
    inner = table("The search over time", header, rows)
    return tag("details", tag("summary", "The search over time as a table"), inner)


def _importances(run: RunData) -> Html:
    found = importances(run.trials)
    title = tag("h3", "Decisions that matter")
    if not found:
        return join(
            (title, note(f"Shares of variance need {LEAST_TRIALS} different networks with a quality."))
        )
    rows: list[list[Cell]] = [
        [
            item.name,
            _bar(item.quality, item.latency),
            f"{100 * item.quality:.0f}%",
            None if item.latency is None else f"{100 * item.latency:.0f}%",
            f"{item.best} ({number(item.best_quality)})",
            str(item.trials),
        ]
        for item in found[:_MOST_ROWS]
    ]
    header: list[Cell] = [
        "decision",
        "share of the variance (upper bar quality, lower bar predicted latency)",
        "of quality",
        "of predicted latency",
        "best choice (mean quality)",
        "networks",
    ]
    more = f"; the {_MOST_ROWS} largest of {len(found)}" if len(found) > _MOST_ROWS else ""
    words = note(
        "What one decision explains alone (omega squared); what only two together explain is not in it. A search "
        "prefers what did well, so its trials are no even sample of the space."
    )
    return join(
        (title, table(f"Share of the variance per decision{more}", header, rows, text_columns=2), words)
    )


def _bar(quality: float, latency: float | None) -> Html:
    bars = [
        tag("rect", x=0, y=y, width=max(100 * share, 0.4), height=5, class_=f"bar-{kind}")
        for y, share, kind in ((1, quality, "predicted"), (7, latency, "measured"))
        if share is not None
    ]
    return tag(
        "svg", *bars, viewBox="0 0 100 13", preserveAspectRatio="none", class_="bar", aria_hidden="true"
    )


def _tools(run: RunData) -> Html:
    """Other ways to look at the same search."""
    folder = shlex.quote(str(run.folder))
    lines = [("follow it while it runs", f"edgenas report {folder} --serve")]
    if run.dashboard:
        lines.append(("every trial with its decisions", f"optuna-dashboard {shlex.quote(run.dashboard)}"))
    if run.has_curves:
        lines.append(("curves of the search and of the trainings", f"tensorboard --logdir {folder}"))
    items = [tag("li", f"{what}: ", code(command)) for what, command in lines]
    return tag("div", tag("h3", "Look closer"), tag("ul", *items, class_="tools"))
