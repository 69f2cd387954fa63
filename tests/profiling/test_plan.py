"""The plan of a profile."""

from __future__ import annotations

import pytest

from edgenas.graph import graph_of
from edgenas.profiling.plan import NETWORK, OPERATOR, SINGLE_OPERATORS, PlannedModel, planned_models
from edgenas.space import load_space

HEADS = {"depth": 1, "normals": 3, "segmentation": 13}


def plan_of(
    space: str = "demo", seed: int = 0, networks: int = 32, dtype: str = "int8"
) -> tuple[PlannedModel, ...]:
    return planned_models(
        load_space(space),
        input_shape=(64, 96),
        head_channels=HEADS,
        dtype=dtype,
        seed=seed,
        networks=networks,
    )


def test_is_a_pure_function_of_the_seed() -> None:
    assert plan_of(seed=3) == plan_of(seed=3)
    assert plan_of(seed=3) != plan_of(seed=4)


def test_a_shorter_plan_is_the_beginning_of_a_longer_one() -> None:
    short, long = plan_of(networks=13), plan_of(networks=40)
    assert long[: len(short)] == short


def test_networks_are_different_and_names_unique() -> None:
    plan = plan_of()
    assert len({m.name for m in plan}) == len(plan)
    int8 = [m.architecture for m in plan if m.kind == NETWORK and m.dtype == "int8"]
    assert len(set(int8)) == len(int8) == 32


@pytest.mark.parametrize("space", ["demo", "declared", "edgetpu"])
def test_baseline_and_extremes_lead(space: str) -> None:
    loaded = load_space(space)
    plan = plan_of(space, networks=30)
    assert plan[0].architecture == loaded.architecture(
        loaded.default(), input_shape=(64, 96), head_channels=HEADS
    )
    networks = [m for m in plan if m.kind == NETWORK and m.dtype == "int8"]
    macs = [graph_of(m.architecture).macs for m in networks]
    assert max(macs[:6]) == max(macs)
    assert min(macs[:6]) == min(macs)
    assert max(macs) > 8 * min(macs)


def test_both_element_types_and_single_operators_are_planned() -> None:
    plan = plan_of()
    floats = [m for m in plan if m.dtype == "float32"]
    assert 5 <= len(floats) <= 10
    singles = [m for m in plan if m.kind == OPERATOR]
    assert {m.operator.type for m in singles if m.operator} == set(SINGLE_OPERATORS)
    assert all(m.operator in graph_of(m.architecture, m.dtype).operators for m in singles)
    assert sum(m.dtype == "int8" for m in plan_of(dtype="float32")) == len(floats)
