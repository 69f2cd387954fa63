"""`edgenas completion`: the script that makes a shell complete commands, options and names."""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete, get_completion_class

from edgenas.cli.output import say

__all__ = ["command"]

_VARIABLE = "_EDGENAS_COMPLETE"

# Where each shell looks for the completions of a program when they are first needed.
_PLACES = {
    "bash": "~/.local/share/bash-completion/completions/edgenas",
    "zsh": "~/.zfunc/_edgenas",
    "fish": "~/.config/fish/completions/edgenas.fish",
}
_FURTHER = {
    "bash": "It needs bash 4.4 and the package bash-completion; without that, add the line `source FILE` to ~/.bashrc.",
    "zsh": "Before `compinit` in ~/.zshrc there must be: fpath+=~/.zfunc; autoload -Uz compinit; compinit",
    "fish": "",
}


@click.command(name="completion")
@click.argument("shell", type=click.Choice(list(_PLACES)))
def command(shell: str) -> None:
    """Print the script that makes a shell complete commands, options, devices, spaces, data sets and runs.

    The script goes to stdout, what to do with it to stderr. Open a new shell afterwards.

    \b
    Examples:
      edgenas completion bash > ~/.local/share/bash-completion/completions/edgenas
      edgenas completion zsh > ~/.zfunc/_edgenas
      edgenas completion fish > ~/.config/fish/completions/edgenas.fish
    """
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"click knows no completion for {shell}.")
    completer = found(click.get_current_context().find_root().command, {}, "edgenas", _VARIABLE)
    # Not its own `source`: that of bash runs a bash for its version, which need not be the one that reads this.
    click.echo(ShellComplete.source(completer))
    place = _PLACES[shell]
    folder = place.rpartition("/")[0]
    say(f"Install it with: mkdir -p {folder} && edgenas completion {shell} > {place}")
    if _FURTHER[shell]:
        say(_FURTHER[shell])
