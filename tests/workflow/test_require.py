"""`edgenas search --require`, `--max-...` and `--algorithm`: stored, kept on resume, asked of the exported network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgenas.search import SearchConfig, SearchResult
from edgenas.search.config import prepare_run
from edgenas.space import SearchSpace, load_space
from edgenas.workflow import search
from edgenas.workflow.data import DataRequest


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What `run_search` is called with; it writes config.json as the real one does, and trains nothing."""
    calls: list[dict[str, Any]] = []

    def run_search(
        config: SearchConfig, space: SearchSpace, evaluator: Any, estimator: Any, folder: Path, **options: Any
    ) -> SearchResult:
        prepare_run(config, space, folder, resume=options["resume"])
        calls.append({"config": config, **options})
        return SearchResult(folder, None, None, None, (), 0, 0, 0)

    monkeypatch.setattr(search, "run_search", run_search)
    return calls


def _request(archive: Path, **options: Any) -> search.SearchRequest:
    return search.SearchRequest(data=DataRequest(source=str(archive)), device=None, **options)


def test_it_is_stored_and_kept(tmp_path: Path, tiny_archive: Path, asked: list[dict[str, Any]]) -> None:
    search.start_search(_request(tiny_archive, require="edgetpu"), tmp_path / "run")
    assert json.loads((tmp_path / "run" / "config.json").read_text())["require"] == "edgetpu"
    search.resume_search(tmp_path / "run", trials=60)
    assert [call["config"].require for call in asked] == ["edgetpu", "edgetpu"]
    assert all([r.name for r in call["requirements"]] == ["require"] for call in asked)


def test_none_is_asked_for_by_default(
    tmp_path: Path, tiny_archive: Path, asked: list[dict[str, Any]]
) -> None:
    search.start_search(_request(tiny_archive), tmp_path / "run")
    assert asked[0]["requirements"] == [] and asked[0]["config"].required == ()


def test_what_it_asks(tmp_path: Path, tiny_archive: Path, asked: list[dict[str, Any]]) -> None:
    search.start_search(_request(tiny_archive, require="edgetpu"), tmp_path / "run")
    space = load_space("demo")
    channels = {"depth": 1, "normals": 3, "segmentation": 19}
    fitting, large = (
        space.architecture(space.default(), input_shape=shape, head_channels=channels)
        for shape in ((128, 256), (512, 1024))
    )
    (requirement,) = asked[0]["requirements"]
    assert requirement.bound is not None and requirement.bound.wanted == "--require edgetpu"
    assert requirement.bound.amount(fitting) == requirement.bound.limit == 1.0
    assert requirement.bound.amount(large) > 1.0
    assert requirement.bound.shown(requirement.bound.amount(large)).endswith(" outside of edgetpu")
    assert requirement.problem(fitting) == ""
    assert requirement.problem(large).startswith("does not run on edgetpu as a whole: operator ")
    assert "(RESIZE_BILINEAR): Operation is otherwise supported" in requirement.problem(large)


def test_limits_and_the_algorithm_are_stored_and_kept(
    tmp_path: Path, tiny_archive: Path, asked: list[dict[str, Any]]
) -> None:
    options = {"max_parameters": 90_000, "max_activation_kib": 500.5, "algorithm": "tpe"}
    search.start_search(_request(tiny_archive, **options), tmp_path / "run")
    stored = json.loads((tmp_path / "run" / "config.json").read_text())
    assert {name: stored[name] for name in options} == options
    search.resume_search(tmp_path / "run", trials=60)
    for call in asked:
        assert {name: getattr(call["config"], name) for name in options} == options
        limits = {r.name: r.bound.limit for r in call["requirements"]}
        assert limits == {"max_parameters": 90_000, "max_activation_kib": 500.5}
