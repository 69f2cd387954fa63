"""The page of a one-shot search says how well inherited weights rank."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgenas.report import write_report

RunMaker = Callable[..., Path]
ONESHOT = {"algorithm": "oneshot", "population": 7, "tournament": 3}
RANKING: dict[str, Any] = {
    "format": "edgenas.ranking",
    "kendall": {"value": 0.71, "interval": [-0.12, 1.0]},
    "spearman": None,
    "count": 1,
    "recommended_trial": 3,
    "networks": [
        {"trial": 3, "hash": "a", "predicted_ms": 2.5, "inherited_quality": 1.0212, "quality": 1.1337,
         "reward": 1.1337, "spread": True, "finalist": True},
    ],
}  # fmt: skip


def words(folder: Path) -> str:
    page = re.sub(r"<(style|script)>.*?</\1>", "", write_report(folder).read_text(), flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", "|", page))


def test_correlations_and_networks(make_run: RunMaker) -> None:
    folder = make_run(trials=5, config=ONESHOT)
    (folder / "ranking.json").write_text(json.dumps(RANKING))
    page = words(folder)
    assert "0.71, 90% bootstrap interval −0.12 to 1.00" in page
    assert "|Spearman's rho||not defined|" in page
    assert "|3 (recommended)||1.021||1.134||1.134||2.50||yes|" in page
    assert "winner (inherited)" in page and "winner (proxy)" not in page


def test_a_ranking_that_was_not_measured_and_other_searches(make_run: RunMaker) -> None:
    assert "was not measured (--rank-networks 0)" in words(make_run(trials=5, config=ONESHOT))
    plain = words(make_run(trials=5, name="plain"))
    assert "inherited" not in plain and "winner (proxy)" in plain


@pytest.mark.parametrize("content", ["[]", "{", '{"networks": [1, {"trial": "x"}], "kendall": 3}'])
def test_a_damaged_ranking_harms_nothing_else(make_run: RunMaker, content: str) -> None:
    folder = make_run(trials=5, config=ONESHOT)
    (folder / "ranking.json").write_text(content)
    assert "winner (inherited)" in words(folder)
