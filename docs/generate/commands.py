"""One page per command of `edgenas`, from click: what `--help` says, with its examples as code."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

__all__ = ["all_commands", "command_pages"]


def all_commands() -> Iterator[tuple[str, click.Context]]:
    """Every command and subcommand in the order of the help, with its full name."""
    from edgenas.cli.main import _cli

    yield from _walk(_cli, "edgenas", None)


def command_pages() -> dict[str, str]:
    """Pages by path: an overview, and one per top-level command with its subcommands."""
    pages: dict[str, list[str]] = {}
    rows = [
        "# Commands",
        "",
        "What `edgenas COMMAND --help` says, as pages.",
        "",
        "| command | |",
        "|---|---|",
    ]
    for name, context in all_commands():
        words = name.split()
        if len(words) == 1:
            rows[3:3] = ["", *_body(context)]
            continue
        text = pages.setdefault(words[1], [])
        text += [f"{'#' * (len(words) - 1)} {name}", "", *_body(context)]
        summary = context.command.get_short_help_str(200)
        rows.append(f"| [`{name}`]({words[1]}.md#{name.replace(' ', '-')}) | {_cell(summary)} |")
    return {
        "reference/commands/index.md": "\n".join(rows) + "\n",
        **{f"reference/commands/{name}.md": "\n".join(text) for name, text in pages.items()},
    }


def _walk(
    command: click.Command, name: str, parent: click.Context | None
) -> Iterator[tuple[str, click.Context]]:
    context = click.Context(command, info_name=name.split()[-1], parent=parent, **command.context_settings)
    yield name, context
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            found = command.get_command(context, sub)
            if found is not None and not found.hidden:
                yield from _walk(found, f"{name} {sub}", context)


def _body(context: click.Context) -> list[str]:
    usage = " ".join([context.command_path, *context.command.collect_usage_pieces(context)])
    lines = ["```text", usage, "```", "", *_help(context.command.help or ""), ""]
    records = [p.get_help_record(context) for p in context.command.get_params(context)]
    rows = [f"| {_cell(_code(flags))} | {_cell(text)} |" for flags, text in filter(None, records)]
    if rows:
        lines += ["| option | |", "|---|---|", *rows, ""]
    return lines


def _help(text: str) -> Iterator[str]:
    """Paragraphs; those that click must not wrap (marked by a line with \\b) keep their lines, as code."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        lines = paragraph.strip("\n").splitlines()
        if not lines or lines[0].strip() != "\b":
            yield from lines
            yield ""
            continue
        lines = lines[1:]
        if lines and not lines[0].startswith(" ") and lines[0].rstrip().endswith(":"):
            yield from (lines[0], "")
            lines = lines[1:]
        yield from ("```text", *inspect.cleandoc("\n" + "\n".join(lines)).splitlines(), "```", "")


def _code(flags: str) -> str:
    return f"`{flags}`"


def _cell(text: str) -> str:
    """Text as a cell of a table: nothing in it begins a cell, a tag or a link."""
    escaped = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
    return escaped.replace("[", "\\[") if not escaped.startswith("`") else escaped
