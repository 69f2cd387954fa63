"""What stand-alone training says of a one-shot search: rank correlations, and both qualities of each network."""

from __future__ import annotations

from edgenas.report.coerce import as_interval, as_list, as_mapping, as_number, as_text
from edgenas.report.markup import Cell, Html, definitions, join, note, table
from edgenas.report.run_data import RunData
from edgenas.report.wording import number

__all__ = ["ranking_section"]


def ranking_section(run: RunData) -> Html | None:
    """None for searches that trained every candidate."""
    if as_text(run.config.settings.get("algorithm")) != "oneshot":
        return None
    if not run.ranking:
        return note(
            "Qualities of this search are those of weights inherited from a supernet; how well these rank networks was "
            "not measured (--rank-networks 0)."
        )
    count = as_number(run.ranking.get("count")) or 0
    facts = [(title, _correlation(run, key)) for key, title in _TITLES.items()]
    best = as_number(run.ranking.get("recommended_trial"))
    rows: list[list[Cell]] = []
    for network in map(as_mapping, as_list(run.ranking.get("networks"))):
        trial = as_number(network.get("trial"))
        name = f"{trial:.0f}" if trial is not None else "?"
        rows.append(
            [
                f"{name} (recommended)" if trial is not None and trial == best else name,
                number(as_number(network.get("inherited_quality")), 4),
                number(as_number(network.get("quality")), 4),
                number(as_number(network.get("reward")), 4),
                number(as_number(network.get("predicted_ms"))),
                "yes" if network.get("spread") is True else "no",
            ]
        )
    header: list[Cell] = [
        "trial",
        "quality, inherited weights",
        "quality, trained alone",
        "reward, trained alone",
        "predicted (ms)",
        "in the correlation",
    ]
    words = note(
        f"The search scored networks with weights inherited from one supernet. {count:.0f} networks spread over its "
        "range of quality were then trained alone under the proxy schedule, once each. Each quality compares with the "
        "baseline scored in the same way."
    )
    return join((words, definitions(facts), table("Networks that were trained alone", header, rows)))


_TITLES = {"kendall": "Kendall's tau", "spearman": "Spearman's rho"}


def _correlation(run: RunData, key: str) -> str:
    found = as_mapping((run.ranking or {}).get(key))
    value, ends = as_number(found.get("value")), as_interval(found.get("interval"))
    if value is None:
        return "not defined"
    between = f", 90% bootstrap interval {ends[0]:.2f} to {ends[1]:.2f}" if ends else ""
    return f"{value:.2f}{between}".replace(" -", " −")
