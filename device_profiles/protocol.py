"""`Protocol`: how a latency is measured, as an immutable record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from edgenas.errors import UsageError, unknown_name

__all__ = ["Protocol"]

_INTEGERS = {"warmup_runs": 0, "min_runs": 1, "processes": 1, "max_processes": 1, "threads": 1}
_NUMBERS = {
    "warmup_seconds": 0.0, "min_seconds": 0.0, "max_seconds": 0.001, "agreement": 0.0,
    "battery_limit_c": 0.0, "cooling_seconds": 0.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Protocol:
    """Measurement protocol.

    Every model is measured by several processes, at different times: a neighbour on the machine can shift a
    whole process by 60% without widening its spread, so one tight series proves nothing. A model whose two
    fastest processes still disagree is measured by further processes.

    Attributes:
        warmup_runs: fewest inferences before the clock starts, per process.
        warmup_seconds: shortest warm-up, per process.
        min_runs: fewest timed inferences per process.
        min_seconds: shortest timed phase per process; it ends when both minima are reached.
        max_seconds: longest timed phase per process, which wins over both minima (one run is always timed).
        processes: processes that measure each model.
        max_processes: most processes for a model whose two lowest medians differ by more than `agreement`; a
            number below `processes` counts as `processes`.
        agreement: largest relative difference of the two lowest medians that counts as agreement.
        threads: threads of the runtime.
        battery_limit_c: for phones, battery temperature in degrees Celsius above which nothing is measured yet.
        cooling_seconds: for phones, longest wait for the battery to cool down, before each process.
    """

    warmup_runs: int = 5
    warmup_seconds: float = 0.05
    min_runs: int = 30
    min_seconds: float = 0.3
    max_seconds: float = 3.0
    processes: int = 3
    max_processes: int = 6
    agreement: float = 0.03
    threads: int = 1
    battery_limit_c: float = 40.0
    cooling_seconds: float = 300.0

    def __post_init__(self) -> None:
        for name, least in _INTEGERS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise _invalid(name, f"an integer of at least {least}", value)
        for name, lowest in _NUMBERS.items():
            value = getattr(self, name)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not is_number or not math.isfinite(value) or value < lowest:
                raise _invalid(name, f"a number of at least {lowest:g}", value)
        if self.max_seconds < self.min_seconds:
            raise _invalid("max_seconds", f"at least `min_seconds` ({self.min_seconds:g})", self.max_seconds)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], source: str = "protocol") -> Protocol:
        """Reads a table such as `[protocol]` of a device profile; what is missing has its default.

        Raises:
            UsageError: an unknown key or an invalid value; the message names `source`.
        """
        known = {field.name for field in fields(cls)}
        for key in data:
            if key not in known:
                raise UsageError(f"{source}: {unknown_name('protocol key', key, known)}")
        try:
            return cls(**data)
        except UsageError as error:
            raise UsageError(f"{source}: {error}") from error


def _invalid(name: str, expected: str, received: object) -> UsageError:
    return UsageError(f"Invalid protocol value `{name}`. Expected {expected}. Received {received!r}.")
