"""Notices a target or limits that no network of the space meets, before anything is trained."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Sequence

import numpy as np

from edgenas.errors import EdgenasError
from edgenas.search.config import SearchConfig
from edgenas.search.descent import Descent, Found, OutOfTime
from edgenas.search.requirement import Bound, Requirement
from edgenas.space.architecture import Architecture
from edgenas.space.space import Decisions, SearchSpace

__all__ = ["Unreachable", "check_reachable", "rarely_met"]

_STREAM = 2**32 - 1
"""Beside (seed, trial number), so that no trial's choices depend on what was looked at here."""

_SECONDS = 45.0

_NETWORKS_OF_A_REMARK = 200
_SECONDS_OF_A_REMARK = 5.0
_FEW = 0.05


class Unreachable(EdgenasError):  # noqa: N818
    """No network seems to meet the target and the limits; nothing was trained or written.

    Attributes:
        nearest: the nearest network.
        amount: its amount of the first bound that is not met.
    """

    def __init__(self, message: str, nearest: Architecture, amount: float) -> None:
        super().__init__(message)
        self.nearest = nearest
        self.amount = amount


def check_reachable(
    config: SearchConfig, space: SearchSpace, bounds: Sequence[Bound], *, seconds: float = _SECONDS
) -> None:
    """Looks for one network that meets all bounds, by sampling and by descents (`Descent`).

    Returns at the first such network, which is the baseline itself where the target is the default one. It never
    stops a search for its sampling alone: only where descents from all their starts have ended without finding one,
    and not where the time is up before. A network that meets everything but is reached by no change of one decision
    at a time, from any start, would be missed; requirements without an amount are not part of it.

    Args:
        config: the search; its seed decides what is looked at.
        space: where it searches.
        bounds: the latency target (with a risk, of the latency exceeded with that probability) and the limits.
        seconds: time after which the search begins, whatever is known.

    Raises:
        Unreachable: none was found; the text names the nearest network, its amounts and what to type.
    """
    if not bounds:
        return
    deadline = time.monotonic() + seconds

    def descent(some: Sequence[Bound]) -> Descent:
        rng = np.random.default_rng([config.seed, _STREAM])
        return Descent(space, architecture_of, some, rng, deadline)

    def architecture_of(decisions: Decisions) -> Architecture:
        return space.architecture(
            decisions, input_shape=config.input_shape, head_channels=config.head_channels
        )

    try:
        together = descent(bounds)
        nearest = together.nearest()
        if nearest.excess == 0.0:
            return
        alone, impossible = [], []
        for bound in bounds if len(bounds) > 1 else ():
            one = descent([bound])
            found = one.nearest()
            alone.append(found.decisions)
            if found.excess > 0.0:
                impossible.append((bound, found, one))
        if not impossible and alone:
            nearest = together.nearest(alone)  # from where each bound alone is met
    except OutOfTime:
        return
    if nearest.excess == 0.0:
        return
    if len(bounds) == 1:
        impossible = [(bounds[0], nearest, together)]
    if any(
        math.isinf(amount) for found in (nearest, *(f for _, f, _ in impossible)) for amount in found.amounts
    ):
        return  # Nothing can be told of any network: the search will say why.
    if impossible:
        raise _impossible(config, space, impossible)
    raise _impossible_together(config, space, bounds, nearest, together)


def rarely_met(config: SearchConfig, space: SearchSpace, requirements: Sequence[Requirement]) -> str:
    """Says so where hardly any random network is trained at all, as the search requires what few have; "" elsewhere.

    Rejected networks cost no training, but each uses up a trial.
    """
    cheap = [r.bound for r in requirements if r.bound is not None]
    if not cheap:
        return ""
    rng = np.random.default_rng([config.seed, _STREAM - 1])
    deadline, looked, met = time.monotonic() + _SECONDS_OF_A_REMARK, 0, 0
    while looked < _NETWORKS_OF_A_REMARK and time.monotonic() < deadline:
        architecture = space.architecture(
            space.sample(rng), input_shape=config.input_shape, head_channels=config.head_channels
        )
        looked += 1
        met += all(bound.amount(architecture) <= bound.limit for bound in cheap)
    if met > _FEW * looked:
        return ""
    wanted = " and ".join(bound.wanted for bound in cheap)
    return (
        f"Only {met} of {looked} random networks meet {wanted}; the others are rejected untrained, each for one trial. "
        "Give more --trials, or require less."
    )


def _impossible(
    config: SearchConfig, space: SearchSpace, findings: Sequence[tuple[Bound, Found, Descent]]
) -> Unreachable:
    """The error where a bound cannot be met by itself."""
    lines, changes = [], []
    for bound, found, how in findings:
        (amount,) = found.amounts
        tenth = float(np.quantile([f.amounts[0] for f in how.random], 0.1))
        lines += [
            f"No network of search space {space.name!r} seems to meet {bound.wanted}.",
            f"  Nearest: {bound.shown(amount)}{_over(bound, amount)}. {_words(found.architecture)}.",
            *([f"  It {problem}."] if (problem := bound.problem(found.architecture)) else []),
            f"  A tenth of the random networks have at most {bound.shown(tenth)}.",
            f"  {_looked(how)}",
        ]
        changes.append((bound, amount))
    _, first, _ = findings[0]
    return Unreachable("\n".join([*lines, *_advice(config, changes)]), first.architecture, first.amounts[0])


def _impossible_together(
    config: SearchConfig, space: SearchSpace, bounds: Sequence[Bound], nearest: Found, how: Descent
) -> Unreachable:
    """The error where each bound can be met, but not all at once."""
    pairs = list(zip(bounds, nearest.amounts, strict=True))
    changes = [(bound, amount) for bound, amount in pairs if amount > bound.limit]
    wanted = " and ".join(bound.wanted for bound in bounds)
    lines = [
        f"No network of search space {space.name!r} seems to meet {wanted} together; each alone can be met.",
        f"  Nearest: {', '.join(bound.shown(amount) for bound, amount in pairs)}. {_words(nearest.architecture)}.",
        f"  {_looked(how)}",
    ]
    return Unreachable("\n".join([*lines, *_advice(config, changes)]), nearest.architecture, changes[0][1])


def _over(bound: Bound, amount: float) -> str:
    ratio = amount / bound.limit
    if bound.word:
        return ""
    return f", {ratio - 1:.1%} over" if ratio < 2 else f", {ratio:,.3g} times the limit"


def _looked(how: Descent) -> str:
    return (
        f"Looked at {how.networks:,} networks: {len(how.random)} random ones, the baseline, the smallest, and all on "
        f"{how.starts} descents that changed one decision at a time until no change came nearer."
    )


def _words(architecture: Architecture) -> str:
    """A network in one line."""
    stages = ", ".join(
        f"{stage.width}x[{' '.join(f'{b.type} {b.kernel}x{b.kernel} e{b.expansion}' for b in stage.blocks)}]"
        for stage in architecture.stages
    )
    heads = ", ".join(f"{head.task} {head.width}x{head.depth}" for head in architecture.heads)
    fusion = f"{architecture.fusion_width}x{architecture.fusion_repeats}"
    return f"Network {architecture.hash}: stages {stages}; fusion {fusion}; heads {heads}"


def _advice(config: SearchConfig, changes: Sequence[tuple[Bound, float]]) -> list[str]:
    typed = [(b, None if b.word else f"{b.prefix}{_rounded_up(amount)}") for b, amount in changes]
    flags = ", ".join(f"{bound.flag} {value}" for bound, value in typed if value)
    without = ", ".join(bound.wanted for bound, value in typed if not value)
    words = [f"with at least {flags}"] if flags else []
    words += [f"without {without}"] if without else []
    first = f"Nothing was trained. Search {' and '.join(words)}, or in another --space"
    if not config.command:
        return [f"{first}."]
    command = list(config.command)
    for bound, value in typed:
        command = _with_option(command, bound, value)
    return [f"{first}:", f"  {shlex.join(command)}"]


def _rounded_up(amount: float) -> str:
    """Four digits, never less than the amount; whole numbers as they are."""
    if amount == int(amount):
        return str(int(amount))
    step = 10.0 ** (math.floor(math.log10(amount)) - 3)
    return f"{math.ceil(amount / step + 1e-9) * step:.10g}"


def _with_option(command: Sequence[str], bound: Bound, value: str | None) -> list[str]:
    """The command with another value of a bound's option, None for without it, in either of the ways of writing it."""
    changed: list[str] = []
    words = iter(command)
    for word in words:
        if word == bound.flag:
            given = next(words, "")
            changed += [] if given.startswith(bound.prefix) else [word, given]
        elif not word.startswith(f"{bound.flag}={bound.prefix}"):
            changed.append(word)
    return changed if value is None else [*changed, bound.flag, value]
