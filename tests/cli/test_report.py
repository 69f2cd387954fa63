"""`edgenas report`: one run, several, and what cannot be asked for together."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgenas.search import Evaluation, SearchConfig, run_search
from edgenas.space import Architecture, load_space

TASKS = ("depth", "segmentation")


class _Estimate:
    latency_ms, interval_ms = 2.0, (1.9, 2.1)

    def upper_ms(self, risk: float) -> float:
        return 2.0


def _evaluate(architecture: Architecture, seed: int) -> Evaluation:
    return Evaluation({"depth": {"abs_error": 1.0, "rel_error": 0.3}, "segmentation": {"miou": 0.4}}, {})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "one"
    channels = {"depth": 1, "segmentation": 13}
    config = SearchConfig(
        trials=3, input_shape=(64, 64), head_channels=channels, device="host", target_ms=3.0
    )
    run_search(config, load_space("demo", TASKS), _evaluate, lambda a: _Estimate(), folder)
    return folder


def test_one_run_and_several(edgenas: Callable[..., Any], run: Path, tmp_path: Path) -> None:
    done = edgenas("report", run, "--json")
    assert done.code == 0 and Path(done.value["report"]) == run / "report.html"
    assert done.value["bytes"] == (run / "report.html").stat().st_size
    other = tmp_path / "other"
    shutil.copytree(run, other)
    both = tmp_path / "both.html"
    done = edgenas("report", run, other, "--out", both)
    assert done.code == 0 and done.out == f"Report: {both}\n"
    assert "2 runs side by side" in both.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--port", "80"], "Add --serve"),
        (["--serve", "--out", "page.html"], "Leave out --out"),
        (["--serve", "other"], "follows one run"),
        (["nowhere"], "No run at nowhere"),
    ],
)
def test_what_does_not_go_together(
    edgenas: Callable[..., Any], run: Path, words: list[str], said: str
) -> None:
    done = edgenas("report", run, *words)
    assert done.code == 2 and said in done.err and "Traceback" not in done.err
