"""Predictors of the Coral Edge TPU from all public measurements together, tested on networks held out.

The hosts share the chip's parameters and differ in buses, clocks and processors, so one fit is about all of them. A
published network is predicted by a fit without any row of its family. For the desktop configuration its host's rows
are left out too: whoever uses it has a host that was never measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgenas.graph.opgraph import Operator
from edgenas.latency_models.domain import Domain
from edgenas.latency_models.edgetpu_graph import CPU_CLASS, price_graph
from edgenas.latency_models.edgetpu_parameters import Parameters, prices_of
from edgenas.latency_models.edgetpu_rows import EdgeTpuRow, fit_parameters, read_edgetpu_rows
from edgenas.latency_models.error_band import ErrorBand
from edgenas.latency_models.feature_sets import FEATURE_SETS
from edgenas.latency_models.fit import Point, accuracy_of
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.latency_models.tables.column import Origin

__all__ = ["CONFIGURATIONS", "Configuration", "EdgeTpuFit", "fit_edgetpu", "to_predictors"]

FloatArray = npt.NDArray[np.float64]
Coefficients = dict[str, dict[str, float]]
_Pair = tuple[EdgeTpuRow, float]

_DEVICE, _DTYPE, _CONFIDENCE = "edgetpu", "int8", 0.9
_CELLS = 300
_REFIT_STEPS = 30
_ON = " on "


@dataclass(frozen=True)
class _Test:
    """Rows of one host that a configuration is tested on.

    Attributes:
        host: host of the rows.
        by: host whose parameters predict them.
        unseen: whether all rows of the host are left out of the fit.
        own_cpu: whether the host's own processor is priced, because the test is about the bus and the chip.
        every_row: whether all rows of the host are tested, not only published networks.
    """

    host: str
    by: str
    unseen: bool = False
    own_cpu: bool = False
    every_row: bool = False


_UNSEEN_DESKTOPS = (_Test("x86_64", "usb3", unseen=True), _Test("usb3", "x86_64", unseen=True))
_RASPBERRY_PIS = (_Test("rp4b", "rp4b"), _Test("sparta", "rp4b", unseen=True))


@dataclass(frozen=True)
class Configuration:
    """One configuration of the Edge TPU.

    Attributes:
        host: whose parameters it has.
        tests: rows that its errors are from; empty for the labs, which have cells that were not fitted.
        pooled: further rows whose errors count for the interval.
        widening: factor of the error band, above 1 where the tests are few or about another host.
        clock: period of the chip over 2 ns, the host's where it is None.
        how: what the errors and the interval are, for the card.
    """

    host: str
    tests: tuple[_Test, ...]
    widening: float
    how: str
    clock: float | None = None
    pooled: tuple[_Test, ...] = ()


_USB3_HOW = (
    "a desktop host that was never measured: the PC is predicted with the parameters of the single-board computer and "
    "the other way round, each from a fit without any of its rows; a Raspberry Pi 4 with its own parameters, SPARTA's "
    "with those of the other Raspberry Pi 4. The interval is the conformal one of all these residuals"
)
_PI_HOW = (
    "a Raspberry Pi 4 with its own parameters, and SPARTA's with those of the first, from a fit without any of its "
    "rows. The interval is the conformal one of these residuals and of those of desktop hosts never measured"
)
_CELLS_HOW = "NAS-Bench-201 networks that were not fitted; other networks may err more"
CONFIGURATIONS: Mapping[str, Configuration] = {
    "usb3": Configuration("mixed", (*_UNSEEN_DESKTOPS, *_RASPBERRY_PIS), 1.0, _USB3_HOW),
    "raspi4-usb3": Configuration("rp4b", _RASPBERRY_PIS, 1.0, _PI_HOW, pooled=_UNSEEN_DESKTOPS),
    "usb2": Configuration(
        "usb2",
        (_Test("usb2", "usb2"), _Test("rp3b", "rp3b")),
        1.25,
        "two hosts with their own parameters; few rows, hence an interval a quarter wider",
    ),
    "devboard": Configuration(
        "aarch64",
        (_Test("aarch64", "aarch64"),),
        1.25,
        "the Dev Board with its own parameters; few rows, hence an interval a quarter wider",
    ),
    "pcie": Configuration(
        "sweeps",
        (_Test("aarch64", "sweeps", unseen=True, own_cpu=True),),
        1.5,
        "the Dev Board, from a fit without any of its rows but with a plausible price of its processor, in place of a "
        "PC: no known network was measured there, hence an interval half as wide again",
        clock=1.0,
    ),
    "lab-sweeps": Configuration(
        "sweeps",
        (_Test("sweeps", "sweeps", every_row=True),),
        1.0,
        "stacks of convolutions or dense layers, a kind, depth and input by a fit without any such; its clock included",
    ),
    "lab-hwnasbench": Configuration("rice", (), 1.0, _CELLS_HOW),
    "lab-eagle": Configuration("eagle", (), 1.0, _CELLS_HOW),
}
"""Configurations that the fit gives predictors of; the sweeps' own clock was slowed down, a PC's is 500 MHz."""


@dataclass(frozen=True)
class EdgeTpuFit:
    """The joint fit.

    Attributes:
        parameters: of the chip and of all hosts.
        coefficients: prices per configuration.
        residuals: log(measured / predicted) of rows held out, per configuration: those of `points`, then further ones.
        points: the held-out predictions, each interval from the residuals of the other families.
        bands: error bands per configuration.
        operators: distinct operators of all rows.
        latencies_ms: least and most latency measured per configuration.
        rows: rows fitted.
        origins: where they are from.
        seed: seed of the choice of cells.
    """

    parameters: Parameters
    coefficients: Mapping[str, Coefficients]
    residuals: Mapping[str, tuple[float, ...]]
    points: Mapping[str, tuple[Point, ...]]
    bands: Mapping[str, ErrorBand]
    operators: frozenset[Operator]
    latencies_ms: Mapping[str, tuple[float, float]]
    rows: int
    origins: tuple[Origin, ...]
    seed: int


def fit_edgetpu(folder: Path, *, seed: int = 0) -> EdgeTpuFit:
    """Fits all hosts together and predicts each published network by a fit without it.

    Args:
        folder: where the public tables are: edgetpu_micro.csv, edgetpu_sweeps.csv, nasbench201_edge.csv, published/.
        seed: seed of the choice of NAS-Bench-201 networks.

    Raises:
        UsageError: a table is missing or malformed.
        MissingDependencyError: SciPy is not installed.
    """
    rows, cells = read_edgetpu_rows(folder, _CELLS, seed)
    parameters, start = fit_parameters(rows)
    coefficients = {name: prices_of(parameters, c.host, clock=c.clock) for name, c in CONFIGURATIONS.items()}
    refit = _Refits(rows, start)
    residuals: dict[str, tuple[float, ...]] = {}
    points: dict[str, tuple[Point, ...]] = {}
    bands: dict[str, ErrorBand] = {}
    for name, configuration in CONFIGURATIONS.items():
        clock = configuration.clock
        tested = [pair for test in configuration.tests for pair in refit.predict(test, clock)]
        pooled = [pair for test in configuration.pooled for pair in refit.predict(test, clock)]
        if not configuration.tests:
            chosen = [row for row in cells if row.host == configuration.host]
            tested = [(row, _latency_ms(row, coefficients[name])) for row in chosen]
        residuals[name] = tuple(_log_ratio(*pair) for pair in (*tested, *pooled))
        bands[name] = _band(residuals[name], configuration.widening)
        points[name] = _points(tested, pooled, configuration.widening)
    return EdgeTpuFit(
        parameters=parameters,
        coefficients=coefficients,
        residuals=residuals,
        points=points,
        bands=bands,
        operators=frozenset(operator for row in rows for operator in row.graph.operators),
        latencies_ms={name: _range(rows, c) for name, c in CONFIGURATIONS.items()},
        rows=len(rows),
        origins=tuple(dict.fromkeys(row.origin for row in rows)),
        seed=seed,
    )


class _Refits:
    """Fits without a family of networks, and without a host where it counts as never seen; each is made once."""

    def __init__(self, rows: Sequence[EdgeTpuRow], start: FloatArray) -> None:
        self._rows, self._start = rows, start
        self._made: dict[tuple[str, str], Parameters] = {}

    def predict(self, test: _Test, clock: float | None) -> list[_Pair]:
        """The published networks of a test with their latencies in ms."""
        found = []
        for row in self._rows:
            if row.host == test.host and (row.published or test.every_row):
                parameters = self._without(row.family, test)
                prices = prices_of(parameters, test.by, clock=clock)
                if test.own_cpu:
                    prices[CPU_CLASS] = prices_of(parameters, test.host)[CPU_CLASS]
                found.append((row, _latency_ms(row, prices)))
        return found

    def _without(self, family: str, test: _Test) -> Parameters:
        host = test.host if test.unseen else ""
        if (family, host) not in self._made:
            kept = [row for row in self._rows if row.family != family and row.host != host]
            self._made[family, host] = fit_parameters(kept, self._start, _REFIT_STEPS)[0]
        return self._made[family, host]


def _latency_ms(row: EdgeTpuRow, coefficients: Coefficients) -> float:
    times, call_ms = price_graph(row.graph, coefficients)
    return sum(times) + call_ms


def _band(log_ratios: Sequence[float], widening: float) -> ErrorBand:
    return ErrorBand.from_residuals(log_ratios).widened(widening, 0.0)


def _log_ratio(row: EdgeTpuRow, predicted_ms: float) -> float:
    return math.log(row.measured_ms / predicted_ms)


def _points(tested: Sequence[_Pair], pooled: Sequence[_Pair], widening: float) -> tuple[Point, ...]:
    """Held-out predictions, each with an interval from the residuals of the other families."""
    logs = [(row.family, _log_ratio(row, predicted)) for row, predicted in (*tested, *pooled)]
    bands: dict[str, ErrorBand] = {}
    for row, _ in tested:
        if row.family not in bands:
            bands[row.family] = _band([log for family, log in logs if family != row.family], widening)
    return tuple(
        Point(
            f"{row.name}{_ON}{row.host}",
            _DTYPE,
            row.measured_ms,
            predicted,
            *bands[row.family].interval(predicted, _CONFIDENCE),
        )
        for row, predicted in tested
    )


def _range(rows: Iterable[EdgeTpuRow], configuration: Configuration) -> tuple[float, float]:
    hosts = {configuration.host, *(test.host for test in configuration.tests)}
    times = [row.measured_ms for row in rows if row.host in hosts]
    return min(times), max(times)


def to_predictors(
    fit: EdgeTpuFit, facts: Mapping[str, Any] | None = None
) -> dict[str, tuple[LatencyPredictor, dict[str, Any]]]:
    """Predictors by configuration, each with its card.

    Args:
        fit: the fit.
        facts: further entries for the cards, e.g. the date.
    """
    seen = Domain.of(fit.operators, [1.0])
    found = {}
    for name, coefficients in fit.coefficients.items():
        predictor = LatencyPredictor(
            name=f"{_DEVICE}/{name}",
            device=_DEVICE,
            configuration=name,
            dtype=_DTYPE,
            coefficients=coefficients,
            bands={_DTYPE: fit.bands[name]},
            domain=Domain(seen.classes, fit.latencies_ms[name]),
            confidence=_CONFIDENCE,
            features=FEATURE_SETS["edgetpu"],
        )
        found[name] = (predictor, {**_card(fit, name), **(facts or {})})
    return found


def _card(fit: EdgeTpuFit, name: str) -> dict[str, Any]:
    configuration, points = CONFIGURATIONS[name], fit.points[name]
    split = "leave one network out" if configuration.tests else "cells that were not fitted"
    by_host: dict[str, list[Point]] = {}
    for point in points:
        by_host.setdefault(point.name.rpartition(_ON)[2], []).append(point)
    return {
        "device": _DEVICE,
        "configuration": name,
        **accuracy_of(points),
        "confidence": _CONFIDENCE,
        "split": split,
        "tested_on": configuration.how,
        "interval_widening": configuration.widening,
        "by_host": {host: accuracy_of(chosen) for host, chosen in by_host.items()},
        "rows_fitted": fit.rows,
        "seed": fit.seed,
        "sources": [
            {"source": o.source, "licence": o.licence, **({"commit": o.commit} if o.commit else {})}
            for o in fit.origins
        ],
    }
