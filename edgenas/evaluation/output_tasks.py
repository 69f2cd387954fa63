"""Which output of a network belongs to which task: by its name, else by its channels where that leaves no doubt."""

from __future__ import annotations

from collections.abc import Mapping

from edgenas.errors import UsageError
from edgenas.export.output_pictures import meanings
from edgenas.tasks import TASKS

__all__ = ["tasks_of_outputs"]

_BY_CHANNELS = {1: "depth", 3: "normals"}


def tasks_of_outputs(
    shapes: Mapping[str, tuple[int | None, ...]], source: str
) -> tuple[dict[str, str], dict[str, int]]:
    """Finds the task of each output.

    Args:
        shapes: output name to shape [B, H, W, channels], or [B, H, W] for labels.
        source: names the network in errors.

    Returns:
        {task: output name} and {task: channels}, 0 channels for labels.

    Raises:
        UsageError: no output belongs to a task, or two belong to one.
    """
    known = meanings({name: tuple(s or 0 for s in shape) for name, shape in shapes.items()}, None)
    outputs: dict[str, str] = {}
    channels: dict[str, int] = {}
    for name, shape in shapes.items():
        depth = int(shape[3] or 0) if len(shape) == 4 else 0
        task = name if name in TASKS else known[name].task
        if not task and len(shape) == 4:
            task = _BY_CHANNELS.get(depth, "segmentation")
        if not task:
            continue
        if task in outputs:
            raise UsageError(
                f"{source}: the outputs {outputs[task]!r} and {name!r} both look like {task}. Expected one output per "
                f"task, named after it ({', '.join(sorted(TASKS))})."
            )
        outputs[task], channels[task] = name, depth
    if not outputs:
        shown = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
        raise UsageError(
            f"{source}: no output is one of a known task. Expected [B, H, W, channels]. Received {shown}."
        )
    order = sorted(outputs)
    return {task: outputs[task] for task in order}, {task: channels[task] for task in order}
