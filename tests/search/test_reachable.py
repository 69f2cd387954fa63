"""A target or limits that no network meets end the search before it begins; those that one meets never do."""

from __future__ import annotations

import contextlib
import math
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_search import (
    HEAD_CHANNELS,
    INPUT_SHAPE,
    toy_config,
    toy_estimator,
    toy_evaluator,
    toy_latency_ms,
    toy_space,
)

from edgenas.errors import EdgenasError
from edgenas.graph import parameter_count
from edgenas.search import Bound, Requirement, Unreachable, check_reachable, parameter_limit, run_search
from edgenas.search.descent import Descent
from edgenas.search.events import Remark
from edgenas.search.objective import Objective
from edgenas.space import Architecture, SearchSpace
from edgenas.space.space import Choices

STAGE_FIELDS = ("width_multiplier", "depth", "type", "kernel", "expansion")

Amount = Callable[[Architecture], float]


def smallest() -> Architecture:
    space = toy_space()
    decisions = space.suggest(lambda _, c: "ibn" if "ibn" in c else min(c))  # type: ignore[type-var]
    return space.architecture(decisions, input_shape=INPUT_SHAPE, head_channels=HEAD_CHANNELS)


def search(folder: Path, **options: Any) -> Any:
    requirements, on_event = options.pop("requirements", ()), options.pop("on_event", None)
    return run_search(
        toy_config(trials=2, **options),
        toy_space(),
        toy_evaluator,
        toy_estimator,
        folder,
        requirements=requirements,
        on_event=on_event,
    )


def bound(amount: Amount, limit: float, flag: str = "--limit") -> Bound:
    return Bound(flag, amount, limit, lambda found: f"{found:.6g} units")


def check(*bounds: Bound, space: SearchSpace | None = None, **options: Any) -> None:
    seconds = options.pop("seconds", 45.0)
    check_reachable(toy_config(**options), space or toy_space(), bounds, seconds=seconds)


def test_an_impossible_target_ends_before_anything_is_trained_or_written(tmp_path: Path) -> None:
    with pytest.raises(Unreachable) as caught:
        run_search(
            toy_config(
                target_ms=0.01, command=("edgenas", "search", "--target-ms", "0.01", "--space", "demo")
            ),
            toy_space(),
            lambda *_: pytest.fail("a network was trained"),
            toy_estimator,
            tmp_path / "run",
            before_begin=lambda: pytest.fail("the run began"),
        )
    error, lowest = caught.value, toy_latency_ms(smallest())
    assert error.exit_code == 1 and not (tmp_path / "run").exists()
    assert error.amount == pytest.approx(lowest)
    assert toy_latency_ms(error.nearest) == pytest.approx(lowest)
    text = str(error)
    assert text.startswith("No network of search space 'demo' seems to meet --target-ms 0.01.")
    assert f"Nearest: {lowest:.4g} ms (predicted), " in text and error.nearest.hash in text
    assert re.search(r"Looked at [\d,]+ networks: 300 random ones", text)
    command = shlex.split(text.splitlines()[-1])
    assert command[:4] == ["edgenas", "search", "--space", "demo"] and command[4] == "--target-ms"
    assert lowest <= float(command[5]) <= 1.001 * lowest
    search(tmp_path / "run", target_ms=float(command[5]))


def test_the_target_that_one_network_meets_begins(tmp_path: Path) -> None:
    result = search(tmp_path, target_ms=toy_latency_ms(smallest()))
    assert result.finished == 2


def test_with_a_risk_the_upper_quantile_counts(tmp_path: Path) -> None:
    target_ms = 1.5 * toy_latency_ms(smallest())
    search(tmp_path / "point", target_ms=target_ms)
    with pytest.raises(Unreachable, match=r"ms \(exceeded with probability 0\.1\), 26\.7% over") as caught:
        search(tmp_path / "quantile", target_ms=target_ms, risk=0.1)
    assert caught.value.amount == pytest.approx(1.9 * toy_latency_ms(smallest()))


def test_an_impossible_limit_names_its_option(tmp_path: Path) -> None:
    least = parameter_count(smallest())
    with pytest.raises(Unreachable) as caught:
        search(tmp_path, max_parameters=least - 1, requirements=[parameter_limit(least - 1)], target_ms=None)
    assert f"meet --max-parameters {least - 1}." in str(caught.value)
    assert f"Nearest: {least:,} parameters" in str(caught.value)
    assert str(caught.value).endswith(f"--max-parameters {least}")
    check(*(r.bound for r in [parameter_limit(least)] if r.bound))


def costs(seed: int, space: SearchSpace) -> tuple[Callable[[dict[str, Any]], float], float]:
    """A cost with a random price for every value of every decision, and its minimum, found decision by decision."""
    rng = np.random.default_rng(seed)
    prices = {
        d.name: dict(zip(d.choices, rng.uniform(0.1, 1.0, len(d.choices)), strict=True))
        for d in space.decisions()
    }

    def cost(decisions: dict[str, Any]) -> float:
        return sum(prices[name][value] for name, value in decisions.items())

    least = sum(min(prices[name].values()) for name in prices if "stage" not in name)
    for number in range(1, len(space.stages) + 1):
        stage = f"stage{number}."
        least += min(prices[f"{stage}width_multiplier"].values())
        least += min(
            price
            + sum(
                min(prices[f"{stage}block{b}.{field}"].values())
                for b in range(1, int(depth) + 1)
                for field in ("type", "kernel", "expansion")
            )
            for depth, price in prices[f"{stage}depth"].items()
        )
    return cost, least


class Coded:
    """Stands for `space.architecture`: amounts of decisions instead of amounts of networks."""

    def __init__(self, amount: Callable[[dict[str, Any]], float], limit: float) -> None:
        self.bound = Bound("--limit", lambda a: amount(a), limit, str)  # type: ignore[arg-type]

    def met(self, seed: int) -> bool:
        rng = np.random.default_rng(seed)
        descent = Descent(toy_space(), lambda d: d, [self.bound], rng, math.inf)  # type: ignore[arg-type, return-value]
        return descent.nearest().excess == 0.0


@pytest.mark.parametrize("seed", range(6))
def test_one_network_of_the_whole_space_is_found_by_price(seed: int) -> None:
    cost, least = costs(seed, toy_space())
    assert Coded(cost, least * (1 + 1e-9)).met(seed)
    assert not Coded(cost, least * (1 - 1e-6)).met(seed)


@pytest.mark.parametrize("seed", range(6))
def test_a_maximum_over_parts_is_no_trap(seed: int) -> None:
    """Of a maximum, most single changes change nothing: the descent must drift."""
    rng = np.random.default_rng(seed)
    names = ("stage1.width_multiplier", "stage2.width_multiplier", "stage3.width_multiplier", "fusion.width")
    ranks = {
        d.name: dict(zip(d.choices, rng.permutation(len(d.choices)) + 1.0, strict=True))
        for d in toy_space().decisions()
        if d.name in names
    }

    def cost(decisions: dict[str, Any]) -> float:
        return float(max(ranks[name][decisions[name]] for name in names))

    assert Coded(cost, 1.0).met(seed)
    assert not Coded(cost, 0.9).met(seed)


@pytest.mark.parametrize("seed", range(3))
def test_pairs_that_only_help_together_are_found(seed: int) -> None:
    """Changing one of two decisions alone costs: a local minimum that starts of other kinds must get around."""
    cost, least = costs(seed, toy_space())
    rng = np.random.default_rng(seed)
    names = ["stage1.width_multiplier", "stage4.width_multiplier", "fusion.width", "fusion.repeats"]
    choices = {d.name: d.choices for d in toy_space().decisions()}
    wanted = {name: choices[name][int(rng.integers(len(choices[name])))] for name in names}

    def deceptive(decisions: dict[str, Any]) -> float:
        hits = sum(decisions[name] == wanted[name] for name in names)
        return cost(decisions) / least + (3.0 if hits < 4 else 0.0) + 0.2 * (hits % 2)

    best = min(
        deceptive(found)
        for found in _random_networks(20_000, seed)
        if all(found[n] == wanted[n] for n in names)
    )
    assert Coded(deceptive, best).met(seed)


def _random_networks(count: int, seed: int) -> list[dict[str, Any]]:
    space, rng = toy_space(), np.random.default_rng([seed, 1])
    return [space.sample(rng) for _ in range(count)]


def test_bounds_that_are_met_alone_but_not_together() -> None:
    def narrow(architecture: Architecture) -> float:
        return float(architecture.fusion_width)

    def wide(architecture: Architecture) -> float:
        return 1000.0 / architecture.fusion_width

    widths = sorted(
        int(v) for v in next(d for d in toy_space().decisions() if d.name == "fusion.width").choices
    )
    low, high = widths[0], widths[-1]
    for bounds in ((bound(narrow, low), bound(wide, 1000.0 / low)), (bound(wide, 1000.0 / high),)):
        check(*bounds)
    with pytest.raises(Unreachable) as caught:
        check(bound(narrow, low, "--narrow"), bound(wide, 1000.0 / high, "--wide"))
    text = str(caught.value)
    assert (
        f"seems to meet --narrow {low} and --wide {1000 / high:.10g} together; each alone can be met" in text
    )
    assert "Search with at least --" in text
    with pytest.raises(Unreachable) as caught:
        check(bound(narrow, low, "--narrow"), bound(wide, 1.0, "--wide"))
    assert "seems to meet --wide 1." in str(caught.value) and "--narrow" not in str(caught.value)


def test_a_space_of_one_network(tmp_path: Path) -> None:
    space = toy_space()
    one = Choices((16,), 16)
    fixed = replace(
        space,
        stages=tuple(
            replace(s, **{f: Choices((getattr(s, f).default,), getattr(s, f).default) for f in STAGE_FIELDS})
            for s in space.stages
        ),
        fusion_width=one,
        fusion_repeats=Choices((1,), 1),
        head_width=one,
        head_depth=Choices((1,), 1),
    )
    with pytest.raises(Unreachable, match="Looked at 1 networks"):
        check(bound(toy_latency_ms, 0.1), space=fixed)


def test_the_default_target_costs_one_estimate() -> None:
    asked: list[str] = []

    def latency(architecture: Architecture) -> float:
        asked.append(architecture.hash)
        return 5.0 if len(asked) == 1 else 6.0

    check(bound(latency, 5.0))
    assert len(asked) == 1


def test_no_alarm_when_the_time_is_up_or_nothing_can_be_told() -> None:
    check(bound(lambda _: 2.0, 1.0), seconds=0.0)

    def broken(architecture: Architecture) -> float:
        raise ValueError("no such operator")

    check(bound(broken, 1.0))
    check(*Objective(None, None, None, "paper").bounds())
    with pytest.raises(Unreachable):
        check(bound(lambda _: 2.0, 1.0))


def test_equal_seeds_tell_equal_things() -> None:
    texts = []
    for seed in (1, 1):
        with pytest.raises(Unreachable) as caught:
            check(bound(toy_latency_ms, 0.1), seed=seed)
        texts.append(str(caught.value))
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("edgenas", "search", "--limit", "1", "--x"), "edgenas search --x --limit 2"),
        (("edgenas", "search", "--limit=1"), "edgenas search --limit 2"),
        ((), "Nothing was trained. Search with at least --limit 2, or in another --space."),
    ],
)
def test_what_to_type(command: tuple[str, ...], expected: str) -> None:
    with pytest.raises(Unreachable) as caught:
        check(bound(lambda _: 2.0, 1.0), command=command)
    assert str(caught.value).splitlines()[-1].strip() == expected


def yes_or_no(least: float, limit: float = 1.0) -> Requirement:
    """Kernels of 5 are forbidden, and so many operators more."""

    def amount(architecture: Architecture) -> float:
        return 1.0 + least + sum(b.kernel == 5 for stage in architecture.stages for b in stage.blocks)

    def problem(architecture: Architecture) -> str:
        return "" if amount(architecture) <= limit else "has kernels of 5"

    shown = lambda found: f"{found - 1:.0f} operators outside"  # noqa: E731
    return Requirement(
        "require", problem, Bound("--require", amount, limit, shown, word="edgetpu", problem=problem)
    )


def test_a_requirement_that_no_network_meets(tmp_path: Path) -> None:
    command = ("edgenas", "search", "--require", "edgetpu", "--trials", "9")
    with pytest.raises(Unreachable) as caught:
        search(tmp_path / "run", require="edgetpu", requirements=[yes_or_no(2.0)], command=command)
    text = str(caught.value)
    assert "seems to meet --require edgetpu." in text and "Nearest: 2 operators outside. Network" in text
    assert "  It has kernels of 5." in text and "times the limit" not in text
    assert "Search without --require edgetpu, or in another --space" in text
    assert text.splitlines()[-1].strip() == "edgenas search --trials 9"
    assert not (tmp_path / "run").exists()


def test_a_requirement_that_few_networks_meet_is_remarked(tmp_path: Path) -> None:
    said: list[Any] = []
    rare = yes_or_no(0.0)
    with contextlib.suppress(EdgenasError):  # Most likely both trials are rejected.
        search(tmp_path / "rare", require="edgetpu", requirements=[rare], on_event=said.append)
    (remark,) = [event.text for event in said if isinstance(event, Remark)]
    space, rng = toy_space(), np.random.default_rng([3, 2**32 - 2])
    drawn = [
        space.architecture(space.sample(rng), input_shape=INPUT_SHAPE, head_channels=HEAD_CHANNELS)
        for _ in range(200)
    ]
    share = sum(not rare.problem(a) for a in drawn)
    assert share <= 10 and remark.startswith(f"Only {share} of 200 random networks meet --require edgetpu;")
    said.clear()
    often = yes_or_no(0.0, limit=9.0)
    search(tmp_path / "often", require="edgetpu", requirements=[often], on_event=said.append)
    assert not [event for event in said if isinstance(event, Remark)]
