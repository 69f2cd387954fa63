"""`edgenas export`: a trained network to verified .tflite files, measured or simulated where that can be."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from edgenas.device_profiles import DeviceProfile, Measurement, align_operators, load_device, runner_for
from edgenas.errors import UsageError
from edgenas.export.card import model_card
from edgenas.export.request import ExportRequest
from edgenas.graph import OpGraph, parse_tflite, read_tflite
from edgenas.latency_models import LatencyPredictor, find_predictor
from edgenas.runtime import start_tensorflow
from edgenas.search.config import read_config
from edgenas.search.result import store_measurement
from edgenas.storage import read_json, write_json
from edgenas.workflow.data import OpenData
from edgenas.workflow.export_outputs import Price, compare_outputs
from edgenas.workflow.export_source import ExportSource
from edgenas.workflow.ship import check_shipped, provenance

__all__ = ["ExportResult", "export_trained"]

_HINT = " Mend it with --repair."


@dataclass(frozen=True)
class ExportResult:
    """What an export left.

    Attributes:
        card_path: the model card.
        card: its content.
        warnings: what a user should see, one sentence each.
        failed: why the int8 file, kept all the same, is not good enough.
    """

    card_path: Path
    card: dict[str, Any]
    warnings: tuple[str, ...] = ()
    failed: str | None = None


def export_trained(source: ExportSource, data: OpenData, request: ExportRequest) -> ExportResult:
    """Exports, verifies, predicts, measures and writes the card.

    Where the run was searched on the same configuration of the same device, its own predictor is used, and the
    measurement goes into its recommendation too.

    Args:
        source: the trained network.
        data: its training and validation frames.
        request: what to make; its height and width rebuild the network at that size.

    Raises:
        UsageError: model and data do not belong together.
        EdgenasError: conversion or verification failed; nothing stands under a final name then.
    """
    dtype, run = request.shipped, source.run
    device, configuration, predictor_dir = request.device, request.configuration, request.predictor_dir
    profile = runner = predictor = measurement = None
    searched_here = False
    if device is not None:
        profile = load_device(device)
        device = profile.asked_as
        searched = read_config(run.root) if run is not None else {}
        configuration = configuration or _configuration(profile, dtype, searched)
        searched_here = (searched.get("device"), searched.get("configuration")) == (
            profile.asked_as,
            configuration,
        )
        if predictor_dir is None and run is not None and searched_here:
            predictor_dir = run.predictor
        runner = runner_for(profile, configuration)
        predictor = _predictor(profile, configuration, predictor_dir)
    trained, source = source, source.at(request.height, request.width)
    start_tensorflow()
    from edgenas.export.exporter import export_network
    from edgenas.export.package.write import write_package

    exported = export_network(
        source.model, source.architecture, data.train, data.validation, request,
        predict_ms=None if predictor is None else partial(_predicted_ms, predictor),
    )  # fmt: skip
    shipped = exported.files[dtype].path
    graph = read_tflite(shipped)
    # Predictors know files whose operators work on one element type.
    estimate = predictor.predict(graph) if predictor is not None and dtype in ("int8", "float32") else None
    if runner is not None and runner.probe().available:
        measurement = runner.measure_one(shipped, request.out_dir, operators=True)
    checked = check_shipped(shipped, graph, dtype, data.validation, profile, configuration)
    origin = {"provenance": provenance(source.path, run.root if run is not None else None)}
    sections = {**exported.sections, **checked.sections, **origin}
    if request.compare_outputs:
        prices = _prices(device, predictor if dtype == "int8" else None)
        sections["outputs_compared"] = compare_outputs(source.model, data.validation, prices)
    exported = replace(exported, sections=sections)
    card = model_card(
        request, source.architecture, exported, data.describe(), graph,
        device=device, estimate=estimate, measurement=measurement,
        measured_operator_ms=_operator_ms(measurement, graph),
    )  # fmt: skip
    card_path = request.out_dir / f"{request.name}.json"
    write_json(card_path, card)
    files = [file.path for file in exported.files.values()]
    recipes = [path for file in files if (path := file.with_name(f"{file.stem}_recipe.json")).exists()]
    write_package(shipped, request.name, data.validation.info, [card_path, *files, *recipes, *checked.files])
    if run is not None and searched_here and measurement is not None and measurement.ok and run.best.exists():
        best = read_json(run.best, "recommendation")
        arch = source.architecture
        if arch is not None and best.get("hash") == arch.hash and request.keeps_the_network:
            store_measurement(run.root, measurement.latency_ms, measurement.source)
    warnings = [
        *_data_warning(trained, data),
        *_size_warning(trained, source),
        *card.get("calibration", {}).get("warnings", ()),
    ]
    failed = card.get("repair", {}).get("failed")
    told = [] if failed else _drop_warnings(card, request)
    return ExportResult(card_path, card, (*warnings, *told), failed)


def _data_warning(trained: ExportSource, data: OpenData) -> list[str]:
    """Ranges and metrics of other data than the network will see: told where the training says what it saw."""
    if trained.data in ("", data.request.source) or trained.fingerprint == data.train.info.fingerprint:
        return []
    return [
        f"The network was trained on {trained.data}; ranges and metrics of this export are of {data.request.source}. "
        f"If that is not meant: --data {shlex.quote(trained.data)}"
    ]


def _size_warning(trained: ExportSource, exported: ExportSource) -> list[str]:
    before, after = trained.architecture, exported.architecture
    if before is None or after is None or before == after:
        return []
    return [
        f"The network was trained at {before.input_height}x{before.input_width} and exported at "
        f"{after.input_height}x{after.input_width}. Its metrics there are measured on the validation frames, resized, "
        "not assumed: look at them."
    ]


def _drop_warnings(card: Mapping[str, Any], request: ExportRequest) -> list[str]:
    """A sentence per file and head that lost too much."""
    texts = []
    for format, drops in card["drops_percent"].items():
        for task, row in drops.items():
            metric, percent = max(row.items(), key=lambda item: item[1], default=("", 0.0))
            if percent > request.max_drop_percent:
                hint = _HINT if format == "int8" and not request.repair else ""
                texts.append(
                    f"{task} {metric} of the {format} file is {percent:.2g}% worse than that of float32; at most "
                    f"{request.max_drop_percent:g}% is allowed.{hint}"
                )
    return texts


def _predicted_ms(predictor: LatencyPredictor, data: bytes) -> float | None:
    """The latency of a file; None where its operators work on several types, which predictors do not know."""
    graph = parse_tflite(data)
    if any(tensor.dtype == "int16" for tensor in graph.tensors.values()):
        return None
    return predictor.predict(graph).latency_ms


def _prices(device: str | None, predictor: LatencyPredictor | None) -> dict[str, Price]:
    """What predicts the latency of an int8 network: on the device that was asked for, and on the Edge TPU."""
    predictors = {} if device is None or predictor is None else {device: predictor}
    if "edgetpu" not in predictors:
        edgetpu = _predictor(load_device("edgetpu"), None, None)
        predictors |= {"edgetpu": edgetpu} if edgetpu is not None else {}
    return {name: partial(_price_ms, it) for name, it in predictors.items()}


def _price_ms(predictor: LatencyPredictor, graph: OpGraph) -> float:
    return predictor.predict(graph).latency_ms


def _configuration(profile: DeviceProfile, dtype: str, searched: Mapping[str, Any]) -> str:
    """That of the run where it fits the file; else the device's default; else a single-threaded one that fits."""
    fitting = {c.name: c for c in profile.configurations if c.dtype == dtype}
    if searched.get("device") == profile.asked_as and searched["configuration"] in fitting:
        return str(searched["configuration"])
    if profile.default_configuration in fitting:
        return profile.default_configuration
    return next((name for name, c in fitting.items() if c.threads == 1), profile.default_configuration)


def _predictor(
    profile: DeviceProfile, configuration: str | None, folder: Path | None
) -> LatencyPredictor | None:
    """The predictor, or None where there is none: an export does not need one, unless it was named."""
    try:
        return find_predictor(profile, predictor_dir=folder, configuration=configuration)
    except UsageError:
        if folder is not None:
            raise
        return None


def _operator_ms(measurement: Measurement | None, graph: OpGraph) -> tuple[float | None, ...] | None:
    if measurement is None or measurement.operator_ms is None:
        return None
    types = [operator.type for operator in graph.operators]
    return align_operators(types, measurement.operator_ms, graph.wiring)
