"""`export_network`: float32 and int8 files, verified on real frames before they get their names."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.datasets import Dataset
from edgenas.errors import EdgenasError, UsageError
from edgenas.evaluation import Metrics, evaluate_outputs
from edgenas.export.convert import to_tflite
from edgenas.export.litert_model import LitertModel
from edgenas.export.samples import write_samples
from edgenas.export.verify import HeadError, Predict, compare_heads, require_float_agreement
from edgenas.space.architecture import Architecture
from edgenas.storage import write_bytes_atomic
from edgenas.training.trainer import predictor_of

__all__ = ["ExportedFile", "ExportedNetwork", "export_network"]

_COMPARED_FRAMES = 32


@dataclass(frozen=True)
class ExportedFile:
    """One .tflite file.

    Attributes:
        path: where it stands.
        bytes: its size.
        sha256: its SHA-256.
        io: dtype, shape, scale and zero point of input and outputs.
        metrics: {task: {metric: value}} over the validation frames.
        head_errors: difference from Keras per head.
    """

    path: Path
    bytes: int
    sha256: str
    io: dict[str, Any]
    metrics: Metrics
    head_errors: dict[str, HeadError]


@dataclass(frozen=True)
class ExportedNetwork:
    """What an export produced.

    Attributes:
        files: {"float32": ..., "int8": ...}.
        keras_metrics: metrics of the Keras model over the same frames.
        calibration_frames: frames that set the int8 scales.
        samples: pictures for the report.
    """

    files: dict[str, ExportedFile]
    keras_metrics: Metrics
    calibration_frames: int
    samples: Path


def export_network(
    model: Any,
    architecture: Architecture,
    train_set: Dataset,
    validation_set: Dataset,
    out_dir: Path,
    name: str,
    *,
    int8: bool = True,
    calibration_frames: int = 128,
) -> ExportedNetwork:
    """Converts, verifies and writes NAME_float32.tflite and, if asked, NAME_int8.tflite.

    Both files are made and checked in a temporary folder first; a failure or a kill leaves nothing under the
    final names but what stood there before. The same model and data give the same bytes.

    Args:
        model: trained Keras model.
        architecture: the network it is.
        train_set: source of the calibration frames, spread evenly over it.
        validation_set: frames to compare and score on.
        out_dir: folder of the files.
        name: stem of the file names.
        int8: whether to write the int8 file too.
        calibration_frames: how many training frames set the activation ranges.

    Raises:
        UsageError: model, architecture and data do not belong together.
        EdgenasError: weights that are not finite, a failed conversion, a float tensor left in the int8 file, or a
            float32 file that does not compute what Keras computes.
    """
    _check_inputs(model, architecture, validation_set)
    for stale in out_dir.glob(f".{name}.partial*"):
        shutil.rmtree(stale, ignore_errors=True)
    reference = predictor_of(model)
    used = min(calibration_frames, len(train_set))
    kinds = ["float32", "int8"] if int8 else ["float32"]
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{name}.partial", dir=out_dir))
    except OSError as error:
        raise EdgenasError(
            f"Cannot write to {out_dir}: {error.strerror or error}. Choose another folder."
        ) from error
    try:
        runners: dict[str, LitertModel] = {}
        for kind in kinds:
            images = list(_calibration_images(train_set, used)) if kind == "int8" else None
            path = partial / f"{name}_{kind}.tflite"
            write_bytes_atomic(path, to_tflite(model, dtype=kind, representative=images))
            runners[kind] = LitertModel(path)
        if int8:
            _require_no_float_tensor(runners["int8"])
        shown = validation_set.arrays(range(min(_COMPARED_FRAMES, len(validation_set))))["image"]
        errors = compare_heads(reference, runners, shown)
        require_float_agreement(errors["float32"])
        tasks = architecture.tasks
        metrics = {kind: evaluate_outputs(run, validation_set, tasks) for kind, run in runners.items()}
        keras_metrics = evaluate_outputs(reference, validation_set, tasks)
        labelled: dict[str, Predict] = {"float": reference, **({"int8": runners["int8"]} if int8 else {})}
        samples = out_dir / "samples.npz"
        write_samples(samples, validation_set, labelled, tasks)
        files = {}
        for kind, runner in runners.items():
            source = partial / f"{name}_{kind}.tflite"
            target = out_dir / source.name
            data = source.read_bytes()
            source.replace(target)
            digest = hashlib.sha256(data).hexdigest()
            files[kind] = ExportedFile(
                target, len(data), digest, runner.io_description(), metrics[kind], errors[kind]
            )
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return ExportedNetwork(files, keras_metrics, used if int8 else 0, samples)


def _check_inputs(model: Any, architecture: Architecture, dataset: Dataset) -> None:
    shape = (architecture.input_height, architecture.input_width)
    if tuple(model.input_shape[1:3]) != shape or set(model.output_names) != set(architecture.tasks):
        raise UsageError(
            f"The weights belong to another architecture. Expected input {shape} and heads {architecture.tasks}. "
            f"Received input {tuple(model.input_shape[1:3])} and heads {sorted(model.output_names)}."
        )
    if (dataset.info.height, dataset.info.width) != shape:
        raise UsageError(
            f"The data's frames are {dataset.info.height}x{dataset.info.width}; the network expects "
            f"{shape[0]}x{shape[1]}. Give the data that it was trained on."
        )
    for variable in model.variables:
        if not np.isfinite(variable.numpy()).all():
            raise EdgenasError(
                f"The weight {variable.path} holds NaN or infinity, so the network cannot be exported. "
                "Train it again with a lower learning rate."
            )


def _calibration_images(train_set: Dataset, count: int) -> Iterator[np.ndarray]:
    for index in np.linspace(0, len(train_set) - 1, count).astype(int):
        yield (train_set.frame(int(index)).image[None].astype(np.float32) / 127.5 - 1.0).astype(np.float32)


def _require_no_float_tensor(model: LitertModel) -> None:
    left = model.float_tensors()
    if left:
        raise EdgenasError(
            f"The int8 file still holds {len(left)} float tensor(s): {', '.join(left[:3])}. It would not run fully "
            "on an integer-only device; nothing was written."
        )
