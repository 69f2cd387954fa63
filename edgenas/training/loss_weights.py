"""Weights of the losses (Table 8) and the weighted sum that training minimises."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from edgenas.errors import UsageError, unknown_name
from edgenas.tasks import TaskInfo, get_task

__all__ = ["LOSS_WEIGHTS", "LossWeights", "load_loss_weights", "total_loss"]


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """Weight of each loss term; 0 leaves a term out.

    Attributes:
        ce: cross-entropy (segmentation).
        l1: mean absolute error (depth); 1 - lambda of JAReD, Eq. 8.
        re: mean relative error (depth); lambda of JAReD, Eq. 8.
        ics: inverse cosine similarity (normals).
    """

    ce: float
    l1: float
    re: float = 0.0
    ics: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not (math.isfinite(value) and value >= 0.0):
                raise UsageError(
                    f"Invalid value for argument `{name}`. Expected a finite loss weight of 0 or more. "
                    f"Received {name}={value!r}."
                )

    def by_loss(self) -> dict[str, float]:
        """{loss name: weight}, with the names that the tasks give their losses."""
        return {"CE": self.ce, "L1": self.l1, "RE": self.re, "ICS": self.ics}

    def check_tasks(self, tasks: Iterable[str]) -> None:
        """Refuses weights under which one of the tasks would not train at all.

        Raises:
            UsageError: all losses of a task have weight 0, or a task is unknown.
        """
        weight_of = self.by_loss()
        for name in tasks:
            losses = get_task(name).losses
            if not any(weight_of[loss] > 0.0 for loss in losses):
                raise UsageError(
                    f"These loss weights do not train the task {name!r}. Expected a positive weight of "
                    f"{' or '.join(losses)}. Received {weight_of}. "
                    "Choose weights that cover it (the nyuv2/... presets do) or leave the task out."
                )


LOSS_WEIGHTS: Mapping[str, LossWeights] = MappingProxyType(
    {
        "cityscapes/baseline": LossWeights(ce=0.4, l1=1.0),
        "cityscapes/ednas": LossWeights(ce=0.4, l1=1.0),
        "cityscapes/ednas+jared": LossWeights(ce=0.5, l1=0.95, re=0.05),
        "nyuv2/baseline": LossWeights(ce=1.0, l1=1.0, ics=40.0),
        "nyuv2/ednas": LossWeights(ce=1.0, l1=1.0, ics=50.0),
        "nyuv2/ednas+jared": LossWeights(ce=1.0, l1=0.999, re=0.001, ics=60.0),
    }
)
"""Table 8. Tuned by the paper for its own data, resolution and schedule: for depth in another unit, other
image sizes or short proxy training they are a starting point, not an optimum."""


def load_loss_weights(name: str) -> LossWeights:
    """The preset `name` of Table 8, e.g. "nyuv2/ednas+jared".

    Raises:
        UsageError: no preset has this name.
    """
    if name not in LOSS_WEIGHTS:
        raise unknown_name("loss-weight preset", name, LOSS_WEIGHTS, "edgenas train --help")
    return LOSS_WEIGHTS[name]


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
        (scalar float32 loss, {loss name: scalar float32 before weighting}).

    Raises:
        UsageError: a task without target, output or weight, or a tensor of a wrong rank.
    """
    names = tuple(tasks)
    if not names:
        raise UsageError("Invalid value for argument `tasks`. Expected at least one task. Received none.")
    weights.check_tasks(names)
    weight_of = weights.by_loss()
    terms: dict[str, Any] = {}
    for name in names:
        for argument, tensors in (("targets", targets), ("outputs", outputs)):
            if name not in tensors:
                raise UsageError(
                    f"Invalid value for argument `{argument}`. Expected a tensor for the task {name!r}. "
                    f"Received tensors for {sorted(tensors)}."
                )
        terms.update(get_task(name).loss_terms(targets[name], outputs[name], info))
    weighted = [weight_of[loss] * term for loss, term in terms.items() if weight_of[loss] > 0.0]
    if factors is not None:
        weighted = [
            weight_of[loss] * factors[loss] * term for loss, term in terms.items() if weight_of[loss] > 0.0
        ]
    total = weighted[0]
    for term in weighted[1:]:
        total = total + term
    return total, terms
