"""What the outputs of a file mean, by its model card or their names, and pictures of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.datasets.classes import class_names_for
from edgenas.device_profiles.host_facts import file_sha256
from edgenas.errors import UsageError
from edgenas.storage import read_json
from edgenas.tasks import TASKS, get_task

__all__ = ["OutputMeaning", "describes", "find_card", "meanings", "picture", "read_card"]

_FORMAT = "edgenas.model_card"
_SUFFIXES = re.compile(r"(_(float32|float16|int8|edgetpu|full_integer_quant))+$")
_WORDS = (("segmentation", re.compile(r"seg", re.IGNORECASE)), ("depth", re.compile(r"depth", re.IGNORECASE)),
          ("normals", re.compile(r"normal(?!i[sz])", re.IGNORECASE)))  # fmt: skip
_MOST_CLASSES = 255


@dataclass(frozen=True)
class OutputMeaning:
    """What one output is; also what the tasks need to know of a data set.

    Attributes:
        task: name of a task; empty for an output that nothing is known of.
        class_names: names of the segmentation classes.
        depth_unit: unit of depth values.
    """

    task: str = ""
    class_names: tuple[str, ...] = ()
    depth_unit: str = "m"


def find_card(model: Path) -> Path | None:
    """The model card beside a file: NAME.json for NAME_int8.tflite; None where there is none."""
    for stem in dict.fromkeys((_SUFFIXES.sub("", model.stem), model.stem)):
        path = model.with_name(f"{stem}.json")
        if path.is_file():
            return path
    return None


def read_card(path: Path) -> dict[str, Any]:
    """Reads a model card.

    Raises:
        UsageError: it is none.
    """
    card = read_json(path, "model card")
    if not isinstance(card, dict) or card.get("format") != _FORMAT or not isinstance(card.get("data"), dict):
        raise UsageError(
            f'{path} is no model card: expected "format": "{_FORMAT}". `edgenas export` writes one.'
        )
    return card


def describes(card: Mapping[str, Any], model: Path) -> bool:
    """Whether a card is about this very file, by its SHA-256."""
    files = card.get("files")
    known = (
        [file.get("sha256") for file in files.values() if isinstance(file, dict)]
        if isinstance(files, dict)
        else []
    )
    return file_sha256(model) in known


def meanings(
    shapes: Mapping[str, tuple[int, ...]], card: Mapping[str, Any] | None
) -> dict[str, OutputMeaning]:
    """What each output is.

    Args:
        shapes: output name to its shape.
        card: the model card; without it, or for names that it does not have, the words in a name decide.
    """
    data = card["data"] if card else {}
    names = tuple(str(name) for name in data.get("class_names") or ())
    unit = str(data.get("depth_unit") or "m")
    return {name: _meaning(name, shape, names, unit) for name, shape in shapes.items()}


def picture(meaning: OutputMeaning, values: np.ndarray) -> np.ndarray:
    """An RGB picture, uint8 [H, W, 3], of one output.

    Args:
        meaning: what it is.
        values: float [1, H, W, C] as the network gives it, or labels [1, H, W].
    """
    task = get_task(meaning.task)
    decoded = values[0] if values.ndim == 3 else task.decode(values[0])
    return task.picture(decoded, meaning, task.value_range(decoded))


def _meaning(name: str, shape: tuple[int, ...], class_names: tuple[str, ...], unit: str) -> OutputMeaning:
    task = name if name in TASKS else next((task for task, word in _WORDS if word.search(name)), "")
    channels = shape[3] if len(shape) == 4 else 0
    if task == "segmentation" and len(shape) == 3:
        # Labels; how many classes there are is not to be seen. Their colours do not depend on it.
        every = tuple(f"class {number}" for number in range(_MOST_CLASSES))
        return OutputMeaning(task, class_names or every)
    if task == "segmentation" and 1 < channels <= _MOST_CLASSES:
        return OutputMeaning(task, class_names if len(class_names) == channels else class_names_for(channels))
    meaning = OutputMeaning(task, class_names, unit)
    if task and task != "segmentation" and TASKS[task].output_channels(meaning) == channels:
        return meaning
    return OutputMeaning()
