"""`LatencyEstimate`: a predicted latency with everything that a user should know about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgenas.latency_models.error_band import ErrorBand

__all__ = ["LatencyEstimate"]


@dataclass(frozen=True, slots=True)
class LatencyEstimate:
    """A predicted latency; never measured.

    Attributes:
        latency_ms: point estimate of one inference.
        interval_ms: (low, high) that hold a share `confidence` of the measurements of such networks.
        confidence: see `interval_ms`.
        operators: (index in the graph, operator type, ms, placement) per operator; together they are the latency
            without what a call costs in itself.
        in_domain: whether the network resembles those that the predictor was fitted on.
        domain_notes: what does not, one sentence each.
        device: device profile.
        configuration: configuration of that device.
        predictor: name of the predictor.
        band: the errors behind `interval_ms`, for other confidences.
        source: "predicted".
    """

    latency_ms: float
    interval_ms: tuple[float, float]
    confidence: float
    operators: tuple[tuple[int, str, float, str], ...]
    in_domain: bool
    domain_notes: tuple[str, ...]
    device: str
    configuration: str
    predictor: str
    band: ErrorBand
    source: str = "predicted"

    def upper_ms(self, risk: float) -> float:
        """The latency that the device exceeds with probability `risk`."""
        return self.band.upper(self.latency_ms, risk)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary."""
        return {
            "latency_ms": self.latency_ms,
            "interval_ms": list(self.interval_ms),
            "confidence": self.confidence,
            "source": self.source,
            "device": self.device,
            "configuration": self.configuration,
            "in_domain": self.in_domain,
            "domain_notes": list(self.domain_notes),
            "operators": [
                {"index": index, "type": kind, "latency_ms": ms, "placement": placement}
                for index, kind, ms, placement in self.operators
            ],
            "predictor": self.predictor,
        }
