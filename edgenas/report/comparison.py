"""`write_comparison`: several runs side by side on one self-contained page."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from edgenas.errors import UsageError
from edgenas.report.coerce import Metrics, as_text
from edgenas.report.comparison_figures import (
    MOST_RUNS,
    Named,
    fronts_figure,
    hypervolumes_figure,
    keys,
    rewards_figure,
)
from edgenas.report.growth_figures import growth
from edgenas.report.markup import Cell, Html, code, join, note, table, tag
from edgenas.report.network_section import network_drawing
from edgenas.report.page import page, part, section
from edgenas.report.run_data import RunData, read_run
from edgenas.report.wording import duration, in_reading_order, metric_name, ms, number
from edgenas.storage import write_text_atomic

__all__ = ["render_comparison", "write_comparison"]

_COMPARISON_FILE = "comparison.html"
_ALWAYS = ("command", "edgenas_version", "trials", "seed")


def write_comparison(folders: Sequence[Path], out: Path | None = None) -> Path:
    """Writes one page about several runs, without any reference to the network.

    Args:
        folders: the run folders, from two to `MOST_RUNS`.
        out: where to write; comparison.html in the working folder when None.

    Returns:
        The path written.

    Raises:
        UsageError: a folder is no readable run, one is named twice, or there are too many.
        EdgenasError: the page cannot be written.
    """
    resolved = [folder.resolve() for folder in folders]
    twice = [str(folders[resolved.index(path)]) for path, count in Counter(resolved).items() if count > 1]
    if twice:
        raise UsageError(f"{', '.join(twice)} is named twice. Name each run once.")
    if not 2 <= len(folders) <= MOST_RUNS:
        raise UsageError(f"A comparison needs 2 to {MOST_RUNS} runs. Got {len(folders)}.")
    text = render_comparison([read_run(folder) for folder in folders])
    path = out if out is not None else Path(_COMPARISON_FILE)
    if path.is_dir():
        path = path / _COMPARISON_FILE
    write_text_atomic(path, text)
    return path


def render_comparison(runs: Sequence[RunData]) -> str:
    """The whole page as text."""
    named = [(name, run) for name, run in zip(_names(runs), runs, strict=True)]
    names = ", ".join(name for name, _ in named)
    head = part(
        "head",
        "div",
        tag("p", "edgenas report", class_="kicker"),
        tag("h1", f"{len(runs)} runs side by side"),
        tag("p", f"{names}. {_comparable(named)}", class_="lead"),
    )
    sections = (
        ("outcome", "Outcome", _outcome(named)),
        ("fronts", "Quality against latency", _fronts(named)),
        ("search", "The searches", _searches(named)),
        ("metrics", "Metrics", _metrics(named)),
        ("networks", "The networks", _networks(named)),
        ("settings", "Settings that differ", _settings(named)),
    )
    return page(f"edgenas report: {names}", [head, *(section(*it) for it in sections)])


def _names(runs: Sequence[RunData]) -> list[str]:
    """The folders' names, with as much of their paths as tells them apart."""
    paths = [run.folder.resolve() for run in runs]
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return [as_text(name) for name in names]
    return [as_text(path) for path in paths]


def _comparable(runs: Named) -> str:
    """Whether qualities and latencies mean the same in all runs."""
    facts = {
        "search spaces": {as_text(run.config.space.get("hash")) for _, run in runs},
        "data": {as_text(run.config.data.get("fingerprint")) for _, run in runs},
        "devices": {run.config.device for _, run in runs},
        "proxy schedules": {
            str(sorted(run.config.proxy.items(), key=lambda item: item[0])) for _, run in runs
        },
    }
    differ = [what for what, values in facts.items() if len(values) > 1]
    if not differ:
        return "Space, data, device and proxy schedule are the same, so qualities and latencies compare."
    return (
        f"They differ in {' and '.join(differ)}: each quality is relative to the baseline of its own run, so numbers "
        "of different runs compare only as far as that allows."
    )


def _outcome(runs: Named) -> Html:
    rows: list[list[Cell]] = []
    for name, run in runs:
        best, found = run.best, growth(run)
        ended = [t for t in run.trials if t.status not in ("running", "waiting")]
        spent = sum(t.seconds or 0.0 for t in run.trials)
        on_device = run.card.latency.measured_ms if run.card else None
        source = run.card.latency.source if run.card else None
        if on_device is None and best is not None:
            on_device, source = best.measured_ms, best.source
        state = "still searching" if best is None else "" if best.feasible else " (none within the target)"
        rows.append(
            [
                name,
                as_text(run.config.settings.get("algorithm")) or "evolution",
                run.config.device or "none",
                f"{best.trial}{state}" if best and best.trial is not None else state or "none",
                str(len(ended)),
                ms(run.config.target_ms),
                number(best.quality, 4) if best else None,
                ms(best.predicted_ms) if best else None,
                f"{ms(on_device)} ({source})" if on_device is not None else None,
                number(found[0][-1][1]) if found and found[0] else None,
                duration(spent) if spent else None,
            ]
        )
    header: list[Cell] = [
        "run", "algorithm", "device", "recommended trial", "trials", "target", "quality", "predicted latency",
        "latency on the device", "hypervolume", "time in trials",
    ]  # fmt: skip
    commands = [tag("li", code(f"edgenas report {shlex.quote(str(run.folder))}")) for _, run in runs]
    words = tag("div", tag("h3", "Each run by itself"), tag("ul", *commands, class_="tools"))
    return join((table("What each search found", header, rows, text_columns=4), words))


def _fronts(runs: Named) -> Html:
    figure = fronts_figure(runs)
    if figure is None:
        return note("No run has a trial with a quality and a predicted latency yet.")
    words = "Latency is predicted, on the first device of each run; numbers name the recommended trials."
    return join((tag("figure", figure, tag("figcaption", words)), keys(runs)))


def _searches(runs: Named) -> Html:
    figures = [
        (rewards_figure(runs), "Best reward within the target so far."),
        (hypervolumes_figure(runs), "Hypervolume, each run relative to its own baseline."),
    ]
    shown = [
        tag("figure", figure, tag("figcaption", words)) for figure, words in figures if figure is not None
    ]
    if not shown:
        return note("No run has a trial with a reward yet.")
    return join((tag("div", *shown, class_="two"), keys(runs)))


def _metrics(runs: Named) -> Html:
    searched = [(name, run.best.metrics if run.best else {}) for name, run in runs]
    final = [(name, run.card.metrics.get("int8", {}) if run.card else {}) for name, run in runs]
    tables = [
        _metrics_table("The winners as their searches scored them", searched, runs),
        _metrics_table("The exported int8 networks", final, runs),
    ]
    found = [it for it in tables if it is not None]
    if not found:
        return note("No run has stored the metrics of a winner yet.")
    if tables[1] is None:
        found.append(
            note("No run has an exported network; make one with ", code("edgenas export --int8 RUN"), ".")
        )
    return join(found)


def _metrics_table(title: str, columns: list[tuple[str, Metrics]], runs: Named) -> Html | None:
    if not any(metrics for _, metrics in columns):
        return None
    rows: list[list[Cell]] = []
    for task in in_reading_order({task for _, metrics in columns for task in metrics}):
        for metric in dict.fromkeys(name for _, metrics in columns for name in metrics.get(task, {})):
            scores = [metrics.get(task, {}).get(metric) for _, metrics in columns]
            cells: list[Cell] = [None if score is None else number(score, 4) for score in scores]
            rows.append([task, metric_name(task, metric, runs[0][1].config.depth_unit), *cells])
    return table(title, ["task", "metric", *(name for name, _ in columns)], rows, text_columns=2)


def _networks(runs: Named) -> Html:
    widest = [run.best for _, run in runs]
    return join(
        network_drawing(run, f"network-{place}", name, widest) for place, (name, run) in enumerate(runs)
    )


def _settings(runs: Named) -> Html:
    """Scalar settings that are not the same in all runs, and those that anybody asks for."""
    names = dict.fromkeys(name for _, run in runs for name in (*run.config.settings, *run.config.proxy))
    rows: list[list[Cell]] = []
    for name in names:
        values = [as_text(run.config.settings.get(name, run.config.proxy.get(name))) for _, run in runs]
        if len(set(values)) > 1 or name in _ALWAYS:
            rows.append([name.replace("_", " "), *(value or None for value in values)])
    commands = [tag("li", code(run.config.command)) for _, run in runs if run.config.command]
    repeat = tag("div", tag("h3", "Repeat them"), tag("ul", *commands, class_="tools")) if commands else None
    header: list[Cell] = ["setting", *(name for name, _ in runs)]
    return join((table("Settings", header, rows, text_columns=len(header)), repeat))
