"""`evaluate`: one network on one selection of frames, to a JSON-ready result."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.device_profiles.host_facts import file_sha256
from edgenas.evaluation.bootstrap import frame_intervals
from edgenas.evaluation.content import ContentHash
from edgenas.evaluation.data_choice import ChosenData
from edgenas.evaluation.depth_sums import DepthSums
from edgenas.evaluation.frame_sums import FrameSums
from edgenas.evaluation.full_size import FullSize
from edgenas.evaluation.models import OpenModel
from edgenas.evaluation.normals_sums import NormalsSums
from edgenas.evaluation.outputs import Observer, observe
from edgenas.evaluation.segmentation_sums import SegmentationSums
from edgenas.evaluation.subjects import Subject
from edgenas.graph import parameter_count
from edgenas.scoring import defined
from edgenas.tasks import get_task

__all__ = ["Evaluation", "evaluate", "identity_of_evaluation", "sums_of"]


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        result: JSON-ready: `segmentation`, `depth`, `normals` (those that the network and the data have), `compat`,
            `parameters` and what was evaluated on what; never NaN, None where no valid pixel defines a value.
        confusion: pixels [true class, predicted class]; None without segmentation.
        sums: rows per frame by task.
        predict: the network at the size of the truth.
    """

    result: dict[str, Any]
    confusion: NDArray[np.int64] | None
    sums: Mapping[str, FrameSums]
    predict: FullSize


def identity_of_evaluation(subject: Subject, chosen: ChosenData, tasks: tuple[str, ...]) -> dict[str, Any]:
    """What tells one evaluation from another: fingerprints of weights and data, the split, the frames, the tasks."""
    return {
        "model": str(subject.model),
        "model_sha256": file_sha256(subject.model),
        "data": chosen.source,
        "data_fingerprint": chosen.dataset.info.fingerprint,
        "split": chosen.split,
        "frames": len(chosen.dataset),
        "tasks": list(tasks),
    }


def evaluate(
    subject: Subject,
    model: OpenModel,
    chosen: ChosenData,
    tasks: tuple[str, ...],
    *,
    bootstrap: int = 0,
    seed: int = 0,
    batch_size: int = 20,
    on_frames: Callable[[int], None] | None = None,
) -> Evaluation:
    """Evaluates a network at the data's own size.

    Args:
        subject: the network, with what is known of it.
        model: the same, opened.
        chosen: the frames.
        tasks: tasks to score, of `chosen.tasks`.
        bootstrap: resamples for the intervals over frames; 0 for none.
        seed: of the resampling.
        batch_size: frames per call; does not change the result.
        on_frames: called with the number of frames done.

    Raises:
        NonFiniteOutputError: the network gave NaN or infinity.
    """
    began = time.monotonic()
    info = chosen.dataset.info
    predict = FullSize(model, tasks, len(info.class_names))
    accumulators = {task: get_task(task).new_metrics(info) for task in tasks}
    sums = {task: made for task in tasks if (made := sums_of(task, info.class_names)) is not None}
    content = {name: ContentHash() for name in ("image", *tasks)}
    observers: dict[str, list[Observer]] = {
        task: [accumulators[task], content[task], *([sums[task]] if task in sums else [])] for task in tasks
    }

    def seen(images: NDArray[np.uint8]) -> Mapping[str, NDArray[Any]]:
        content["image"].update(images)
        return predict(images)

    observe(seen, chosen.dataset, observers, batch_size=batch_size, on_frames=on_frames)
    result: dict[str, Any] = {}
    for task in tasks:
        result[task] = {name: defined(value) for name, value in accumulators[task].result().items()}
        if task in sums:
            further = sums[task].metrics(sums[task].total)
            result[task] |= {n: defined(float(v[0])) for n, v in further.items() if n not in result[task]}
            result[task] |= sums[task].details()
    public = {n: defined(v) for it in sums.values() for n, v in it.adashare().items()}
    parameters = parameter_count(subject.architecture) if subject.architecture else model.parameters
    result |= {
        "parameters": parameters,
        "compat": {"adashare": public},
        **identity_of_evaluation(subject, chosen, tasks),
        "content": {name: it.short() for name, it in content.items()},
        "kind": model.kind,
        "dtype": model.dtype,
        "frame_size": [info.height, info.width],
        "network_size": [model.height, model.width],
        "depth_unit": info.depth_unit,
        "class_names": list(info.class_names),
        "held_out": chosen.held_out,
        "architecture_hash": subject.architecture.hash if subject.architecture else None,
        "training": {"config": dict(subject.config), "data": subject.data.get("fingerprint")},
    }
    if bootstrap:
        intervals = {task: frame_intervals(it, bootstrap, seed) for task, it in sums.items()}
        result["intervals"] = {t: {n: list(ends) for n, ends in it.items()} for t, it in intervals.items()}
        result["bootstrap"] = {"resamples": bootstrap, "seed": seed, "over": "frames"}
    result["seconds"] = round(time.monotonic() - began, 2)
    return Evaluation(result, _confusion(accumulators), sums, predict)


def sums_of(task: str, class_names: tuple[str, ...]) -> FrameSums | None:
    """Rows per frame for the three tasks of the field; tasks that users add bring their own metrics only."""
    if task == "segmentation":
        return SegmentationSums(class_names)
    return {"depth": DepthSums, "normals": NormalsSums}[task]() if task in ("depth", "normals") else None


def _confusion(accumulators: Mapping[str, Any]) -> NDArray[np.int64] | None:
    found = accumulators.get("segmentation")
    return None if found is None else found.confusion
