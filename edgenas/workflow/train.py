"""`edgenas train`: the winner of a run (or any architecture) trained longer, resumable to the step."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenas.errors import EdgenasError, UsageError
from edgenas.runtime import start_tensorflow
from edgenas.space import Architecture
from edgenas.storage import atomic_path, read_json, require_writable, write_json
from edgenas.tasks.plugins import restore
from edgenas.training.config import TrainingConfig
from edgenas.training.curves import training_curves
from edgenas.workflow.best_network import BEST_FILE, BestNetwork
from edgenas.workflow.data import OpenData
from edgenas.workflow.evaluations import EVALUATIONS_FILE, read_evaluations, train_with_evaluations
from edgenas.workflow.history_file import HistoryFile

if TYPE_CHECKING:
    from edgenas.training.trainer import Progress

__all__ = ["TrainedNetwork", "TrainingDivergedError", "architecture_of_run", "load_trained", "train_network"]

FORMAT = "edgenas.trained"


class TrainingDivergedError(EdgenasError):
    """A training whose loss or outputs stopped being finite."""


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network in a folder: model.keras, metrics.json, history.csv.

    Attributes:
        folder: where it is.
        architecture: what it is.
        metrics: {task: {metric: value}} on the validation split.
        seconds: wall time by phase of the last session.
        reused: whether the folder held it already.
        evaluations: {step: metrics} on the validation split at the steps that were asked for.
    """

    folder: Path
    architecture: Architecture
    metrics: dict[str, dict[str, float | None]]
    seconds: dict[str, float]
    reused: bool = False
    evaluations: Mapping[int, dict[str, dict[str, float | None]]] = field(default_factory=dict)

    @property
    def model_path(self) -> Path:
        """The Keras file."""
        return self.folder / "model.keras"

    def to_dict(self) -> dict[str, Any]:
        """What `edgenas train --json` prints."""
        return {
            "folder": str(self.folder),
            "model": str(self.model_path),
            "architecture": self.architecture.to_dict(),
            "metrics": self.metrics,
            "seconds": self.seconds,
        }


def architecture_of_run(best: Path, *, allow_infeasible: bool = False) -> Architecture:
    """The network that a run recommends.

    Raises:
        UsageError: there is no recommendation, or none meets the latency target.
    """
    data = read_json(best, "recommendation of the search (edgenas search writes it)")
    if not isinstance(data, dict):
        raise UsageError(f"{best} is no recommendation of edgenas search. Expected a JSON object.")
    if data.get("architecture") is not None:
        return Architecture.from_dict(data["architecture"], str(best))
    nearest = data.get("nearest")
    if nearest is None:
        raise UsageError(
            f"{best} recommends no network: no trial completed. Go on with: edgenas search --resume "
            f"{shlex.quote(str(best.parent))}"
        )
    if not allow_infeasible:
        raise UsageError(
            f"No network of this run meets {_missed(data, nearest)}. Search with a higher --target-ms or more "
            "--trials, or take the nearest with --allow-infeasible."
        )
    return Architecture.from_dict(nearest["architecture"], str(best))


def _missed(data: Mapping[str, Any], nearest: Mapping[str, Any]) -> str:
    """The targets of a run, and what is predicted for its nearest network."""
    devices = data.get("devices") or []
    if not devices:
        return (
            f"its target of {data.get('target_ms'):.3g} ms; the nearest is predicted at "
            f"{nearest.get('predicted_ms'):.3g} ms"
        )
    others = nearest.get("other_devices") or {}
    parts = []
    for number, device in enumerate(devices):
        label, target_ms = device["label"], device["target_ms"]
        predicted_ms = (others.get(label, {}) if number else nearest).get("predicted_ms", math.nan)
        parts.append(f"{predicted_ms:.3g} ms on {label} (target {target_ms:.3g} ms)")
    return f"every target; the nearest is predicted at {', '.join(parts)}"


def train_network(
    architecture: Architecture,
    data: OpenData,
    config: TrainingConfig,
    folder: Path,
    *,
    restart: bool = False,
    on_step: Callable[[Progress], None] | None = None,
    evaluate_at: Sequence[int] = (),
    keep: str = "last",
    checkpoint_every: int = 100,
    checkpoint_minutes: float = 10.0,
) -> TrainedNetwork:
    """Trains into `folder`, going on from its checkpoint where there is one.

    Args:
        architecture: network to train.
        data: frames.
        config: schedule.
        folder: receives model.keras, metrics.json, history.csv and tensorboard/; checkpoint.npz while it runs.
        restart: forget what the folder holds.
        on_step: called after every step.
        evaluate_at: steps after which it is evaluated too, see `train_with_evaluations`.
        keep: "last" for the network after the last step, "best" for the best of all that are evaluated on the
            validation split (never on the test split), see `BestNetwork`.
        checkpoint_every: steps between checkpoints.
        checkpoint_minutes: write one after so many minutes without one, too.

    Raises:
        UsageError: the folder holds another training run.
        TrainingDivergedError: the loss or an output is not finite any more.
    """
    made_from = {
        "architecture": architecture.to_dict(),
        "config": config.to_dict(),
        "data": data.train.info.fingerprint,
    }
    if keep == "best":
        made_from["keep"] = {"best_of": sorted({*evaluate_at, config.iterations})}
    identity = json.loads(json.dumps(made_from))  # as it reads when stored: tuples are lists there
    require_writable(folder)
    checkpoint = folder / "checkpoint.npz"
    for leftover in folder.glob(f".{checkpoint.stem}.*"):  # of a kill while it was being written
        leftover.unlink(missing_ok=True)
    if restart:
        # Only what a training writes: --out may name a folder that holds other things too.
        written = ("metrics.json", checkpoint.name, "model.keras", "history.csv", EVALUATIONS_FILE, BEST_FILE)
        for name in written:
            (folder / name).unlink(missing_ok=True)
    if (folder / "metrics.json").exists():
        stored = load_trained(folder)
        if read_json(folder / "metrics.json", "training result")["identity"] == identity:
            return stored
        raise UsageError(
            f"{folder} holds another trained network. Add --restart to replace it, or choose another folder with --out."
        )
    start_tensorflow()
    from edgenas.training.trainer import Trainer

    best = BestNetwork(folder, read_evaluations(folder, identity)) if keep == "best" else None
    table = HistoryFile(folder / "history.csv")
    with training_curves(folder) as curves:

        def tell(progress: Progress) -> None:
            curves.draw(progress.history)
            table.write(progress.history)
            if on_step is not None:
                on_step(progress)

        outcome = train_with_evaluations(
            Trainer(data.train, data.validation),
            architecture,
            config,
            folder,
            identity,
            evaluate_at=evaluate_at,
            checkpoint=checkpoint,
            on_step=tell,
            on_metrics=None if best is None else best.offer,
            checkpoint_every=checkpoint_every,
            checkpoint_seconds=60.0 * checkpoint_minutes,
        )
        curves.draw(outcome.history)
        curves.draw_metrics(config.iterations, outcome.metrics)
    table.write(outcome.history, at_once=True)
    if outcome.model is None:
        raise TrainingDivergedError(
            f"The training diverged: {outcome.reason}. Try a lower --learning-rate, and add --restart."
        )
    metrics = outcome.metrics if best is None else best.metrics
    if best is None:
        with atomic_path(folder / "model.keras") as temporary:
            outcome.model.save(temporary)
    else:
        best.take(folder / "model.keras")
    evaluations = read_evaluations(folder, identity)
    trained = TrainedNetwork(folder, architecture, metrics, outcome.seconds, evaluations=evaluations)
    write_json(
        folder / "metrics.json",
        {
            "format": FORMAT,
            "identity": identity,
            "metrics": trained.metrics,
            "seconds": trained.seconds,
            "data": data.describe(),
            **({} if best is None else {"step": best.step}),
        },
    )
    checkpoint.unlink(missing_ok=True)
    if best is not None:
        best.forget()
    return trained


def load_trained(folder: Path) -> TrainedNetwork:
    """Reads a folder that `train_network` wrote.

    Raises:
        UsageError: there is no finished training.
    """
    if not (folder / "metrics.json").exists():
        unfinished = (
            "its training is unfinished; go on" if (folder / "checkpoint.npz").exists() else "make it"
        )
        raise UsageError(f"No trained network in {folder}: {unfinished} with `edgenas train`.")
    data = read_json(folder / "metrics.json", "training result")
    try:
        architecture = Architecture.from_dict(data["identity"]["architecture"], str(folder / "metrics.json"))
        restore((data.get("data") or {}).get("task_modules") or {})
        return TrainedNetwork(
            folder,
            architecture,
            data["metrics"],
            data["seconds"],
            reused=True,
            evaluations=read_evaluations(folder, data["identity"]),
        )
    except (KeyError, TypeError) as error:
        raise UsageError(f"{folder / 'metrics.json'} is not a training result: {error}.") from error
