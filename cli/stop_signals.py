"""What Ctrl-C and SIGTERM do to a long command: it stops once, in order, and says how to go on."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from edgenas.errors import EdgenasError

__all__ = ["Stopped", "stopped_in_order"]

# Ending workers takes a few seconds, in which people press Ctrl-C again; later than this it means "now".
_PATIENCE_SECONDS = 10.0


class Stopped(EdgenasError):  # noqa: N818
    """The user, or whatever runs the machine, ended the command."""

    exit_code = 130


@contextlib.contextmanager
def stopped_in_order(how_to_go_on: Callable[[], str]) -> Iterator[None]:
    """Turns the first Ctrl-C or SIGTERM into one `KeyboardInterrupt`, and ignores more of them for a while.

    Without it SIGTERM, which batch systems send, would leave a terminal without its cursor and the best so far
    unwritten, and a second Ctrl-C would break off the first one's clearing up. A signal that was ignored before, as
    behind `nohup` or `&` of a script, stays ignored.

    Args:
        how_to_go_on: said where nothing below turned the interrupt into an error of its own.

    Raises:
        Stopped: as above. Exit code 130; 143 after SIGTERM, whatever error the interrupt became.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Only there can signals be handled.
        return
    first: list[tuple[int, float]] = []

    def stop(number: int, _: Any) -> None:
        if first and time.monotonic() - first[0][1] < _PATIENCE_SECONDS:
            return
        first[:] = [(number, time.monotonic())]
        raise KeyboardInterrupt

    ours = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) not in (signal.SIG_IGN, None)]
    before = {number: signal.signal(number, stop) for number in ours}
    try:
        yield
    except KeyboardInterrupt:
        raise _with_code(Stopped(how_to_go_on()), first) from None
    except EdgenasError as error:
        _with_code(error, first)
        raise
    finally:
        if first:
            # The process ends now; what still clears up behind us is not to be broken off either.
            before = dict.fromkeys(ours, signal.SIG_IGN)
        for number, handler in before.items():
            signal.signal(number, handler)


def _with_code(error: EdgenasError, first: list[tuple[int, float]]) -> EdgenasError:
    if first and first[0][0] == signal.SIGTERM and error.exit_code == Stopped.exit_code:
        error.exit_code = 128 + signal.SIGTERM
    return error
