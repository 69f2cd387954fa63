"""`LazyGroup`: commands whose modules are imported when they are called, not for `--help`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import ClassVar

import click

__all__ = ["LazyGroup"]


class LazyGroup(click.Group):
    """Commands by name; the module edgenas.cli.PREFIX + NAME gives a click command `command`.

    Attributes:
        commands_help: {name: one line of help}, in the order in which they are listed.
        prefix: of the modules.
    """

    commands_help: ClassVar[Mapping[str, str]]
    prefix: ClassVar[str] = ""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in their order."""
        return list(self.commands_help)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command; None when there is none of that name."""
        if cmd_name not in self.commands_help:
            return None
        module = f"edgenas.cli.{self.prefix}{cmd_name}"
        command = importlib.import_module(module).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.command is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.commands_help.items()))
