"""The winner and the baseline, drawn block by block."""

from __future__ import annotations

from collections.abc import Sequence

from edgenas.report.commands import missing
from edgenas.report.markup import Html, code, join, note, tag
from edgenas.report.memory_figure import memory_figure
from edgenas.report.metrics_section import exported_files
from edgenas.report.network_figure import describe, most_channels, network_figure
from edgenas.report.network_times import NetworkTimes, network_times
from edgenas.report.parts_table import parts_table
from edgenas.report.run_data import Candidate, RunData
from edgenas.report.wording import number

__all__ = ["network_drawing", "network_section"]


def network_section(run: RunData) -> Html:
    """The winner above the baseline, drawn to one scale."""
    best, baseline = run.best, run.baseline
    if best is None and baseline is None:
        return missing("The search has not stored its result yet.", "search", run)
    widest = most_channels(*(c.architecture for c in (best, baseline) if c))
    keys = (
        ("ibn", "IBN"),
        ("fused-ibn", "Fused-IBN"),
        ("stem", "stem"),
        ("fusion", "BiFPN"),
        ("head", "head"),
    )
    legend = tag(
        "ul",
        *(tag("li", tag("span", class_=f"swatch {k}", aria_hidden="true"), t) for k, t in keys),
        class_="legend",
    )
    title = "Recommended network" if best and best.feasible else "Nearest network, over the target"
    nothing = best is not None and best.is_none
    times = {"winner": network_times(run, best), "baseline": network_times(run, baseline)}
    parts = [
        note("No trial completed.")
        if nothing
        else _network(best, "network-best", title, widest, run, times["winner"]),
        _network(baseline, "network-baseline", "MT edge baseline", widest, run, times["baseline"]),
        legend,
        note("Height shows the channels; in a block, the kernel and the expansion e. Drawn to one scale."),
        _compared(
            [
                ("winner" if best and best.feasible else "nearest", times["winner"]),
                ("baseline", times["baseline"]),
            ]
        ),
        exported_files(run),
    ]
    return join(parts)


def network_drawing(run: RunData, id_: str, title: str, others: Sequence[Candidate | None]) -> Html:
    """The winner of one of several runs, drawn to the scale of all of them."""
    widest = most_channels(*(c.architecture for c in others if c))
    return _network(run.best, id_, title, widest, run, network_times(run, run.best))


def _compared(networks: list[tuple[str, NetworkTimes]]) -> Html | None:
    """Latency per part and memory over time, both networks in each."""
    memory = memory_figure(networks)
    figure = (
        tag(
            "figure",
            memory,
            tag("figcaption", "Computed from the graph: no reuse in place, no runtime's overhead."),
        )
        if memory
        else None
    )
    inner = parts_table(networks)
    if inner is None and figure is None:
        return None
    title = tag("h3", "Winner beside baseline")
    return tag("div", title, tag("div", inner, figure, class_="two"))


def _network(
    candidate: Candidate | None, id_: str, title: str, widest: int, run: RunData, times: NetworkTimes
) -> Html:
    if candidate is None or candidate.architecture is None:
        return join(
            (tag("h3", title), missing("This network is not stored in the run folder.", "search", run))
        )
    trial = "" if candidate.trial is None else f", trial {candidate.trial}"
    latency = f", predicted {number(candidate.predicted_ms)} ms" if candidate.predicted_ms is not None else ""
    heading = tag("h3", f"{title}{trial}{latency}")
    figure = network_figure(candidate.architecture, id_, title, widest, times.parts, times.source)
    if figure is None:
        return join((heading, note(describe(candidate.architecture)[:4000])))
    box = tag("div", figure, class_="scroll", tabindex=0, role="region", aria_label=f"{title}, drawing")
    shares = f"Percentages are shares of its {times.source} latency. " if times.parts else ""
    return join((heading, box, note(shares, "Network ", code(candidate.architecture.hash))))
