"""What `edgenas search` prints of a one-shot search beside its recommendation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgenas.search import SearchResult

__all__ = ["ranking_lines"]


def ranking_lines(result: SearchResult) -> list[str]:
    """Rank correlations, and what stand-alone training says of the recommendation; empty for other searches."""
    if result.algorithm != "oneshot" or result.best is None:
        return []
    if result.ranking is None:
        return ["Its quality is that of inherited weights; how well these rank was not measured."]
    from edgenas.workflow.oneshot_ranking import described

    lines = described(result.ranking)
    for network in result.ranking["networks"]:
        if network["trial"] == result.best.number:
            lines.append(
                f"Trained alone under the proxy schedule, trial {network['trial']} has quality "
                f"{network['quality']:.4f} (baseline 1)."
            )
    return lines
