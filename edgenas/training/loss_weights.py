"""Weights of the losses (Table 8) and the weighted sum that training minimises."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from edgenas.errors import UsageError, unknown_name
from edgenas.tasks import Task, TaskInfo, get_task

__all__ = ["LOSS_WEIGHTS", "TERMS", "LossWeights", "load_loss_weights", "term_name", "total_loss"]


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """Weight of each loss term; 0 leaves a term out.

    Attributes:
        ce: cross-entropy (segmentation).
        l1: mean absolute error (depth); 1 - lambda of JAReD, Eq. 8.
        re: mean relative error (depth); lambda of JAReD, Eq. 8.
        ics: inverse cosine similarity (normals).
        others: weights of terms of further tasks, as ("edges.BCE", 2.0), in the order of their names. What is not named
            has its task's `default_loss_weights`.
    """

    ce: float = 0.0
    l1: float = 0.0
    re: float = 0.0
    ics: float = 0.0
    others: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        for name, value in self.to_dict().items():
            if isinstance(value, bool) or not (math.isfinite(value) and value >= 0.0):
                raise UsageError(
                    f"Invalid value for argument `{name}`. Expected a finite loss weight of 0 or more. "
                    f"Received {name}={value!r}."
                )
        object.__setattr__(self, "others", tuple(sorted(self.others)))

    def by_loss(self) -> dict[str, float]:
        """{loss term: weight}, with the names of `term_name`; of further tasks those that are named."""
        return {"CE": self.ce, "L1": self.l1, "RE": self.re, "ICS": self.ics, **dict(self.others)}

    def of_tasks(self, tasks: Iterable[str]) -> dict[str, float]:
        """{loss term: weight} of every term of the tasks.

        Raises:
            UsageError: a task is unknown.
        """
        given = self.by_loss()
        found = {}
        for task in map(get_task, tasks):
            for loss in task.losses:
                term = term_name(task, loss)
                found[term] = given.get(term, task.default_loss_weights.get(loss, 1.0))
        return found

    def check_tasks(self, tasks: Iterable[str]) -> None:
        """Refuses weights under which one of the tasks would not train at all.

        Raises:
            UsageError: all losses of a task have weight 0, a task is unknown, or a further task has no such term.
        """
        for name in tasks:
            weight_of = self.of_tasks([name])
            if not any(weight > 0.0 for weight in weight_of.values()):
                raise UsageError(
                    f"These loss weights do not train the task {name!r}. Expected a positive weight of "
                    f"{' or '.join(weight_of)}. Received {self.by_loss()}. "
                    "Choose weights that cover it (the nyuv2/... presets do) or leave the task out."
                )
        for term, _ in self.others:
            task = get_task(term.partition(".")[0])
            known = [term_name(task, loss) for loss in task.losses]
            if term not in known:
                raise unknown_name("loss term", term, known)

    def to_dict(self) -> dict[str, float]:
        """{"ce", "l1", "re", "ics" and the names of further terms: weight}, JSON-ready."""
        return {"ce": self.ce, "l1": self.l1, "re": self.re, "ics": self.ics, **dict(self.others)}

    @classmethod
    def from_dict(cls, weights: Mapping[str, Any]) -> LossWeights:
        """Reads what `to_dict` wrote; terms that are not named have weight 0.

        Raises:
            UsageError: a name is neither one of Table 8 nor TASK.LOSS, or a weight is no number.
        """
        own: dict[str, float] = {}
        others = []
        for name, weight in weights.items():
            if isinstance(weight, bool) or not isinstance(weight, (int, float)):
                raise UsageError(
                    f"Invalid value for `loss_weights.{name}`. Expected a number. Received {weight!r}."
                )
            if name in TERMS:
                own[name] = float(weight)
            elif "." in name.strip("."):
                others.append((name, float(weight)))
            else:
                raise unknown_name("loss weight", name, TERMS, "edgenas train --help")
        return cls(**own, others=tuple(others))  # type: ignore[arg-type]


TERMS = ("ce", "l1", "re", "ics")
"""Names of the terms of Table 8 as a user writes them; those of further tasks are TASK.LOSS."""


def term_name(task: Task, loss: str) -> str:
    """The name of a loss term in weights and curves: that of Table 8, or "edges.BCE" for a task that a user added."""
    return loss if loss.lower() in TERMS and task.name in _OF_TABLE_8 else f"{task.name}.{loss}"


_OF_TABLE_8 = ("depth", "normals", "segmentation")

LOSS_WEIGHTS: Mapping[str, LossWeights] = MappingProxyType(
    {
        "cityscapes/baseline": LossWeights(ce=0.4, l1=1.0),
        "cityscapes/ednas": LossWeights(ce=0.4, l1=1.0),
        "cityscapes/ednas+jared": LossWeights(ce=0.5, l1=0.95, re=0.05),
        "nyuv2/baseline": LossWeights(ce=1.0, l1=1.0, ics=40.0),
        "nyuv2/ednas": LossWeights(ce=1.0, l1=1.0, ics=50.0),
        "nyuv2/ednas+jared": LossWeights(ce=1.0, l1=0.999, re=0.001, ics=60.0),
        # Not of Table 8: ours, so that no task is far above the others (experiments/modern_recipe.md).
        "nyuv2/modern": LossWeights(ce=1.5, l1=0.5, re=1.0, ics=4.0),
    }
)
"""Table 8. Tuned by the paper for its own data, resolution and schedule: for depth in another unit, other
image sizes or short proxy training they are a starting point, not an optimum."""


def load_loss_weights(text: str) -> LossWeights:
    """The preset of Table 8 with this name, or weights written by hand.

    Args:
        text: as "nyuv2/ednas+jared", or "ce=1,l1=0.95,re=0.05,edges.BCE=2"; a term that is not named is left out, and
            one of a further task has its task's own weight.

    Raises:
        UsageError: no preset or no loss has this name, or a weight is no number of 0 or more.
    """
    if "=" not in text:
        if text not in LOSS_WEIGHTS:
            raise unknown_name("loss-weight preset", text, LOSS_WEIGHTS, "edgenas train --help")
        return LOSS_WEIGHTS[text]
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (piece.strip() for piece in part.partition("="))
        name = name.lower() if name.lower() in TERMS else name
        try:
            weight = float(number)
        except ValueError as error:
            raise UsageError(
                f"Invalid loss weight {part.strip()!r}. Expected NAME=NUMBER such as ce=1,l1=0.95,re=0.05, or the name "
                f"of a preset: {', '.join(LOSS_WEIGHTS)}."
            ) from error
        if name in weights:
            raise UsageError(f"The loss weight {name!r} is given twice in {text!r}.")
        weights[name] = weight
    return LossWeights.from_dict(weights)


def total_loss(
    tasks: Iterable[str],
    targets: Mapping[str, Any],
    outputs: Mapping[str, Any],
    weights: LossWeights,
    *,
    info: TaskInfo | None = None,
    factors: Mapping[str, Any] | None = None,
) -> tuple[Any, dict[str, Any]]:
    """The weighted sum of all loss terms of the tasks; usable inside `tf.function`.

    Args:
        tasks: names of the tasks to train.
        targets: {task: tensor} as the pipeline gives them.
        outputs: {task: tensor [B, H, W, channels]}, the network's raw outputs.
        weights: weight of each loss; a term of weight 0 is reported but gives no gradient.
        info: the data set; its depth unit sets the floor of RE (without it the smallest floor holds).
        factors: {loss name: scalar} by which the weights are multiplied; None for none.

    Returns:
        (scalar float32 loss, {loss term: scalar float32 before weighting}).

    Raises:
        UsageError: a task without target, output or weight, or a tensor of a wrong rank.
    """
    names = tuple(tasks)
    if not names:
        raise UsageError("Invalid value for argument `tasks`. Expected at least one task. Received none.")
    weights.check_tasks(names)
    weight_of = weights.of_tasks(names)
    terms: dict[str, Any] = {}
    for name in names:
        for argument, tensors in (("targets", targets), ("outputs", outputs)):
            if name not in tensors:
                raise UsageError(
                    f"Invalid value for argument `{argument}`. Expected a tensor for the task {name!r}. "
                    f"Received tensors for {sorted(tensors)}."
                )
        task = get_task(name)
        found = task.loss_terms(targets[name], outputs[name], info)
        if set(found) != set(task.losses):
            raise UsageError(
                f"{type(task).__name__}.loss_terms: expected the terms {', '.join(task.losses)}. "
                f"Received {', '.join(found) or 'none'}."
            )
        terms.update({term_name(task, loss): found[loss] for loss in task.losses})
    counted = {loss: weight for loss, weight in weight_of.items() if weight > 0.0}
    scales = counted if factors is None else {loss: w * factors[loss] for loss, w in counted.items()}
    weighted = [scale * terms[loss] for loss, scale in scales.items()]
    total = weighted[0]
    for term in weighted[1:]:
        total = total + term
    return total, terms
