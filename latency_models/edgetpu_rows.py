"""All public measurements of Edge TPUs as rows of one fit, and the fit of the shared parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgenas.errors import MissingDependencyError
from edgenas.graph.opgraph import OpGraph
from edgenas.latency_models.edgetpu_graph import (
    CACHE_BYTES,
    CHIP_CLASS,
    CPU_CLASS,
    STREAM_CLASS,
    Parts,
    call_quantities,
    split,
)
from edgenas.latency_models.edgetpu_parameters import (
    HOSTS,
    PRIOR,
    SPREAD,
    Parameters,
    parameters_of,
    prices_of,
)
from edgenas.latency_models.edgetpu_quantities import BUSY
from edgenas.latency_models.features import CALL_CLASS
from edgenas.latency_models.tables.column import MeasuredColumn, Origin
from edgenas.latency_models.tables.edgetpu_micro import on_chip_bytes
from edgenas.latency_models.tables.edgetpu_networks import EDGETPU_NETWORKS, read_published_edgetpu
from edgenas.latency_models.tables.read import read_columns

__all__ = ["LAB_HOSTS", "Batch", "EdgeTpuRow", "fit_parameters", "read_edgetpu_rows"]

FloatArray = npt.NDArray[np.float64]

# Rows of the many networks that differ little among themselves weigh less each.
_WEIGHTS = {"conv": 0.4, "dense": 0.3, "transfer": 0.5}
_SWEEP_WEIGHT, _DESKTOP_WEIGHT, _CELL_WEIGHT = 0.12, 1.5, 0.15
_ROOM = 1.01  # Over the memory that an early compiler states it used: its figures are rounded.
_TYPICAL_LOG_ERROR = 0.08
_MOST_STEPS = 60

LAB_HOSTS = {"rice_edgetpu": "rice", "eagle_tpu": "eagle"}
"""Columns of NAS-Bench-201 networks, and the hosts that they were measured on."""

_HOST_OF = {
    "edgetpu_usb3": "usb3", "edgetpu_usb2": "usb2", "edgetpu_sweeps_pcie": "sweeps", "pycoral_x86_64": "x86_64",
    "pycoral_rp4b": "rp4b", "pycoral_rp3b": "rp3b", "pycoral_aarch64": "aarch64", "sparta_raspi4": "sparta",
    **LAB_HOSTS,
}  # fmt: skip


@dataclass(frozen=True)
class EdgeTpuRow:
    """One network on one host.

    Attributes:
        name: the network.
        family: rows of one family are held out together.
        column: table column that it is from.
        host: a key of `edgetpu_parameters.HOSTS`.
        measured_ms: latency.
        weight: weight in the fit.
        graph: its operators.
        parts: how the compiler splits it.
        origin: source and licence.
    """

    name: str
    family: str
    column: str
    host: str
    measured_ms: float
    weight: float
    graph: OpGraph
    parts: Parts
    origin: Origin

    @property
    def published(self) -> bool:
        """Whether it is a network that people use, in contrast to stacks, transfer tests and cells."""
        return self.name in EDGETPU_NETWORKS


def read_edgetpu_rows(folder: Path, cells: int, seed: int) -> tuple[list[EdgeTpuRow], list[EdgeTpuRow]]:
    """Reads all tables below `folder`.

    Args:
        folder: where edgetpu_micro.csv, edgetpu_sweeps.csv, nasbench201_edge.csv and published/ are.
        cells: how many NAS-Bench-201 networks are fitted, the same ones of both labs.
        seed: seed of their choice.

    Returns:
        Rows to fit, and the NAS-Bench-201 rows that are not fitted.

    Raises:
        UsageError: a table is missing or malformed.
    """
    micro = folder / "edgetpu_micro.csv"
    capacity = {name: _ROOM * used for name, used in on_chip_bytes(micro).items()}
    rows: list[EdgeTpuRow] = []
    for column in read_columns("edgetpu-micro", [micro]):
        rows += _rows(column, [_WEIGHTS.get(family, 1.0) for family in column.families], capacity)
    for column in read_columns("edgetpu-sweeps", [folder / "edgetpu_sweeps.csv"]):
        rows += _rows(column, [_SWEEP_WEIGHT] * len(column))
    for column in read_published_edgetpu(folder):
        weight = _DESKTOP_WEIGHT if _HOST_OF[column.name] == "x86_64" else 1.0
        rows += _rows(column, [weight] * len(column))
    labs = read_columns("nasbench201", [folder / "nasbench201_edge.csv"], only=set(LAB_HOSTS))
    compiled = [set(np.array(lab.names)[~lab.failed].tolist()) for lab in labs]
    common = sorted(set.intersection(*compiled))
    chosen = np.random.default_rng(seed).permutation(len(common))[:cells]
    fitted = {common[i] for i in chosen.tolist()}
    others: list[EdgeTpuRow] = []
    for lab in labs:
        usable = lab.take(np.array([i for i, name in enumerate(lab.names) if name in compiled[0]], np.intp))
        for row in _rows(usable, [_CELL_WEIGHT] * len(usable)):
            (rows if row.name in fitted else others).append(row)
    return rows, others


def _rows(
    column: MeasuredColumn, weights: Sequence[float], capacity: dict[str, float] | None = None
) -> list[EdgeTpuRow]:
    limits = capacity or {}
    return [
        EdgeTpuRow(
            name,
            family,
            column.name,
            _HOST_OF[column.name],
            measured_ms,
            weight,
            graph,
            split(graph, limits.get(name, CACHE_BYTES)),
            column.origin,
        )
        for name, family, measured_ms, weight, graph in zip(
            column.names, column.families, column.latency_ms.tolist(), weights, column.graphs, strict=True
        )
        if not math.isnan(measured_ms)
    ]


_CALL = ("call", "input_bytes", "output_bytes")
_CPU = ("desktop_ns", "anchors", "scores")


class Batch:
    """Predictions of many rows at once; the same numbers as `edgetpu_graph.price_graph` on each."""

    def __init__(self, rows: Sequence[EdgeTpuRow]) -> None:
        hosts = list(HOSTS)
        self.measured_ms = np.array([row.measured_ms for row in rows])
        self.weights = np.array([row.weight for row in rows])
        self._host = np.array([hosts.index(row.host) for row in rows])
        busy, linear, streams = [], [], []
        for number, row in enumerate(rows):
            total = dict.fromkeys(BUSY, 0.0)
            for operator in row.parts.chip:
                if operator.streamed_bytes:
                    streams.append(
                        (number, operator.streamed_bytes, *(operator.quantities.get(n, 0.0) for n in BUSY))
                    )
                    continue
                for name, value in operator.quantities.items():
                    if name in total:
                        total[name] += value
            busy.append(list(total.values()))
            call = call_quantities(row.parts.inputs, row.parts.outputs)
            host = [sum(asked.get(name, 0.0) for _, asked in row.parts.cpu) for name in _CPU]
            linear.append([*(call[name] for name in _CALL), float(len(row.parts.chip)), *host])
        self._linear = np.array([[*a, *b] for a, b in zip(busy, linear, strict=True)])
        table = np.array(streams, np.float64).reshape(len(streams), 2 + len(BUSY))
        self._stream_row, self._stream_bytes = table[:, 0].astype(np.intp), table[:, 1]
        self._stream_busy = table[:, 2:]

    def predict(self, parameters: Parameters, host: str | None = None) -> FloatArray:
        """Latency in ms [rows], on each row's own host or all on `host`."""
        prices = [prices_of(parameters, host or name, largest_cpu=float("inf")) for name in HOSTS]
        table = np.array([_price_row(p) for p in prices])
        found: FloatArray = np.einsum("ij,ij->i", self._linear, table[self._host])
        rows = self._stream_row
        if len(rows):
            per_byte = np.array([p[STREAM_CLASS]["bytes"] for p in prices])[self._host[rows]]
            busy = np.einsum("ij,ij->i", self._stream_busy, table[self._host[rows], : len(BUSY)])
            sending = per_byte * self._stream_bytes
            body = np.maximum(busy, sending) + parameters["unhidden_share"] * np.minimum(busy, sending)
            np.add.at(found, rows, body)
        return found


def _price_row(prices: dict[str, dict[str, float]]) -> list[float]:
    chip, call, cpu = prices[CHIP_CLASS], prices[f"{CALL_CLASS}/int8"], prices[CPU_CLASS]
    return [
        *(chip[name] for name in BUSY),
        *(call[name] for name in _CALL),
        chip["instructions"],
        *(cpu[name] for name in _CPU),
    ]


def fit_parameters(
    rows: Sequence[EdgeTpuRow], start: FloatArray | None = None, most_steps: int = _MOST_STEPS
) -> tuple[dict[str, float], FloatArray]:
    """Most plausible parameters: log ratios by a pseudo-Huber loss, logarithms of the parameters by normal priors.

    Args:
        rows: measurements.
        start: logarithms of the free parameters to begin with; by default the plausible ones.
        most_steps: limit of the solver's steps.

    Returns:
        All parameters, and the logarithms of the free ones.

    Raises:
        MissingDependencyError: SciPy is not installed.
    """
    try:
        from scipy.optimize import least_squares
    except ImportError as error:
        raise MissingDependencyError("scipy", "fit", "Fitting a latency predictor") from error
    batch = Batch(rows)

    def residuals(logarithms: FloatArray) -> FloatArray:
        ratio = np.log(batch.predict(parameters_of(logarithms)) / batch.measured_ms)
        scaled = batch.weights * ratio / _TYPICAL_LOG_ERROR
        robust = np.sign(scaled) * np.sqrt(2 * (np.sqrt(1 + scaled**2) - 1))
        return np.concatenate([robust, (logarithms - PRIOR) / SPREAD])

    found = least_squares(residuals, PRIOR if start is None else start, method="trf", max_nfev=most_steps)
    return parameters_of(found.x), np.asarray(found.x, dtype=np.float64)
