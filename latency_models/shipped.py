"""Makes the shipped predictors again from the public tables: `edgenas latency fit all --data FOLDER`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.errors import UsageError, unknown_name
from edgenas.latency_models.column_map import columns_of
from edgenas.latency_models.fit import Fit, accuracy_of
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.latency_models.table_fit import (
    Group,
    bands_of,
    fit_groups,
    merge_columns,
    points_of,
    sources_of,
    with_correction,
)
from edgenas.latency_models.tables.read import read_columns

__all__ = ["FILES", "Stored", "fit_shipped", "shippable_devices"]

FILES: dict[str, tuple[str, ...]] = {
    "nasbench201": ("nasbench201_edge.csv", "nasbench201_mobile.csv"),
    "fbnet": ("fbnet_mobile.csv",),
    "mobile-ml-benchmark": ("mobile_cnn_e2e.csv",),
}
"""Format to its files in the folder of the releases, the more careful measurements first."""

_OPERATORS_FILE = "mobile_cnn_ops.csv"
_EDGETPU = "edgetpu"
_MOBILE = "mobile-ml-benchmark"
_FOLDS = 5
# Three operators in a row tell more of EAGLE's latencies (`edgenas latency fit edgetpu` with and without them: held out
# 3.19 and 3.31%) but not of the other laboratory's.
_WITH_PATHS = frozenset({"lab-eagle"})


def shippable_devices() -> tuple[str, ...]:
    """Devices whose file names columns of published tables."""
    from edgenas.device_profiles.catalogue import list_devices

    return tuple(p.name for p in list_devices() if any(c.columns for c in p.configurations))


Stored = tuple[str, str, Path, dict[str, Any]]
"""(device, configuration, folder of its predictor, card)"""


def fit_shipped(
    devices: Sequence[str], data: Path, root: Path, *, date: str, processes: int = 2, seed: int = 0
) -> Iterator[Stored]:
    """Fits every configuration of the devices and stores its predictor in `root/device/configuration`.

    Args:
        devices: names of device profiles.
        data: folder with the public tables, see `FILES`.
        root: folder of the predictors.
        date: day of the fit, for the cards.
        processes: how many devices are fitted at once.
        seed: seed of splits and subsets.

    Yields:
        What is stored, as it is finished.

    Raises:
        UsageError: a device has no published columns, or a file is missing or malformed.
    """
    known = shippable_devices()
    for device in devices:
        if device not in known:
            raise unknown_name("device with published measurements", device, known, "edgenas devices")
    if not data.is_dir():
        raise UsageError(
            f"No folder {data}. Expected the folder of the public tables ({', '.join(_all_files())})."
        )
    jobs = _jobs(devices)
    if processes < 2 or len(jobs) < 2:
        for job in jobs:
            yield from _run(job, data, root, date, seed)
        return
    with ProcessPoolExecutor(processes) as pool:
        for done in as_completed([pool.submit(_run, job, data, root, date, seed) for job in jobs]):
            yield from done.result()


def _all_files() -> list[str]:
    return [name for names in FILES.values() for name in names]


def _jobs(devices: Sequence[str]) -> list[tuple[str, ...]]:
    """Devices that are fitted together: all phones of one release share what they have in common."""
    together = [d for d in devices if any(f == _MOBILE for pairs in columns_of(d).values() for f, _ in pairs)]
    alone = [(d,) for d in devices if d not in together]
    # The long ones first.
    alone.sort(key=lambda job: job[0] not in (_EDGETPU, "raspi4", "pixel3", "pixel2"))
    return [*alone, *([tuple(together)] if together else [])]


def _run(job: tuple[str, ...], data: Path, root: Path, date: str, seed: int) -> list[Stored]:
    """Fits and stores in the process that it runs in: only cards go back to the caller."""
    stored = []
    for device, configuration, fit in _fits(job, data, date, seed):
        folder = root / device / configuration
        fit.predictor.save(folder, fit.card)
        stored.append((device, configuration, folder, fit.card))
    return stored


def _fits(job: tuple[str, ...], data: Path, date: str, seed: int) -> list[tuple[str, str, Fit]]:
    facts = {"fitted": date}
    if job == (_EDGETPU,):
        return [(_EDGETPU, name, fit) for name, fit in _edgetpu(data, facts, seed).items()]
    mobile = {
        column: (device, configuration)
        for device in job
        for configuration, pairs in columns_of(device).items()
        for format, column in pairs
        if format == _MOBILE
    }
    if mobile:
        from edgenas.latency_models.mobile_fit import fit_mobile

        columns = read_columns(
            _MOBILE, _files(data, _MOBILE), operators=data / _OPERATORS_FILE, only=set(mobile)
        )
        fits = fit_mobile(columns, mobile, facts=facts)
        return [(*mobile[name], fit) for name, fit in fits.items()]
    (device,) = job
    found = []
    for configuration, pairs in columns_of(device).items():
        groups = _groups(data, pairs)
        dtype = groups[0].column.graphs[0].tensors[0].dtype
        fit = fit_groups(
            groups, device=device, configuration=configuration, dtype=dtype, seed=seed, facts=facts
        )
        found.append((device, configuration, fit))
    return found


def _files(data: Path, format: str) -> list[Path]:
    return [data / name for name in FILES[format]]


def _groups(data: Path, pairs: Sequence[tuple[str, str]]) -> list[Group]:
    """Columns of one configuration, put together by the space that their networks come from."""
    groups = []
    for format in dict.fromkeys(format for format, _ in pairs):
        names = [column for f, column in pairs if f == format]
        columns = [
            column
            for path in _files(data, format)
            for column in read_columns(format, [path], only=set(names))
        ]
        groups.append(merge_columns(format, columns, " + ".join(dict.fromkeys(c.name for c in columns))))
    return groups


def _edgetpu(data: Path, facts: dict[str, Any], seed: int) -> dict[str, Fit]:
    """The analytical model of all hosts, with a correction for each laboratory that measured thousands of networks."""
    from edgenas.latency_models.edgetpu_fit import fit_edgetpu, to_predictors

    fitted = fit_edgetpu(data, seed=seed)
    found: dict[str, Fit] = {}
    for name, (predictor, card) in to_predictors(fitted).items():
        pairs = [p for p in columns_of(_EDGETPU).get(name, []) if p[0] == "nasbench201"]
        if pairs:
            (group,) = _groups(data, pairs)
            found[name] = _laboratory(predictor, card, group, facts, seed)
        else:
            found[name] = Fit(predictor, {**card, **facts}, ())
    return found


def _laboratory(
    predictor: LatencyPredictor, card: dict[str, Any], group: Group, facts: dict[str, Any], seed: int
) -> Fit:
    summed = np.array([predictor.sum_ms(graph) for graph in group.column.graphs])
    fold = np.random.default_rng(seed).permutation(len(summed)) % _FOLDS
    # The sum has seventeen parameters for all hosts together; it is not fitted again for each part.
    correction, held_out = with_correction(
        group, summed, summed, fold, seed=seed, paths=predictor.configuration in _WITH_PATHS
    )
    points = points_of(
        [group], held_out, predictor.dtype, predictor.confidence, [bands_of(group, [correction])]
    )
    figures = accuracy_of(points)
    return Fit(
        replace(predictor, corrections=(correction,)),
        {
            **card,
            **figures,
            "split": f"{_FOLDS}-fold over random rows; every error is on networks held out",
            "by_kind": {group.kind: figures},
            "sources": sources_of([group]),
            "notes": list(group.notes),
            **facts,
        },
        tuple(points),
    )
