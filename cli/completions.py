"""What a shell completes: names of devices, spaces, data, runs and schedules; nothing here imports TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from edgenas.workflow.runs import RUNS

if TYPE_CHECKING:
    Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

__all__ = [
    "architecture_names",
    "configuration_names",
    "data_names",
    "device_names",
    "layout_names",
    "run_folders",
    "schedule_names",
    "space_names",
    "task_names",
]


def device_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Devices by name, each with its title."""
    from edgenas.device_profiles import list_devices

    return _beginning({device.name: device.title for device in list_devices()}, incomplete)


def configuration_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Configurations of the device that the line names, else of this machine."""
    from edgenas.device_profiles import load_device
    from edgenas.errors import UsageError

    named = ctx.params.get("device")
    try:
        profile = load_device(named if isinstance(named, str) else next(iter(named or ()), None))
    except UsageError:
        return []
    return _beginning({c.name: c.description for c in profile.configurations}, incomplete)


def space_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The shipped search spaces, else files."""
    from edgenas.space import list_presets

    return _or_files(list_presets(), incomplete)


def architecture_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The shipped architectures and the baseline of the space, else files."""
    from edgenas.space import load_space
    from edgenas.space.shipped import SHIPPED_ARCHITECTURES

    return _or_files([*SHIPPED_ARCHITECTURES, load_space("demo").baseline_name], incomplete)


def data_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The embedded worlds and, to force one, the layouts; else files."""
    from edgenas.datasets.layouts import LAYOUTS
    from edgenas.datasets.scenes import WORLDS

    named = dict.fromkeys(WORLDS, "procedural, embedded")
    forced = {f"{layout.name}:": layout.description for layout in LAYOUTS.values()} if incomplete else {}
    return _or_files(named | forced, incomplete)


def layout_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The layouts of data sets by name, each with what it is."""
    from edgenas.datasets.layouts import LAYOUTS

    return _or_files({layout.name: layout.description for layout in LAYOUTS.values()}, incomplete)


def run_folders(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Runs below runs/, the newest first, else files."""
    found = sorted(RUNS.glob("*/config.json"), key=lambda path: -path.stat().st_mtime_ns)
    return _or_files([str(path.parent) for path in found], incomplete)


def schedule_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The schedules of trainings, else files."""
    from edgenas.training.config import TRAINING_PRESETS

    return _or_files(TRAINING_PRESETS.keys(), incomplete)


def task_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The task behind the last comma."""
    from edgenas.tasks import TASKS

    before, comma, last = incomplete.rpartition(",")
    taken = set(before.split(","))
    return [
        CompletionItem(f"{before}{comma}{task}")
        for task in TASKS
        if task.startswith(last) and task not in taken
    ]


def _beginning(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Those that begin so; a mapping says what each is."""
    helps = names if isinstance(names, Mapping) else {}
    return [CompletionItem(name, help=helps.get(name)) for name in names if name.startswith(incomplete)]


def _or_files(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Names; where none begins so, the shell completes files. (bash cannot show both.)"""
    return _beginning(names, incomplete) or [CompletionItem(incomplete, type="file")]
