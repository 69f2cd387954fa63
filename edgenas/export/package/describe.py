"""`ShippedModel`: what a .tflite file takes and gives, in the words of its package."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.export.litert_model import LitertModel
from edgenas.graph import read_tflite
from edgenas.runtime_interpreter import TensorDetail
from edgenas.tasks.base import TaskInfo

__all__ = ["ShippedModel", "ShippedOutput", "describe_file"]

_MEANINGS = {
    "scores": "a score per class and pixel; the class of a pixel is its largest channel",
    "labels": "the number of its class for every pixel",
    "depth": "distance along the camera's axis for every pixel, in {unit}",
    "normals": "surface normal of every pixel, x right, y up, z towards the camera; to be divided by its length",
    "values": "values for every pixel",
}


@dataclass(frozen=True)
class ShippedOutput:
    """One output of a file.

    Attributes:
        name: its name in the signature, which is its task's.
        kind: "scores", "labels", "depth", "normals" or "values".
        meaning: what its numbers are.
        dtype: element type.
        shape: [1, H, W, channels], or [1, H, W] for labels.
        scale: value = scale * (number - zero_point); 0 where the numbers are the values.
        zero_point: see `scale`.
    """

    name: str
    kind: str
    meaning: str
    dtype: str
    shape: tuple[int, ...]
    scale: float
    zero_point: int


@dataclass(frozen=True)
class ShippedModel:
    """What a file takes and gives.

    Attributes:
        name: stem of the package's files.
        file: name of the .tflite file.
        input: its only input, an RGB image; value = pixel / 127.5 - 1.
        outputs: in the file's order, which runtimes without signatures number them by.
        signature: names of the outputs in the signature's order, which LiteRT's compiled models number them by.
        class_names: of the segmentation, empty without it.
        depth_unit: "m" or "1/m".
    """

    name: str
    file: str
    input: TensorDetail
    outputs: tuple[ShippedOutput, ...]
    signature: tuple[str, ...]
    class_names: tuple[str, ...]
    depth_unit: str

    @property
    def by_signature(self) -> tuple[ShippedOutput, ...]:
        """The outputs in the signature's order."""
        return tuple(sorted(self.outputs, key=lambda output: self.signature.index(output.name)))

    @property
    def labels(self) -> str:
        """labels.txt: one class name per line, in the order of the numbers."""
        return "".join(f"{name}\n" for name in self.class_names)

    def to_dict(self) -> dict[str, Any]:
        """What `edgenas run` reads from the file itself, JSON-ready."""
        return {
            "format": "edgenas.outputs",
            "normalisation": "value = pixel / 127.5 - 1",
            "class_names": list(self.class_names),
            "depth_unit": self.depth_unit,
            "outputs": [asdict(output) for output in self.outputs],
        }


def describe_file(path: Path, name: str, info: TaskInfo) -> ShippedModel:
    """Describes a file that runs here.

    Args:
        path: the file.
        name: stem of the package's files.
        info: the data set whose classes and depth unit it was trained for.
    """
    model = LitertModel(path)
    order = read_tflite(path).output_names
    outputs = tuple(_output(model.output_details[head], info) for head in order)
    named = any(output.kind in ("scores", "labels") for output in outputs)
    return ShippedModel(
        name,
        path.name,
        model.input_detail,
        outputs,
        _signature(path) or tuple(order),
        tuple(info.class_names) if named else (),
        info.depth_unit,
    )


def _signature(path: Path) -> tuple[str, ...]:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(path.read_bytes(), 0)
    if model.SignatureDefsLength() != 1:
        return ()
    only = model.SignatureDefs(0)
    return tuple(only.Outputs(i).Name().decode() for i in range(only.OutputsLength()))


def _output(detail: TensorDetail, info: TaskInfo) -> ShippedOutput:
    channels = detail.shape[3] if len(detail.shape) == 4 else 0
    kind = "values"
    if detail.name == "segmentation":
        whole = np.issubdtype(np.dtype(detail.dtype), np.integer) and detail.scale == 0
        kind = "labels" if whole and channels in (0, 1) else "scores"
    elif (detail.name, channels) in (("depth", 1), ("normals", 3)):
        kind = detail.name
    meaning = _MEANINGS[kind].format(unit="metres" if info.depth_unit == "m" else "1/metres")
    return ShippedOutput(
        detail.name, kind, meaning, detail.dtype, detail.shape, detail.scale, detail.zero_point
    )
