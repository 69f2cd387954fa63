"""The table of accuracy in a Markdown file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgenas.errors import UsageError
from edgenas.latency_models.accuracy_table import write_accuracy_table
from edgenas.storage import write_json

CARD: dict[str, Any] = {
    "device": "phone", "configuration": "int8", "rows": 120, "mape_percent": 3.14159, "rmspe_percent": 4.5,
    "within_5_percent": 80.0, "within_10_percent": 97.25, "spearman": 0.98765, "coverage_percent": 90.12,
    "split": "5-fold; more words",
    "sources": [{"source": "Release A, https://a"}, {"source": "Release A, https://a"}, {"source": "B"}],
}  # fmt: skip


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    write_json(tmp_path / "trained" / "phone" / "int8" / "card.json", CARD)
    return tmp_path / "trained"


def test_replaces_what_stands_between_the_marks(trained: Path, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(
        "# Title\n\n<!-- accuracy: begin -->\nformer text\n<!-- accuracy: end -->\n\nThe end.\n"
    )
    write_accuracy_table(trained, readme)
    text = readme.read_text()
    assert text.startswith("# Title\n\n<!-- accuracy: begin -->\n| predictor |")
    assert text.endswith("<!-- accuracy: end -->\n\nThe end.\n") and "former text" not in text
    row = "| phone / int8 | 120 | 3.14% | 4.50% | 80.0% | 97.2% | 0.988 | 90.1% | 5-fold | Release A, B |"
    assert text.splitlines()[5] == row
    write_accuracy_table(trained, readme)
    assert readme.read_text() == text


def test_a_new_file(trained: Path, tmp_path: Path) -> None:
    write_accuracy_table(trained, tmp_path / "new.md")
    assert "| phone / int8 |" in (tmp_path / "new.md").read_text()


def test_cards_without_some_figures(trained: Path, tmp_path: Path) -> None:
    write_json(
        trained / "a" / "b" / "card.json",
        {"device": "a", "configuration": "b", "rows": 2, "mape_percent": 1, "spearman": None},
    )
    write_accuracy_table(trained, tmp_path / "new.md")
    rows = [line for line in (tmp_path / "new.md").read_text().splitlines() if line.startswith("| a / b")]
    assert rows == ["| a / b | 2 | 1.00% | - | - | - | - | - |  |  |"]


@pytest.mark.parametrize(
    "text", ["no marks", "<!-- accuracy: begin --> only", "<!-- accuracy: end --><!-- accuracy: begin -->"]
)
def test_a_file_without_marks_is_left_alone(trained: Path, tmp_path: Path, text: str) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(text)
    with pytest.raises(UsageError, match="lacks the marks"):
        write_accuracy_table(trained, readme)
    assert readme.read_text() == text
