"""Groups of commands: `LazyGroup` imports a command when it is called, not for `--help`."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import ClassVar

import click

__all__ = ["LazyGroup", "NamedGroup"]


class NamedGroup(click.Group):
    """A group whose error for an unknown command names the nearest ones."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command.

        Raises:
            click.UsageError: there is none of that name.
        """
        name, known = args[0], self.list_commands(ctx)
        if not name.startswith("-") and name not in known:
            near = difflib.get_close_matches(name, known, n=2)
            hint = f" Did you mean {' or '.join(near)}?" if near else f" Known: {', '.join(known)}."
            raise click.UsageError(f"No such command '{name}'.{hint} See: {ctx.command_path} --help")
        return super().resolve_command(ctx, args)


class LazyGroup(NamedGroup):
    """Commands by name; the module edgenas.cli.PREFIX + NAME gives a click command `command`.

    Attributes:
        sections: {title: {name: one line of help}}, in the order in which they are listed.
        prefix: of the modules.
    """

    sections: ClassVar[Mapping[str, Mapping[str, str]]]
    prefix: ClassVar[str] = ""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in their order."""
        return [name for commands in self.sections.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command; None when there is none of that name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = f"edgenas.cli.{self.prefix}{cmd_name}"
        command = importlib.import_module(module).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.command is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands, section by section, without importing them."""
        for title, commands in self.sections.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Completes commands without importing them, and options."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=text)
            for commands in self.sections.values()
            for name, text in commands.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)
