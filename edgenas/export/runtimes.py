"""Whether one .tflite file computes the same wherever it is run: several runtimes, and several kinds of kernels.

Integer kernels round in different ways (XNNPACK once, TensorFlow Lite's own twice), and a difference of one step in
one layer becomes some steps behind thirty layers; so they agree in nearly all numbers, not in all of them.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.datasets import Dataset
from edgenas.datasets.dataset import evenly_spread
from edgenas.datasets.in_memory import ArrayDataset
from edgenas.datasets.layouts.resize import resize_image
from edgenas.evaluation import Metrics, evaluate_outputs
from edgenas.export.inputs import at_data_size
from edgenas.export.litert_model import LitertModel
from edgenas.tasks import TASKS, get_task

__all__ = [
    "ARM_VARIABLE",
    "METRIC_TOLERANCE",
    "MIN_SHARE",
    "STEPS",
    "TFLITE_VARIABLE",
    "OtherPython",
    "compare_runtimes",
    "other_pythons",
]

STEPS = 2
"""Quantisation steps that numbers may differ by."""

MIN_SHARE = 0.99
"""Share of all output numbers that may not differ by more."""

METRIC_TOLERANCE = 2e-3
"""Relative change that a head's metric may have."""

FLOAT_TOLERANCE = 1e-4
"""Difference of the outputs of a float network, relative to the largest of the head, that stands for `STEPS`."""

_LEVELS = 255
"""Steps that the values of a head are thought to have, where a quantised network gives them as floats."""

TFLITE_VARIABLE = "EDGENAS_TFLITE_PYTHON"
ARM_VARIABLE = "EDGENAS_ARM_PYTHON"

_BUDGET_MACS = 12e9  # some 4 s of the reference kernels, the slowest, on one core of 2024
_FRAMES = (4, 128)
_TIMEOUT_SECONDS = 300.0

Outputs = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class OtherPython:
    """A runtime that lives in another Python, perhaps of another kind of processor under an emulator.

    Attributes:
        name: how the card calls it.
        command: what starts that Python; empty where there is none.
        module: "tflite_runtime" or "ai_edge_litert".
        hint: how to make it available.
    """

    name: str
    command: tuple[str, ...]
    module: str
    hint: str


def other_pythons(environ: Mapping[str, str] = os.environ) -> tuple[OtherPython, ...]:
    """tflite-runtime and Arm's 64-bit kernels, as the environment names them.

    `EDGENAS_TFLITE_PYTHON` is the Python of an environment with tflite-runtime 2.14 and NumPy 1 (this one's is taken
    where it has the package); `EDGENAS_ARM_PYTHON` the command of an arm64 Python with ai-edge-litert, such as
    `qemu-aarch64 -L ROOT ROOT/usr/bin/python3`. The latter is left out where the variable is not set.
    """
    here = (sys.executable,) if find_spec("tflite_runtime") else ()
    tflite = tuple(shlex.split(environ.get(TFLITE_VARIABLE, ""))) or here
    found = [
        OtherPython(
            "tflite-runtime",
            tflite,
            "tflite_runtime",
            f"set {TFLITE_VARIABLE} to the Python (3.11 or older) of an environment with tflite-runtime and 'numpy<2'",
        )
    ]
    if arm := tuple(shlex.split(environ.get(ARM_VARIABLE, ""))):
        found.append(OtherPython("arm64", arm, "ai_edge_litert", f"see {ARM_VARIABLE}"))
    return tuple(found)


def compare_runtimes(
    model: Path,
    dataset: Dataset,
    *,
    macs: int,
    floats: bool = False,
    others: Sequence[OtherPython] | None = None,
    on_part: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Runs a file on the same frames in every runtime there is and compares with XNNPACK.

    Args:
        model: the file.
        dataset: frames with truth; as many of them are taken, evenly spread, as are quick.
        macs: multiply-accumulates of one inference.
        floats: whether the network computes in floats, so that its kernels must agree much better.
        others: runtimes in other Pythons; None for `other_pythons()`.
        on_part: called with the name of each runtime before it runs.

    Returns:
        JSON-ready: "base", "frames", "agree" and for each of "runtimes" either "available": false with the "reason",
        or "runtime", "share_within_steps" over all outputs, "agrees", and per head the same share, "max_steps" (None
        for float outputs), and the head's "metric" with "base", "value" and "relative_change". A runtime that is not
        there does not disagree.
    """
    base = LitertModel(model)
    low, high = _FRAMES
    count = min(len(dataset), max(low, min(high, int(_BUDGET_MACS // max(macs, 1)))))
    places = evenly_spread(count, len(dataset))
    frames = ArrayDataset(dataset.info, dataset.stored_batch(places))
    height, width = base.input_detail.shape[1:3]
    images = np.stack([resize_image(image, height, width) for image in frames.arrays()["image"]])
    tasks = tuple(name for name in base.output_details if name in TASKS and name in dataset.info.tasks)
    expected = base(images)
    expected_metrics = _metrics(model, (height, width), expected, frames, tasks)
    found: dict[str, dict[str, Any]] = {}
    ways: list[tuple[str, Callable[[], tuple[Outputs, dict[str, str]]]]] = [
        (kernels, partial(_in_process, model, images, kernels)) for kernels in ("builtin", "reference")
    ]
    others = other_pythons() if others is None else others
    ways += [(other.name, partial(_elsewhere, model, base, images, other)) for other in others]
    for name, run in ways:
        if on_part is not None:
            on_part(name)
        try:
            outputs, facts = run()
        except _NotAvailableError as error:
            found[name] = {"available": False, "reason": str(error)}
            continue
        heads = _heads(base, expected, outputs, floats=floats)
        for task, metrics in _metrics(model, (height, width), outputs, frames, tasks).items():
            heads[task] |= _metric_change(task, expected_metrics, metrics)
        within = sum(head.pop("within") for head in heads.values())
        share = within / sum(values.size for values in expected.values())
        changes = [
            head["relative_change"] for head in heads.values() if head.get("relative_change") is not None
        ]
        found[name] = {
            "available": True,
            **facts,
            "share_within_steps": share,
            "agrees": share >= MIN_SHARE and all(abs(change) <= METRIC_TOLERANCE for change in changes),
            "heads": heads,
        }
    return {
        "file": model.name,
        "base": {"runtime": base.facts["runtime"], "runtime_version": base.facts["runtime_version"],
                 "kernels": "default", "machine": base.facts["machine"]},
        "frames": count,
        "steps": STEPS,
        "agree": all(entry["agrees"] for entry in found.values() if entry["available"]),
        "runtimes": found,
    }  # fmt: skip


class _NotAvailableError(Exception):
    """A runtime that is not here, with the reason."""


def _in_process(model: Path, images: np.ndarray, kernels: str) -> tuple[Outputs, dict[str, str]]:
    run = LitertModel(model, kernels=kernels)
    facts = {key: run.facts[key] for key in ("runtime", "runtime_version")}
    return run(images), {**facts, "kernels": kernels}


def _elsewhere(
    model: Path, base: LitertModel, images: np.ndarray, other: OtherPython
) -> tuple[Outputs, dict[str, str]]:
    if not other.command:
        raise _NotAvailableError(f"no Python with it: {other.hint}")
    program = Path(__file__).with_name("run_frames.py")
    with tempfile.TemporaryDirectory(prefix="edgenas-runtime-") as folder:
        frames, outputs = Path(folder) / "frames.npy", Path(folder) / "outputs.npz"
        np.save(frames, base.numbers(images), allow_pickle=False)
        try:
            done = subprocess.run(
                [*other.command, str(program), other.module, str(model), str(frames), str(outputs)],
                capture_output=True, stdin=subprocess.DEVNULL, timeout=_TIMEOUT_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise _NotAvailableError(f"it did not end within {_TIMEOUT_SECONDS:.0f} s") from error
        except OSError as error:
            raise _NotAvailableError(f"{other.command[0]} cannot be started: {error.strerror}") from error
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no output"]
            raise _NotAvailableError(f"it failed (exit code {done.returncode}): {lines[-1]}")
        facts = json.loads(done.stdout.decode().strip().splitlines()[-1])
        with np.load(outputs, allow_pickle=False) as arrays:
            values = {
                name: detail.dequantise(arrays[str(detail.index)])
                for name, detail in base.output_details.items()
            }
    return values, {"runtime": other.module.replace("_", "-"), **facts, "kernels": "default"}


def _heads(
    base: LitertModel, expected: Outputs, outputs: Outputs, *, floats: bool = False
) -> dict[str, dict[str, Any]]:
    heads: dict[str, dict[str, Any]] = {}
    for name, detail in base.output_details.items():
        first, second = (np.asarray(it[name], np.float64) for it in (expected, outputs))
        # Labels have no scale: a step is a whole class there, so only equal ones agree.
        labels = not detail.is_float and detail.scale == 0
        step = detail.scale
        if detail.is_float:
            largest = max(float(np.abs(first).max()), 1e-6)
            step = FLOAT_TOLERANCE * largest / STEPS if floats else max(float(np.ptp(first)), 1e-6) / _LEVELS
        steps = np.abs(first - second) * (STEPS + 1) if labels else np.abs(first - second) / step
        within = int((steps <= STEPS + 1e-3).sum())
        heads[name] = {
            "within": within,
            "share_within_steps": within / steps.size,
            "max_steps": None if detail.is_float or labels else round(float(steps.max())),
        }
    return heads


def _metrics(
    model: Path, size: tuple[int, int], outputs: Outputs, frames: ArrayDataset, tasks: tuple[str, ...]
) -> Metrics:
    """Metrics of outputs that are there already, whatever their size and form."""
    if not tasks:
        return {}
    whole = at_data_size(lambda _: outputs, size, tasks, len(frames.info.class_names), model)
    return evaluate_outputs(whole, frames, tasks, batch_size=len(frames))


def _metric_change(task: str, base: Metrics, metrics: Mapping[str, float | None]) -> dict[str, Any]:
    metric = get_task(task).quality_metrics[0]
    before, after = base[task][metric], metrics[metric]
    change = None if before is None or after is None or before == 0 else after / before - 1.0
    return {"metric": metric, "base": before, "value": after, "relative_change": change}
