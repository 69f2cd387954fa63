"""Which stored evaluations `edgenas compare` puts side by side: of the same frames, by weights that still stand."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgenas.device_profiles.host_facts import file_sha256
from edgenas.errors import UsageError
from edgenas.evaluation.store import read_stored
from edgenas.evaluation.subjects import find_subjects

__all__ = ["StoredRun", "read_runs"]

_PREFERRED = ("test", "all", "validation", "train")


@dataclass(frozen=True)
class StoredRun:
    """One network with one of its stored evaluations.

    Attributes:
        label: short name of the network.
        given: name of the folder that was given, which may hold several seeds.
        path: the network's file.
        result: the evaluation.
    """

    label: str
    given: str
    path: Path
    result: Mapping[str, Any]


def read_runs(paths: Sequence[Path], split: str | None = None) -> list[list[StoredRun]]:
    """The runs behind each path, all on the same frames.

    Where several evaluations are stored, those are taken that all networks have in common: the test split before
    every frame before the validation split, and of several the newest of the first network.

    Args:
        paths: runs, folders of seeds, export folders or files; see `find_subjects`.
        split: take evaluations on this split only.

    Raises:
        UsageError: a network has no evaluation, or they have none in common.
    """
    found: list[list[tuple[str, str, Path, list[dict[str, Any]]]]] = []
    for path in paths:
        subjects, runs = find_subjects(path), []
        for subject in subjects:
            digest = file_sha256(subject.model)
            rows = [row for row in read_stored(subject.folder) if row["model_sha256"] == digest]
            rows = [row for row in rows if split is None or row["split"] == split]
            if not rows:
                where = f" on the {split} split" if split else ""
                option = f" --split {split}" if split else ""
                raise UsageError(
                    f"{subject.model} has no stored evaluation{where}. Make one with: edgenas evaluate "
                    f"{shlex.quote(str(path))}{option}"
                )
            label = subject.label if len(subjects) == 1 else f"{path.resolve().name} {subject.label}"
            runs.append((label, path.resolve().name, subject.model, rows))
        found.append(runs)
    frames = _common_frames([run for runs in found for run in runs])
    chosen = [
        [StoredRun(label, given, path, _widest(rows, frames)) for label, given, path, rows in runs]
        for runs in found
    ]
    _require_same_truth([run for runs in chosen for run in runs])
    return chosen


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """The frames of an evaluation; the same images are the same frames, whichever label set was opened with them."""
    images = (row.get("content") or {}).get("image")
    return images or row["data_fingerprint"], row["split"], row["frames"]


def _require_same_truth(runs: Sequence[StoredRun]) -> None:
    """Refuses networks that were held against different truth in a task that both have."""
    first: dict[str, StoredRun] = {}
    for run in runs:
        for task, truth in (run.result.get("content") or {}).items():
            other = first.setdefault(task, run)
            if other.result["content"][task] != truth:
                raise UsageError(
                    f"{other.label} and {run.label} cannot be compared: the truth of {task} that they were evaluated "
                    f"against differs ({other.result['data']} and {run.result['data']})."
                )


def _common_frames(runs: Sequence[tuple[str, str, Path, list[dict[str, Any]]]]) -> tuple[Any, ...]:
    label, _, _, rows = runs[0]
    common = [_key(row) for row in rows]
    for other_label, _, other_path, other_rows in runs[1:]:
        theirs = {_key(row) for row in other_rows}
        left = [key for key in common if key in theirs]
        if not left:
            ours = next(row for row in rows if _key(row) == common[-1])
            raise UsageError(_difference(label, ours, other_label, other_rows[-1], other_path))
        common = left
    ranked = [(-_rank(split), number) for number, (_, split, _) in enumerate(common)]
    return common[max(ranked)[1]]


def _rank(split: str) -> int:
    return _PREFERRED.index(split) if split in _PREFERRED else len(_PREFERRED)


def _difference(
    label: str, ours: Mapping[str, Any], other_label: str, theirs: Mapping[str, Any], path: Path
) -> str:
    """What keeps two networks from being compared, by its first name: data, split, frames."""
    words = [
        f"{name} {ours[name]} against {theirs[name]}"
        for name in ("data", "split", "frames")
        if ours[name] != theirs[name]
    ]
    words = words or [
        f"the content of {ours['data']} (fingerprints {ours['data_fingerprint']} and {theirs['data_fingerprint']})"
    ]
    return (
        f"{label} and {other_label} cannot be compared: they were evaluated on different frames: {'; '.join(words)}. "
        f"Evaluate both on the same: edgenas evaluate {shlex.quote(str(path))} --data {shlex.quote(str(ours['data']))} "
        f"--split {ours['split']}"
    )


def _widest(rows: Sequence[dict[str, Any]], frames: tuple[Any, ...]) -> dict[str, Any]:
    """The evaluation on these frames with the most tasks, the newest of several."""
    fitting = [row for row in rows if _key(row) == frames]
    return max(enumerate(fitting), key=lambda pair: (len(pair[1]["tasks"]), pair[0]))[1]
