"""The page about the accuracy of the shipped predictors, from their cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from edgenas.latency_models.predictor_file import CARD_FILE, read_card

__all__ = ["accuracy_page"]

_INTRO = """# Accuracy of the latency predictors

Made from the cards in `latency_models/trained/` when this page was built. Every figure is about networks that the
predictor was not fitted on; what was held out stands in the last column. All of them are made again by

```bash title="takes 8 minutes and the public tables"
make predictors
python benchmarks/ethos_u_predictors.py --out latency_models/trained
```

Ethos-U: the truth itself is *simulated* by Arm's Vela, so the error is about Vela, not about silicon. Of everything
else the truth was *measured* by those who published the table.

How a latency is predicted, and what an interval means: [concepts](concepts.md#latency-predictor). Your own device:
[from ten measurements](own-device.md).
"""
_HEAD = (
    "| configuration | networks | MAPE | RMSPE | worst | within 5% | within 10% | Spearman | in 90% interval |"
    " held out |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def accuracy_page(root: Path) -> str:
    """Markdown: a summary per device, then every configuration with its sources."""
    cards: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((root / "latency_models" / "trained").glob(f"*/*/{CARD_FILE}")):
        card = read_card(path.parent)
        cards.setdefault(str(card["device"]), []).append(card)
    lines = [
        _INTRO,
        "## Devices",
        "",
        "Medians over the configurations of a device.",
        "",
        "| device | configurations | MAPE | within 10% | Spearman |",
        "|---|---|---|---|---|",
    ]
    for device, of_device in cards.items():
        cells = [
            _median(of_device, "mape_percent", "{:.1f}%"),
            _median(of_device, "within_10_percent", "{:.0f}%"),
            _median(of_device, "spearman", "{:.3f}"),
        ]
        lines.append(f"| [{device}](#{device}) | {len(of_device)} | {' | '.join(cells)} |")
    for device, of_device in cards.items():
        lines += [
            "",
            f"## {device}",
            "",
            _HEAD,
            *(_row(card) for card in of_device),
            "",
            *_sources(of_device),
        ]
    return "\n".join(lines) + "\n"


def _row(card: Mapping[str, Any]) -> str:
    cells = [
        str(card["configuration"]),
        str(card["rows"]),
        *(_value(card, key, "{:.2f}%") for key in ("mape_percent", "rmspe_percent", "worst_percent")),
        *(_value(card, key, "{:.1f}%") for key in ("within_5_percent", "within_10_percent")),
        _value(card, "spearman", "{:.3f}"),
        _value(card, "coverage_percent", "{:.1f}%"),
        str(card.get("split", "-")).split(":")[0].split(";")[0],
    ]
    return f"| {' | '.join(cells)} |"


def _sources(cards: Sequence[Mapping[str, Any]]) -> list[str]:
    said = {
        f"{source['source']} (licence: {source.get('licence') or 'not stated'})": None
        for card in cards
        for source in card.get("sources", [])
    }
    notes = {note: None for card in cards for note in card.get("notes", [])}
    return (
        ["Sources:", "", *(f"- {line}" for line in said), "", *(f"- {note}" for note in notes)]
        if said
        else []
    )


def _value(card: Mapping[str, Any], key: str, form: str) -> str:
    value = card.get(key)
    return form.format(value) if isinstance(value, int | float) else "-"


def _median(cards: Sequence[Mapping[str, Any]], key: str, form: str) -> str:
    values = [card[key] for card in cards if isinstance(card.get(key), int | float)]
    return form.format(median(values)) if values else "-"
