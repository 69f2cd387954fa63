"""How the loss terms are weighed against each other while a network trains: by hand, by uncertainty, by progress.

Every method multiplies the weights of `LossWeights` (Table 8, or by hand) by a factor per term that begins at 1, so a
term of weight 0 stays left out, and any subset of tasks and any task of a user's own works.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from edgenas.errors import unknown_name
from edgenas.training.config import WEIGHTINGS

__all__ = ["DynamicWeightAverage", "UncertaintyWeighting", "Weighting", "make_weighting"]

DWA_TEMPERATURE = 2.0


class Weighting:
    """Factors of the loss terms; this one leaves the weights as they are.

    Attributes:
        names: the terms that train something.
        variables: what the optimiser learns beside the network.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.variables: list[keras.Variable] = []

    def inputs(self) -> Any:
        """What the compiled step needs to know at this step: a float32 tensor [terms], or None."""
        return None

    def factors(self, inputs: Any) -> Mapping[str, Any] | None:
        """{term: scalar factor}, inside the compiled step; None leaves the weights as they are."""
        del inputs
        return None

    def penalty(self) -> Any:
        """What is added to the loss, inside the compiled step; None for nothing."""
        return None

    def observe(self, step: int, terms: Mapping[str, float]) -> None:
        """Takes notice of the terms before weighting of a step, counted from 0."""

    def present(self) -> dict[str, float]:
        """{term: factor} now, for the curves; empty where they never change."""
        return {}

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps beside the variables; JSON-ready."""
        return {}

    def take(self, state: Mapping[str, Any]) -> None:
        """Takes up what `state` gave."""


class UncertaintyWeighting(Weighting):
    """Homoscedastic uncertainty (Kendall, Gal, Cipolla, arXiv 1705.07115), one log-variance s per term.

    The loss is the sum of exp(-s) w L + s: twice the paper's regression form L / (2 sigma^2) + log sigma with
    s = log sigma^2, for every term alike, so that s = 0 is the hand-weighted loss with which it begins. The hand weight
    w only moves the beginning: at the optimum exp(s) = w L. The s are trained with the network, without decay.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self._log_variances = keras.Variable(
            np.zeros(len(self.names), np.float32), trainable=True, name="log_variances"
        )
        self.variables = [self._log_variances]

    def factors(self, inputs: Any) -> Mapping[str, Any] | None:
        """exp(-s) of each term."""
        return dict(zip(self.names, tf.unstack(tf.exp(-self._log_variances.value)), strict=True))

    def penalty(self) -> Any:
        """The sum of the log-variances."""
        return tf.reduce_sum(self._log_variances.value)

    def present(self) -> dict[str, float]:
        """exp(-s) of each term."""
        values = np.exp(-self._log_variances.numpy())
        return {name: float(value) for name, value in zip(self.names, values, strict=True)}


class DynamicWeightAverage(Weighting):
    """Dynamic weight averaging of MTAN (Liu, Johns, Davison, arXiv 1803.10704, Eq. 7), over terms.

    The factor of term k in an epoch is K softmax_k(r_k / T), r_k the ratio of its mean over the last epoch to that over
    the epoch before: terms that fall slowly count more. T = 2; all factors are 1 in the first two epochs. The means are
    those of the terms before weighting, so the factors are a function of what was seen before alone.

    Args:
        names: the terms.
        steps_per_epoch: steps that go once over the training frames, 1 or more.
        temperature: T.
    """

    def __init__(
        self, names: Sequence[str], steps_per_epoch: int, temperature: float = DWA_TEMPERATURE
    ) -> None:
        super().__init__(names)
        self._steps_per_epoch, self._temperature = max(1, steps_per_epoch), temperature
        self._sums = dict.fromkeys(self.names, 0.0)
        self._means: list[dict[str, float]] = []
        self._now = dict.fromkeys(self.names, 1.0)

    def inputs(self) -> Any:
        """The factors of this epoch."""
        return tf.constant([self._now[name] for name in self.names], tf.float32)

    def factors(self, inputs: Any) -> Mapping[str, Any] | None:
        """The factors by name."""
        return dict(zip(self.names, tf.unstack(inputs, num=len(self.names)), strict=True))

    def observe(self, step: int, terms: Mapping[str, float]) -> None:
        """Adds to the means of the epoch, and begins the next one after its last step."""
        for name in self.names:
            self._sums[name] += terms[name]
        if (step + 1) % self._steps_per_epoch:
            return
        self._means = [*self._means, {k: v / self._steps_per_epoch for k, v in self._sums.items()}][-2:]
        self._sums = dict.fromkeys(self.names, 0.0)
        self._now = self._weighed()

    def present(self) -> dict[str, float]:
        """The factors of this epoch."""
        return dict(self._now)

    def state(self) -> dict[str, Any]:
        """The sums of this epoch and the means of the last two."""
        return {"sums": dict(self._sums), "means": [dict(means) for means in self._means]}

    def take(self, state: Mapping[str, Any]) -> None:
        """Takes up what `state` gave."""
        self._sums, self._means = dict(state["sums"]), [dict(means) for means in state["means"]]
        self._now = self._weighed()

    def _weighed(self) -> dict[str, float]:
        if len(self._means) < 2:
            return dict.fromkeys(self.names, 1.0)
        before, last = self._means
        # A term that was 0, e.g. because no pixel was valid, has no rate: it counts as one that stands still.
        rates = [last[name] / before[name] if before[name] > 0.0 else 1.0 for name in self.names]
        largest = max(rates)
        powers = [math.exp((rate - largest) / self._temperature) for rate in rates]
        total = math.fsum(powers)
        return {name: len(powers) * p / total for name, p in zip(self.names, powers, strict=True)}


def make_weighting(method: str, names: Sequence[str], steps_per_epoch: int) -> Weighting:
    """The method by its name of `WEIGHTINGS`.

    Args:
        method: "fixed", "uncertainty" or "dwa".
        names: terms that train something, see `LossWeights`.
        steps_per_epoch: steps that go once over the training frames.

    Raises:
        UsageError: there is no such method.
    """
    if method == "fixed":
        return Weighting(names)
    if method == "uncertainty":
        return UncertaintyWeighting(names)
    if method == "dwa":
        return DynamicWeightAverage(names, steps_per_epoch)
    raise unknown_name("loss weighting", method, WEIGHTINGS, "edgenas train --help")
