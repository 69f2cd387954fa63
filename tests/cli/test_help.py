"""The help of every command: sections, two examples that parse, --json, suggestions."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from typing import Any

import click
import pytest

from edgenas.cli.lazy_group import NamedGroup
from edgenas.cli.main import _cli

# They report nothing, or their stdout is a file for somebody else already.
WITHOUT_JSON = {"edgenas completion"}


def walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    """Every command below one with what one types."""
    yield " ".join(path), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from walk(found, (*path, name))


EVERY = dict(walk(_cli, ("edgenas",)))
LEAVES = {name: command for name, command in EVERY.items() if not isinstance(command, click.Group)}


def examples(command: click.Command) -> list[str]:
    """The lines below "Examples:"."""
    _, _, below = (command.help or "").partition("Examples:")
    return [line.strip() for line in below.splitlines() if line.strip().startswith("edgenas ")]


def test_they_are_all_there() -> None:
    assert len(LEAVES) >= 30 and {"edgenas quickstart", "edgenas data inspect"} <= set(LEAVES)


@pytest.mark.parametrize("name", [name for name in EVERY if name != "edgenas"])
def test_two_examples_that_parse(name: str) -> None:
    lines = examples(EVERY[name])
    assert len(lines) >= 2, f"{name} has {len(lines)} examples"
    for line in lines:
        assert f"{line} ".startswith(f"{name} "), line
        words = shlex.split(line.split(" > ")[0], comments=True)[1:]
        command: click.Command = _cli
        context = click.Context(_cli, info_name="edgenas")
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            found = command.get_command(context, words[0])
            assert found is not None, line
            command, words = found, words[1:]
        assert not isinstance(command, click.Group) or not words, line
        # Parses values too: a number out of range or a choice that does not exist is an error here.
        command.make_context(command.name, list(words), parent=context)


@pytest.mark.parametrize("name", [name for name in LEAVES if name not in WITHOUT_JSON])
def test_every_command_that_reports_takes_json(name: str) -> None:
    flags = {flag for parameter in LEAVES[name].params for flag in parameter.opts}
    assert "--json" in flags


def test_every_group_names_the_nearest_command() -> None:
    for name, command in EVERY.items():
        if isinstance(command, click.Group):
            assert isinstance(command, NamedGroup), name


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("serach", "Did you mean search? See: edgenas --help"),
        ("space lsit", "Did you mean list? See: edgenas space --help"),
        ("data inspct", "Did you mean inspect?"),
        ("devices zzz", "Known: doctor, list, new, show."),
        ("train --epoch 3", "--epochs"),
    ],
)
def test_suggestions(edgenas: Callable[..., Any], line: str, expected: str) -> None:
    outcome = edgenas(*line.split())
    assert outcome.code == 2 and outcome.out == ""
    assert expected in outcome.err


def test_alone_it_shows_what_matters_first(edgenas: Callable[..., Any]) -> None:
    outcome = edgenas()
    assert outcome.code == 0 and outcome.out == edgenas("--help").out
    titles = [line for line in outcome.out.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert titles == [
        "Options:",
        "Start here:",
        "Networks and data:",
        "Devices and latency:",
        "This program:",
    ]
    first = outcome.out.split("Start here:\n")[1].split()[0]
    assert first == "quickstart"


def test_version_names_what_computes(edgenas: Callable[..., Any]) -> None:
    from importlib.metadata import version

    out = edgenas("--version").out
    assert out.startswith(f"edgenas, version {version('edgenas')}\nPython 3.")
    assert "TensorFlow " in out and f"LiteRT {version('ai-edge-litert')}" in out
