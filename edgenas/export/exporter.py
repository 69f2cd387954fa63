"""`export_network`: files in every format that was asked for, verified on real frames before they get their names."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.datasets import Dataset
from edgenas.errors import EdgenasError, UsageError
from edgenas.evaluation import Metrics, evaluate_outputs
from edgenas.export.candidate import Candidate, IoTypes
from edgenas.export.choice import Bench, Compared, best_of, describe
from edgenas.export.engines.convert import convert
from edgenas.export.engines.formats import INTEGER_FORMATS
from edgenas.export.engines.litert_quantizer import is_installed
from edgenas.export.equalise import equalised
from edgenas.export.request import ExportRequest
from edgenas.export.samples import write_samples
from edgenas.export.verify import HeadError, Predict, require_float_agreement
from edgenas.space.architecture import Architecture
from edgenas.storage import write_json
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
        engine: who converted it.
        notes: what a user should know of it.
    """

    path: Path
    bytes: int
    sha256: str
    io: dict[str, Any]
    metrics: Metrics
    head_errors: Mapping[str, HeadError]
    engine: str = "tensorflow"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExportedNetwork:
    """What an export produced.

    Attributes:
        files: {format: file}, float32 first.
        keras_metrics: metrics of the Keras model over the same frames.
        calibration_frames: frames that set the int8 scales.
        samples: pictures for the report.
        sections: what the stations have to say in the model card, by the name of the section, JSON-ready.
    """

    files: dict[str, ExportedFile]
    keras_metrics: Metrics
    calibration_frames: int
    samples: Path
    sections: Mapping[str, Any] = field(default_factory=dict)


def export_network(
    model: Any,
    architecture: Architecture,
    train_set: Dataset,
    validation_set: Dataset,
    request: ExportRequest,
) -> ExportedNetwork:
    """Converts, verifies and writes NAME_FORMAT.tflite for float32 and every other format of the request.

    All files are made and checked in a temporary folder first; a failure or a kill leaves nothing under the
    final names but what stood there before. The same model, data and request give the same bytes.

    Args:
        model: trained Keras model.
        architecture: the network it is.
        train_set: source of the calibration frames.
        validation_set: frames to compare and score on.
        request: what to make.

    Raises:
        UsageError: model, architecture and data do not belong together.
        MissingDependencyError: the engine that was asked for is not installed.
        EdgenasError: weights that are not finite, a failed conversion, a float tensor left in the int8 file, or a
            float32 file that does not compute what Keras computes.
    """
    _check_inputs(model, architecture, validation_set)
    used = min(request.calibration_frames, len(train_set)) if INTEGER_FORMATS & set(request.written) else 0
    images = list(_calibration_images(train_set, used))
    reference = predictor_of(model)
    shown = validation_set.arrays(range(min(_COMPARED_FRAMES, len(validation_set))))["image"]
    with _partial_folder(request) as partial, equalised(model, images) as factors:
        bench = Bench(partial, request.name, reference, shown)
        io = IoTypes(request.input_type, request.output_type)
        chosen: dict[str, Compared] = {}
        engines: dict[str, Any] = {}
        for format in request.written:
            make = functools.partial(
                convert, model, format=format, images=images, io=io,
                float_file=chosen["float32"].candidate.data if chosen else None,
            )  # fmt: skip
            compared, failures = _compare_engines(make, _engines(format, request.engine), bench)
            chosen[format] = best_of(compared)
            if format == "float32":
                require_float_agreement(chosen[format].errors)
                continue
            if request.engine == "auto" and not is_installed():
                failures["litert-quantizer"] = "it is not installed: pip install 'edgenas[quant]'"
            engines[format] = describe(compared, chosen[format], failures, request.engine)
        tasks = architecture.tasks
        metrics = {format: evaluate_outputs(one.run, validation_set, tasks) for format, one in chosen.items()}
        keras_metrics = evaluate_outputs(reference, validation_set, tasks)
        labelled: dict[str, Predict] = {"float": reference}
        if "int8" in chosen:
            labelled["int8"] = chosen["int8"].run
        samples = partial / "samples.npz"
        write_samples(samples, validation_set, labelled, tasks)
        files = {format: _publish(one, request, format, metrics[format]) for format, one in chosen.items()}
        samples = samples.replace(request.out_dir / samples.name)
    return ExportedNetwork(
        files, keras_metrics, used, samples, {"engines": engines, "equalised": dict(factors)}
    )


@contextlib.contextmanager
def _partial_folder(request: ExportRequest) -> Iterator[Path]:
    """A folder beside the final files that is gone afterwards, whatever happens; clears what a kill left."""
    pattern = f".{request.name}.partial"
    for stale in request.out_dir.glob(f"{pattern}*"):
        shutil.rmtree(stale, ignore_errors=True)
    try:
        request.out_dir.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=pattern, dir=request.out_dir))
    except OSError as error:
        raise EdgenasError(
            f"Cannot write to {request.out_dir}: {error.strerror or error}. Choose another folder."
        ) from error
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _engines(format: str, wanted: str) -> list[str]:
    if format == "float32":
        return ["tensorflow"]
    if wanted == "auto":
        return ["tensorflow", "litert-quantizer"] if is_installed() else ["tensorflow"]
    return [wanted]


def _compare_engines(
    make: Callable[..., Candidate], engines: Sequence[str], bench: Bench
) -> tuple[list[Compared], dict[str, str]]:
    """What the engines make of one format, run on real frames, and why an engine made nothing.

    Raises:
        EdgenasError: no engine made anything.
    """
    made, failures = [], {}
    for engine in engines:
        try:
            made.append(bench.compare(make(engine=engine)))
        except EdgenasError as error:
            if len(engines) == 1:
                raise
            failures[engine] = str(error)
    if not made:
        raise EdgenasError(" ".join(failures.values()))
    return made, failures


def _publish(one: Compared, request: ExportRequest, format: str, metrics: Metrics) -> ExportedFile:
    """Gives a file its final name, and its recipe the one beside it."""
    target = request.out_dir / one.path.name
    recipe = target.with_name(f"{target.stem}_recipe.json")
    recipe.unlink(missing_ok=True)
    one.path.replace(target)
    if one.candidate.engine == "litert-quantizer":
        write_json(recipe, one.candidate.recipe["rules"])
    data = one.candidate.data
    return ExportedFile(
        target, len(data), hashlib.sha256(data).hexdigest(), one.run.io_description(), metrics, one.errors,
        one.candidate.engine, one.candidate.notes,
    )  # fmt: skip


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
