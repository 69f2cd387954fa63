"""What `--storage` may say, and that no password goes anywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from toy_search import toy_config, toy_space

from edgenas.errors import UsageError
from edgenas.search.config import prepare_run, refuse_second_run, study_location
from edgenas.search.storages.location import StudyLocation, new_study_name, normal_storage


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, None),
        ("journal", "journal"),
        ("journal:/shared/all.log", "journal:/shared/all.log"),
        ("postgresql://me@db.lan/nas", "postgresql+psycopg://me@db.lan/nas"),
        ("postgres://db.lan:5433/nas", "postgresql+psycopg://db.lan:5433/nas"),
        ("postgresql:///nas?host=/run/pg&passfile=/home/me/pw", None),
    ],
)
def test_what_is_kept(given: str | None, kept: str | None) -> None:
    found = normal_storage(given)
    assert normal_storage(found) == found
    if kept is not None or given is None:
        assert found == kept
    else:
        assert found is not None and "passfile=%2Fhome%2Fme%2Fpw" in found


def test_a_relative_journal_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert normal_storage("journal:all.log") == f"journal:{tmp_path / 'all.log'}"


SECRET = "hunter2"


@pytest.mark.parametrize(
    ("storage", "message"),
    [
        (f"postgresql://me:{SECRET}@db/nas", "PGPASSWORD"),
        (f"postgresql://me@db/nas?password={SECRET}", "holds a password"),
        (f"postgresql://me@db/nas?sslpassword={SECRET}", "holds a password"),
        (f"postgresql://me:{SECRET}@db:port/nas", "cannot be read"),
        (f"postgresql+psycopg2://me:{SECRET}@db/nas", "takes psycopg 3"),
        (f"mysql://me:{SECRET}@db/nas", r"Unknown storage 'mysql'.*Known: journal, .*postgresql://USER@HOST"),
        ("postgresql://me@db", "names no database"),
        ("journal:", "journal:PATH"),
        ("journal:/x/study.db", "not study.db"),
        ("sqlite:///x.db", "Unknown storage 'sqlite'"),
        ("", "Unknown storage ''"),
    ],
)
def test_what_is_refused(storage: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        toy_config(storage=storage)
    assert SECRET not in str(caught.value)


def test_a_run_keeps_storage_and_a_name_of_its_own(tmp_path: Path) -> None:
    names = set()
    for run in ("a", "b"):
        config = toy_config(storage="postgresql://me@db/nas")
        prepare_run(config, toy_space(), tmp_path / run / "same", resume=False)
        where = study_location(tmp_path / run / "same")
        assert where.url == "postgresql+psycopg://me@db/nas" and where.file is None
        names.add(where.name)
        prepare_run(config, toy_space(), tmp_path / run / "same", resume=True)
        assert study_location(tmp_path / run / "same") == where
    assert len(names) == 2 and all(name.startswith("edgenas-same-") for name in names)


def test_runs_of_earlier_versions_are_in_their_folder(tmp_path: Path) -> None:
    prepare_run(toy_config(), toy_space(), tmp_path, resume=False)
    raw = json.loads((tmp_path / "config.json").read_text())
    del raw["storage"], raw["study_name"]
    (tmp_path / "config.json").write_text(json.dumps(raw))
    assert study_location(tmp_path) == StudyLocation("edgenas", file=tmp_path / "study.db")
    prepare_run(toy_config(), toy_space(), tmp_path, resume=True)


def test_a_journal_in_the_folder_is_a_run_too(tmp_path: Path) -> None:
    (tmp_path / "study.journal").write_text("")
    with pytest.raises(UsageError, match="already holds a run"):
        refuse_second_run(tmp_path)
    assert new_study_name(tmp_path, "journal") == "edgenas"


def test_without_psycopg_the_extra_is_named(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from edgenas.search.storages.postgresql import open_postgresql\n"
        "from edgenas.errors import MissingDependencyError\n"
        "try:\n    open_postgresql('postgresql+psycopg://h/d', 'n', 'w')\n"
        "except MissingDependencyError as e:\n    print(e)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'edgenas[postgresql]'" in done.stdout
