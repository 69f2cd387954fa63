"""Published latencies of well-known networks on Edge TPUs, with the networks' operators."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np

from edgenas.errors import UsageError, unknown_name
from edgenas.graph.opgraph import OpGraph
from edgenas.latency_models.tables.checks import latency_of, non_negative_of, read_csv, require_columns
from edgenas.latency_models.tables.cifar_networks import CIFAR_NETWORKS
from edgenas.latency_models.tables.column import MeasuredColumn, Origin
from edgenas.latency_models.tables.imagenet_networks import (
    inception_v1,
    inception_v4,
    mobilenet_v1,
    mobilenet_v2,
    ssd_mobilenet_v1,
    ssd_mobilenet_v2,
)
from edgenas.latency_models.tables.published import read_published

__all__ = ["EDGETPU_NETWORKS", "edgetpu_network", "edgetpu_network_family", "read_published_edgetpu"]

_CIFAR = "cifar_"
EDGETPU_NETWORKS: dict[str, Callable[[], OpGraph]] = {
    "inception_v1": inception_v1,
    "inception_v4": inception_v4,
    "mobilenet_v1": mobilenet_v1,
    "mobilenet_v2": mobilenet_v2,
    "ssd_mobilenet_v1": ssd_mobilenet_v1,
    "ssd_mobilenet_v1_0.75": partial(ssd_mobilenet_v1, width=0.75),
    "ssd_mobilenet_v2": ssd_mobilenet_v2,
    "ssd_mobilenet_v2_face": partial(ssd_mobilenet_v2, 320, 2, 50),
    **{f"{_CIFAR}{name}": build for name, build in CIFAR_NETWORKS.items()},
}
"""Published networks by name."""

# Beginnings of pycoral's file names; no name begins another.
_PYCORAL_MODELS = {
    "inception_v1_224": "inception_v1",
    "inception_v4_299": "inception_v4",
    "ssd_mobilenet_v1_coco": "ssd_mobilenet_v1",
    "ssd_mobilenet_v2_face": "ssd_mobilenet_v2_face",
    "mobilenet_v1_1.0_224": "mobilenet_v1",
    "mobilenet_v2_1.0_224": "mobilenet_v2",
}
_PYCORAL = Origin("pycoral benchmark references, https://github.com/google-coral/pycoral", "Apache-2.0")
_PYCORAL_HOSTS = ("x86_64", "rp4b", "rp3b", "aarch64")
_SPARTA = Origin("SPARTA, https://github.com/mouad-zouhdi/sparta-edgetpu", "MIT", "e3da98e")
_SPARTA_COLUMN = "sparta_raspi4"


@cache
def edgetpu_network(name: str) -> OpGraph:
    """The network of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in EDGETPU_NETWORKS:
        raise unknown_name("network", name, EDGETPU_NETWORKS)
    return EDGETPU_NETWORKS[name]()


def edgetpu_network_family(name: str) -> str:
    """Name that the widths of one network share."""
    return name.removesuffix("_0.75")


def read_published_edgetpu(folder: Path) -> list[MeasuredColumn]:
    """Reads `published/pycoral_reference_*.csv` and `published/sparta_edgetpu.csv` below `folder`.

    Returns:
        The columns pycoral_x86_64, pycoral_rp4b, pycoral_rp3b, pycoral_aarch64 (the Dev Board) and sparta_raspi4.

    Raises:
        UsageError: a file is missing or malformed, or names a network that is not known.
    """
    published = folder / "published"
    columns = [_pycoral(published / f"pycoral_reference_{host}.csv", host) for host in _PYCORAL_HOSTS]
    return [*columns, _sparta(published / "sparta_edgetpu.csv")]


def _pycoral(path: Path, host: str) -> MeasuredColumn:
    table = read_published(path)
    names = [_pycoral_name(path, row["model"]) for row in table.rows]
    values = [latency["inference_ms"] for latency in table.latency_ms]
    return _column(
        f"pycoral_{host}", names, values, [np.nan] * len(names), range(2, 2 + len(names)), _PYCORAL
    )


def _pycoral_name(path: Path, model: str) -> str:
    for beginning, name in _PYCORAL_MODELS.items():
        if model.startswith(beginning):
            return name
    raise UsageError(f"{path}: the network {model!r} is not known. Known: {', '.join(_PYCORAL_MODELS)}.")


def _sparta(path: Path) -> MeasuredColumn:
    table = read_csv(path, comments=True)
    require_columns(table, ("model", "tpu_int8_ms", "tpu_std_ms"), "sparta")
    names, values, spreads, lines = [], [], [], []
    for row, cells in enumerate(table.rows):
        text = dict(zip(table.header, cells, strict=True))
        value = latency_of(table, row, "tpu_int8_ms", text["tpu_int8_ms"])
        if value is not None:
            names.append(f"{_CIFAR}{text['model']}")
            values.append(value)
            spreads.append(non_negative_of(table, row, "tpu_std_ms", text["tpu_std_ms"]))
            lines.append(table.lines[row])
    return _column(_SPARTA_COLUMN, names, values, spreads, lines, _SPARTA)


def _column(
    column: str,
    names: list[str],
    values: list[float],
    spreads: list[float],
    lines: range | list[int],
    origin: Origin,
) -> MeasuredColumn:
    return MeasuredColumn(
        name=column,
        names=tuple(names),
        families=tuple(map(edgetpu_network_family, names)),
        graphs=tuple(map(edgetpu_network, names)),
        latency_ms=np.array(values, np.float64),
        spread_ms=np.array(spreads, np.float64),
        rows=tuple(lines),
        origin=origin,
    )
