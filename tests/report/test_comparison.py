"""Several runs side by side."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from edgenas.errors import UsageError
from edgenas.report import write_comparison

RunMaker = Callable[..., Path]


def _words(path: Path) -> str:
    page = re.sub(r"<(style|script)>.*?</\1>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", "|", page))


def test_runs_stand_side_by_side(make_run: RunMaker, tmp_path: Path) -> None:
    one = make_run(trials=20, name="one")
    other = make_run(trials=30, name="other", config={"seed": 8})
    path = write_comparison([one, other], tmp_path / "both.html")
    words = _words(path)
    assert "2 runs side by side" in words and "the same, so qualities and latencies compare" in words
    assert words.count("(recommended)") == 2 and "|seed||7||8|" in words
    assert path.stat().st_size < 500_000
    text = path.read_text(encoding="utf-8")
    assert "http://" not in text and "https://" not in text
    assert "run-line run-0" in text and "run-line run-1" in text and "run-line run-2" not in text


def test_what_makes_numbers_incomparable_is_said(make_run: RunMaker, tmp_path: Path) -> None:
    one = make_run(trials=5, name="one", parts=())
    config = {"device": "pixel4", "data": {"source": "mine", "fingerprint": "other"}}
    other = make_run(trials=5, name="other", parts=(), config=config)
    words = _words(write_comparison([one, other], tmp_path))
    assert "They differ in data and devices" in words and "still searching" in words
    assert (tmp_path / "comparison.html").is_file()


def test_folders_of_one_name_are_told_apart(make_run: RunMaker, tmp_path: Path) -> None:
    runs = [make_run(trials=3, name=f"{place}/run", parts=()) for place in ("a<b>", "b")]
    text = write_comparison(runs, tmp_path / "both.html").read_text(encoding="utf-8")
    assert "a&lt;b&gt;/run" in text and "<b>" not in text


def test_which_runs_can_be_compared(make_run: RunMaker, tmp_path: Path) -> None:
    run = make_run(trials=3, parts=())
    with pytest.raises(UsageError, match="named twice"):
        write_comparison([run, run / ".." / run.name])
    with pytest.raises(UsageError, match=r"2 to 6 runs\. Got 7"):
        write_comparison([tmp_path / str(i) for i in range(7)])
    with pytest.raises(UsageError, match="No run at"):
        write_comparison([run, tmp_path / "nowhere"])
