"""What `edgenas search` shows of real searches of the toy problem, on a screen of 80 columns and as lines."""

from __future__ import annotations

import io
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from edgenas.cli.output import format_seconds
from edgenas.cli.search_view import PlainLines, SearchView
from edgenas.search import Event, Requirement, SearchStarted, TrialDone, TrialStarted, WorkerLost, run_search
from edgenas.space import Architecture

SEARCH_TESTS = Path(__file__).parents[1] / "search"

DRIVER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from toy_search import toy_config, toy_estimator, toy_evaluator, toy_space
from edgenas.cli.search_view import search_view
from edgenas.search import SearchInterrupted, run_search

def slow(architecture, seed):
    time.sleep(0.2)
    return toy_evaluator(architecture, seed)

try:
    with search_view() as on_event:
        run_search(toy_config(trials=100), toy_space(), slow, toy_estimator, Path(sys.argv[2]), on_event=on_event)
except SearchInterrupted as error:
    sys.exit("\\n" + str(error))
"""


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(scope="module")
def toy() -> Any:
    sys.path.insert(0, str(SEARCH_TESTS))
    try:
        import toy_search
    finally:
        sys.path.pop(0)
    return toy_search


def _rejected(architecture: Architecture) -> str:
    odd = int(architecture.hash, 16) % 5 == 0
    return "does not run: operator 3 [GELU] " + "and so on " * 12 if odd else ""


@pytest.fixture(scope="module")
def events(toy: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    """Of 60 trials, some of which fail, diverge, are rejected or are duplicates."""
    told: list[Event] = []
    run_search(
        toy.toy_config(trials=60, target_ms=4.0, require="edgetpu"),
        toy.toy_space(),
        toy.fragile_evaluator,
        toy.toy_estimator,
        tmp_path_factory.mktemp("view") / "run",
        on_event=told.append,
        requirements=[Requirement("require", _rejected)],
    )
    return told


def screen(view: SearchView, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, record=True)
    console.print(view)
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_the_view_fits_80_columns_and_tells_everything(events: list[Event]) -> None:
    view = SearchView(clock := Clock())
    tallest = 0
    for event in events:
        clock.seconds += 10.0
        view(event)
        lines = screen(view)
        tallest = max(tallest, len(lines))
        assert max(map(len, lines)) <= 77, "^C of the terminal fits behind every line"
    assert tallest == 11
    done = [e for e in events if isinstance(e, TrialDone)][-1]
    text = "\n".join(screen(view))
    assert done.best is not None and done.failed and done.rejected and done.duplicates
    assert f"60/60 after {format_seconds(clock.seconds)}" in text and " left" not in screen(view)[0]
    assert f"best     quality {done.best.quality:.4f}" in text and "target 4 ms" in text
    assert f"{done.feasible_share:.0%} feasible, {done.failed} failed, {done.rejected} rejected" in text
    assert f"{done.duplicates} duplicates\n" in text
    assert f"front    hypervolume {done.hypervolume:.4f}" in text
    assert f"trial {done.record.number}" in text


def test_what_looks_like_markup_is_shown_and_what_is_long_gives_way(events: list[Event]) -> None:
    view = SearchView()
    view(next(e for e in events if isinstance(e, SearchStarted)))
    view(next(e for e in events if isinstance(e, TrialDone) and e.record.rejected))
    last = screen(view)[-1]
    assert "rejected: does not run: operator 3 [GELU] and" in last and "…" in last and last.endswith(" s")


def test_several_workers_and_what_they_train(events: list[Event]) -> None:
    view = SearchView(clock := Clock())
    view(next(e for e in events if isinstance(e, SearchStarted)))
    for number in range(6):
        view(TrialStarted(number, 60, f"network {number}", 1.0, repeated=False))
        clock.seconds += 60.0
    view(TrialStarted(9, 60, "network 3", 1.0, repeated=False))
    assert "running  6: 0 (6 min), 1 (5 min), 2 (4 min), 3 (3 min), 2 more" in screen(view), "9 waits for 3"
    view(WorkerLost(0, "its worker process was ended by SIGKILL", again=True))
    text = "\n".join(screen(view))
    assert "trial 0  lost: its worker process was ended by SIGKILL" in text
    assert "running  6: 0 (0 s), 1 (5 min)" in text


def test_the_rest_is_counted_down_between_events(events: list[Event]) -> None:
    done = next(e for e in events if isinstance(e, TrialDone))
    view = SearchView(clock := Clock())
    view(next(e for e in events if isinstance(e, SearchStarted)))
    view(TrialDone(**{**vars(done), "eta_seconds": 600.0}))
    assert "about 10 min left" in screen(view)[0]
    clock.seconds = 300.0
    assert "about 5 min left" in screen(view)[0]
    clock.seconds = 3000.0
    assert "about 0 s left" in screen(view)[0]


def test_a_resumed_search_begins_where_it_was(events: list[Event]) -> None:
    records = tuple(e.record for e in events if isinstance(e, TrialDone))
    view = SearchView()
    view(SearchStarted(total=100, capacity=1, target_ms=None, reference_ms=None, records=records))
    assert "60/100" in screen(view)[0]


def lines_of(events: list[Event], seconds: float, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What is said of trials that take `seconds` each."""
    say = PlainLines(clock := Clock())
    for event in events:
        clock.seconds += seconds * isinstance(event, TrialDone)
        say(event)
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_one_line_a_trial(events: list[Event], capsys: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(events, 5.0, capsys)
    assert lines[0].startswith("Training the MT edge baseline (predicted ")
    assert lines[1].startswith("Baseline done in ")
    trials = [line for line in lines if line.startswith("search: ")]
    assert len(trials) == 60 and len(lines) == 62
    assert trials[0].startswith("search: 1/60, trial 0 ") and trials[-1].startswith(
        "search: 60/60, trial 59 "
    )
    assert any("failed: MemoryError: no memory left; " in line for line in trials)
    assert all(" left" in line for line in trials[5:])


def test_at_most_one_line_a_second_and_the_last_one(
    events: list[Event], capsys: pytest.CaptureFixture[str]
) -> None:
    trials = [line for line in lines_of(events, 0.1, capsys) if line.startswith("search: ")]
    assert 6 <= len(trials) <= 8 and trials[-1].startswith("search: 60/60")
    assert any("; before: trial " in line for line in trials), "failures between two lines are told"


def test_a_lost_worker_is_told(events: list[Event], capsys: pytest.CaptureFixture[str]) -> None:
    say = PlainLines()
    say(WorkerLost(4, "its worker process was ended by SIGKILL", again=True))
    say(next(e for e in events if isinstance(e, TrialDone)))
    assert (
        "before: worker of trial 4 lost: its worker process was ended by SIGKILL" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (840, "14 min"),
        (12_000, "3 h 20 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_ctrl_c_leaves_the_terminal_clean(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(SEARCH_TESTS), str(tmp_path / "run")],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
        preexec_fn=_take_terminal,
    )
    os.close(slave)
    seen = read_until(master, b"3/100")
    os.write(master, b"\x03")
    seen += read_until(master, None)
    assert process.wait(timeout=30) == 1
    os.close(master)
    shown, _, message = seen.rpartition(b"\x1b[?25h")
    assert b"\x1b[?25l" in shown, "the cursor was hidden, and is shown again"
    # After the last drawing every one of its lines is erased.
    last_drawing = shown[shown.rindex(b"search") :]
    lines = last_drawing.count(b"\n")
    erased = (last_drawing + message).count(b"\x1b[2K")
    assert erased >= lines >= 5
    assert b"Interrupted after" in message and b"Go on with: edgenas search --resume" in message


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def read_until(terminal: int, mark: bytes | None) -> bytes:
    """What appears on a terminal until `mark` does, or until everyone has left it."""
    seen, end = b"", time.monotonic() + 60
    while time.monotonic() < end and (mark is None or mark not in seen):
        if not select.select([terminal], [], [], 0.5)[0]:
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:  # How Linux says that nobody has the other side open.
            break
        if not data:
            break
        seen += data
    return seen
