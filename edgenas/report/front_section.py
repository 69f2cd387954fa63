"""Quality against latency: the Pareto figure, the search over time and the same trials as tables."""

from __future__ import annotations

from edgenas.report.coerce import as_text
from edgenas.report.commands import missing
from edgenas.report.markup import Cell, Html, join, note, table, tag
from edgenas.report.pareto_figure import pareto_figure
from edgenas.report.progress_figure import progress_figure
from edgenas.report.ranking_section import ranking_section
from edgenas.report.run_data import RunData
from edgenas.report.study_data import Trial, front_of
from edgenas.report.wording import interval, number, status_text

__all__ = ["front_section"]

_MOST_ROWS = 1000
_MOST_FRONT_ROWS = 15
_SCORES: tuple[Cell, ...] = ("quality", "reward", "predicted (ms)", "90% interval", "within target")


def front_section(run: RunData) -> Html:
    """Both figures, the front as a table and every trial folded away."""
    figure = pareto_figure(run)
    progress = progress_figure(run.trials)
    if progress is None:
        return missing("No trial has a score yet.", "search", run)
    recommended = run.best is not None and run.best.feasible
    legend = [
        ("key-feasible", "within the target"),
        ("key-infeasible", "over the target"),
        ("key-front", "Pareto front; best reward within the target so far"),
    ]
    if run.best:
        legend.append(("key-winner", "recommended" if recommended else "nearest to the target"))
    if run.baseline:
        legend.append(("key-baseline", "MT edge baseline"))
    keys = tag(
        "ul",
        *(tag("li", tag("span", class_=f"key {k}", aria_hidden="true"), words) for k, words in legend),
        class_="legend",
    )
    figures = [tag("figure", drawing) for drawing in (figure, progress) if drawing]
    how = "Latency is predicted; bars are its 90% interval. Point at a mark, or step with the arrow keys."
    if figure is None:
        how = "No latency was predicted, as this search had no target device."
    parts = [tag("div", *figures, class_="columns"), keys, note(how)]
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
