"""What is done with an exported file before it ships: other runtimes, the accelerators' compilers, other devices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgenas.datasets import Dataset
from edgenas.device_profiles import DeviceProfile, list_devices, load_device
from edgenas.device_profiles.host_facts import file_sha256
from edgenas.errors import EdgenasError
from edgenas.graph import OpGraph
from edgenas.latency_models.predictor_file import read_predictor
from edgenas.latency_models.registry import predictor_folders
from edgenas.storage import read_json
from edgenas.workflow.check import check_file

__all__ = ["Checked", "check_shipped", "predictions", "provenance"]

_EDGETPU = "edgetpu"


@dataclass(frozen=True)
class Checked:
    """What came of it.

    Attributes:
        sections: for the model card, JSON-ready: "runtimes", "check", "compiled", "predictions".
        files: what compilers wrote, and their logs.
    """

    sections: dict[str, Any]
    files: tuple[Path, ...]


def check_shipped(
    file: Path,
    graph: OpGraph,
    dtype: str,
    dataset: Dataset,
    profile: DeviceProfile | None,
    configuration: str | None,
) -> Checked:
    """Runs a file in every runtime there is, asks what the Edge TPU would run of it, and compiles it where that can be.

    Args:
        file: the file that devices get.
        graph: its operators.
        dtype: its format.
        dataset: frames with truth.
        profile: the device of the export; None for none.
        configuration: its configuration.
    """
    from edgenas.export.runtimes import compare_runtimes

    sections: dict[str, Any] = {
        "runtimes": compare_runtimes(file, dataset, macs=graph.macs, floats=dtype in ("float32", "float16"))
    }
    sections["predictions"] = predictions(graph, dtype)
    compiled: dict[str, Any] = {}
    files: list[Path] = []
    if dtype == "int8":
        edgetpu = load_device(_EDGETPU)
        chosen = next(c for c in edgetpu.configurations if c.name == edgetpu.default_configuration)
        check = check_file(file, edgetpu, chosen, compiler=False)
        sections["check"] = {
            "device": check.device,
            "fully_mapped": check.fully_mapped,
            "operators": len(check.operators),
            "mapped": len(check.operators) - len(check.unmapped),
            "unmapped": [dict(operator) for operator in check.unmapped],
            "failure": check.failure,
            "advice": list(check.advice),
        }
        for entry in (_edgetpu(file), _vela(file, profile, configuration)):
            if entry is not None:
                compiled |= entry[0]
                files += entry[1]
    sections["compiled"] = compiled
    return Checked(sections, tuple(files))


def _edgetpu(file: Path) -> tuple[dict[str, Any], list[Path]] | None:
    """NAME_edgetpu.tflite and its log, where the compiler is on the PATH; what an earlier export left is removed."""
    from edgenas.compatibility import find_compiler, run_compiler

    target, log = (file.with_name(f"{file.stem}_edgetpu.{ending}") for ending in ("tflite", "log"))
    for old in (target, log):
        old.unlink(missing_ok=True)
    executable = find_compiler()
    if executable is None:
        return None
    verdict = run_compiler(file, executable, keep=target, keep_log=log)
    section = {"file": None if verdict.failure else target.name, "log": log.name, **verdict.to_dict()}
    return {_EDGETPU: section}, [path for path in (target, log) if path.exists()]


def _vela(
    file: Path, profile: DeviceProfile | None, configuration: str | None
) -> tuple[dict[str, Any], list[Path]] | None:
    """NAME_ACCELERATOR.tflite, where the export's device is an Ethos-U; a failure is a value."""
    if profile is None or profile.operator_rules != "ethos-u":
        return None
    from edgenas.device_profiles.vela_compiler import compile_vela

    wanted = configuration or profile.default_configuration
    chosen = next(c for c in profile.configurations if c.name == wanted)
    target = file.with_name(f"{file.stem}_{chosen.accelerator}.tflite")
    target.unlink(missing_ok=True)
    try:
        result = compile_vela(file, chosen, keep=target)
    except EdgenasError as error:
        return {chosen.accelerator: {"file": None, "failure": str(error)}}, []
    section = {
        "file": target.name,
        "failure": "",
        "configuration": chosen.name,
        "system": chosen.system,
        "memory": chosen.memory,
        "version": result.version,
        "source": "simulated",
        "cpu_operators": [
            {"index": o.index, "type": o.type, "reason": o.reason} for o in result.cpu_operators
        ],
        **result.figures(),
    }
    return {chosen.accelerator: section}, [target]


def predictions(graph: OpGraph, dtype: str) -> list[dict[str, Any]]:
    """Predicted latency of a file on every device that there is a predictor for; nothing here is measured.

    Args:
        graph: the file's operators.
        dtype: its format.
    """
    found = []
    for profile in list_devices():
        configurations = {c.name: c for c in profile.configurations}
        for name, folder in predictor_folders(profile.name).items():
            if name not in configurations or configurations[name].dtype != dtype:
                continue
            estimate = read_predictor(folder).predict(graph)
            found.append(
                {
                    "device": profile.name,
                    "configuration": name,
                    "predicted_ms": estimate.latency_ms,
                    "predicted_interval_ms": list(estimate.interval_ms),
                    "in_domain": estimate.in_domain,
                }
            )
    return found


def provenance(model: Path, run: Path | None) -> dict[str, Any]:
    """Where a network comes from: the Keras file with its SHA-256, how it was trained, and the run that found it.

    Names only, no folders of this machine: a card travels.

    Args:
        model: the .keras file; `edgenas train` leaves its settings in metrics.json beside it.
        run: folder of the run; None without one.
    """
    stored = model.with_name("metrics.json")
    identity = read_json(stored, "training result").get("identity", {}) if stored.is_file() else {}
    return {
        "model": str(model.relative_to(run) if run is not None and model.is_relative_to(run) else model.name),
        "model_sha256": file_sha256(model),
        "training": identity.get("config"),
        "training_data_fingerprint": identity.get("data"),
        "run": None if run is None else run.resolve().name,
    }
