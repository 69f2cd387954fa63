"""`edgenas data`: look at data sets and prepare them."""

from __future__ import annotations

import importlib

import click

__all__ = ["command"]

# Subcommand -> one line of help; its module is edgenas.cli.data_NAME and gives a click command `command`.
_COMMANDS = {
    "inspect": "Tell what a data set holds and what is wrong with it.",
    "layouts": "List the layouts that are read, or tell which one a path has.",
    "prepare": "Convert a data set once into the form that is quickest to read; verify one.",
}


class _LazyCommands(click.Group):
    """Imports a subcommand when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The subcommands in the order in which they are used."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the subcommand; None when there is none of that name."""
        if cmd_name not in _COMMANDS:
            return None
        command = importlib.import_module(f"edgenas.cli.data_{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"edgenas.cli.data_{cmd_name}.command is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(name="data", cls=_LazyCommands)
def command() -> None:
    """Look at data sets in their own layouts, and prepare them for training.

    \b
    Examples:
      edgenas data layouts
      edgenas data layouts /data/cityscapes
      edgenas data prepare /data/cityscapes --height 256 --width 512 --out cityscapes-256
    """
