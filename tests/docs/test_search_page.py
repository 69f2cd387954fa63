"""Every `edgenas search` line of the user's page is one that the command takes, and every flag in it exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from blocks import edgenas_lines

from edgenas.cli.main import main
from edgenas.cli.search import command
from edgenas.errors import EdgenasError

PAGE = Path(__file__).parents[2] / "docs" / "search.md"
TEXT = PAGE.read_text(encoding="utf-8")
LINES = [line for _, line in edgenas_lines(PAGE) if line.startswith("edgenas search")]
FLAGS = {flag for parameter in command.params for flag in parameter.opts}


class Accepted(EdgenasError):  # noqa: N818
    """The search would begin now."""

    exit_code = 77


@pytest.mark.parametrize("line", LINES)
def test_lines_are_taken(line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def accept(*_: Any, **__: Any) -> None:
        raise Accepted("accepted")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("edgenas.workflow.search.start_search", accept)
    monkeypatch.setattr("edgenas.workflow.search.resume_search", accept)
    words = shlex.split(line.split(" > ")[0])
    with pytest.raises(SystemExit) as stop:
        main(words[1:])
    assert stop.value.code == Accepted.exit_code


def test_there_are_lines_of_every_section() -> None:
    assert len(LINES) >= 10
    for section in TEXT.split("\n## ")[1:]:
        title = section.splitlines()[0]
        if title in (
            "Limits",
            "Algorithms",
            "Several workers",
            "Several machines",
            "Watching it",
            "Stopping and going on",
        ):
            assert "\nedgenas search" in section, title


@pytest.mark.parametrize("flag", sorted(FLAGS - {"--help", "-h"}))
def test_every_flag_is_named(flag: str) -> None:
    assert re.search(rf"{flag}(?![a-z-])", TEXT), f"docs/search.md does not say what {flag} is for"


def test_flags_exist() -> None:
    named = {flag for flag in re.findall(r"`(--[a-z-]+)", TEXT) if flag != "--samples_per_plugin"}
    named -= {"--int8", "--samples"}  # of other commands
    assert len(named) > 15
    assert named <= FLAGS, f"not of the command: {sorted(named - FLAGS)}"
