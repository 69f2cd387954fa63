from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from edgenas.errors import EdgenasError, UsageError
from edgenas.scoring import HIGHER_IS_BETTER
from edgenas.tasks import TASKS, NonFiniteOutputError, get_task

CHANNELS = {"depth": 1, "normals": 3, "segmentation": 5}


def blank_target(task: str, frames: int = 2) -> np.ndarray:
    if task == "segmentation":
        return np.zeros((frames, 4, 6), np.uint8)
    return np.ones((frames, 4, 6, 3) if task == "normals" else (frames, 4, 6), np.float32)


def test_importing_tasks_and_weights_imports_no_framework() -> None:
    code = (
        "import sys, edgenas.tasks, edgenas.scoring, edgenas.training.loss_weights;"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras', 'sklearn', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_registry_is_complete() -> None:
    assert list(TASKS) == sorted(HIGHER_IS_BETTER)
    for name, task in TASKS.items():
        assert get_task(name) is task and task.name == name
        assert task.metrics == HIGHER_IS_BETTER[name]


def test_unknown_task_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"Unknown task 'normal'\. Did you mean 'normals'"):
        get_task("normal")


@pytest.mark.parametrize("task", sorted(CHANNELS))
class TestEveryTask:
    def test_channels_of_the_head(self, task: str, toy_info: Any) -> None:
        assert get_task(task).output_channels(toy_info) == CHANNELS[task]

    def test_nothing_added_gives_none(self, task: str, toy_info: Any) -> None:
        assert get_task(task).new_metrics(toy_info).result() == dict.fromkeys(HIGHER_IS_BETTER[task])

    def test_only_invalid_pixels_give_none(self, task: str, toy_info: Any) -> None:
        metrics = get_task(task).new_metrics(toy_info)
        target = blank_target(task)
        metrics.update(
            target * 0 + 255 if task == "segmentation" else target * 0, np.ones((2, 4, 6, CHANNELS[task]))
        )
        assert metrics.result() == dict.fromkeys(HIGHER_IS_BETTER[task])

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_output_that_is_not_finite_is_refused_and_leaves_no_trace(
        self, task: str, value: float, toy_info: Any
    ) -> None:
        metrics = get_task(task).new_metrics(toy_info)
        output = np.zeros((2, 4, 6, CHANNELS[task]), np.float32)
        output[1, 2, 3, 0] = value
        with pytest.raises(NonFiniteOutputError, match=f"{task} output holds NaN or infinity.*diverged"):
            metrics.update(blank_target(task), output)
        assert issubclass(NonFiniteOutputError, EdgenasError)
        assert metrics.result() == dict.fromkeys(HIGHER_IS_BETTER[task])

    def test_wrong_output_shape(self, task: str, toy_info: Any) -> None:
        metrics = get_task(task).new_metrics(toy_info)
        with pytest.raises(
            UsageError,
            match=rf"argument `output`\. Expected shape \[B, H, W, {CHANNELS[task]}\].*Received shape "
            r"\(2, 4, 6, 7\)",
        ):
            metrics.update(blank_target(task), np.zeros((2, 4, 6, 7), np.float32))
        with pytest.raises(UsageError, match="argument `output`"):
            metrics.update(blank_target(task)[0], np.zeros((4, 6, CHANNELS[task]), np.float32))

    def test_wrong_output_dtype(self, task: str, toy_info: Any) -> None:
        with pytest.raises(UsageError, match=r"Expected a floating-point array.*Received dtype int8"):
            get_task(task).new_metrics(toy_info).update(
                blank_target(task), np.zeros((2, 4, 6, CHANNELS[task]), np.int8)
            )

    def test_wrong_target_shape(self, task: str, toy_info: Any) -> None:
        metrics = get_task(task).new_metrics(toy_info)
        output = np.zeros((2, 4, 6, CHANNELS[task]), np.float32)
        with pytest.raises(
            UsageError, match=r"argument `target`\. Expected shape \(2, 4, 6.*Received shape \(1, 4, 6"
        ):
            metrics.update(blank_target(task, frames=1), output)

    def test_wrong_target_dtype(self, task: str, toy_info: Any) -> None:
        target = blank_target(task)
        wrong = target.astype(np.float32 if task == "segmentation" else np.int8)
        with pytest.raises(UsageError, match=r"argument `target`.*Received dtype"):
            get_task(task).new_metrics(toy_info).update(
                wrong, np.zeros((2, 4, 6, CHANNELS[task]), np.float32)
            )

    def test_loss_refuses_a_wrong_rank(self, task: str, toy_info: Any) -> None:
        tf = pytest.importorskip("tensorflow")
        target = tf.zeros((2, 4)) if task != "segmentation" else tf.zeros((2, 4, 6, 1), tf.int32)
        with pytest.raises(UsageError, match=f"argument `target`. Expected rank . for {task}"):
            get_task(task).loss_terms(target, tf.zeros((2, 4, 6, CHANNELS[task])))
        good = (
            tf.zeros((2, 4, 6), tf.int32) if task == "segmentation" else tf.zeros((2, 4, 6, CHANNELS[task]))
        )
        with pytest.raises(UsageError, match=f"argument `output`. Expected rank 4 for {task}"):
            get_task(task).loss_terms(good, tf.zeros((2, 4, 6)))
