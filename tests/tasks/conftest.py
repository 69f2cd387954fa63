"""Shared checks of the tasks: one call verifies a loss against plain NumPy, another an accumulator."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from edgenas.tasks import get_task


@dataclass(frozen=True)
class ToyInfo:
    """The part of a data set's description that tasks read."""

    class_names: tuple[str, ...] = ("floor", "wall", "chair", "table", "lamp")
    depth_unit: str = "m"


LossCheck = Callable[..., dict[str, np.ndarray]]


@pytest.fixture
def toy_info() -> ToyInfo:
    return ToyInfo()


@pytest.fixture
def check_losses() -> LossCheck:
    """Returns check(task, target, output, expected, info=None) -> {loss: gradient w.r.t. output}.

    It verifies that the terms equal `expected`, eagerly and in `tf.function`, that they are float32 scalars
    and that values and gradients are finite.
    """
    tf = pytest.importorskip("tensorflow")

    def check(
        task_name: str, target: np.ndarray, output: np.ndarray, expected: dict[str, float], info: Any = None
    ) -> dict[str, np.ndarray]:
        task = get_task(task_name)
        assert tuple(expected) == task.losses
        truth = tf.constant(target)

        def terms_and_gradients(prediction: Any) -> Any:
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(prediction)
                terms = task.loss_terms(truth, prediction, info)
            return terms, {name: tape.gradient(term, prediction) for name, term in terms.items()}

        traced = tf.function(terms_and_gradients)
        terms, gradients = traced(tf.constant(output))
        eager, _ = terms_and_gradients(tf.constant(output))
        for name, value in expected.items():
            assert terms[name].shape == () and terms[name].dtype == tf.float32
            np.testing.assert_allclose(terms[name].numpy(), value, rtol=2e-5, atol=1e-6, err_msg=name)
            np.testing.assert_allclose(eager[name].numpy(), terms[name].numpy(), rtol=1e-6, atol=1e-7)
            assert np.isfinite(gradients[name].numpy()).all(), name
        return {name: gradient.numpy() for name, gradient in gradients.items()}

    return check


@pytest.fixture
def check_accumulator() -> Callable[..., dict[str, float | None]]:
    """Returns check(task, info, target, output, cuts) -> result of one batch.

    It verifies that any split into batches at `cuts`, and the reverse order of frames, give the same result bit
    for bit, that all metrics of the task are there and that a second call of `result` repeats the first.
    """

    def check(
        task_name: str, info: Any, target: np.ndarray, output: np.ndarray, cuts: list[int]
    ) -> dict[str, float | None]:
        task = get_task(task_name)
        whole = task.new_metrics(info)
        whole.update(target, output)
        result = whole.result()
        split = task.new_metrics(info)
        edges = [0, *sorted(cuts), len(target)]
        for start, stop in itertools.pairwise(edges):
            split.update(target[start:stop], output[start:stop])
        assert split.result() == result
        backwards = task.new_metrics(info)
        backwards.update(target[::-1], output[::-1])
        assert backwards.result() == result
        assert whole.result() == result
        assert set(result) == set(task.metrics)
        assert all(value is None or np.isfinite(value) for value in result.values())
        return result

    return check
