"""Trials of a study, also of one that cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from edgenas.errors import UsageError
from edgenas.report.study_data import Trial, front_of, read_trials

RunMaker = Callable[..., Path]


def test_reads_completed_failed_and_waiting_trials(make_run: RunMaker) -> None:
    trials = read_trials(make_run(trials=30, parts=()))
    assert [t.number for t in trials] == list(range(31))
    assert [t.status for t in trials].count("completed") == 28
    assert trials[10].status == "diverged" and "NaN" in trials[10].reason and not trials[10].scored
    assert trials[30].status == "waiting"
    first = trials[0]
    assert first.predicted_ms is not None and first.low_ms is not None and first.high_ms is not None
    assert first.low_ms < first.predicted_ms < first.high_ms
    assert first.seconds == 24.5


def test_a_folder_name_with_odd_characters(make_run: RunMaker) -> None:
    run = make_run(trials=3, name="a b?c#d%20é", parts=())
    assert len(read_trials(run)) == 4


def test_reading_changes_nothing(make_run: RunMaker) -> None:
    run = make_run(trials=3, parts=())
    before = (run / "study.db").read_bytes()
    read_trials(run)
    assert (run / "study.db").read_bytes() == before


def test_errors_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No study at .*absent.study\.db: the file does not exist"):
        read_trials(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
    for name in ("broken", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "broken" / "study.db").write_bytes(b"no database " * 100)
    with pytest.raises(UsageError, match=r"broken.study\.db"):
        read_trials(tmp_path / "broken")
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'other' / 'study.db'}")
    optuna.create_study(study_name="other", storage=storage)
    with pytest.raises(UsageError, match=r"other.study"):
        read_trials(tmp_path / "other")


def test_front_is_by_latency_and_leaves_out_what_is_beaten() -> None:
    def trial(number: int, quality: float | None, ms: float | None, status: str = "completed") -> Trial:
        return Trial(number, status, quality=quality, reward=quality, predicted_ms=ms)

    trials = [
        trial(0, 1.0, 4.0),
        trial(1, 0.9, 5.0),
        trial(2, 1.2, 6.0),
        trial(3, 0.8, 2.0),
        trial(4, None, 1.0),
    ]
    trials.append(trial(5, 9.0, 1.0, status="failed"))
    assert [t.number for t in front_of(trials)] == [3, 0, 2]
    assert front_of([]) == ()
    twins = [
        replace(trial(6, 1.0, 4.0), architecture_hash="same"),
        replace(trial(7, 1.0, 4.0), architecture_hash="same"),
    ]
    assert [t.number for t in front_of(twins)] == [6]
