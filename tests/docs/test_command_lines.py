"""Every `edgenas ...` line of the README and of the pages names a command and flags that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from edgenas.cli.main import _cli as cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINES = [
    (page.name, line)
    for page in PAGES
    for line in re.findall(r"^    (edgenas .*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
]


def resolve(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the words begin with, and the words after its name."""
    command: click.Command = cli
    context = click.Context(command)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, f"no command {words[0]!r}"
        command, words = found, words[1:]
    return command, words


def test_there_are_lines_of_every_page() -> None:
    pages = {page for page, _ in LINES}
    assert {"README.md", "data.md", "training.md", "search.md", "own-task.md"} <= pages
    assert len(LINES) > 60


@pytest.mark.parametrize(("page", "line"), LINES, ids=[f"{p}: {line[:60]}" for p, line in LINES])
def test_commands_and_flags_exist(page: str, line: str) -> None:
    del page
    command, words = resolve(shlex.split(line.split(" > ")[0], comments=True)[1:])
    assert not isinstance(command, click.Group) or not words
    flags = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    given = [word.split("=")[0] for word in words if word.startswith("--")]
    assert [flag for flag in given if flag not in flags | {"--task-module", "--debug"}] == []
