"""Validation metrics at chosen steps of one training, kept in its folder so that a kill loses none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenas.space import Architecture
from edgenas.storage import append_jsonl, read_jsonl
from edgenas.training.checkpoint import load_checkpoint
from edgenas.training.config import TrainingConfig

if TYPE_CHECKING:
    from edgenas.training.trainer import Progress, Trainer, TrainingResult

__all__ = ["EVALUATIONS_FILE", "read_evaluations", "train_with_evaluations"]

EVALUATIONS_FILE = "evaluations.jsonl"
"""In a training's folder: one line per evaluation, {"run", "step", "metrics"}."""


def train_with_evaluations(
    trainer: Trainer,
    architecture: Architecture,
    config: TrainingConfig,
    folder: Path,
    identity: Mapping[str, Any],
    *,
    evaluate_at: Sequence[int],
    checkpoint: Path,
    on_step: Callable[[Progress], None] | None = None,
    on_metrics: Callable[[int, Any, dict[str, dict[str, float | None]]], None] | None = None,
    **checkpoints: Any,
) -> TrainingResult:
    """Trains to the end and evaluates after the steps of `evaluate_at` on the way; the weights are the same without.

    Args:
        trainer: trains.
        architecture: network to train.
        config: schedule.
        folder: receives `EVALUATIONS_FILE`.
        identity: what the training is made from; lines of another one are not read.
        evaluate_at: steps, counted from 1; those at or beyond the last step are left to the end of the training.
        checkpoint: see `Trainer.train`.
        on_step: called after every step.
        on_metrics: see `Trainer.train`; called before the metrics are kept.
        checkpoints: how often checkpoints are written, see `Trainer.train`.

    Returns:
        The result of the last part, with the seconds of all parts of this session.
    """
    done = read_evaluations(folder, identity)
    # Steps that an earlier session has passed without evaluating cannot be gone back to.
    passed = load_checkpoint(checkpoint)[1]["step"] if checkpoint.exists() else 0
    stops = sorted({step for step in evaluate_at if passed <= step < config.iterations and step} - set(done))
    seconds: dict[str, float] = {}
    state = None
    for stop in (*stops, None):
        outcome = trainer.train(
            architecture,
            config,
            checkpoint=checkpoint,
            on_step=on_step,
            on_metrics=on_metrics,
            until_step=stop,
            state=state,
            **checkpoints,
        )
        for phase, value in outcome.seconds.items():
            seconds[phase] = round(seconds.get(phase, 0.0) + value, 3)
        state = outcome.state
        if outcome.model is None:
            break
        if stop is not None:
            record = {"run": _digest(identity), "step": stop, "metrics": outcome.metrics}
            append_jsonl(folder / EVALUATIONS_FILE, record)
    outcome.seconds.clear()
    outcome.seconds.update(seconds)
    return outcome


def read_evaluations(
    folder: Path, identity: Mapping[str, Any]
) -> dict[int, dict[str, dict[str, float | None]]]:
    """{step: metrics} of the training made from `identity`, by rising step."""
    run = _digest(identity)
    found = {r["step"]: r["metrics"] for r in read_jsonl(folder / EVALUATIONS_FILE) if r.get("run") == run}
    return dict(sorted(found.items()))


def _digest(identity: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
