"""What a predictor was fitted to, by its card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgenas.latency_models.fitted_to import fitted_to, simulated_by
from edgenas.latency_models.predictor_file import read_card

TRAINED = Path(__file__).resolve().parents[2] / "latency_models" / "trained"


@pytest.mark.parametrize(
    ("card", "source", "words"),
    [
        ({"rows": 96}, "measured", ""),
        ({"source": "measured", "runtime": "ai-edge-litert 2.3.1, XNNPACK"}, "measured", ""),
        ({"source": ["simulated"]}, "measured", ""),
        ({"source": "simulated"}, "simulated", "fitted to simulated figures"),
        ({"source": "simulated", "runtime": 5}, "simulated", "fitted to simulated figures"),
        (
            {"source": "simulated", "runtime": "ethos-u-vela 5.2.0, ethos-u55-128"},
            "simulated",
            "fitted to figures simulated by ethos-u-vela 5.2.0",
        ),
    ],
)
def test_cards(card: dict[str, Any], source: str, words: str) -> None:
    figures = fitted_to(card)
    assert figures is not None and figures.keys() == {"source", "machine", "runtime"}
    assert figures["source"] == source
    assert simulated_by(card) == words


def test_nothing_is_said_without_a_card() -> None:
    assert fitted_to({}) is None and simulated_by({}) == ""


def test_of_the_shipped_predictors_those_of_ethos_u_alone_are_of_simulated_figures() -> None:
    cards = {path.parent: read_card(path.parent) for path in TRAINED.rglob("card.json")}
    simulated = {folder.parent.name for folder, card in cards.items() if simulated_by(card)}
    assert simulated == {"ethos-u55", "ethos-u65", "ethos-u85"} and len(cards) > len(simulated)
