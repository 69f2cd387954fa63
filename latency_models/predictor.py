"""`LatencyPredictor`: additive over operators, with an interval and a domain check; NumPy only."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgenas.graph.fragments import Fragment
from edgenas.graph.from_architecture import fragments_of, graph_of, parts_of
from edgenas.graph.opgraph import Operator, OpGraph, Tensor
from edgenas.latency_models.correction import Correction
from edgenas.latency_models.descriptors import describe
from edgenas.latency_models.domain import Domain
from edgenas.latency_models.error_band import ErrorBand
from edgenas.latency_models.estimate import LatencyEstimate
from edgenas.latency_models.feature_sets import FEATURE_SETS, Coefficients, FeatureSet
from edgenas.latency_models.features import (
    CALL_CLASS,
    PRIOR_CLASS,
    element_type,
    prior_features,
    quantised_as_int8,
)
from edgenas.latency_models.operator_offsets import LEAST_SHARE, operator_key
from edgenas.space.architecture import Architecture

__all__ = ["LatencyPredictor"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

# What was never tested is less certain: the band grows to three times its width, at least a quarter up and a fifth
# down, in proportion to the share of the time in operators outside of the domain; to a factor of four by the share of
# those that nothing like them was measured of. An operator outside of the ranges that takes no time changes nothing.
_WIDER, _LEAST_LOG_WIDTH, _PRIOR_LOG_WIDTH = 3.0, math.log(1.25), math.log(4.0)
_NEGLIGIBLE_SHARE = 0.05
_MOST_NOTES = 8
_MOST_CACHED = 400_000

_Outside = tuple[float, float, bool]
_NOTHING_OUTSIDE: _Outside = (0.0, 0.0, False)


@dataclass
class _Prices:
    """Prices of the fragments met so far, per element type.

    Attributes:
        ms: fragment to milliseconds.
        outside: fragments with operators outside of the domain, with the (ms in operators out of range, ms in
            operators never measured, whether there are any of these).
        stored_bytes: fragment to what its parameters take in the cache of the chip; infinite where an operator of
            it does not stand alone.
        fusions: the fusion of the maps and the call, by what they depend on, to (ms, stored bytes, as in `outside`):
            the networks of a search share a few.
    """

    ms: dict[Fragment, float] = field(default_factory=dict)
    outside: dict[Fragment, _Outside] = field(default_factory=dict)
    stored_bytes: dict[Fragment, float] = field(default_factory=dict)
    fusions: dict[tuple[object, ...], tuple[float, float, _Outside]] = field(default_factory=dict)


@dataclass(frozen=True)
class LatencyPredictor:
    """Predicts the latency of networks on one configuration of one device.

    latency = sum over operators and over the call of (coefficients of the class . quantities), see
    `edgenas.latency_models.feature_sets`; times the factor of a correction where one speaks about the network, see
    `edgenas.latency_models.correction`.

    Attributes:
        name: identifies the predictor in everything made with it.
        device: device profile.
        configuration: configuration of the device.
        dtype: element type of the networks that this configuration is about, "int8" or "float32".
        coefficients: operator class to quantity to ms per unit, all at least 0.
        bands: element type to the errors on networks of that type.
        domain: what was seen in fitting.
        confidence: confidence of the intervals.
        features: quantities that the coefficients are prices of.
        corrections: learned corrections, each about one kind of networks.
        offsets_ms: what single operators cost more or less than their price, see
            `edgenas.latency_models.operator_offsets`.
    """

    name: str
    device: str
    configuration: str
    dtype: str
    coefficients: Coefficients
    bands: Mapping[str, ErrorBand]
    domain: Domain
    confidence: float = 0.9
    features: FeatureSet = FEATURE_SETS["xnnpack"]
    corrections: tuple[Correction, ...] = ()
    offsets_ms: Mapping[str, float] = field(default_factory=dict)
    _operator_ms: dict[Operator, float] = field(default_factory=dict, init=False, repr=False, compare=False)
    _prices: dict[str, _Prices] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def load(cls, folder: Path) -> LatencyPredictor:
        """Reads a predictor folder; see `edgenas.latency_models.predictor_file.read_predictor`."""
        from edgenas.latency_models.predictor_file import read_predictor

        return read_predictor(folder)

    def save(self, folder: Path, card: Mapping[str, Any] | None = None) -> None:
        """Writes `predictor.json` and, if given, `card.json` into `folder`."""
        from edgenas.latency_models.predictor_file import write_predictor

        write_predictor(self, folder, card)

    def summary(self, card: Mapping[str, Any]) -> str:
        """One line for people: how good the predictor is on networks held out, by its card."""
        figures = (
            ("mape_percent", "MAPE {:.1f}%"),
            ("within_10_percent", "{:.0f}% within 10%"),
            ("spearman", "Spearman {:.3f}"),
            ("coverage_percent", f"{100 * self.confidence:.0f}% intervals hold {{:.0f}}%"),
        )
        known = [text.format(card[key]) for key, text in figures if isinstance(card.get(key), int | float)]
        if not known:
            return f"{self.name}: no held-out error is known"
        made = f"; fitted {card['fitted']} to published measurements" if "fitted" in card else ""
        if "date" in card and "machine" in card:
            made = f"; {card.get('source', 'measured')} {card['date']} on {card['machine']}"
        return f"{self.name}: {', '.join(known)} on {card.get('rows', '?')} networks held out{made}"

    def operator_ms(self, operator: Operator) -> float:
        """Predicted time of one operator, by the prior where its class was not seen."""
        found = self._operator_ms.get(operator)
        if found is None:
            found = self._operator_ms[operator] = self._price_operator(operator)
        return found

    def _price_operator(self, operator: Operator) -> float:
        known = self.coefficients.get(self.features.price_class(operator))
        if known is not None:
            price = _dot(known, self.features.quantities(operator))
            offset = self.offsets_ms.get(operator_key(operator), 0.0) if self.offsets_ms else 0.0
            return max(price + offset, LEAST_SHARE * price) if offset else price
        prior = self.coefficients.get(f"{PRIOR_CLASS}/{element_type(operator)}")
        quantities = prior_features(operator)
        if prior is not None:
            return _dot(prior, quantities)
        priors = [c for name, c in self.coefficients.items() if name.startswith(f"{PRIOR_CLASS}/")]
        return max((_dot(c, quantities) for c in priors), default=0.0)

    def sum_ms(self, graph: OpGraph) -> float:
        """Cost of the call and of the operators of `graph`, before any correction."""
        times, call_ms = self._priced(graph)
        return math.fsum(times) + call_ms

    def predict_many(self, graphs: Sequence[OpGraph]) -> list[LatencyEstimate]:
        """Predicts many networks, each as by `predict`; corrections are computed for all of them together."""
        corrected: dict[int, tuple[float, ErrorBand]] = {}
        if self.corrections:
            paths = any(correction.paths for correction in self.corrections)
            described = [describe(graph, paths=paths) for graph in graphs]
            for correction in self.corrections:
                accepted = [
                    i for i, d in enumerate(described) if i not in corrected and correction.accepts(d)
                ]
                if accepted:
                    own = [described[i] for i in accepted]
                    factors = np.exp(correction.log_factors(own)).tolist()
                    wider = np.exp(correction.log_widening(own)).tolist()
                    for i, factor, widening in zip(accepted, factors, wider, strict=True):
                        corrected[i] = (factor, correction.band.scaled(widening))
        return [self._estimate(graph, *corrected.get(i, (1.0, None))) for i, graph in enumerate(graphs)]

    def predict(self, graph: OpGraph) -> LatencyEstimate:
        """Predicts the latency of one inference of `graph`, with batch size and element types as they stand."""
        return self.predict_many([graph])[0]

    def _estimate(self, graph: OpGraph, factor: float, band: ErrorBand | None) -> LatencyEstimate:
        times, call_ms = self._priced(graph)
        times = [factor * ms for ms in times]
        latency_ms = math.fsum(times) + factor * call_ms
        dtype = quantised_as_int8(graph.tensors[graph.inputs[0]].dtype) if graph.inputs else self.dtype
        notes: list[str] = []
        if band is None:
            notes, band = self._judged(graph, times, latency_ms, dtype)
        if len(notes) > _MOST_NOTES:
            notes[_MOST_NOTES:] = [f"and {len(notes) - _MOST_NOTES} more"]
        placement = self.features.placement(graph)
        return LatencyEstimate(
            latency_ms=latency_ms,
            interval_ms=band.interval(latency_ms, self.confidence),
            confidence=self.confidence,
            operators=tuple(
                (i, operator.type, ms, place)
                for i, (operator, ms, place) in enumerate(zip(graph.operators, times, placement, strict=True))
            ),
            in_domain=not notes,
            domain_notes=tuple(notes),
            device=self.device,
            configuration=self.configuration,
            predictor=self.name,
            band=band,
        )

    def _judged(
        self, graph: OpGraph, times: Sequence[float], latency_ms: float, dtype: str
    ) -> tuple[list[str], ErrorBand]:
        """What about a network is outside of what was seen, and the band that follows from it."""
        unknown: dict[str, None] = {}
        odd: dict[str, None] = {}
        odd_ms = guessed_ms = 0.0
        for operator, ms in zip(graph.operators, times, strict=True):
            if not self.domain.knows(operator):
                guessed_ms += ms
                unknown[
                    f"{operator.type} ({element_type(operator)}) was not in its fit: estimated by the prior"
                ] = None
            elif note := self.domain.note(operator):
                odd_ms += ms
                odd[note] = None
        whole: list[str] = []
        least_ms, most_ms = self.domain.latency_bounds_ms
        if not least_ms <= latency_ms <= most_ms:
            low, high = self.domain.latency_ms
            whole.append(f"{latency_ms:.3g} ms in all (seen: {low:.3g} to {high:.3g} ms)")
        if dtype not in self.bands:
            whole.append(f"no network of type {dtype} was in its fit")
        notes = [*unknown, *(odd if odd_ms > _NEGLIGIBLE_SHARE * latency_ms else ()), *whole]
        return notes, self._band(dtype, latency_ms, odd_ms, guessed_ms, bool(unknown), bool(whole))

    def predict_architectures(
        self, architectures: Iterable[Architecture], *, dtype: str | None = None
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Predicts many architectures quickly: each piece of a network is priced once and then looked up.

        Args:
            architectures: the networks.
            dtype: "int8" or "float32"; by default that of the configuration.

        Returns:
            Latency, lower and upper end of the interval in ms, each [N]; as by `predict` on `graph_of`.
        """
        dtype = dtype or self.dtype
        prices = self._prices.setdefault(dtype, _Prices())
        if len(prices.ms) + len(prices.fusions) > _MOST_CACHED:
            prices = self._prices[dtype] = _Prices()
        ms, stored_bytes, outside = prices.ms, prices.stored_bytes, prices.outside
        whole = self.features.price_graph is not None
        totals: list[float] = []
        strange: list[tuple[float, ...]] = []
        streamed: dict[int, LatencyEstimate] = {}
        for position, architecture in enumerate(architectures):
            parts, key = parts_of(architecture, dtype)
            try:
                total = sum(map(ms.__getitem__, parts))
            except KeyError:
                self._price(parts, prices)
                total = sum(map(ms.__getitem__, parts))
            fusion = prices.fusions.get(key)
            if fusion is None:
                fusion = prices.fusions[key] = self._price_fusion(architecture, parts, prices, dtype)
            total += fusion[0]
            if whole and fusion[1] + sum(map(stored_bytes.__getitem__, parts)) > self.features.cache_bytes:
                streamed[position] = estimate = self.predict(graph_of(architecture, dtype))
                total = estimate.latency_ms
            elif fusion[2] is not _NOTHING_OUTSIDE or not outside.keys().isdisjoint(parts):
                found = [fusion[2], *(outside[fragment] for fragment in parts if fragment in outside)]
                strange.append((position, *map(sum, zip(*found, strict=True))))
            totals.append(total)
        latency_ms = np.array(totals, dtype=np.float64)
        outer = np.zeros((len(totals), 3))
        if strange:
            table = np.array(strange, dtype=np.float64)
            outer[table[:, 0].astype(np.intp)] = table[:, 1:]
        factor = np.exp(self._log_widths(dtype, latency_ms, outer))
        for position, estimate in streamed.items():
            factor[position] = estimate.interval_ms[1] / estimate.latency_ms
        return latency_ms, latency_ms / factor, latency_ms * factor

    def _price(self, fragments: Iterable[Fragment], prices: _Prices) -> None:
        for fragment in fragments:
            if fragment in prices.ms:
                continue
            times = [self.operator_ms(operator) for operator in fragment.operators]
            prices.ms[fragment] = math.fsum(times)
            if self.features.price_graph is not None:
                alone = all(map(self.features.stands_alone, fragment.operators))
                prices.stored_bytes[fragment] = (
                    sum(map(self.features.stored_bytes, fragment.operators)) if alone else math.inf
                )
            known = [self.domain.knows(operator) for operator in fragment.operators]
            odd_ms = math.fsum(
                ms
                for operator, ms, seen in zip(fragment.operators, times, known, strict=True)
                if seen and self.domain.note(operator)
            )
            guessed_ms = math.fsum(ms for ms, seen in zip(times, known, strict=True) if not seen)
            if odd_ms or not all(known):
                prices.outside[fragment] = (odd_ms, guessed_ms, not all(known))

    def _price_fusion(
        self, architecture: Architecture, parts: Sequence[Fragment], prices: _Prices, dtype: str
    ) -> tuple[float, float, _Outside]:
        """Prices what an architecture has besides `parts`, see `_Prices.fusions`."""
        fragments = list(fragments_of(architecture, dtype))
        for fragment in parts:
            fragments.remove(fragment)
        self._price(fragments, prices)
        image = (1, architecture.input_height, architecture.input_width)
        outputs = tuple(Tensor((*image, head.channels), dtype) for head in architecture.heads)
        call_ms = self._call_ms((Tensor((*image, 3), dtype),), outputs)
        found = [prices.outside[fragment] for fragment in fragments if fragment in prices.outside]
        odd_ms, guessed_ms, unknown = zip(*found, strict=True) if found else ((), (), ())
        return (
            math.fsum(prices.ms[fragment] for fragment in fragments) + call_ms,
            sum(prices.stored_bytes.get(fragment, 0.0) for fragment in fragments),
            (math.fsum(odd_ms), math.fsum(guessed_ms), any(unknown)) if found else _NOTHING_OUTSIDE,
        )

    def _priced(self, graph: OpGraph) -> tuple[list[float], float]:
        """Ms of each operator and of the call, before any correction."""
        features = self.features
        if features.price_graph is not None and not (
            all(map(features.stands_alone, graph.operators))
            and sum(map(features.stored_bytes, graph.operators)) <= features.cache_bytes
        ):
            return features.price_graph(graph, self.coefficients)
        return list(map(self.operator_ms, graph.operators)), self._call_ms(
            tuple(graph.tensors[i] for i in graph.inputs), tuple(graph.tensors[i] for i in graph.outputs)
        )

    def _call_ms(self, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> float:
        dtype = inputs[0].dtype if inputs else self.dtype
        known = self.coefficients.get(f"{CALL_CLASS}/{dtype}") or self.coefficients.get(
            f"{CALL_CLASS}/{self.dtype}", {}
        )
        return _dot(known, self.features.call_quantities(inputs, outputs))

    def _band(
        self, dtype: str, latency_ms: float, odd_ms: float, guessed_ms: float, unknown: bool, whole: bool
    ) -> ErrorBand:
        """The band of a network of which so much is outside of the domain."""
        if latency_ms <= 0:
            odd_ms, guessed_ms, latency_ms = 0.0, 0.0, 1.0
        base = self._base(dtype)
        factor, least = _widening(
            np.array([odd_ms / latency_ms]), np.array([guessed_ms / latency_ms]), np.array([unknown]),
            np.array([whole]),
        )  # fmt: skip
        if factor[0] == 1.0:
            return base
        return base.widened(float(factor[0]), float(least[0]))

    def _log_widths(self, dtype: str, latency_ms: FloatArray, outer: FloatArray) -> FloatArray:
        """Half widths of the interval on the log scale [N], as by `_band`.

        Args:
            dtype: element type of the networks.
            latency_ms: [N].
            outer: ms in operators out of range, ms in operators never measured, number of fragments with such [N, 3].
        """
        base = self._base(dtype)
        low, high = self.domain.latency_bounds_ms
        whole = (latency_ms < low) | (latency_ms > high) | (dtype not in self.bands)
        shares = outer[:, :2] / np.maximum(latency_ms, 1e-300)[:, None]
        factor, least = _widening(shares[:, 0], shares[:, 1], outer[:, 2] > 0, whole)
        at_90, own = base.width(0.9), base.width(self.confidence)
        if at_90 <= 0:
            return least * self.confidence / 0.9
        return own * np.maximum(factor, np.where(factor > 1.0, least / at_90, 1.0))

    def _base(self, dtype: str) -> ErrorBand:
        known = self.bands.get(dtype)
        return known or max(self.bands.values(), key=lambda band: band.width(self.confidence))


def _widening(
    odd_share: FloatArray, guessed_share: FloatArray, unknown: BoolArray, whole: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """How many times wider the band of networks is and how wide at least, by what is outside of the domain [N]."""
    share = np.where(whole, 1.0, np.minimum(1.0, odd_share + guessed_share))
    outside = unknown | (share > _NEGLIGIBLE_SHARE)
    share = np.where(outside, np.maximum(share, _NEGLIGIBLE_SHARE), 0.0)
    least = np.maximum(share * _LEAST_LOG_WIDTH, guessed_share * _PRIOR_LOG_WIDTH)
    return 1.0 + (_WIDER - 1.0) * share, np.where(outside, least, 0.0)


def _dot(coefficients: Mapping[str, float], quantities: Mapping[str, float]) -> float:
    return sum(coefficients.get(name, 0.0) * value for name, value in quantities.items())
