"""`export_network`: files in every format that was asked for, verified on real frames before they get their names."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.datasets import Dataset
from edgenas.datasets.layouts.resize import resize_image
from edgenas.errors import EdgenasError, UsageError
from edgenas.evaluation import Metrics, evaluate_outputs
from edgenas.export.calibration import calibrate_on
from edgenas.export.candidate import IoTypes
from edgenas.export.choice import Bench, Compared, convert_best
from edgenas.export.drops import metric_drops_percent
from edgenas.export.engines.convert import finished
from edgenas.export.engines.formats import INTEGER_FORMATS
from edgenas.export.inputs import at_data_size, check_model, refuse_constant_heads
from edgenas.export.intervals import with_intervals
from edgenas.export.litert_model import LitertModel
from edgenas.export.operator_errors import describe_operators
from edgenas.export.outputs import DeviceNetwork, device_network
from edgenas.export.package.write import with_description
from edgenas.export.repair.ground import Ground, prepare_ground
from edgenas.export.repair.loop import repair
from edgenas.export.repair.state import RepairContext
from edgenas.export.request import ExportRequest
from edgenas.export.samples import write_samples
from edgenas.export.verify import HeadError, Predict, require_float_agreement
from edgenas.graph import read_tflite
from edgenas.space.architecture import Architecture
from edgenas.storage import write_bytes_atomic, write_json
from edgenas.tasks.base import TaskInfo
from edgenas.training.trainer import predictor_of

__all__ = ["ExportedFile", "ExportedNetwork", "export_network"]

_COMPARED_FRAMES = 32
_TRACED_FRAMES = 8


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
        parameters: trainable weights of the Keras model.
        keras_metrics: metrics of the Keras model over the same frames.
        calibration_frames: frames that set the int8 scales.
        samples: pictures for the report.
        sections: what the stations have to say in the model card, by the name of the section, JSON-ready.
    """

    files: dict[str, ExportedFile]
    parameters: int
    keras_metrics: Metrics
    calibration_frames: int
    samples: Path
    sections: Mapping[str, Any] = field(default_factory=dict)


def export_network(
    model: Any,
    architecture: Architecture | None,
    train_set: Dataset,
    validation_set: Dataset,
    request: ExportRequest,
    *,
    predict_ms: Callable[[bytes], float | None] | None = None,
) -> ExportedNetwork:
    """Converts, verifies and writes NAME_FORMAT.tflite for float32 and every other format of the request.

    All files are made and checked in a temporary folder first; a failure or a kill leaves nothing under the
    final names but what stood there before. The same model, data and request give the same bytes.

    Args:
        model: trained Keras model.
        architecture: the network it is; None for one of another tool.
        train_set: source of the calibration frames.
        validation_set: frames to compare and score on.
        request: what to make.
        predict_ms: predicted latency of an int8 file, for what a repair costs.

    Raises:
        UsageError: model, architecture and data do not belong together.
        MissingDependencyError: the engine that was asked for is not installed.
        EdgenasError: weights that are not finite, a failed conversion, a float tensor left in the int8 file, a
            float32 file that does not compute what Keras computes, or an int8 file that no repair mends.
    """
    check_model(model, architecture, validation_set, request)
    device = device_network(model, request.heads)
    _refuse_labels_of_16_bits(device, request)
    size = (int(model.input_shape[1]), int(model.input_shape[2]))
    tasks, classes = tuple(sorted(model.output)), len(validation_set.info.class_names)
    calibration = calibrate_on(train_set, request.calibration_frames if request.calibrates else 0, size)
    reference = predictor_of(device.model)
    frames = validation_set.arrays(range(min(_COMPARED_FRAMES, len(validation_set))))["image"]
    shown = np.stack([resize_image(frame, *size) for frame in frames])
    refuse_constant_heads(reference(shown))
    io = IoTypes(request.input_type, request.output_type)
    with _partial_folder(request) as partial:
        bench = Bench(partial, request.name, reference, shown)
        plain, _ = convert_best(device.model, "float32", engine=request.engine, bench=bench)
        require_float_agreement(plain.errors)
        chosen: dict[str, Compared] = {"float32": plain}
        grounds = {"float": Ground(device.model, plain.candidate.data, None)}
        engines: dict[str, Any] = {}
        if request.calibrates:
            grounds["integer"] = prepare_ground(device.model, plain.candidate.data, calibration.pixels)
        for format in request.written[1:]:
            ground = grounds["integer" if format in INTEGER_FORMATS else "float"]
            chosen[format], engines[format] = _converted(ground, format, calibration.images, bench, request)
        mended: dict[str, Any] = {}
        if request.repair and "int8" in chosen:

            def measured(one: Compared) -> Metrics:
                run = at_data_size(one.run, size, tasks, classes, one.path)
                return evaluate_outputs(run, validation_set, tasks)

            before = measured(plain)
            context = RepairContext(
                train_set, calibration.images, calibration.pixels[::2],
                convert=lambda ground, images: _converted(ground, "int8", images, bench, request)[0],
                compare=bench.compare,
                measure=lambda one: metric_drops_percent(before, measured(one)),
                predict_ms=predict_ms,
                max_drop_percent=request.max_drop_percent,
                allow_mixed=request.allow_mixed,
            )  # fmt: skip
            repaired = repair(context, grounds["integer"], chosen["int8"])
            if repaired.failed is not None and not request.keep:
                raise EdgenasError(repaired.failed)
            chosen["int8"], grounds["integer"] = repaired.best.compared, repaired.best.ground
            mended = {"repair": repaired.section}
        blamed: dict[str, Any] = {}
        if "int8" in chosen:
            ground = grounds["integer"]
            data = chosen["int8"].candidate.data
            told = describe_operators(ground.float_file, data, shown[:_TRACED_FRAMES], ground.names)
            blamed = {"operator_errors": told}
        info = validation_set.info
        ready = {
            format: _Ready.write(one, io, device, partial, request, info) for format, one in chosen.items()
        }
        asked = {
            format: at_data_size(one.run, size, tasks, classes, one.path) for format, one in ready.items()
        }
        scored = {format: with_intervals(run, validation_set, tasks) for format, run in asked.items()}
        whole = at_data_size(predictor_of(model), size, tasks, classes, Path(request.name))
        scored["keras"] = with_intervals(whole, validation_set, tasks)
        labelled: dict[str, Predict] = {"float": whole}
        if "int8" in asked:
            labelled["int8"] = asked["int8"]
        samples = partial / "samples.npz"
        write_samples(samples, validation_set, labelled, tasks)
        files = {format: one.publish(request, scored[format][0]) for format, one in ready.items()}
        samples = samples.replace(request.out_dir / samples.name)
    shipped = files[request.shipped]
    sections = {
        "engines": engines,
        "drops_percent": {
            format: metric_drops_percent(scored["float32"][0], scored[format][0])
            for format in request.written
            if format != "float32"
        },
        **({"calibration": calibration.to_dict()} if request.calibrates else {}),
        **mended,
        **blamed,
        "metric_intervals": {kind: intervals for kind, (_, intervals) in scored.items()},
        "outputs": device.describe(shipped.io, read_tflite(shipped.path).output_names),
    }
    parameters = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    return ExportedNetwork(files, parameters, scored["keras"][0], len(calibration.pixels), samples, sections)


@dataclass(frozen=True)
class _Ready:
    """A file as devices get it, waiting for its final name.

    Attributes:
        compared: the candidate that it was made from.
        path: where it stands while the export works.
        data: its content.
        run: it, ready to be asked.
    """

    compared: Compared
    path: Path
    data: bytes
    run: LitertModel

    @classmethod
    def write(
        cls,
        compared: Compared,
        io: IoTypes,
        device: DeviceNetwork,
        partial: Path,
        request: ExportRequest,
        info: TaskInfo,
    ) -> _Ready:
        path = partial / f"{request.name}_{compared.candidate.format}.tflite"
        write_bytes_atomic(path, finished(compared.candidate, io, device.labels).data)
        data = with_description(path, request.name, info)
        write_bytes_atomic(path, data)
        return cls(compared, path, data, LitertModel(path))

    def publish(self, request: ExportRequest, metrics: Metrics) -> ExportedFile:
        """Gives the file its final name, and its recipe the one beside it."""
        candidate = self.compared.candidate
        target = request.out_dir / self.path.name
        recipe = target.with_name(f"{target.stem}_recipe.json")
        recipe.unlink(missing_ok=True)
        self.path.replace(target)
        if "rules" in candidate.recipe:
            write_json(recipe, candidate.recipe["rules"])
        return ExportedFile(
            target, len(self.data), hashlib.sha256(self.data).hexdigest(), self.run.io_description(), metrics,
            self.compared.errors, candidate.engine, candidate.notes,
        )  # fmt: skip


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


def _refuse_labels_of_16_bits(device: DeviceNetwork, request: ExportRequest) -> None:
    if device.labels and "int16x8" in request.formats:
        heads = " and ".join(f"--head {head}=logits" for head in device.labels)
        raise UsageError(
            f"No runtime takes the largest of 16-bit numbers, so int16x8 cannot return labels. Use {heads}."
        )


def _converted(
    ground: Ground, format: str, images: Sequence[np.ndarray], bench: Bench, request: ExportRequest
) -> tuple[Compared, dict[str, Any]]:
    return convert_best(
        ground.model, format, engine=request.engine, bench=bench, images=images, float_file=ground.float_file
    )
