"""A task of one's own: where objects end (edge detection), see docs/own-task.md.

Truth comes from an array `edges` of an archive (u8, 1 edge, 0 none, 255 unknown), or from the segmentation: a pixel is
an edge where its right or lower neighbour is of another class.

    edgenas --task-module examples/edge_task.py train --tasks edges ...
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgenas.tasks import Accumulator, Target, Task, TaskInfo, register_task

UNKNOWN = 255


class Edges(Task):
    """The probability that an object ends at a pixel, as one logit."""

    name = "edges"
    target = Target(key="edges", dtype="uint8", invalid=UNKNOWN)
    losses = ("BCE",)
    default_loss_weights = {"BCE": 1.0}  # noqa: RUF012
    metrics = {"f1": True, "precision": True, "recall": True}  # noqa: RUF012
    quality_metrics = ("f1",)
    metric_titles = {"f1": ("F1", "")}  # noqa: RUF012
    derived_from = ("segmentation",)

    def derive(self, stored: Mapping[str, np.ndarray]) -> np.ndarray:
        """Edges between classes, for data sets without an array of their own."""
        labels = stored["segmentation"]
        edges = np.zeros(labels.shape, np.uint8)
        known = labels != UNKNOWN
        edges[:, :, :-1] |= (labels[:, :, :-1] != labels[:, :, 1:]) & known[:, :, 1:]
        edges[:, :-1] |= (labels[:, :-1] != labels[:, 1:]) & known[:, 1:]
        edges[~known] = UNKNOWN
        return edges

    def output_channels(self, info: TaskInfo) -> int:
        """One logit."""
        return 1

    def constant_answer(self, truth: np.ndarray, info: TaskInfo) -> np.ndarray:
        """Undecided: the loss gives edges and the rest the same weight."""
        return np.zeros(1)

    def loss_terms(self, target: Any, output: Any, info: TaskInfo | None = None) -> dict[str, Any]:
        """Binary cross-entropy; edges, which are rare, weigh as much as the rest (HED, arXiv 1504.06375, Eq. 2)."""
        import tensorflow as tf

        logit = tf.cast(output[..., 0], tf.float32)
        edge, none = (tf.cast(tf.equal(target, label), tf.float32) for label in (1, 0))
        missed = tf.reduce_sum(tf.math.softplus(-logit) * edge) / tf.maximum(tf.reduce_sum(edge), 1.0)
        false = tf.reduce_sum(tf.math.softplus(logit) * none) / tf.maximum(tf.reduce_sum(none), 1.0)
        return {"BCE": 0.5 * (missed + false)}

    def new_metrics(self, info: TaskInfo) -> Accumulator:
        """Counts of hits, false alarms and misses."""
        return EdgeMetrics()

    def decode(self, output: np.ndarray) -> np.ndarray:
        """1 where an edge is more likely than none."""
        return (np.asarray(output)[..., 0] > 0.0).astype(np.uint8)

    def picture(
        self, values: np.ndarray, info: TaskInfo, value_range: tuple[float, float] | None = None
    ) -> np.ndarray:
        """Edges white, the rest dark grey, unknown pixels black."""
        grey = np.where(np.asarray(values) == 1, 255, 40).astype(np.uint8)
        grey[np.asarray(values) == UNKNOWN] = 0
        return np.repeat(grey[..., None], 3, axis=-1)


class EdgeMetrics(Accumulator):
    """Precision, recall and F1 of the edge pixels; None where none is defined."""

    def __init__(self) -> None:
        super().__init__("edges", channels=1)
        self.hits = self.false_alarms = self.misses = 0

    def result(self) -> dict[str, float | None]:
        """{"f1", "precision", "recall"}."""
        said, there = self.hits + self.false_alarms, self.hits + self.misses
        return {
            "f1": 2.0 * self.hits / (said + there) if said + there else None,
            "precision": self.hits / said if said else None,
            "recall": self.hits / there if there else None,
        }

    def _check_target(self, target: np.ndarray) -> None:
        """Labels 0, 1 and 255; the base class expects floating-point truth."""

    def _add_frame(self, target: np.ndarray, output: np.ndarray) -> None:
        known = target != UNKNOWN
        edge, said = target[known] == 1, output[..., 0][known] > 0.0
        self.hits += int(np.count_nonzero(edge & said))
        self.false_alarms += int(np.count_nonzero(~edge & said))
        self.misses += int(np.count_nonzero(edge & ~said))


register_task(Edges())
