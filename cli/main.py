"""Entry point of `edgenas`: finds the command, runs it, turns errors into messages and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from edgenas.cli.lazy_group import LazyGroup
from edgenas.cli.output import say
from edgenas.errors import EdgenasError

__all__ = ["main"]

_TASK_MODULE = "--task-module"

# Title, command (its module in edgenas.cli), one line of help: so that `edgenas --help` imports no command.
_SECTIONS = {
    "Start here": {
        "quickstart": "Walk through the demo, command by command, with explanations.",
        "profile": "Measure a device, or tell what is known of it, and fit its latency predictor.",
        "search": "Find networks that are accurate and meet a latency target.",
        "train": "Train the winner of a search longer, or any architecture.",
        "export": "Write verified float32 and int8 .tflite files with a model card.",
        "report": "Write one HTML page about a run.",
    },
    "Networks and data": {
        "evaluate": "Metrics of a trained or exported network on real frames.",
        "compare": "One table of evaluated networks, with differences from single-task baselines.",
        "run": "Run a .tflite file on images, on this machine, and write what it sees.",
        "data": "Recognise data sets in their own layouts, look at them, prepare them.",
        "space": "List search spaces, show one, sample architectures.",
        "reproduce": "Run the studies of the paper: loss weights, noise of JAReD, synergy of a joint search.",
    },
    "Devices and latency": {
        "devices": "List the devices and what is known of them.",
        "predict": "Predict the latency of .tflite files or architectures, with an interval.",
        "check": "Tell which operators of .tflite files run on an accelerator, and why not the others.",
        "benchmark": "Measure the latency of .tflite files on a device.",
        "latency": "Import latency tables, fit predictors, test them, adapt them to new devices.",
    },
    "This program": {
        "completion": "Print the script that makes bash, zsh or fish complete commands and names.",
    },
}


class _Edgenas(LazyGroup):
    """The whole: what is true of every command."""

    sections = _SECTIONS

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command; what the package logs is shown from then on."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            _plain_remarks()
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; click itself would end with code 1 when the reader of stdout has gone."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # `edgenas devices | head`: that is no error of ours.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return 0


def _show_version(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    """Versions of edgenas and of what computes for it; from the packages' descriptions, nothing is imported."""
    if not wanted or ctx.resilient_parsing:
        return
    import platform
    from importlib.metadata import PackageNotFoundError, version

    def found(*names: str) -> str:
        for name in names:
            try:
                return version(name)
            except PackageNotFoundError:
                continue
        return "not installed"

    click.echo(f"edgenas, version {version('edgenas')}")
    parts = {
        "Python": platform.python_version(),
        "TensorFlow": found("tensorflow-cpu", "tensorflow"),
        "Keras": found("keras"),
        "LiteRT": found("ai-edge-litert", "tflite-runtime"),
        "Optuna": found("optuna"),
        "NumPy": found("numpy"),
    }
    click.echo(", ".join(f"{name} {number}" for name, number in parts.items()))
    ctx.exit()


@click.group(
    cls=_Edgenas,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--debug", is_flag=True, help="Show tracebacks of errors.")
@click.option(
    _TASK_MODULE,
    metavar="FILE.py",
    help="Python file with a task of your own (docs/own-task.md). May be repeated.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the versions of edgenas, TensorFlow and LiteRT, and exit.",
)
@click.pass_context
def _cli(ctx: click.Context, debug: bool, task_module: str | None) -> None:
    """Find, train and ship multi-task dense-prediction networks for edge devices.

    \b
    The way through:
      edgenas profile --device host        what does this device cost?
      edgenas search                       networks that are accurate and quick enough
      edgenas train                        the winner, trained longer
      edgenas export --int8                a checked .tflite with its model card
      edgenas report                       one page about all of it
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and ends the process: 0 done, 1 failure, 2 usage, 130 interrupted."""
    args = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in args
    # The flags may stand anywhere: people add them at the end of the line that failed.
    args = [a for a in args if a != "--debug"]
    try:
        args = _load_task_modules(args)
        sys.exit(_cli.main(args=args, prog_name="edgenas", standalone_mode=False) or 0)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        say("Interrupted. What was finished is stored; the same command goes on from there.")
        sys.exit(130)
    except EdgenasError as error:
        if debug:
            raise
        say(f"Error: {error}")
        sys.exit(error.exit_code)
    except MemoryError:
        say("Error: out of memory. Use a smaller --batch-size or fewer frames.")
        sys.exit(1)
    except OSError as error:
        if debug:
            raise
        place = f" ({error.filename})" if error.filename else ""
        say(f"Error: {error.strerror or error}{place}. Run again with --debug for the details.")
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        say(
            f"Error: {type(error).__name__}: {error}\nThis is a fault of edgenas. Run again with --debug and report it."
        )
        sys.exit(1)


def _load_task_modules(args: list[str]) -> list[str]:
    """Loads the files of --task-module; gives the other arguments."""
    rest: list[str] = []
    files: list[str] = []
    waiting = iter(args)
    for arg in waiting:
        name, equals, value = arg.partition("=")
        if name != _TASK_MODULE:
            rest.append(arg)
            continue
        file = value if equals else next(waiting, "")
        if not file:
            raise click.UsageError(f"Option '{_TASK_MODULE}' requires an argument.")
        files.append(file)
    if files:
        from pathlib import Path

        from edgenas.tasks.plugins import load_task_module

        for file in files:
            load_task_module(Path(file))
    return rest


def _plain_remarks() -> None:
    """What the package logs, such as a connection that is made again, goes to stderr as it is."""
    import logging

    class Remarks(logging.Handler):
        """Writes to what stderr is now: a live view takes its place for a while."""

        def emit(self, record: logging.LogRecord) -> None:
            say(self.format(record))

    logger = logging.getLogger("edgenas")
    if not logger.handlers:
        logger.addHandler(Remarks())
