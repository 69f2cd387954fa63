"""`edgenas data`: look at data sets and prepare them."""

from __future__ import annotations

import click

from edgenas.cli.lazy_group import LazyGroup

__all__ = ["command"]

# Title, subcommand, one line of help; its module is edgenas.cli.data_NAME and gives a click command `command`.
_SECTIONS = {
    "Commands": {
        "inspect": "Tell what a data set holds and what is wrong with it.",
        "layouts": "List the layouts that are read, or tell which one a path has.",
        "prepare": "Convert a data set once into the form that is quickest to read; verify one.",
    }
}


class _Data(LazyGroup):
    """What is done with data sets."""

    sections = _SECTIONS
    prefix = "data_"


@click.group(name="data", cls=_Data)
def command() -> None:
    """Look at data sets in their own layouts, and prepare them for training.

    \b
    Examples:
      edgenas data layouts
      edgenas data layouts /data/cityscapes
      edgenas data prepare /data/cityscapes --height 256 --width 512 --out cityscapes-256
    """
