"""A realistic run folder, written the way search, training, export and profiling write it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from edgenas.graph import graph_of
from edgenas.space.architecture import Architecture, Block, Head, Stage

RunMaker = Callable[..., Path]
CLASSES = [
    "bed",
    "books",
    "ceiling",
    "chair",
    "floor",
    "furniture",
    "objects",
    "picture",
    "sofa",
    "table",
    "tv",
]


def _architecture(rng: np.random.Generator | None, tasks: tuple[str, ...]) -> Architecture:
    """The baseline without a generator, else some other network of the same family."""
    stages = []
    for width, depth in ((16, 2), (24, 2), (48, 3), (96, 2)):
        if rng is None:
            blocks = tuple(Block("ibn", 3, 6) for _ in range(depth))
            stages.append(Stage(width, blocks))
            continue
        blocks = tuple(
            Block(str(rng.choice(["ibn", "fused_ibn"])), int(rng.choice([3, 5])), int(rng.choice([1, 3, 6])))
            for _ in range(int(rng.integers(1, depth + 1)))
        )
        stages.append(
            Stage(int(8 * max(1, round(width * rng.choice([0.5, 0.75, 1.0, 1.25, 1.5]) / 8))), blocks)
        )
    channels = {"segmentation": 13, "depth": 1, "normals": 3}
    width, repeats = (32, 2) if rng is None else (int(rng.choice([24, 32, 48])), int(rng.integers(1, 4)))
    depth = 2 if rng is None else int(rng.integers(1, 4))
    heads = tuple(Head(task, channels[task], 32, depth) for task in tasks)
    return Architecture(96, 128, 16, tuple(stages), width, repeats, heads)


def _latency(arch: Architecture) -> float:
    return sum(0.004 + op.macs / 9e6 + op.activation_bytes / 6e6 for op in graph_of(arch).operators)


def _metrics(quality: float, tasks: tuple[str, ...]) -> dict[str, dict[str, float | None]]:
    every: dict[str, dict[str, float | None]] = {
        "segmentation": {"miou": 0.214 * quality, "pixel_accuracy": 0.561 * quality},
        "depth": {"abs_error": 0.71 / quality, "rel_error": 0.262 / quality, "rmse": 0.93 / quality},
        "normals": {"mean_angle_deg": 31.2 / quality, "within_11_25": 0.221 * quality, "within_30": None},
    }
    return {task: every[task] for task in tasks}


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")


def _study(folder: Path, trials: list[dict[str, Any]]) -> None:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(folder / "study.db", check_same_thread=False)
        connection.execute("PRAGMA synchronous=OFF")  # a fixture need not survive a power cut
        return connection

    storage = optuna.storages.RDBStorage("sqlite:///study.db", engine_kwargs={"creator": connect})
    study = optuna.create_study(study_name="edgenas", storage=storage, direction="maximize")
    for attrs in trials:
        failed = attrs["status"] != "completed"
        state = optuna.trial.TrialState.FAIL if failed else optuna.trial.TrialState.COMPLETE
        value = None if failed else attrs["reward"]
        study.add_trial(optuna.trial.create_trial(state=state, value=value, user_attrs=attrs))
    study.enqueue_trial({})
    storage.engine.dispose()


def _trials(count: int, target_ms: float, tasks: tuple[str, ...]) -> list[dict[str, Any]]:
    trials = []
    for number in range(count):
        rng = np.random.default_rng((7, number))
        arch = _architecture(rng, tasks)
        ms = _latency(arch)
        quality = float(1.02 + 0.1 * np.log(ms / target_ms) + rng.normal(0, 0.035) + 0.05 * number / count)
        failed = number % 11 == 10
        attrs: dict[str, Any] = {
            "architecture": arch.to_dict(),
            "architecture_hash": arch.hash,
            "quality": None if failed else quality,
            "reward": None if failed else quality * min(1.0, (ms / target_ms) ** -0.07),
            "predicted_ms": ms,
            "predicted_low_ms": ms * 0.93,
            "predicted_high_ms": ms * 1.08,
            "feasible": ms <= target_ms,
            "metrics": {} if failed else _metrics(quality, tasks),
            "status": "diverged" if failed else "completed",
            "reason": "loss is NaN at iteration 31" if failed else "",
            "seconds": {"build": 1.2, "train": 20.5, "total": 24.5},
        }
        trials.append(attrs)
    return trials


def _card(name: str, arch: Architecture, tasks: tuple[str, ...]) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    operators: list[dict[str, Any]] = []
    for index, op in enumerate(graph_of(arch).operators):
        ms = 0.004 + op.macs / 9e6 + op.activation_bytes / 6e6
        measured = ms * float(rng.normal(1.02, 0.12))
        operators.append({"index": index, "type": op.type, "predicted_ms": ms, "measured_ms": measured})
    predicted = sum(o["predicted_ms"] for o in operators)
    files = {
        "float32": {"path": f"{name}_float32.tflite", "bytes": 1_480_112, "sha256": "ab" * 32},
        "int8": {"path": f"{name}_int8.tflite", "bytes": 521_040, "sha256": "cd" * 32},
    }
    errors = {"float32_max_abs": 3.1e-5, "int8_max_abs": 0.42, "int8_sqnr_db": 27.4}
    return {
        "format": "edgenas.model_card",
        "version": 1,
        "name": name,
        "architecture": arch.to_dict(),
        "parameters": 412_345,
        "macs": graph_of(arch).macs,
        "peak_activation_bytes": 294_912,
        "files": files,
        "data": {"source": "rooms"},
        "metrics": {
            "keras": _metrics(1.41, tasks),
            "float32": _metrics(1.41, tasks),
            "int8": _metrics(1.38, tasks),
        },
        "head_errors": dict.fromkeys(tasks, errors),
        "latency": {
            "device": "host",
            "file": "int8",
            "predicted_in_domain": True,
            "predicted_ms": predicted,
            "predicted_interval_ms": [predicted * 0.93, predicted * 1.08],
            "measured_ms": predicted * 1.034,
            "measured_spread": 0.017,
        },
        "operators_ms": operators,
        "versions": {"tensorflow": "2.21.0", "keras": "3.12.0", "ai-edge-litert": "2.3.1"},
    }


def _samples(
    tasks: tuple[str, ...], frames: int, height: int = 96, width: int = 128
) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[0:height, 0:width]
    smooth = np.stack([rows * 255 // height, columns * 255 // width, (rows + columns) % 256], axis=-1)
    image = np.stack([(smooth + 40 * i + rng.integers(0, 24, smooth.shape)) % 256 for i in range(frames)])
    arrays = {"image": image.astype(np.uint8)}
    for shift, task in enumerate(tasks):
        for kind in ("truth", "float", "int8"):
            blocks = (image // 64 * 64 + 60 * shift + (kind != "truth") * 9) % 256
            arrays[f"{kind}_{task}"] = blocks.astype(np.uint8)
    return arrays


def _profile() -> dict[str, Any]:
    rng = np.random.default_rng(11)
    points = []
    for i, measured in enumerate(np.exp(rng.uniform(np.log(0.6), np.log(14), 80)).tolist()):
        predicted = measured * float(np.exp(rng.normal(0, 0.06)))
        low, high = predicted * 0.89, predicted * 1.12
        point = {"measured_ms": measured, "predicted_ms": predicted, "low_ms": low, "high_ms": high}
        points.append({"name": f"network {i:03d}", **point})
    card = {
        "device": "host",
        "rows": 80,
        "split": "20% of the networks held out",
        "errors": {
            "mape_percent": 4.83,
            "rmspe_percent": 6.1,
            "within_5_percent": 64.0,
            "within_10_percent": 91.0,
            "spearman": 0.993,
        },
        "fitted_at": "2026-11-23T05:50:00Z",
    }
    return {"device": "host", "card": card, "points": points}


@pytest.fixture
def make_run(tmp_path: Path) -> RunMaker:
    """Writes a run folder; `parts` names the optional parts to write."""

    def make(
        *,
        trials: int = 30,
        name: str = "rooms-host-3ms",
        parts: tuple[str, ...] = ("baseline", "best", "train", "export", "samples", "profile"),
        tasks: tuple[str, ...] = ("depth", "normals", "segmentation"),
        frames: int = 3,
        config: dict[str, Any] | None = None,
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        baseline = _architecture(None, tasks)
        target = round(_latency(baseline) * 0.92, 1)
        stored = _trials(trials, target, tasks)
        _study(folder, stored)
        _write(folder / "config.json", {**_config(target, trials, tasks, folder), **(config or {})})
        within = [i for i, t in enumerate(stored) if t["feasible"] and t["quality"] is not None]
        best = max(within, key=lambda i: stored[i]["reward"])
        winner = Architecture.from_dict(stored[best]["architecture"])
        if "baseline" in parts:
            ms = _latency(baseline)
            value = {"architecture": baseline.to_dict(), "metrics": _metrics(1.0, tasks), "predicted_ms": ms}
            _write(folder / "baseline.json", {**value, "predicted_interval_ms": [ms * 0.93, ms * 1.08]})
        if "best" in parts:
            keys = ("architecture", "quality", "reward", "predicted_ms", "metrics", "feasible")
            chosen: dict[str, Any] = {key: stored[best][key] for key in keys}
            chosen["predicted_interval_ms"] = [
                stored[best]["predicted_low_ms"],
                stored[best]["predicted_high_ms"],
            ]
            chosen["measured_ms"] = stored[best]["predicted_ms"] * 1.05
            _write(folder / "best.json", {"trial": best, **chosen})
        if "train" in parts:
            _write(folder / "train" / "metrics.json", {"metrics": _metrics(1.41, tasks)})
        if "export" in parts:
            _write(folder / "export" / "rooms_winner.json", _card("rooms_winner", winner, tasks))
        if "samples" in parts:
            (folder / "export").mkdir(exist_ok=True)
            arrays: dict[str, Any] = {**_samples(tasks, frames)}
            np.savez(folder / "export" / "samples.npz", **arrays)
        if "profile" in parts:
            _write(folder / "profile.json", _profile())
        return folder

    return make


def _config(target_ms: float, trials: int, tasks: tuple[str, ...], folder: Path) -> dict[str, Any]:
    command = ["edgenas", "search", "--space", "demo", "--data", "rooms", "--device", "host"]
    return {
        "format": "edgenas.run",
        "version": 1,
        "edgenas_version": "0.1.0",
        "space": {"name": "demo", "version": 1, "hash": "5f2d90c1b3e7a644"},
        "data": {
            "source": "rooms",
            "fingerprint": "9d1c2ab4",
            "height": 96,
            "width": 128,
            "class_names": CLASSES,
            "depth_unit": "m",
            "tasks": list(tasks),
        },
        "device": "host",
        "configuration": "litert-1-thread",
        "target_ms": target_ms,
        "reward": "hard",
        "risk": 0.1,
        "seed": 7,
        "trials": trials,
        "population": 12,
        "tournament": 4,
        "proxy": {
            "iterations": 120,
            "batch_size": 8,
            "learning_rate": 0.003,
            "loss_weights": "nyuv2/ednas+jared",
        },
        "command": [*command, "--target-ms", str(target_ms), "--trials", str(trials), "--out", folder.name],
    }
