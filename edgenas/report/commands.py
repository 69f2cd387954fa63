"""The commands that make the parts a run folder may lack."""

from __future__ import annotations

import shlex

from edgenas.report.markup import Html, code, note
from edgenas.report.run_data import RunData

__all__ = ["missing", "next_command"]


def next_command(part: str, run: RunData) -> str:
    """The command that makes a part.

    Args:
        part: "search", "train", "export" or "profile".
        run: the run that lacks it.
    """
    folder = shlex.quote(str(run.folder))
    if part == "profile":
        return f"edgenas profile --device {shlex.quote(run.config.device or 'host')}"
    return {
        "search": f"edgenas search --resume {folder}",
        "train": f"edgenas train {folder}",
        "export": f"edgenas export --int8 {folder}",
    }[part]


def missing(what: str, part: str, run: RunData) -> Html:
    """The sentence that stands in the place of a missing part."""
    return note(f"{what} Make it with ", code(next_command(part, run)), ".")
