"""Reads the model card that `edgenas export` writes beside the .tflite files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from edgenas.device_profiles.measurement import MEASURED, SIMULATED
from edgenas.errors import UsageError
from edgenas.report.coerce import (
    Intervals,
    Metrics,
    as_interval,
    as_intervals,
    as_list,
    as_mapping,
    as_metrics,
    as_number,
    as_source,
    as_text,
)

__all__ = ["CardLatency", "DevicePrediction", "ModelCard", "ModelFile", "OperatorTime", "read_model_card"]

_CARD_FORMAT = "edgenas.model_card"
_CARD_VERSION = 1


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One exported file: its kind ("float32", "int8"), path, size and SHA-256."""

    kind: str
    path: str
    size_bytes: float | None
    sha256: str


@dataclass(frozen=True, slots=True)
class CardLatency:
    """Predicted latency of the exported model, and the measured or simulated one.

    Attributes:
        device: what it is the latency on.
        kind: which file, "int8" or "float32".
        predicted_ms: predicted latency.
        interval_ms: its interval.
        in_domain: whether the predictor knows such networks; None where it was not said.
        measured_ms: latency on the device.
        source: how that came about, "measured" or "simulated"; None where nothing was tried.
        spread: relative interquartile range of the measurement; None for a simulation, which is not repeated.
        error: why there is no latency on the device, or empty.
    """

    device: str
    kind: str
    predicted_ms: float | None
    interval_ms: tuple[float, float] | None
    in_domain: bool | None
    measured_ms: float | None
    source: str | None
    spread: float | None
    error: str


@dataclass(frozen=True, slots=True)
class OperatorTime:
    """Time of one operator in execution order.

    Attributes:
        index: position.
        type: operator type.
        predicted_ms: predicted time, None where it was not predicted.
        measured_ms: time on the device, None where it is not known.
        source: how that came about, "measured" or "simulated".
    """

    index: int
    type: str
    predicted_ms: float | None
    measured_ms: float | None
    source: str = MEASURED


@dataclass(frozen=True, slots=True)
class DevicePrediction:
    """What the exported file would take on one configuration of one device; predicted, in milliseconds."""

    device: str
    configuration: str
    predicted_ms: float | None
    interval_ms: tuple[float, float] | None
    in_domain: bool


@dataclass(frozen=True)
class ModelCard:
    """What the export says about itself.

    Attributes:
        name: name of the exported model.
        files: the files written.
        metrics: scores per format ("keras", "float32", "int8").
        head_errors: differences from Keras per task.
        latency: predicted latency, and that on the device.
        operators: times per operator.
        versions: versions of the software that exported it.
        parameters: trainable parameters.
        macs: multiply-accumulates of one frame.
        peak_activation_bytes: most bytes that activations take at once.
        intervals: format to task to metric to the ends of its 95% interval over frames.
        predictions: its predicted latency on every device that edgenas has a predictor for.
    """

    name: str
    files: tuple[ModelFile, ...]
    metrics: dict[str, Metrics]
    head_errors: Metrics
    latency: CardLatency
    operators: tuple[OperatorTime, ...]
    versions: dict[str, str]
    parameters: float | None
    macs: float | None
    peak_activation_bytes: float | None
    intervals: dict[str, Intervals] = field(default_factory=dict)
    predictions: tuple[DevicePrediction, ...] = ()


def read_model_card(raw: dict[str, Any]) -> ModelCard:
    """Reads a model card; parts it lacks are empty.

    Raises:
        UsageError: the value is not a model card of a known version.
    """
    if raw.get("format") != _CARD_FORMAT or raw.get("version") != _CARD_VERSION:
        raise UsageError(
            f'The model card is not readable. Expected "format": "{_CARD_FORMAT}", version {_CARD_VERSION}; '
            f"got {as_text(raw.get('format'))!r}, version {as_text(raw.get('version'))!r}. "
            "Write it again with `edgenas export --int8`."
        )
    latency = _latency(as_mapping(raw.get("latency")))
    files = {kind: as_mapping(item) for kind, item in as_mapping(raw.get("files")).items()}
    return ModelCard(
        name=as_text(raw.get("name")),
        files=tuple(
            ModelFile(
                kind, as_text(item.get("path")), as_number(item.get("bytes")), as_text(item.get("sha256"))
            )
            for kind, item in files.items()
        ),
        metrics={kind: as_metrics(scores) for kind, scores in as_mapping(raw.get("metrics")).items()},
        head_errors=as_metrics(raw.get("head_errors")),
        latency=latency,
        operators=tuple(_operators(as_list(raw.get("operators_ms")), latency.source or MEASURED)),
        versions={key: as_text(value) for key, value in as_mapping(raw.get("versions")).items()},
        parameters=as_number(raw.get("parameters")),
        macs=as_number(raw.get("macs")),
        peak_activation_bytes=as_number(raw.get("peak_activation_bytes")),
        predictions=tuple(
            DevicePrediction(
                as_text(it.get("device")),
                as_text(it.get("configuration")),
                as_number(it.get("predicted_ms")),
                as_interval(it.get("predicted_interval_ms")),
                it.get("in_domain") is True,
            )
            for it in map(as_mapping, as_list(raw.get("predictions")))
        ),
        intervals={
            kind: as_intervals(found) for kind, found in as_mapping(raw.get("metric_intervals")).items()
        },
    )


def _latency(raw: dict[str, Any]) -> CardLatency:
    in_domain, source = raw.get("predicted_in_domain"), raw.get("measured_source")
    measured_ms, error = as_number(raw.get("measured_ms")), as_text(raw.get("measured_error"))
    known = source is not None or measured_ms is not None or bool(error)
    return CardLatency(
        device=as_text(raw.get("device")),
        kind=as_text(raw.get("file")) or "int8",
        predicted_ms=as_number(raw.get("predicted_ms")),
        interval_ms=as_interval(raw.get("predicted_interval_ms")),
        in_domain=in_domain if isinstance(in_domain, bool) else None,
        measured_ms=measured_ms,
        source=as_source(source) if known else None,
        spread=None if source == SIMULATED else as_number(raw.get("measured_spread")),
        error=error,
    )


def _operators(items: list[Any], source: str) -> list[OperatorTime]:
    found = []
    for position, item in enumerate(map(as_mapping, items)):
        index = as_number(item.get("index"))
        predicted, measured = as_number(item.get("predicted_ms")), as_number(item.get("measured_ms"))
        if predicted is not None or measured is not None:
            place = position if index is None else int(index)
            found.append(OperatorTime(place, as_text(item.get("type")), predicted, measured, source))
    return found
