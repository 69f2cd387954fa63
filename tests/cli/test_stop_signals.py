"""Ctrl-C and SIGTERM end a search once, in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from edgenas.cli.stop_signals import Stopped, stopped_in_order
from edgenas.errors import EdgenasError, UsageError


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Puts back what a stop leaves ignored."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Interrupted(EdgenasError):  # noqa: N818
    exit_code = 130


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_one_says_how_to_go_on(number: int, code: int) -> None:
    with pytest.raises(Stopped, match="Go on so") as caught, stopped_in_order(lambda: "Go on so"):
        os.kill(os.getpid(), number)
    assert caught.value.exit_code == code


def test_clearing_up_is_not_broken_off() -> None:
    cleared = []
    with pytest.raises(Interrupted) as caught, stopped_in_order(lambda: "not said"):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
            cleared.append(True)
            raise Interrupted("Go on otherwise") from None
    assert cleared == [True] and caught.value.exit_code == 143
    os.kill(os.getpid(), signal.SIGINT)  # Not at the end of the process either.


def test_much_later_it_means_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgenas.cli.stop_signals._PATIENCE_SECONDS", 0.0)
    with pytest.raises(Stopped), stopped_in_order(lambda: ""):
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt:
            os.kill(os.getpid(), signal.SIGINT)
            pytest.fail("what hangs while it clears up cannot be ended")


def test_without_a_signal_everything_is_as_it_was() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(UsageError) as caught, stopped_in_order(lambda: ""):
        raise UsageError("wrong")
    assert caught.value.exit_code == 2
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_what_was_ignored_stays_ignored() -> None:
    """As behind `&` of a script, where Ctrl-C is for somebody else."""
    code = (
        "import os, signal\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from edgenas.cli.stop_signals import stopped_in_order\n"
        "with stopped_in_order(lambda: ''):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "print('went on')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "went on\n"
