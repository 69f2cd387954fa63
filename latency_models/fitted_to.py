"""What the figures were that a predictor was fitted to, measured ones or simulated ones, by its card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgenas.device_profiles.measurement import MEASURED, SIMULATED

__all__ = ["fitted_to", "simulated_by"]


def fitted_to(card: Mapping[str, Any]) -> dict[str, str] | None:
    """Source ("measured" or "simulated"), machine and runtime of those figures, each but the first "" if not told.

    Args:
        card: card of a predictor; None is known where it is empty. Cards without a source are of measured figures.
    """
    if not card:
        return None
    source = SIMULATED if card.get("source") == SIMULATED else MEASURED
    told = {key: card[key] if isinstance(card.get(key), str) else "" for key in ("machine", "runtime")}
    return {"source": source, **told}


def simulated_by(card: Mapping[str, Any]) -> str:
    """As "fitted to figures simulated by ethos-u-vela 5.2.0"; empty where they were measured."""
    figures = fitted_to(card)
    if figures is None or figures["source"] != SIMULATED:
        return ""
    # A profile's runtime goes on with the delegate: "ethos-u-vela 5.2.0, ethos-u55-128".
    program = figures["runtime"].partition(",")[0]
    return f"fitted to figures simulated by {program}" if program else "fitted to simulated figures"
