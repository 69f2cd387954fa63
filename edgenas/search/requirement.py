"""`Requirement`: what a candidate must meet before anything is spent on training it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgenas.graph import graph_of, parameter_count
from edgenas.space.architecture import Architecture

__all__ = ["Bound", "Requirement", "activation_limit", "parameter_limit"]


@dataclass(frozen=True)
class Bound:
    """An amount that must not exceed a limit.

    Attributes:
        flag: option of the command line that sets the limit, e.g. "--target-ms".
        amount: the amount of a network, positive.
        limit: the most that is allowed.
        shown: writes an amount with its unit.
        device: stands before the limit on the command line, as in `--target-ms DEVICE=MS`; empty for nothing.
        word: what the option takes where that is no number, e.g. "edgetpu"; it cannot be relaxed, only left out.
        problem: says what of a network exceeds the limit where the amount does not tell; empty for nothing.
    """

    flag: str
    amount: Callable[[Architecture], float]
    limit: float
    shown: Callable[[float], str]
    device: str = ""
    word: str = ""
    problem: Callable[[Architecture], str] = lambda _: ""

    @property
    def prefix(self) -> str:
        """What stands before the number on the command line."""
        return f"{self.device}=" if self.device else ""

    @property
    def wanted(self) -> str:
        """The option with its value."""
        return f"{self.flag} {self.word or f'{self.prefix}{self.limit:.10g}'}"


@dataclass(frozen=True)
class Requirement:
    """One thing that every candidate must meet; one that does not is stored as "rejected" with the reason.

    Attributes:
        name: field of `SearchConfig` that asks for it.
        problem: says why a network may not be a candidate, "" if it may.
        bound: the amount behind it; None where it is yes or no.
    """

    name: str
    problem: Callable[[Architecture], str]
    bound: Bound | None = None


def parameter_limit(most: int) -> Requirement:
    """At most so many trainable parameters, counted as in the model card: before batch norm is folded."""
    return _limit(
        "max_parameters",
        Bound("--max-parameters", lambda a: float(parameter_count(a)), float(most), _parameters),
    )


def activation_limit(most_kib: float, dtype: str) -> Requirement:
    """At most so many KiB of feature maps at once.

    Args:
        most_kib: the limit.
        dtype: number format of the network on the device, "int8" or "float32".

    Returns:
        A requirement on `OpGraph.peak_activation_bytes`, which is also in the model card: without reuse of an
        input's memory for the output, so a runtime that does reuse it needs less.
    """

    def kib(architecture: Architecture) -> float:
        return graph_of(architecture, dtype).peak_activation_bytes / 1024

    return _limit("max_activation_kib", Bound("--max-activation-kib", kib, most_kib, _kib_of_activations))


def _limit(name: str, bound: Bound) -> Requirement:
    def problem(architecture: Architecture) -> str:
        amount = bound.amount(architecture)
        if amount <= bound.limit:
            return ""
        return f"{bound.shown(amount)}, more than {bound.wanted}"

    return Requirement(name, problem, bound)


def _parameters(amount: float) -> str:
    return f"{amount:,.0f} parameters"


def _kib_of_activations(amount: float) -> str:
    return f"{amount:,.1f} KiB of activations"
