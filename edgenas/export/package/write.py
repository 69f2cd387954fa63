"""`write_package`: what ships beside the .tflite files. `with_description`: what a file says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.device_profiles.host_facts import file_sha256, package_version
from edgenas.export.package.describe import ShippedModel, ShippedOutput, describe_file
from edgenas.export.package.metadata import AssociatedFileType, with_metadata
from edgenas.export.package.snippets import cpp_snippet, kotlin_snippet, python_example
from edgenas.storage import write_bytes_atomic
from edgenas.tasks.base import TaskInfo

__all__ = ["CHECKSUMS", "LABELS", "with_description", "write_package"]

LABELS = "labels.txt"
CHECKSUMS = "SHA256SUMS"


def with_description(path: Path, name: str, info: TaskInfo) -> bytes:
    """A .tflite file with TFLite metadata: normalisation, labels, and the meaning of each output.

    Args:
        path: the file, with a signature whose outputs are called after their tasks.
        name: what it is called.
        info: the data set whose classes and depth unit it was trained for.
    """
    model = describe_file(path, name, info)
    files = {LABELS: model.labels.encode()} if model.class_names else {}
    return with_metadata(path.read_bytes(), _metadata(model), files, model.to_dict())


def _metadata(model: ShippedModel) -> dict[str, Any]:
    _, height, width, _ = model.input.shape
    values = _range(model.input.dtype, model.input.scale, model.input.zero_point)
    image = {
        "name": "image",
        "description": f"RGB image of {height} rows and {width} columns; value = pixel / 127.5 - 1",
        "content": {
            "content_properties": (
                "ImageProperties",
                {"color_space": 1, "default_size": {"width": width, "height": height}},
            )
        },
        "process_units": [{"options": ("NormalizationOptions", {"mean": [127.5], "std": [127.5]})}],
        "stats": values or {"max": [1.0], "min": [-1.0]},
    }
    return {
        "name": model.name,
        "description": "Dense prediction from one image: " + ", ".join(o.name for o in model.outputs),
        "version": "1",
        "author": f"edgenas {package_version('edgenas') or ''}".strip(),
        "min_parser_version": "1.5.0",
        "subgraph_metadata": [
            {
                "name": model.name,
                "input_tensor_metadata": [image],
                "output_tensor_metadata": [
                    _output(output, bool(model.class_names)) for output in model.outputs
                ],
            }
        ],
    }


def _output(output: ShippedOutput, labelled: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "name": output.name,
        "description": output.meaning,
        "content": {"content_properties": ("FeatureProperties", {})},
    }
    if values := _range(output.dtype, output.scale, output.zero_point):
        fields["stats"] = values
    if output.kind in ("scores", "labels") and labelled:
        kind = AssociatedFileType.TENSOR_AXIS_LABELS
        if output.kind == "labels":
            kind = AssociatedFileType.TENSOR_VALUE_LABELS
        fields["associated_files"] = [
            {"name": LABELS, "description": "names of the classes, one per line", "type": kind}
        ]
    return fields


def _range(dtype: str, scale: float, zero_point: int) -> dict[str, list[float]] | None:
    """Smallest and largest value that the numbers can stand for; None where they have no scale."""
    if not scale or np.issubdtype(np.dtype(dtype), np.floating):
        return None
    limits = np.iinfo(dtype)
    return {
        "max": [scale * (int(limits.max) - zero_point)],
        "min": [scale * (int(limits.min) - zero_point)],
    }


def write_package(shipped: Path, name: str, info: TaskInfo, others: Sequence[Path] = ()) -> dict[str, str]:
    """Writes labels.txt, NAME_example.py, NAME_snippet.cc, NAME.kt and SHA256SUMS beside a file.

    Args:
        shipped: the .tflite file that devices get.
        name: stem of the files.
        info: the data set whose classes and depth unit it was trained for.
        others: further files of the package, for SHA256SUMS.

    Returns:
        {what: file name} of what was written; the same arguments give the same bytes.

    Raises:
        EdgenasError: a file cannot be written.
    """
    model = describe_file(shipped, name, info)
    texts = {
        "labels": (LABELS, model.labels if model.class_names else None),
        "python_example": (f"{name}_example.py", python_example(model)),
        "cpp_snippet": (f"{name}_snippet.cc", cpp_snippet(model)),
        "kotlin_snippet": (f"{name}.kt", kotlin_snippet(model)),
    }
    written = {}
    for what, (file, text) in texts.items():
        if text is None:
            # One of an earlier export would be about another network.
            (shipped.parent / file).unlink(missing_ok=True)
            continue
        write_bytes_atomic(shipped.parent / file, text.encode())
        written[what] = file
    everything = sorted({shipped, *others, *(shipped.parent / file for file in written.values())})
    sums = "".join(f"{file_sha256(path)}  {path.name}\n" for path in everything)
    write_bytes_atomic(shipped.parent / CHECKSUMS, sums.encode())
    return {**written, "checksums": CHECKSUMS}
