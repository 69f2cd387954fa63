"""What is asked of a task before it may join."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from edgenas.errors import UsageError
from edgenas.tasks.base import Task
from edgenas.tasks.target import Target

__all__ = ["check_task"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_RESERVED = ("image", "loss", "step", "learning_rate", "parameters", "compat")


def check_task(task: object, known: Mapping[str, Task]) -> None:
    """Refuses what is no complete task, or takes a name that another has.

    Raises:
        UsageError: it names the attribute, what was expected and what was got.
    """
    if not isinstance(task, Task):
        made = " Call the class: register_task(Edges())." if isinstance(task, type) else ""
        raise UsageError(
            f"register_task: expected an object of a subclass of edgenas.tasks.Task. Received {task!r}.{made}"
        )
    where = type(task).__name__
    name = _attribute(task, "name", str, "a text such as 'edges'")
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise UsageError(
            f"{where}.name: expected lower-case letters, digits and '_', and none of {', '.join(_RESERVED)}. "
            f"Received {name!r}."
        )
    if name in known:
        raise UsageError(
            f"{where}.name: a task called {name!r} is there already ({type(known[name]).__name__} of "
            f"{type(known[name]).__module__}). Choose another name."
        )
    losses = _attribute(task, "losses", tuple, "names of loss terms such as ('BCE',)")
    if not losses or len(set(losses)) != len(losses) or not all(_is_word(loss) for loss in losses):
        raise UsageError(f"{where}.losses: expected different names such as ('BCE',). Received {losses!r}.")
    weights = _attribute(task, "default_loss_weights", Mapping, "{loss: weight}")
    for loss, weight in weights.items():
        if loss not in losses or not _is_weight(weight):
            raise UsageError(
                f"{where}.default_loss_weights: expected finite weights of 0 or more for {', '.join(losses)}. "
                f"Received {loss!r}: {weight!r}."
            )
    metrics = _attribute(task, "metrics", Mapping, "{metric: whether higher is better}")
    if not metrics or not all(_is_word(m) and isinstance(up, bool) for m, up in metrics.items()):
        raise UsageError(
            f"{where}.metrics: expected {{metric: True where higher is better}}. Received {metrics!r}."
        )
    chosen = _attribute(task, "quality_metrics", tuple, "names of metrics such as ('f1',)")
    if not chosen or not set(chosen) <= set(metrics):
        raise UsageError(
            f"{where}.quality_metrics: expected at least one of {', '.join(metrics)}. Received {chosen!r}."
        )
    titles = _attribute(task, "metric_titles", Mapping, "{metric: (title, unit)}")
    if not all(_is_title(title) for title in titles.values()):
        raise UsageError(f"{where}.metric_titles: expected {{metric: (title, unit)}}. Received {titles!r}.")
    target = _attribute(task, "target", Target, "an edgenas.tasks.Target")
    for other in known.values():
        if other.target.key == target.key:
            raise UsageError(
                f"{where}.target: the array {target.key!r} is that of the task {other.name!r}. Choose another key."
            )
    sources = _attribute(task, "derived_from", tuple, "names of tasks such as ('segmentation',)")
    if sources and type(task).derive is Task.derive:
        raise UsageError(f"{where}.derived_from names {sources!r}, but there is no method `derive`.")
    if name in sources:
        raise UsageError(f"{where}.derived_from: a task cannot be derived from itself.")


def _attribute(task: Task, name: str, kind: type, expected: str) -> Any:
    value = getattr(task, name, None)
    if not isinstance(value, kind):
        raise UsageError(f"{type(task).__name__}.{name}: expected {expected}. Received {value!r}.")
    return value


def _is_word(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\w{1,32}", value) is not None


def _is_title(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, str) for part in value)


def _is_weight(value: object) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value >= 0
    )
