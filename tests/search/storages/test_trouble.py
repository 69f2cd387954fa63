"""Storages that fail for a while: what was begun or finished is stored once, by the same call repeated later."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy.exc
from toy_search import HEAD_CHANNELS, INPUT_SHAPE, toy_config, toy_evaluator, toy_score, toy_space

from edgenas.errors import EdgenasError
from edgenas.search.algorithms import make_sampler
from edgenas.search.config import prepare_run
from edgenas.search.objective import Latency
from edgenas.search.record import TrialRecord
from edgenas.search.storages import sqlite as sqlite_module
from edgenas.search.storages.postgresql import open_postgresql
from edgenas.search.study import (
    ForeignWriterError,
    OpenTrial,
    StudyUnavailable,
    TrialStore,
    read_frozen_trials,
    read_trials,
)

SPACE = toy_space()


def open_store(folder: Path, storage: str | None = None, **options: Any) -> TrialStore:
    config = toy_config(storage=storage, **options)
    prepare_run(config, SPACE, folder, resume=(folder / "config.json").exists())
    sampler = make_sampler(config, SPACE)
    return TrialStore(folder, sampler, identity=config.identity(SPACE))


def record_of(trial: OpenTrial) -> TrialRecord:
    network = SPACE.architecture(trial.decisions, input_shape=INPUT_SHAPE, head_channels=HEAD_CHANNELS)
    score = toy_score(network)
    latency = Latency(5.0, 4.0, 6.0, 5.0)
    return TrialRecord(trial.number, network, latency, True, toy_evaluator(network, 0), score, score)


@pytest.fixture(params=["sqlite", "journal", "postgresql"])
def storage(request: pytest.FixtureRequest) -> str | None:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres").url)
    return "journal" if request.param == "journal" else None


def test_several_open_trials_end_in_any_order(tmp_path: Path, storage: str | None) -> None:
    store = open_store(tmp_path, storage)
    trials = [store.begin(SPACE) for _ in range(5)]
    assert [t.number for t in trials] == [0, 1, 2, 3, 4]
    for number in (3, 0, 4):
        store.finish(trials[number], record_of(trials[number]))
    # Killed here: another process sees what is stored.
    assert [r.number for r in read_trials(tmp_path)] == [0, 3, 4]
    frozen = read_frozen_trials(tmp_path)
    assert [t.state.name for t in frozen] == ["COMPLETE", "RUNNING", "RUNNING", "COMPLETE", "COMPLETE"]
    assert [dict(t.params) for t in frozen] == [t.decisions for t in trials]
    store.close()
    store = open_store(tmp_path, storage)
    left = store.unfinished(SPACE)
    assert [(t.number, t.decisions) for t in left] == [(n, trials[n].decisions) for n in (1, 2)]
    assert store.count() == 5 and [r.number for r in store.records()] == [0, 3, 4]
    for trial in reversed(left):
        store.finish(trial, record_of(trial))
    store.close()
    assert [r.to_attrs() for r in read_trials(tmp_path)] == [record_of(t).to_attrs() for t in trials]


@pytest.mark.parametrize("call", ["begin", "finish"])
def test_a_commit_whose_answer_is_lost_makes_no_second_trial(
    tmp_path: Path, storage: str | None, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path, storage)
    first = store.begin(SPACE)
    backend = store._backend
    real = getattr(backend, call)

    def lose_the_answer(*arguments: Any, **options: Any) -> None:
        real(*arguments, **options)
        monkeypatch.setattr(backend, call, real)
        raise sqlalchemy.exc.OperationalError("COMMIT", {}, ConnectionError("server closed the connection"))

    monkeypatch.setattr(backend, call, lose_the_answer)
    attempt: Callable[[], Any] = (
        (lambda: store.begin(SPACE)) if call == "begin" else (lambda: store.finish(first, record_of(first)))
    )
    with pytest.raises(StudyUnavailable, match="server closed the connection"):
        attempt()
    attempt()
    numbers = [store.begin(SPACE).number for _ in range(2)]
    store.close()
    assert numbers == ([2, 3] if call == "begin" else [1, 2])
    states = [t.state.name for t in read_frozen_trials(tmp_path)]
    assert states == ([] if call == "begin" else ["COMPLETE"]) + ["RUNNING"] * (4 if call == "begin" else 2)


def test_a_second_writer_is_noticed(tmp_path: Path, storage: str | None) -> None:
    one, two = open_store(tmp_path, storage), open_store(tmp_path, storage)
    mine = one.begin(SPACE)
    with pytest.raises(ForeignWriterError, match="somebody else writes to it"):
        two.begin(SPACE)
    two.close()
    three = open_store(tmp_path, storage)
    (same,) = three.unfinished(SPACE)
    one.finish(mine, record_of(mine))
    other = TrialRecord(**{**vars(record_of(same)), "reward": 9.0})
    with pytest.raises(ForeignWriterError, match="finished by somebody else"):
        three.finish(same, other)
    one.close()
    three.close()


def test_a_server_that_stops_and_starts_again(tmp_path: Path, postgres: Any) -> None:
    store = open_store(tmp_path, postgres.url)
    trials = [store.begin(SPACE) for _ in range(2)]
    postgres.stop()
    try:
        for trial in trials:
            with pytest.raises(
                StudyUnavailable, match=r"What was stored before is unchanged\. Start the server"
            ):
                store.finish(trial, record_of(trial))
        with pytest.raises(StudyUnavailable):
            store.begin(SPACE)
        with pytest.raises(StudyUnavailable):
            read_trials(tmp_path)
    finally:
        postgres.start()
    third = store.begin(SPACE)
    store.finish(trials[1], record_of(trials[1]))
    store.finish(trials[0], record_of(trials[0]))
    store.finish(third, record_of(third))
    store.close()
    assert [r.number for r in read_trials(tmp_path)] == [0, 1, 2]


def test_a_wrong_password_is_told_without_it(
    tmp_path: Path, postgres: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "wrong-pa55word")
    with pytest.raises(EdgenasError, match="password authentication failed") as caught:
        open_store(tmp_path, postgres.url)
    assert "wrong-pa55word" not in str(caught.value) and "read" in str(caught.value)
    with pytest.raises(sqlalchemy.exc.OperationalError):
        open_postgresql("postgresql+psycopg://edgenas@127.0.0.1:1/postgres", "x", "there")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system is not permitted here: " + mounted.stderr.decode().strip())
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("kind", [None, "journal"])
def test_a_disk_that_is_really_full(small_disk: Path, kind: str | None) -> None:
    run = small_disk / "run"
    store = open_store(run, kind)
    ballast = small_disk / "ballast"
    done: list[TrialRecord] = []
    failed: set[str] = set()
    trial = None
    for _ in range(400):
        try:
            if trial is None:
                trial = store.begin(SPACE)
            store.finish(trial, record_of(trial))
            done.append(record_of(trial))
            trial = None
        except StudyUnavailable as error:
            assert "Free some space" in str(error)
            failed.add("begin" if trial is None else "finish")
            if len(failed) == 2:
                break
            # Some room for one more call or so.
            size = ballast.stat().st_size
            with ballast.open("r+b") as file:
                file.truncate(max(0, size - 5000))
        else:
            if len(done) == 5:
                with ballast.open("wb", buffering=0) as file:
                    try:
                        while file.write(bytes(4096)) > 0:
                            pass
                    except OSError:
                        pass
    assert failed, "the disk never was full"
    # What a process that is killed now leaves is whole.
    assert [r.to_attrs() for r in read_trials(run)] == [r.to_attrs() for r in done]
    ballast.unlink()
    if trial is None:
        trial = store.begin(SPACE)
    store.finish(trial, record_of(trial))
    done.append(record_of(trial))
    store.close()
    assert [r.to_attrs() for r in read_trials(run)] == [r.to_attrs() for r in done]
    frozen = read_frozen_trials(run)
    assert [t.number for t in frozen] == list(range(len(done)))


def test_a_locked_file_is_waited_for_and_then_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_module, "_LOCK_SECONDS", 0.1)
    store = open_store(tmp_path)
    trial = store.begin(SPACE)
    other = sqlite3.connect(tmp_path / "study.db")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StudyUnavailable, match=r"database is locked.*close other users of the file"):
        store.finish(trial, record_of(trial))
    other.rollback()
    other.close()
    store.finish(trial, record_of(trial))
    store.close()
    assert len(read_trials(tmp_path)) == 1


def test_a_journal_that_was_cut_short_is_mended(tmp_path: Path) -> None:
    store = open_store(tmp_path, "journal")
    trial = store.begin(SPACE)
    before = (tmp_path / "study.journal").stat().st_size
    store.finish(trial, record_of(trial))
    store.close()
    whole = (tmp_path / "study.journal").read_bytes()
    for cut in (before + 1, before + 700, len(whole) - 1):
        (tmp_path / "study.journal").write_bytes(whole[:cut])
        assert [t.state.name for t in read_frozen_trials(tmp_path)] == ["RUNNING"]
        store = open_store(tmp_path, "journal")
        (left,) = store.unfinished(SPACE)
        store.finish(left, record_of(left))
        assert store.begin(SPACE).number == 1
        store.close()
        assert [r.to_attrs() for r in read_trials(tmp_path)] == [record_of(trial).to_attrs()]


def test_a_sampler_that_fails_uses_up_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(tmp_path)
    store.begin(SPACE)
    with monkeypatch.context() as patch:
        patch.setattr(type(SPACE), "sample", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.begin(SPACE)
    assert store.begin(SPACE).number == 1 and store.count() == 2
    store.close()
    assert len(read_frozen_trials(tmp_path)) == 2
