"""`Domain`: which operators and networks are like those that a predictor was fitted on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edgenas.graph.opgraph import Operator
from edgenas.latency_models.features import domain_quantities, operator_class

__all__ = ["Domain"]

_MARGIN = 1.5
# A kernel, a stride or a resize by a factor that was never seen runs as other code; there is no "nearly" about it.
_EXACT = frozenset({"kernel", "stride", "growth"})

Range = tuple[float, float]


@dataclass(frozen=True)
class Domain:
    """Ranges seen in fitting.

    Attributes:
        classes: operator class to quantity to (least, most).
        latency_ms: (least, most) latency of the networks.
    """

    classes: Mapping[str, Mapping[str, Range]]
    latency_ms: Range

    @classmethod
    def of(cls, operators: Iterable[Operator], latencies_ms: Iterable[float]) -> Domain:
        """The ranges of these operators and latencies."""
        classes: dict[str, dict[str, Range]] = {}
        for operator in set(operators):
            seen = classes.setdefault(operator_class(operator), {})
            for name, value in domain_quantities(operator).items():
                low, high = seen.get(name, (value, value))
                seen[name] = (min(low, value), max(high, value))
        times = list(latencies_ms)
        return cls(classes, (min(times), max(times)))

    def knows(self, operator: Operator) -> bool:
        """Whether the operator's class was seen at all."""
        return operator_class(operator) in self.classes

    def note(self, operator: Operator) -> str:
        """What about a known operator is out of range; empty when nothing is, or when its class is not known."""
        seen = self.classes.get(operator_class(operator))
        if seen is None:
            return ""
        for name, value in domain_quantities(operator).items():
            low, high = seen.get(name, (value, value))
            margin = 1.0 if name in _EXACT else _MARGIN
            if not low / margin <= value <= high * margin:
                return f"{operator_class(operator)} with {name.replace('_', ' ')} {value:g} (seen: {low:g} to {high:g})"
        return ""

    @property
    def latency_bounds_ms(self) -> Range:
        """Least and most latency of a network that is near those seen."""
        return self.latency_ms[0] / _MARGIN, self.latency_ms[1] * _MARGIN
