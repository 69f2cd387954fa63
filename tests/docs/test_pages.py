"""Every block of the documents runs: in the order of its page, in a folder of its own, with small numbers."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from blocks import PAGES, ROOT, blocks
from rehearsal import in_this_process
from runner import Page
from world import make_world

pytest.importorskip("tensorflow")
pytestmark = pytest.mark.pages

RUN = [
    page for page in PAGES if any(b.language in ("bash", "python") and not b.excused for b in blocks(page))
]


@pytest.fixture(scope="module")
def rehearsed() -> object:
    """Searches train nothing: tests/workflow trains."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgenas.workflow.execution.Execution.make", in_this_process)
        yield


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, tiny_archive: Path, host_predictor: Path, rehearsed: object
) -> Path:
    """One finished run, made by the commands themselves; pages get copies."""
    folder = tmp_path_factory.mktemp("world")
    home = folder / "home"
    shutil.copytree(host_predictor, home / "predictors" / "host" / "int8-1t")
    before = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGENAS_HOME", str(home))
        os.chdir(folder)
        try:
            make_world(folder, tiny_archive)
        finally:
            os.chdir(before)
    return folder


@pytest.mark.parametrize("page", RUN, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_of_the_page_run(
    page: Path, world: Path, own_tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del own_tasks
    shutil.copytree(world, tmp_path / "page")
    monkeypatch.chdir(tmp_path / "page")
    monkeypatch.setenv("EDGENAS_HOME", str(tmp_path / "page" / "home"))
    assert Page(page).run() > 0
