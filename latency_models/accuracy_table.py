"""The table of accuracy per predictor in a Markdown file, written from the cards."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from edgenas.errors import UsageError
from edgenas.latency_models.predictor_file import CARD_FILE, read_card
from edgenas.storage import write_text_atomic

__all__ = ["write_accuracy_table"]

_BEGIN, _END = "<!-- accuracy: begin -->", "<!-- accuracy: end -->"
_MOST_SOURCES = 3
_HEAD = (
    "| predictor | rows | MAPE | RMSPE | within 5% | within 10% | Spearman | in 90% interval | held out | source |\n"
    "|---|---|---|---|---|---|---|---|---|---|\n"
)


def write_accuracy_table(trained: Path, readme: Path) -> None:
    """Replaces what stands between the two marks of a Markdown file by the figures of all cards under a folder.

    Raises:
        UsageError: the file has no marks.
    """
    text = readme.read_text(encoding="utf-8") if readme.exists() else f"{_BEGIN}\n{_END}\n"
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise UsageError(f"{readme} lacks the marks {_BEGIN} and {_END} between which the table is written.")
    cards = [read_card(path.parent) for path in sorted(trained.glob(f"*/*/{CARD_FILE}"))]
    table = _HEAD + "".join(_row(card) for card in cards)
    write_text_atomic(readme, f"{before}{begin}\n{table}{end}{after}")


def _row(card: dict[str, Any]) -> str:
    cells = [
        f"{card['device']} / {card['configuration']}",
        str(card["rows"]),
        *(_percent(card, key) for key in ("mape_percent", "rmspe_percent")),
        *(_percent(card, key, 1) for key in ("within_5_percent", "within_10_percent")),
        f"{card['spearman']:.3f}" if isinstance(card.get("spearman"), float) else "-",
        _percent(card, "coverage_percent", 1),
        re.split("[;:]", str(card.get("split", "")))[0],
        _sources(card),
    ]
    return "| " + " | ".join(cells) + " |\n"


def _sources(card: dict[str, Any]) -> str:
    names = list(dict.fromkeys(str(s["source"]).split(",")[0] for s in card.get("sources", [])))
    return ", ".join(names if len(names) <= _MOST_SOURCES else [*names[: _MOST_SOURCES - 1], "and others"])


def _percent(card: dict[str, Any], key: str, digits: int = 2) -> str:
    value = card.get(key)
    return f"{value:.{digits}f}%" if isinstance(value, int | float) else "-"
