"""`Finding`: one thing that is wrong, or may be, with a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ERROR", "WARNING", "Finding", "listed"]

ERROR = "error"
"""Wrong with certainty: the measured false alarm rate of the check is 0, see `benchmarks/inspection_rates.py`."""

WARNING = "warning"
"""Looks wrong, and may be right."""

_SHOWN = 8


@dataclass(frozen=True)
class Finding:
    """One fault.

    Attributes:
        check: short name of the fault, e.g. "mirrored".
        severity: `ERROR` or `WARNING`.
        split: the split it was found in, or several joined by " and ".
        what: a sentence that says what is wrong.
        evidence: a sentence with the numbers that show it.
        fix: what to do about it.
        frames: names of the frames concerned; empty where it is the whole split.
        numbers: the evidence by name, for programs.
    """

    check: str
    severity: str
    split: str
    what: str
    evidence: str
    fix: str
    frames: tuple[str, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "check": self.check,
            "severity": self.severity,
            "split": self.split,
            "what": self.what,
            "evidence": self.evidence,
            "fix": self.fix,
            "frames": list(self.frames),
            "numbers": dict(self.numbers),
        }


def listed(names: Sequence[str], shown: int = _SHOWN) -> str:
    """Names in a sentence, the first few of many: "3, 17 and 4 more"."""
    if len(names) <= shown:
        return ", ".join(names)
    return f"{', '.join(names[:shown])} and {len(names) - shown} more"
