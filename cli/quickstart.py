"""`edgenas quickstart`: the demo, walked through."""

from __future__ import annotations

import shlex
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgenas.cli.options import json_option
from edgenas.cli.output import format_seconds, print_json, say
from edgenas.errors import EdgenasError

if TYPE_CHECKING:
    from edgenas.workflow.quickstart import Step

__all__ = ["command"]

_EDGENAS = "from edgenas.cli.main import main; main()"


@click.command(name="quickstart")
@click.option(
    "--out", default=Path("runs/quickstart"), show_default=True, type=click.Path(path_type=Path), help="Run folder."
)  # fmt: skip
@click.option(
    "--small", is_flag=True, help="So little of everything that nothing is learned; to see the way only."
)
@click.option("--yes", is_flag=True, help="Do not ask before each step.")
@click.option("--dry-run", is_flag=True, help="Show the steps, and run none.")
@json_option
def command(out: Path, small: bool, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Walk through the demo: each command is shown, explained and run, and what came out is explained.

    Needs the packages for training (pip install 'edgenas[all]'). On a terminal it asks before each step, elsewhere it
    asks nothing. Whatever was done before is not done again: after an interrupt the same command goes on.

    \b
    Examples:
      edgenas quickstart
      edgenas quickstart --dry-run
      edgenas quickstart --small --yes --out runs/look
    """
    from edgenas.workflow.quickstart import quickstart_steps

    count = len(quickstart_steps(out, small=small))
    _announce(quickstart_steps(out, small=small), out)
    told: list[dict[str, Any]] = []
    for number in range(count):
        # Made anew each time: a search that has begun meanwhile is gone on with, not begun again.
        step = quickstart_steps(out, small=small)[number]
        say(f"\nStep {number + 1} of {count}: {step.title}\n{_wrapped(step.why)}\n\n  $ {step.line}\n")
        done, seconds = step.done(), 0.0
        if done:
            say("  Done before.")
        elif not dry_run:
            if not yes and sys.stdin.isatty() and sys.stderr.isatty():
                click.confirm("Run it?", default=True, abort=True, err=True)
            seconds = _run(step, as_json, out)
        if done or not dry_run:
            say(_wrapped(step.found()) + (f"\n  It took {format_seconds(seconds)}." if seconds else ""))
        told.append(
            {"title": step.title, "command": step.line, "done_before": done, "seconds": round(seconds, 1)}
        )
    if as_json:
        print_json(told)
    if not dry_run:
        say(
            "Next: your own data (edgenas data inspect PATH), a device of yours (edgenas devices), or what each "
            "command can do besides (edgenas search --help)."
        )


def _announce(steps: list[Step], out: Path) -> None:
    left = sum(step.minutes for step in steps if not step.done())
    gone = sum(step.done() for step in steps)
    state = f" {gone} of {len(steps)} steps are done." if gone else ""
    say(
        f"A network for rooms, from nothing to a checked int8 file, in {out}.{state}\n"
        f"What is left takes about {max(1, round(left))} min on two idle cores; longer where other programs run."
    )


def _run(step: Step, as_json: bool, out: Path) -> float:
    """Runs a step as a user would, in a process of its own; gives its seconds.

    Raises:
        EdgenasError: it failed; it has said why itself.
    """
    began = time.monotonic()
    words = [sys.executable, "-c", _EDGENAS, *step.command]
    # With --json stdout is for the one value: what the step prints goes to stderr.
    code = subprocess.run(words, stdout=sys.stderr if as_json else None, check=False).returncode
    if code:
        raise EdgenasError(
            f"`{step.line}` ended with code {code}; what it says stands above. Go on afterwards with: "
            f"edgenas quickstart --out {shlex.quote(str(out))}"
        )
    return time.monotonic() - began


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 100, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
