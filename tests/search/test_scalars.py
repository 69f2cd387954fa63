"""The curves of a search equal its study: after kills, in any order of parallel trials, with gaps."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_search import fragile_evaluator, toy_config, toy_estimator, toy_space

from edgenas.scalars import ScalarFile
from edgenas.search import Event, SearchStarted, TrialDone, TrialRecord, read_trials, run_search
from edgenas.search.result import best_of
from edgenas.search.scalars import TENSORBOARD_FOLDER, SearchScalars, with_scalars

TRIALS = 30

DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from toy_search import fragile_evaluator, toy_config, toy_estimator, toy_space
from edgenas.search import run_search
from edgenas.search.scalars import with_scalars

folder = Path(sys.argv[2])
with with_scalars(folder, lambda event: print(type(event).__name__, flush=True)) as on_event:
    run_search(toy_config(trials=30), toy_space(), fragile_evaluator, toy_estimator, folder,
               resume=(folder / "config.json").exists(), on_event=on_event)
"""

Points = dict[str, list[tuple[int, float]]]
Read = Callable[[Path], Points]


def equal(found: Points, records: list[TrialRecord]) -> None:
    """Compares the curves with what the study says, trial by trial."""

    def expect(tag: str, points: list[tuple[int, float]]) -> None:
        assert [step for step, _ in found[tag]] == [step for step, _ in points], tag
        assert [value for _, value in found[tag]] == pytest.approx(
            [value for _, value in points], rel=1e-6
        ), tag

    expect("trial/reward", [(r.number, r.reward) for r in records if r.reward is not None])
    expect("trial/quality", [(r.number, r.quality) for r in records if r.quality is not None])
    expect("trial/predicted_ms", [(r.number, r.latency.predicted_ms or 0.0) for r in records])
    completed = [r for r in records if r.completed]
    expect(
        "segmentation/miou",
        [(r.number, r.evaluation.metrics["segmentation"]["miou"] or 0) for r in completed],
    )
    assert "depth/rmse" not in found, "no valid pixel defines it"
    best, share, failed = [], [], []
    for count, record in enumerate(records, start=1):
        seen = [r for r in records[:count] if r.completed]
        failed.append((record.number, float(count - len(seen))))
        if seen:
            share.append((record.number, sum(r.feasible for r in seen) / len(seen)))
        if (so_far := best_of(seen)) is not None:
            best.append((record.number, so_far.reward or 0.0))
    expect("search/best_reward", best)
    expect("search/feasible_share", share)
    expect("search/failed", failed)
    volume = [value for _, value in found["search/hypervolume"]]
    assert volume == sorted(volume) and len(volume) == len(records)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    told: list[Event] = []
    folder = tmp_path_factory.mktemp("scalars") / "run"
    config = toy_config(trials=TRIALS, target_ms=4.0)
    run_search(config, toy_space(), fragile_evaluator, toy_estimator, folder, on_event=told.append)
    return told


def records_of(events: list[Event]) -> list[TrialRecord]:
    return [event.record for event in events if isinstance(event, TrialDone)]


@pytest.mark.parametrize("seed", range(2))
def test_killed_and_resumed_has_every_point_once(read_curves: Read, tmp_path: Path, seed: int) -> None:
    folder, moments = tmp_path / "run", random.Random(seed)
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(Path(__file__).parent), str(folder)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for _ in range(moments.randint(5, 20)):
            process.stdout.readline()
        time.sleep(moments.uniform(0.0, 0.03))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        assert process.returncode == -signal.SIGKILL
    with with_scalars(folder, None) as on_event:
        run_search(
            toy_config(trials=TRIALS), toy_space(), fragile_evaluator, toy_estimator, folder,
            resume=True, on_event=on_event,
        )  # fmt: skip
    assert len(list((folder / TENSORBOARD_FOLDER).iterdir())) == 1
    records = read_trials(folder)
    assert len(records) == TRIALS
    equal(read_curves(folder / TENSORBOARD_FOLDER), records)


@pytest.mark.parametrize("seed", range(3))
def test_parallel_trials_are_drawn_by_number(
    read_curves: Read, events: list[Event], tmp_path: Path, seed: int
) -> None:
    scalars = SearchScalars(ScalarFile(tmp_path))
    done = [event for event in events if isinstance(event, TrialDone)]
    moments = random.Random(seed)
    order = [n for _, n in sorted((n + moments.uniform(0, 8), n) for n in range(TRIALS))]
    assert order != sorted(order)
    scalars(next(event for event in events if isinstance(event, SearchStarted)))
    for number in order:
        scalars(done[number])
    scalars.close()
    equal(read_curves(tmp_path), records_of(events))


def test_a_trial_that_never_ends_hides_no_other(
    read_curves: Read, events: list[Event], tmp_path: Path
) -> None:
    records = records_of(events)
    start = next(event for event in events if isinstance(event, SearchStarted))
    done = [event for event in events if isinstance(event, TrialDone) and event.record.number != 7]
    scalars = SearchScalars(ScalarFile(tmp_path))
    for event in (start, *done):
        scalars(event)
    assert [step for step, _ in read_curves(tmp_path)["trial/predicted_ms"]] == list(range(7)), (
        "8 waits for 7"
    )
    scalars.close()
    equal(read_curves(tmp_path), [r for r in records if r.number != 7])
    resumed = SearchScalars(ScalarFile(tmp_path))
    resumed(SearchStarted(TRIALS, 1, 4.0, start.reference_ms, tuple(r for r in records if r.number != 7)))
    resumed(next(e for e in events if isinstance(e, TrialDone) and e.record.number == 7))
    resumed.close()
    equal(read_curves(tmp_path), records)


def test_a_search_that_did_not_begin_leaves_the_curves_alone(events: list[Event], tmp_path: Path) -> None:
    first = SearchScalars(ScalarFile(tmp_path))
    for event in events:
        first(event)
    first.close()
    before = sorted(tmp_path.iterdir())
    SearchScalars(ScalarFile(tmp_path)).close()
    assert sorted(tmp_path.iterdir()) == before


def test_points_of_earlier_sessions_keep_their_time(tmp_path: Path) -> None:
    run_search(toy_config(), toy_space(), fragile_evaluator, toy_estimator, tmp_path)
    ended = [record.ended_at for record in read_trials(tmp_path)]
    assert all(at is not None and time.time() - 60 < at <= time.time() for at in ended)
    assert ended == sorted(ended, key=lambda at: at or 0.0)
