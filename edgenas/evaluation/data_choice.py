"""Which frames a network is evaluated on, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgenas.datasets import Dataset, load_dataset
from edgenas.datasets.derived import with_derived
from edgenas.datasets.layouts import LAYOUTS
from edgenas.datasets.scenes import WORLDS
from edgenas.datasets.source import SKIP_BROKEN, DataSource
from edgenas.datasets.splits import layout_of, splits_of
from edgenas.errors import UsageError
from edgenas.evaluation.models import OpenModel

__all__ = ["SPLITS", "ChosenData", "choose_data"]

SPLITS = ("train", "validation", "test", "all")


@dataclass(frozen=True)
class ChosenData:
    """Frames to evaluate on.

    Attributes:
        dataset: the frames.
        source: where they come from, as `load_dataset` takes it.
        split: "train", "validation", "test" or "all".
        held_out: whether they have had no part in the training or in choosing the network.
        remark: one sentence that says which frames and why.
        tasks: the network's tasks that the data have truth for.
    """

    dataset: Dataset
    source: str
    split: str
    held_out: bool
    remark: str
    tasks: tuple[str, ...]


def choose_data(
    model: OpenModel,
    trained_on: Mapping[str, Any],
    source: str | None = None,
    split: str | None = None,
    frames: int | None = None,
) -> ChosenData:
    """Opens the frames for a network.

    Without `source`: the data of its training, validation split. With it: the validation split where these are the
    data of its training (by fingerprint); else the test split where the source has one; else all its frames, or the
    validation split where a source cannot give all (procedural scenes).

    The labels are those with as many classes as the network has. Files keep their own size (full resolution);
    procedural frames get the network's.

    Args:
        model: the network.
        trained_on: `OpenData.describe` of its training; empty where unknown.
        source: a name or path, see `load_dataset`.
        split: one of `SPLITS` instead of the rule above.
        frames: so many frames, evenly spread.

    Raises:
        UsageError: no data are known, the data do not fit the network, or they are not those of the training any more.
    """
    own = source is None
    if source is None:
        if not trained_on:
            raise UsageError(
                f"Nothing says which data {model.path} was trained on. Name the data with --data SOURCE: an .npz "
                "archive, a folder, or a name such as rooms."
            )
        source = str(trained_on["source"])
    trained = own or _is_training_data(source, trained_on)
    wanted = (split,) if split else ("validation",) if trained else ("test", "all", "validation")
    dataset, source, used = _open_first(source, wanted, model, trained_on if trained else {}, frames)
    dataset = with_derived(dataset, tuple(model.channels))
    if own and frames is None:
        _require_same(dataset, used, trained_on, source)
    tasks = _common_tasks(model, dataset, source, trained_on)
    held_out = not trained or used == "test"
    return ChosenData(
        dataset, source, used, held_out, _remark(dataset, source, used, trained, trained_on), tasks
    )


def _is_training_data(source: str, trained_on: Mapping[str, Any]) -> bool:
    """Whether the training split of the source, opened as for the training, has the training's fingerprint."""
    if not trained_on:
        return False
    named, own = (DataSource.parse(text, LAYOUTS) for text in (source, str(trained_on.get("source", ""))))
    alike = source if named.labels else _with_labels(named, own.labels)
    size: dict[str, Any] = {side: trained_on.get(side) for side in ("height", "width")}
    for frames in (trained_on.get("train_frames"), None):
        try:
            train = load_dataset(alike, "train", tasks=trained_on.get("tasks"), frames=frames, **size)
        except UsageError:
            continue
        if train.info.fingerprint == trained_on.get("fingerprint"):
            return True
    return False


def _with_labels(named: DataSource, labels: str) -> str:
    """The source as text, with another label set."""
    words = [labels, *(f"{key}={value}" for key, value in named.settings.items())]
    words += [SKIP_BROKEN] if named.skip_broken else []
    suffix = ",".join(word for word in words if word)
    layout = f"{named.layout}:" if named.layout else ""
    return f"{layout}{named.path}#{suffix}" if suffix else f"{layout}{named.path}"


def _open_first(
    source: str,
    splits: tuple[str, ...],
    model: OpenModel,
    trained_on: Mapping[str, Any],
    frames: int | None,
) -> tuple[Dataset, str, str]:
    """The first of the splits that the source has, with labels that fit."""
    options: dict[str, Any] = {}
    if source in WORLDS:
        sizes = trained_on or {"height": model.height, "width": model.width}
        options = {side: sizes[side] for side in ("height", "width") if sizes.get(side)}
    has = splits_of(source)
    used = next((split for split in splits if split in has), splits[0])
    options["frames"] = frames
    if frames is None and trained_on and used in ("train", "validation"):
        options["frames"] = trained_on.get(f"{used}_frames")
    opened, named = _with_fitting_labels(source, used, model, options)
    return opened, named, used


def _with_fitting_labels(
    source: str, split: str, model: OpenModel, options: dict[str, Any]
) -> tuple[Dataset, str]:
    """Opens the source; where it has several label sets and none is named, with one of the network's size."""
    classes = model.channels.get("segmentation", 0)
    if not classes or source in WORLDS:
        return load_dataset(source, split, **options), source
    layout, named = layout_of(source)
    if not named.labels:
        for labels in layout.label_sets(named.path) if layout else (f"seg{classes}",):
            alike = _with_labels(named, labels)
            try:
                opened = load_dataset(alike, split, **options)
            except UsageError:
                continue  # not this label set; what is wrong with the source itself comes out below
            if len(opened.info.class_names) == classes:
                return opened, alike
    return load_dataset(source, split, **options), source


def _require_same(dataset: Dataset, split: str, trained_on: Mapping[str, Any], source: str) -> None:
    """Refuses data that changed since the training; at another size the fingerprint may differ."""
    key = {"train": "fingerprint", "validation": "validation_fingerprint"}.get(split)
    expected = trained_on.get(key) if key else None
    sizes = (trained_on.get("height"), trained_on.get("width"))
    same_size = sizes == (dataset.info.height, dataset.info.width)
    if expected and same_size and dataset.info.fingerprint != expected:
        raise _changed(source, dataset.info.fingerprint, expected)


def _changed(source: str, got: str, expected: str) -> UsageError:
    return UsageError(
        f"The data {source} are not those of the training any more: fingerprint {got}, expected {expected}. Restore "
        "them, or name data with --data SOURCE."
    )


def _common_tasks(
    model: OpenModel, dataset: Dataset, source: str, trained_on: Mapping[str, Any]
) -> tuple[str, ...]:
    info = dataset.info
    tasks = tuple(task for task in model.channels if task in info.tasks)
    if not tasks:
        raise UsageError(
            f"{source} has no truth for what {model.path} predicts. Expected one or more of "
            f"{', '.join(model.channels)}; it has {', '.join(info.tasks)}."
        )
    for task in tasks:
        wanted, got = info.head_channels[task], model.channels[task]
        if got and got != wanted:
            what = "classes" if task == "segmentation" else f"channels for {task}"
            raise UsageError(
                f"{model.path} has {got} {what}, the data {source} have {wanted}. Name data with as many, e.g. "
                f"another label set: --data PATH#seg{got} of an archive, PATH#label_{got} of a release"
            )
    unit = trained_on.get("depth_unit")
    if "depth" in tasks and unit and unit != info.depth_unit:
        raise UsageError(
            f"{model.path} gives depth in {unit}; the data {source} hold it in {info.depth_unit}. Their difference "
            f"would mean nothing. Where the layout lets you choose, write --data PATH#depth={unit}, or leave depth out."
        )
    return tasks


def _remark(dataset: Dataset, source: str, split: str, trained: bool, trained_on: Mapping[str, Any]) -> str:
    which = "every frame" if split == "all" else f"the {split} split"
    whose = "the data of its training" if trained else "other data than those of its training"
    if not trained_on:
        whose = "whether it was trained on them is not known"
    return f"Evaluating on {which} of {source}: {len(dataset)} frames ({whose})."
