"""The model card: a JSON file beside the .tflite files that says what they are and what was checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from edgenas.graph import OpGraph
from edgenas.space.architecture import Architecture

if TYPE_CHECKING:
    from edgenas.device_profiles import Measurement
    from edgenas.export.exporter import ExportedFile, ExportedNetwork
    from edgenas.export.request import ExportRequest
    from edgenas.latency_models import LatencyEstimate

__all__ = ["model_card"]

_PACKAGES = (
    "edgenas",
    "tensorflow-cpu",
    "tensorflow",
    "keras",
    "ai-edge-litert",
    "ai-edge-quantizer",
    "numpy",
)


def model_card(
    request: ExportRequest,
    architecture: Architecture | None,
    exported: ExportedNetwork,
    data: Mapping[str, Any],
    graph: OpGraph,
    *,
    device: str | None,
    estimate: LatencyEstimate | None,
    measurement: Measurement | None,
    measured_operator_ms: Sequence[float | None] | None,
) -> dict[str, Any]:
    """Builds the card; every latency in it is labelled.

    Keys that begin with "predicted" hold predictions; of those that begin with "measured" (the operators' too),
    `latency.measured_source` says whether they are measured or simulated, None where there are none.

    Args:
        request: what was asked for.
        architecture: the network; None for one of another tool.
        exported: what was written and how it compares.
        data: the run's description of its data.
        graph: the shipped file (int8 where there is one).
        device: device that was asked for.
        estimate: predicted latency of the shipped file.
        measurement: measured or simulated latency of the same file.
        measured_operator_ms: its times per operator of the graph.
    """
    files = exported.files
    ok = measurement is not None and measurement.ok
    return {
        "format": "edgenas.model_card",
        "version": 1,
        "name": request.name,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "architecture": architecture.to_dict() if architecture else None,
        "architecture_hash": architecture.hash if architecture else None,
        "parameters": exported.parameters,
        "macs": graph.macs,
        "parameter_bytes": graph.parameter_bytes,
        "peak_activation_bytes": graph.peak_activation_bytes,
        "files": {
            kind: {
                "path": f.path.name,
                "bytes": f.bytes,
                "sha256": f.sha256,
                "engine": f.engine,
                "notes": list(f.notes),
                **f.io,
            }
            for kind, f in files.items()
        },
        "input": "RGB image; value = pixel / 127.5 - 1, then quantised with the input's scale and zero point",
        "data": {**data, "calibration_frames": exported.calibration_frames},
        "metrics": {"keras": exported.keras_metrics, **{kind: f.metrics for kind, f in files.items()}},
        "head_errors": _head_errors(files),
        "latency": {
            "device": device,
            "configuration": estimate.configuration
            if estimate
            else measurement.configuration
            if measurement
            else None,
            "file": request.shipped,
            "predicted_ms": estimate.latency_ms if estimate else None,
            "predicted_interval_ms": list(estimate.interval_ms) if estimate else None,
            "predicted_in_domain": estimate.in_domain if estimate else None,
            "measured_ms": measurement.latency_ms if measurement and ok else None,
            "measured_source": measurement.source if measurement else None,
            "measured_spread": measurement.spread if measurement and ok else None,
            "measured_process_medians_ms": list(measurement.process_medians_ms)
            if measurement and ok
            else None,
            "measured_error": measurement.error if measurement and not ok else None,
            "machine": measurement.machine if measurement and ok else None,
        },
        "operators_ms": [
            {
                "index": i,
                "type": operator.type,
                "predicted_ms": estimate.operators[i][2] if estimate else None,
                "measured_ms": measured_operator_ms[i] if measured_operator_ms else None,
            }
            for i, operator in enumerate(graph.operators)
        ],
        **exported.sections,
        "versions": _versions(),
    }


def _head_errors(files: Mapping[str, ExportedFile]) -> dict[str, dict[str, float | None]]:
    heads: dict[str, dict[str, float | None]] = {}
    for kind, file in files.items():
        for head, error in file.head_errors.items():
            row = heads.setdefault(head, {})
            row[f"{kind}_max_abs"] = error.max_abs
            row[f"{kind}_sqnr_db"] = error.sqnr_db
            if error.pixels and kind == "int8":
                row["int8_argmax_agreement"] = error.argmax_agreement
    return heads


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
