"""What the forms of the heads cost: bytes that leave the device, predicted latency, accuracy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.compatibility import check_graph
from edgenas.datasets import Dataset
from edgenas.evaluation import evaluate_outputs
from edgenas.export.inputs import at_data_size
from edgenas.export.outputs import DeviceNetwork, device_network, forms_of
from edgenas.graph import OpGraph, parse_tflite
from edgenas.tasks import get_task

__all__ = ["compare_outputs"]

Price = Callable[[OpGraph], float]


def compare_outputs(model: Any, dataset: Dataset, prices: Mapping[str, Price]) -> dict[str, Any]:
    """Converts the network once per choice of forms, and scores each on the validation frames.

    Latencies are predictions. The scales of these files come from noise: they change no time and no size. The metrics
    are those of the float network in that form.

    Args:
        model: Keras model, its outputs a dictionary by task.
        dataset: frames to score on.
        prices: {device: from an int8 network to its predicted latency in ms}.

    Returns:
        The card's section: "frames" and "options", each with its name, heads, output_bytes, predicted_ms by device,
        operators, those that the Edge TPU maps, and the first metric of every head.
    """
    from edgenas.export.candidate import IoTypes
    from edgenas.export.engines.convert import convert, finished

    size = (int(model.input_shape[1]), int(model.input_shape[2]))
    noise = [np.random.default_rng(0).uniform(-1, 1, (1, *size, 3)).astype(np.float32)]
    options = []
    for heads in _choices(tuple(sorted(model.output))):
        device = device_network(model, heads)
        file = finished(
            convert(device.model, format="int8", engine="tensorflow", images=noise), IoTypes(), device.labels
        )
        graph = parse_tflite(file.data)
        report = check_graph(graph)
        options.append({
            "name": ", ".join(f"{task}={form}" for task, form in heads.items()) or "all at full size",
            "heads": heads,
            "output_bytes": sum(graph.tensors[t].bytes for t in graph.outputs),
            "predicted_ms": {name: price(graph) for name, price in prices.items()},
            "operators": len(graph.operators),
            "edgetpu_mapped": 0 if report.failure else report.mapped_count,
            "metrics": _metrics(device, dataset, size),
        })  # fmt: skip
    return {"frames": len(dataset), "options": options}


def _choices(tasks: tuple[str, ...]) -> list[dict[str, str]]:
    """The default, each other form of the segmentation, every head low, and that with the smallest labels."""
    low = {
        task: forms[-1]
        for task in tasks
        if (forms := [name for name in forms_of(task) if name.endswith("low")])
    }
    scores = {task: "logits-low" if task == "segmentation" else form for task, form in low.items()}
    labels = [
        {"segmentation": form} for form in list(forms_of("segmentation"))[1:] if "segmentation" in tasks
    ]
    return [{}, *labels, scores, *([low] if low != scores else [])]


def _metrics(device: DeviceNetwork, dataset: Dataset, size: tuple[int, int]) -> dict[str, float | None]:
    """The first metric that counts of every head."""
    from edgenas.training.trainer import predictor_of

    run = predictor_of(device.model)

    def as_the_device(images: np.ndarray) -> dict[str, np.ndarray]:
        values = run(images)
        for head, factor in device.labels.items():
            values[head] = values[head].argmax(-1).repeat(factor, axis=1).repeat(factor, axis=2)
        return values

    tasks = tuple(sorted(device.model.output))
    sized = at_data_size(as_the_device, size, tasks, len(dataset.info.class_names), Path("network"))
    found = evaluate_outputs(sized, dataset, tasks)
    first = {task: get_task(task).quality_metrics[0] for task in tasks}
    return {f"{task} {metric}": found[task][metric] for task, metric in first.items()}
