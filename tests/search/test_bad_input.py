from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toy_search import TASKS, toy_config, toy_estimator, toy_evaluator, toy_space

from edgenas.errors import EdgenasError, UsageError
from edgenas.search import SearchConfig, read_trials, run_search
from edgenas.search.config import differences
from edgenas.search.lock import run_lock
from edgenas.space import SearchSpace


def search(
    folder: Path, config: SearchConfig | None = None, space: SearchSpace | None = None, **options: Any
) -> Any:
    config = config or toy_config(trials=4)
    return run_search(config, space or toy_space(), toy_evaluator, toy_estimator, folder, **options)


@pytest.fixture(scope="module")
def stored_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stored") / "run"
    search(folder)
    return folder


@pytest.fixture
def run_copy(stored_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stored_run, tmp_path / "run"))


def test_a_second_run_in_the_same_folder_needs_resume(run_copy: Path) -> None:
    before = (run_copy / "study.db").read_bytes()
    with pytest.raises(UsageError, match=r"already holds a run\. Go on with it by: edgenas search --resume"):
        search(run_copy)
    (run_copy / "config.json").unlink()
    with pytest.raises(UsageError, match="already holds a run"):
        search(run_copy)
    assert (run_copy / "study.db").read_bytes() == before


def test_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No run in .*none.*Start one with: edgenas search --out"):
        search(tmp_path / "none", resume=True)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"seed": 5}, "seed: stored 3, now 5"),
        ({"target_ms": None}, "target_ms: stored 6.0, now null"),
        ({"device": "edgetpu"}, 'device: stored "host", now "edgetpu"'),
        ({"data": {"source": "rooms", "fingerprint": "xyz"}}, 'data.fingerprint: stored "abc", now "xyz"'),
        ({"proxy": {"iterations": 20}}, "proxy.iterations: stored 10, now 20"),
        ({"proxy": {"iterations": 10, "batch": 4}}, "proxy.batch: stored nothing, now 4"),
        ({"reward": "hard"}, 'reward: stored "paper", now "hard"'),
        ({"risk": 0.1}, "risk: stored null, now 0.1"),
        ({"population": 6}, "population: stored 5, now 6"),
    ],
)
def test_resume_with_another_configuration_names_the_difference(
    run_copy: Path, change: dict[str, Any], line: str
) -> None:
    with pytest.raises(UsageError) as caught:
        search(run_copy, toy_config(**{"trials": 4, **change}), resume=True)
    assert f"\n  {line}" in str(caught.value)


def test_resume_lists_every_difference_and_the_space(run_copy: Path) -> None:
    other = replace(toy_space(), name="other", stem_width=8)
    with pytest.raises(UsageError) as caught:
        search(run_copy, toy_config(trials=4, seed=9), other, resume=True)
    lines = [line.strip().split(":")[0] for line in str(caught.value).splitlines()[1:-1]]
    assert lines == ["space.name", "space.hash", "seed"]


def test_the_path_of_equal_data_and_the_command_may_change(stored_run: Path) -> None:
    stored = json.loads((stored_run / "config.json").read_text())
    moved = {**stored, "data": {**stored["data"], "source": "/elsewhere"}, "command": ["x"], "trials": 9}
    assert differences(stored, moved) == []
    moved["data"]["fingerprint"] = "new"
    assert len(differences(stored, moved)) == 2


def test_death_between_config_and_study_is_resumed(run_copy: Path, stored_run: Path) -> None:
    expected = [record.reward for record in read_trials(run_copy)]
    (run_copy / "study.db").unlink()
    (run_copy / ".study.left.db").write_bytes(b"half")
    search(run_copy, resume=True)
    assert [record.reward for record in read_trials(run_copy)] == expected
    assert not (run_copy / ".study.left.db").exists()


@pytest.mark.parametrize(
    "damage", ["text", "cut", "empty", "zeroed", "other_database", "other_study", "attribute"]
)
def test_a_damaged_study_is_an_error_and_all_else_stays(run_copy: Path, damage: str) -> None:
    study = run_copy / "study.db"
    content = study.read_bytes()
    if damage == "text":
        study.write_text("not a database at all, " * 100)
    elif damage == "cut":
        study.write_bytes(content[: len(content) // 2])
    elif damage == "empty":
        study.write_bytes(b"")
    elif damage == "zeroed":
        study.write_bytes(content[:4096] + bytes(len(content) - 4096))
    elif damage == "other_database":
        study.unlink()
        connection = sqlite3.connect(study)
        connection.execute("CREATE TABLE cats (name TEXT)")
        connection.close()
    else:
        statement = {
            "other_study": "UPDATE studies SET study_name = 'mine'",
            "attribute": "UPDATE trial_user_attributes SET value_json = '{' WHERE key = 'architecture'",
        }[damage]
        connection = sqlite3.connect(study)
        with connection:
            connection.execute(statement)
        connection.close()
    others = {p.name: p.read_bytes() for p in run_copy.glob("*.json")}
    for attempt in (lambda: search(run_copy, resume=True), lambda: read_trials(run_copy)):
        with pytest.raises(
            EdgenasError, match=r"The study .*study\.db cannot be read: .+\. The file is damaged"
        ):
            attempt()
    assert {p.name: p.read_bytes() for p in run_copy.glob("*.json")} == others


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", "{", "cannot be read as the run configuration"),
        ("config.json", "[1]", "is no run configuration"),
        ("config.json", '{"format": "edgenas.run", "version": 99}', "has format version 99"),
        ("baseline.json", "{", "cannot be read as the baseline evaluation"),
        ("baseline.json", '{"metrics": 3}', "is no baseline evaluation of edgenas. Delete the file"),
        (
            "baseline.json",
            '{"format": "edgenas.baseline", "metrics": {}, "architecture_hash": "ff"}',
            "is of network 'ff'",
        ),
    ],
)
def test_damaged_json_names_the_file(run_copy: Path, name: str, content: str, message: str) -> None:
    (run_copy / name).write_text(content)
    with pytest.raises(UsageError, match=message) as caught:
        search(run_copy, resume=True)
    assert name in str(caught.value)


def test_a_damaged_best_json_is_written_anew(run_copy: Path, stored_run: Path) -> None:
    (run_copy / "best.json").write_text("{")
    search(run_copy, resume=True)
    assert json.loads((run_copy / "best.json").read_text()) == json.loads(
        (stored_run / "best.json").read_text()
    )


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgenasError, match="Cannot write into the run folder"):
        search(tmp_path / "file" / "run")


FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from toy_search import *
from edgenas.errors import EdgenasError
from edgenas.search import SearchPaused
folder, space = Path({folder!r}), toy_space()
run_search(toy_config(trials=2), space, toy_evaluator, toy_estimator, folder)
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
size = (folder / "study.db").stat().st_size

def make_room(event):
    if isinstance(event, SearchPaused):
        print("paused:", event.reason, flush=True)
        if {room}:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
try:
    run_search(
        toy_config(trials=60), space, toy_evaluator, toy_estimator, folder, resume=True, on_event=make_room,
        patience_seconds=20.0 if {room} else 0.0,
    )
except EdgenasError as error:
    print("refused:", error)
"""


def run_on_a_full_disk(folder: Path, *, room: bool) -> str:
    """What a search says whose study file may not grow; `room` lets it grow once the search has paused."""
    code = FULL_DISK.format(tests=str(Path(__file__).parent), folder=str(folder), room=room)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_full_disk_stops_an_impatient_search_and_it_resumes(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    said = run_on_a_full_disk(folder, room=False)
    assert said.startswith("refused: The study") and "Free some space" in said
    stored = len(read_trials(folder))
    assert 2 <= stored < 60
    assert search(folder, toy_config(trials=stored + 3), resume=True).finished == stored + 3


def test_a_full_disk_pauses_the_search_until_there_is_room(tmp_path: Path) -> None:
    said = run_on_a_full_disk(tmp_path / "run", room=True)
    assert said.count("paused: The study") == 1 and "refused" not in said
    search(tmp_path / "whole", toy_config(trials=60))
    assert [r.architecture for r in read_trials(tmp_path / "run")] == [
        r.architecture for r in read_trials(tmp_path / "whole")
    ]


def test_one_search_at_a_time(run_copy: Path) -> None:
    with (
        run_lock(run_copy),
        pytest.raises(UsageError, match=r"Another search is running in .* \(process \d+\)"),
    ):
        search(run_copy, resume=True)
    search(run_copy, resume=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trials": 0}, "Invalid argument `trials`. Expected at least 1. Received 0"),
        ({"seed": -1}, "Invalid argument `seed`"),
        ({"tournament": 9}, "Invalid argument `tournament`. Expected 1 to 5"),
        ({"target_ms": float("nan")}, "Invalid argument `target_ms`"),
        ({"risk": 1.5}, "Invalid argument `risk`"),
        ({"reward": "papier"}, "Did you mean 'paper'"),
    ],
)
def test_impossible_configurations_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        toy_config(**change)
    assert message in str(caught.value)


def test_names_with_odd_characters_work(tmp_path: Path) -> None:
    folder = tmp_path / "a {b} %41 #c? 'd' é"
    search(folder)
    assert len(read_trials(folder)) == 4
    assert set(TASKS) == set(read_trials(folder)[0].evaluation.metrics)


def test_the_package_without_optuna_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['optuna'] = None\n"
        "from edgenas.errors import MissingDependencyError\n"
        "try:\n    import edgenas.search\nexcept MissingDependencyError as e:\n    print(e)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'edgenas[search]'" in done.stdout
