"""Trainings, evaluations and comparisons of trained networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenas.api.data import request_of
from edgenas.errors import UsageError
from edgenas.space import Architecture

if TYPE_CHECKING:
    from edgenas.evaluation.comparison import Comparison
    from edgenas.training.trainer import Progress
    from edgenas.workflow.data import DataRequest
    from edgenas.workflow.train import TrainedNetwork

__all__ = ["compare", "evaluate", "train"]


def train(
    network: Architecture | str | Path,
    *,
    out: str | Path | None = None,
    data: str | Path | DataRequest | None = None,
    tasks: Sequence[str] | None = None,
    space: str | Path = "demo",
    schedule: str | Path = "modern",
    epochs: float | None = None,
    iterations: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    loss_weights: str | None = None,
    weighting: str | None = None,
    accumulate: int | None = None,
    precision: str | None = None,
    devices: int | None = None,
    validate_every: int | None = None,
    keep: str = "last",
    seed: int = 0,
    allow_infeasible: bool = False,
    restart: bool = False,
    on_step: Callable[[Progress], None] | None = None,
) -> TrainedNetwork:
    """Trains a network, or the winner of a search longer; goes on where an interrupted training of the same stopped.

    `edgenas train --help` and docs/training.md explain every argument; here only what differs from the flags.

    Args:
        network: a run folder, whose winner is trained on the run's data; or an architecture: the object, its .json
            file, or a name as `load_architecture` takes it.
        out: folder of the result; RUN/train without it. An architecture needs one.
        data: name or path, or a `DataRequest`; the embedded rooms without it. A run brings its own.
        tasks: train for these alone.
        on_step: called after every step.

    Returns:
        The trained network: `model_path`, `metrics` on the validation split, `architecture`.

    Raises:
        UsageError: there is no such run, network or data, they do not fit together, or the folder holds another one.
        edgenas.workflow.train.TrainingDivergedError: the loss is not finite any more.
        MissingDependencyError: TensorFlow is not installed.

    Example:
        >>> import edgenas
        >>> trained = edgenas.train("mt-edge-baseline-v1", space="small.toml", data="tiny.npz", iterations=2, out="net")
        >>> sorted(trained.metrics)
        ['depth', 'normals', 'segmentation']
    """
    from edgenas.tasks.registry import ordered
    from edgenas.workflow.runs import is_run
    from edgenas.workflow.training_request import TrainingRequest

    run = None if isinstance(network, Architecture) or not is_run(Path(network)) else Path(network)
    if run is not None and data is not None:
        raise UsageError(
            f"A run brings its own data. Received the run {run} and `data` {data!r}. Leave `data` out, or give an "
            "architecture instead of the run."
        )
    request = request_of(data)
    changes = {
        "seed": seed, "iterations": iterations, "batch_size": batch_size, "learning_rate": learning_rate,
        "weighting": weighting, "accumulate": accumulate, "precision": precision, "devices": devices,
    }  # fmt: skip
    planned = TrainingRequest(
        run=run,
        architecture=None
        if run is not None
        else network
        if isinstance(network, Architecture)
        else str(network),
        space=str(space),
        data=request if tasks is None else replace(request, tasks=ordered(tasks)),
        schedule=str(schedule),
        epochs=epochs,
        loss_weights=loss_weights,
        changes={name: value for name, value in changes.items() if value is not None},
        out=None if out is None else Path(out),
        allow_infeasible=allow_infeasible,
    ).plan()
    return planned.train(validate_every=validate_every, restart=restart, keep=keep, on_step=on_step)


def evaluate(
    network: str | Path,
    *,
    data: str | Path | None = None,
    split: str | None = None,
    frames: int | None = None,
    tasks: Sequence[str] | None = None,
    against: str | Path | None = None,
    pictures: str | Path | None = None,
    confusion: str | Path | None = None,
    bootstrap: int = 0,
    seed: int = 0,
    batch_size: int = 20,
    threads: int = 1,
    store: bool = True,
    again: bool = False,
) -> dict[str, Any]:
    """Every metric of a network on real frames, at the size of the truth.

    Args:
        network: a run folder, a folder of `train` or `export`, a .keras or a .tflite file.
        data: frames to evaluate on; those of the training without it.
        split: "train", "validation", "test" or "all"; without it the validation split of the training's own data, of
            other data the test split, or every frame.
        frames: so many frames, evenly spread.
        tasks: tasks to evaluate, every task without it.
        against: another network; the result holds the differences.
        pictures: folder for pictures of frames.
        confusion: CSV file for the confusion matrix.
        bootstrap: resamples of the frames for a 95% interval of every metric.
        seed: of the resampling.
        batch_size: frames at a time; does not change the result.
        threads: for .tflite files.
        store: keep the result beside the network, where `compare` finds it.
        again: evaluate even where a stored result is of the same test frames.

    Returns:
        What `edgenas evaluate --json` prints: {task: {metric: value}} and what was evaluated on what; of several
        files the first with the others under "files", of several seeds their mean.

    Raises:
        UsageError: there is no such network, no data are known, or they do not fit.

    Example:
        >>> import edgenas
        >>> found = edgenas.evaluate("net", store=False)
        >>> found["split"], 0.0 <= found["segmentation"]["miou"] <= 1.0
        ('validation', True)
    """
    from edgenas.tasks.registry import ordered
    from edgenas.workflow.evaluate import EvaluationRequest, Evaluations, evaluate_subject, subjects_of

    request = EvaluationRequest(
        data=None if data is None else str(data),
        split=split,
        frames=frames,
        tasks=None if tasks is None else ordered(tasks),
        pictures=None if pictures is None else Path(pictures),
        confusion=None if confusion is None else Path(confusion),
        bootstrap=bootstrap,
        seed=seed,
        batch_size=batch_size,
        threads=threads,
        store=store,
        again=again,
    )
    reference = None if against is None else Path(against)
    subjects, labels, several = subjects_of(Path(network), reference)
    results = [evaluate_subject(subject, request, several=several) for subject in subjects]
    return Evaluations(results, labels, reference is not None).to_dict()


def compare(
    *runs: str | Path,
    single: Mapping[str, str | Path | Sequence[str | Path]] | None = None,
    baseline: str | Path | None = None,
    split: str | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Networks that were evaluated on the same frames side by side, in the layout of the paper's tables.

    Args:
        *runs: what `evaluate` has evaluated; runs that differ only in their seed become one row.
        single: {task: folder or folders (seeds) of its single-task baseline}; the runs with one task without it.
        baseline: run that the differences refer to in every task, instead.
        split: evaluations on this split only.
        resamples: resamples of the seeds for the 95% intervals.
        seed: of the resampling.

    Returns:
        The table; `as_markdown`, `as_latex`, `as_csv` and `as_json` of `edgenas.evaluation.tables` write it.

    Raises:
        UsageError: a run is not evaluated, or on other frames, or a baseline is none.

    Example:
        >>> import edgenas
        >>> from edgenas.evaluation.tables import as_markdown
        >>> found = edgenas.evaluate("net")
        >>> print(as_markdown(edgenas.compare("net")).splitlines()[0])
        | Model | Seeds | Params | mIoU ↑ | PAcc ↑ | AbsE ↓ | RelE ↓ | ...
    """
    from edgenas.evaluation.comparison import compare as compared
    from edgenas.evaluation.references import read_groups

    folders = {
        task: [Path(f) for f in ([given] if isinstance(given, str | Path) else given)]
        for task, given in (single or {}).items()
    }
    groups, references = read_groups(
        [Path(run) for run in runs], folders, None if baseline is None else Path(baseline), split
    )
    return compared(groups, references, resamples=resamples, seed=seed)
