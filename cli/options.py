"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from edgenas.cli.completions import configuration_names, data_names, device_names, run_folders, task_names
from edgenas.device_profiles import load_device
from edgenas.errors import UsageError

__all__ = [
    "data_options",
    "device_file_option",
    "device_options",
    "export_data_options",
    "json_option",
    "parse_tasks",
    "predictor_option",
    "refuse_data_options",
    "run_argument",
]

F = TypeVar("F", bound=Callable[..., Any])
_DATA = ("data", "tasks", "height", "width", "frames", "validation_frames", "skip_broken")

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON value on stdout.")
predictor_option = click.option(
    "--predictor",
    type=click.Path(path_type=Path),
    help="Folder of a predictor to use instead of the stored one.",
)
device_file_option = click.option(
    "--device-file",
    type=click.Path(path_type=Path),
    help="Device file that comes before all others, see `edgenas devices new --help`.",
)
run_argument = click.argument(
    "run", required=False, type=click.Path(path_type=Path), shell_complete=run_folders
)


def device_options(function: F) -> F:
    """--device, --configuration, --device-file; the command gets them as `profile` and `chosen`.

    `chosen` is the device's `Configuration`.
    """

    @functools.wraps(function)
    def command(
        *args: Any, device: str | None, configuration: str | None, device_file: Path | None, **options: Any
    ) -> Any:
        profile = load_device(device, device_file)
        return function(*args, profile=profile, chosen=profile.configuration(configuration), **options)

    decorators = (
        click.option(
            "--device",
            shell_complete=device_names,
            help="A device (see `edgenas devices`), ssh://USER@HOST or adb://SERIAL.  [default: host]",
        ),
        click.option(
            "--configuration",
            shell_complete=configuration_names,
            help="Configuration of the device; its default without it.",
        ),
        device_file_option,
    )
    wrapped: Any = command
    for decorator in reversed(decorators):
        wrapped = decorator(wrapped)
    return wrapped  # type: ignore[no-any-return]


def data_options(function: F) -> F:
    """--data, --tasks, --height, --width, --frames, --validation-frames, --skip-broken.

    What --skip-broken asks for becomes part of `data`, so that whoever opens the same source again leaves out the same.
    """
    return _data_options(function, "frames that are made or resized")


def export_data_options(function: F) -> F:
    """The same, but --height and --width are those of the exported network."""
    return _data_options(function, "the exported network's input, instead of those that it was trained with")


def _data_options(function: F, sized: str) -> F:
    @functools.wraps(function)
    def command(*args: Any, data: str, skip_broken: bool, **options: Any) -> Any:
        from edgenas.datasets.source import leaving_out_broken

        return function(*args, data=leaving_out_broken(data) if skip_broken else data, **options)

    decorators = (
        click.option(
            "--data", default="rooms", show_default=True, shell_complete=data_names,
            help="rooms or streets (procedural, embedded), or the path of an .npz archive or of a data set that "
            "`edgenas data layouts` knows, PATH#LABELS to choose its labels.",
        ),
        click.option(
            "--tasks", shell_complete=task_names,
            help="Comma-separated, e.g. segmentation,depth. All that the data have by default.",
        ),
        click.option("--height", type=click.IntRange(32, 4096), help=f"Rows of {sized}."),
        click.option("--width", type=click.IntRange(32, 4096), help=f"Columns of {sized}."),
        click.option("--frames", type=click.IntRange(1), help="Number of training frames."),
        click.option("--validation-frames", type=click.IntRange(1), help="Number of validation frames."),
        click.option("--skip-broken", is_flag=True, help="Leave out frames whose files are missing or damaged."),
    )  # fmt: skip
    wrapped: Any = command
    for decorator in reversed(decorators):
        wrapped = decorator(wrapped)
    return wrapped  # type: ignore[no-any-return]


def refuse_data_options(instead: str, *, but: Sequence[str] = ()) -> None:
    """For commands on a run, which has its data in its configuration: options that would do nothing are refused.

    Args:
        instead: what to give to choose the data, e.g. "--architecture FILE".
        but: parameters of `data_options` that the command takes all the same.

    Raises:
        UsageError: one was given.
    """
    ctx = click.get_current_context()
    given = [
        name
        for name in _DATA
        if name not in but and ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        flags = ", ".join("--" + name.replace("_", "-") for name in given)
        raise UsageError(f"A run brings its own data. Received {flags}. Leave them out, or give {instead}.")


def parse_tasks(text: str | None) -> tuple[str, ...] | None:
    """Splits --tasks.

    Raises:
        UsageError: a task is unknown or named twice.
    """
    if text is None:
        return None
    from edgenas.tasks import TASKS
    from edgenas.tasks.registry import ordered

    names = [name.strip() for name in text.split(",") if name.strip()]
    found = ordered(names) if names else ()
    if not found or len(found) != len(names):
        raise UsageError(
            f"Invalid value for --tasks. Expected different tasks of {', '.join(TASKS)}. Received {text!r}."
        )
    return found
