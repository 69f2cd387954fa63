"""Every `edgenas ...` command of the README and of the pages is one that the command line takes."""

from __future__ import annotations

import re

import click
import pytest
from blocks import LANGUAGES, PAGES, ROOT, blocks, edgenas_lines, words

from edgenas.cli.main import _cli as cli

LINES = [(place, line) for page in PAGES for place, line in edgenas_lines(page)]
EVERYWHERE = ("--task-module", "--debug")
"""Options that `main` takes out of the line before click reads it."""


def resolve(arguments: list[str]) -> tuple[click.Command, list[str], click.Context]:
    """The command that the words begin with, the words after its name, and its context."""
    command: click.Command = cli
    context = click.Context(command, info_name="edgenas")
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        found = command.get_command(context, arguments[0])
        assert found is not None, f"no command {arguments[0]!r}"
        command, arguments = found, arguments[1:]
        context = click.Context(command, info_name=command.name, parent=context)
    return command, arguments, context


def without(arguments: list[str]) -> list[str]:
    """The words without the options that may stand anywhere."""
    rest: list[str] = []
    waiting = iter(arguments)
    for word in waiting:
        if word == "--task-module":
            next(waiting)
        elif word.partition("=")[0] not in EVERYWHERE:
            rest.append(word)
    return rest


def test_there_are_lines_of_every_guide() -> None:
    pages = {place.partition(":")[0] for place, _ in LINES}
    guides = {str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md")}
    assert guides - pages <= {"docs/index.md", "docs/concepts.md", "docs/peers.md", "docs/faq.md"}
    assert len(LINES) > 100


@pytest.mark.parametrize(("place", "line"), LINES, ids=[f"{p} {line[:60]}" for p, line in LINES])
def test_commands_options_and_values_are_taken(place: str, line: str) -> None:
    del place
    arguments, _ = words(line)
    command, rest, context = resolve(without(arguments[1:]))
    if isinstance(command, click.Group):
        assert rest in ([], ["--help"], ["--version"])
        return
    if "--help" in rest:
        return
    try:
        # Parses as click does, choices, ranges and required arguments included; no command is run.
        command.parse_args(context, list(rest))
    except click.BadParameter as error:
        assert "does not exist" in error.format_message(), error.format_message()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_has_a_language(page) -> None:  # type: ignore[no-untyped-def]
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{block.where}: ```{block.language}"
        assert block.excused or not block.title or block.file, f"{block.where}: title {block.title!r}"
    outside = [
        line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("    edgenas ")
    ]
    assert not outside, "commands stand in ```bash blocks, so that they are run"


def test_the_rows_of_the_readme_are_those_of_the_stored_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "generate"))
    from measured import read_measured, readme_table, with_table

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    measured = read_measured(ROOT)
    rows = [row for group in measured["group"] for row in group["row"]]
    assert with_table(text, readme_table(measured)) == text, (
        "python docs/generate/readme_table.py writes them"
    )
    assert all(row["what"] and row["value"] and row["command"] for row in rows) and len(rows) >= 39
    assert 8 <= sum(row.get("readme", False) for row in rows) <= 12


def test_programs_that_figures_name_exist() -> None:
    text = (ROOT / "benchmarks" / "measured.toml").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:benchmarks|experiments|tests)/[\w/.-]+\.(?:py|md|json)", text))
    assert len(named) > 20
    assert not [name for name in named if not (ROOT / name).exists()]
