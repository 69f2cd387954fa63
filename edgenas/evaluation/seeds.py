"""Several trainings that differ only in their seed, as one: mean, standard deviation, interval."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgenas.evaluation.differences import metrics_of
from edgenas.tasks import TASKS

__all__ = ["mean_of_seeds", "training_key"]


def training_key(result: Mapping[str, Any]) -> str:
    """The same for trainings that differ in nothing but their seed: architecture, configuration, data, file kind."""
    training = result.get("training") or {}
    config = {name: value for name, value in (training.get("config") or {}).items() if name != "seed"}
    same = [
        result.get("architecture_hash"),
        config,
        training.get("data"),
        result.get("kind"),
        result.get("dtype"),
    ]
    if not config or result.get("architecture_hash") is None:
        same.append(result.get("model_sha256"))  # nothing says that it is like another
    return json.dumps([*same, result.get("tasks")], sort_keys=True)


def mean_of_seeds(results: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> dict[str, Any]:
    """One JSON-ready object for several seeds.

    Every metric is the mean over the seeds that define it, None where none does; `standard_deviation` holds the
    sample standard deviations (None for one seed), `seeds` the single results by label.
    """
    first = dict(results[0])
    tables = [metrics_of(result) for result in results]
    spread: dict[str, dict[str, float | None]] = {}
    for task in [name for name in first if name in TASKS]:
        first[task], spread[task] = {}, {}
        for metric in tables[0][task]:
            values = [v for table in tables if (v := table[task].get(metric)) is not None]
            first[task][metric] = float(np.mean(values)) if values else None
            spread[task][metric] = float(np.std(values, ddof=1)) if len(values) > 1 else None
    public = [result["compat"]["adashare"] for result in results]
    defined = {name: [p[name] for p in public if p[name] is not None] for name in public[0]}
    first["compat"] = {"adashare": {n: float(np.mean(v)) if v else None for n, v in defined.items()}}
    for name in ("model", "model_sha256", "intervals", "bootstrap"):
        first.pop(name, None)
    first["seconds"] = round(sum(result["seconds"] for result in results), 2)
    return {
        **first,
        "standard_deviation": spread,
        "seeds": dict(zip(labels, results, strict=True)),
    }
