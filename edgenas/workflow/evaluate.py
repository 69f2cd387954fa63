"""`edgenas evaluate`: the networks behind a path, evaluated or found evaluated, and their results as one object."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgenas.errors import UsageError
from edgenas.evaluation.data_choice import ChosenData, choose_data
from edgenas.evaluation.differences import metric_differences
from edgenas.evaluation.evaluate import Evaluation, evaluate, identity_of_evaluation
from edgenas.evaluation.models import open_model
from edgenas.evaluation.seeds import mean_of_seeds
from edgenas.evaluation.store import find_evaluation, store_evaluation
from edgenas.evaluation.subjects import Subject, find_subjects
from edgenas.storage import write_text_atomic
from edgenas.text_tables import csv_text

__all__ = ["EvaluationRequest", "Evaluations", "are_seeds", "evaluate_subject", "subjects_of"]


@dataclass(frozen=True, kw_only=True)
class EvaluationRequest:
    """How to evaluate.

    Attributes:
        data: frames, as `load_dataset` names them; None for those of the training.
        split: see `choose_data`.
        frames: so many of them, evenly spread.
        tasks: tasks to evaluate; None for every task.
        pictures: folder for pictures of frames; None for none.
        confusion: CSV file for the confusion matrix; None for none.
        bootstrap: resamples for the intervals over frames; 0 for none.
        seed: of the resampling.
        batch_size: frames at a time; does not change the result.
        threads: for .tflite files.
        store: keep the result beside the network.
        again: evaluate even where a stored result is of the same test frames.
    """

    data: str | None = None
    split: str | None = None
    frames: int | None = None
    tasks: tuple[str, ...] | None = None
    pictures: Path | None = None
    confusion: Path | None = None
    bootstrap: int = 0
    seed: int = 0
    batch_size: int = 20
    threads: int = 1
    store: bool = True
    again: bool = False


@dataclass(frozen=True)
class Evaluations:
    """What an evaluation of one or several networks found.

    Attributes:
        results: what `evaluate` gives for each.
        labels: a short name of each.
        against: whether the last one is a reference that the user named.
    """

    results: Sequence[Mapping[str, Any]]
    labels: Sequence[str]
    against: bool = False

    def to_dict(self) -> dict[str, Any]:
        """One object: of several files the first with the others beside it, of several seeds their mean."""
        results, labels = [dict(result) for result in self.results], list(self.labels)
        if len(results) == 1:
            return results[0]
        one = len({result["architecture_hash"] for result in results}) == 1
        if not self.against and one and are_seeds(results):
            return mean_of_seeds(results, labels)
        reference = results[-1]
        return {
            **results[0],
            "files": dict(zip(labels, results, strict=True)),
            "differences": {
                f"{label} - {labels[-1]}": metric_differences(result, reference)
                for label, result in zip(labels[:-1], results[:-1], strict=True)
            },
        }


def are_seeds(results: Sequence[Mapping[str, Any]]) -> bool:
    """Whether these may be trainings that differ in their seed: Keras networks whose schedule is known."""
    return all(result["kind"] == "keras" and result["training"]["config"] for result in results)


def subjects_of(path: Path, against: Path | None = None) -> tuple[list[Subject], list[str], bool]:
    """The networks to evaluate, a short name of each, and whether each needs its own name for files and remarks.

    Args:
        path: see `find_subjects`.
        against: another network, the reference; it comes last.
    """
    subjects = find_subjects(path)
    labels = [subject.label for subject in subjects]
    others = find_subjects(against)[:1] if against is not None else []
    further = [f"{o.label} (reference)" if o.label in labels else o.label for o in others]
    return [*subjects, *others], [*labels, *further], path.is_dir() and len(subjects) > 1


def evaluate_subject(
    subject: Subject,
    request: EvaluationRequest,
    *,
    several: bool = False,
    tell: Callable[[str], None] = lambda text: None,
    on_frames: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Evaluates, or finds the stored result of the same weights on the same test frames; stores it.

    Args:
        subject: the network.
        request: how.
        several: whether others are evaluated with it, so that its name must be told.
        tell: is told which frames were chosen and why, and what was written.
        on_frames: called with the frames done and the frames in all.

    Raises:
        UsageError: no data are known, or they do not fit the network.
    """
    model = open_model(subject.model, threads=request.threads)
    chosen = choose_data(model, subject.data, request.data, request.split, request.frames)
    tasks = _tasks(chosen, request.tasks)
    tell(f"{subject.label}: {chosen.remark}" if several else chosen.remark)
    left_out = [task for task in model.channels if task not in chosen.tasks]
    if left_out:
        tell(f"The data have no truth for {', '.join(left_out)}, which the network predicts too.")
    if chosen.held_out and not request.again and not (request.pictures or request.confusion):
        stored = find_evaluation(subject.folder, identity_of_evaluation(subject, chosen, tasks))
        asked = {"resamples": request.bootstrap, "seed": request.seed, "over": "frames"}
        if stored is not None and (not request.bootstrap or stored.get("bootstrap") == asked):
            tell(
                "These weights were evaluated on these frames before; the stored result is shown (--again: anew)."
            )
            return stored
    done = evaluate(
        subject, model, chosen, tasks,
        bootstrap=request.bootstrap, seed=request.seed, batch_size=request.batch_size,
        on_frames=None if on_frames is None else lambda count: on_frames(count, len(chosen.dataset)),
    )  # fmt: skip
    _write_files(subject, chosen, tasks, done, request, several, tell)
    if request.store:
        store_evaluation(subject.folder, done.result)
    return done.result


def _tasks(chosen: ChosenData, asked: tuple[str, ...] | None) -> tuple[str, ...]:
    missing = [task for task in asked or () if task not in chosen.tasks]
    if missing:
        raise UsageError(
            f"Invalid value for --tasks. Expected tasks that both the network and the data have: "
            f"{', '.join(chosen.tasks)}. Received {', '.join(missing)}."
        )
    return asked or chosen.tasks


def _write_files(
    subject: Subject,
    chosen: ChosenData,
    tasks: tuple[str, ...],
    done: Evaluation,
    request: EvaluationRequest,
    several: bool,
    tell: Callable[[str], None],
) -> None:
    if request.pictures is not None:
        from edgenas.evaluation.pictures import write_pictures

        folder = request.pictures / subject.label if several else request.pictures
        written = write_pictures(folder, chosen.dataset, done.predict, done.sums, tasks)
        tell(f"{len(written)} pictures in {folder}")
    if request.confusion is not None:
        if done.confusion is None:
            raise UsageError("--confusion needs segmentation, which the network or the data do not have.")
        path = request.confusion
        path = path.with_name(f"{path.stem}_{subject.label}{path.suffix}") if several else path
        names, pixels = chosen.dataset.info.class_names, done.confusion.tolist()
        rows = [[name, *row] for name, row in zip(names, pixels, strict=True)]
        write_text_atomic(path, csv_text([["true \\ predicted", *names], *rows]))
        done.result["confusion"] = pixels
        tell(f"Confusion matrix in {path}")
