"""Sampling, mutation, counting and the files of search spaces."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.errors import UsageError
from edgenas.space import Architecture, SearchSpace, list_presets, load_space
from edgenas.space.space import scaled_width

HEADS = {"depth": 1, "normals": 3, "segmentation": 13}
seeds = st.integers(0, 2**32 - 1)

TOY = """
name = "toy"
version = 1
description = "counted by hand"
stem_width = 8
[stage_defaults]
type = { choices = ["ibn", "fused_ibn"], default = "ibn" }
kernel = { choices = [3], default = 3 }
expansion = { choices = [1, 2], default = 2 }
width_multiplier = { choices = [1.0], default = 1.0 }
depth = { choices = [1, 2], default = 1 }
[[stages]]
width = 8
[[stages]]
width = 16
depth = { choices = [1], default = 1 }
[fusion]
width = { choices = [8], default = 8 }
repeats = { choices = [1], default = 1 }
[head]
width = { choices = [8, 16], default = 8 }
depth = { choices = [1], default = 1 }
"""


def build(space: SearchSpace, decisions: dict) -> Architecture:  # type: ignore[type-arg]
    return space.architecture(decisions, input_shape=(64, 96), head_channels=HEADS)


def toy(tmp_path: Path, text: str = TOY) -> SearchSpace:
    path = tmp_path / "toy.toml"
    path.write_text(text)
    return load_space(str(path), ("depth",))


@pytest.mark.parametrize("name", ["declared", "demo", "edgetpu"])
@given(seed=seeds)
@settings(max_examples=60, deadline=None)
def test_samples_are_valid_and_survive_json(name: str, seed: int) -> None:
    space = load_space(name)
    decisions = space.sample(np.random.default_rng(seed))
    space.validate(decisions)
    arch = build(space, decisions)
    assert Architecture.from_dict(arch.to_dict()) == arch
    assert space.sample(np.random.default_rng(seed)) == decisions


@given(seed=seeds)
@settings(max_examples=150, deadline=None)
def test_mutation_changes_the_network_by_one_decision(seed: int) -> None:
    space = load_space("demo")
    rng = np.random.default_rng(seed)
    parent = space.sample(rng)
    child = space.mutate(parent, rng)
    assert build(space, child).hash != build(space, parent).hash
    changed = [name for name in parent if name in child and parent[name] != child[name]]
    appeared = set(child) ^ set(parent)
    assert len(changed) == 1
    assert not appeared or changed[0].endswith(".depth")


def test_mutation_reaches_every_decision() -> None:
    space = load_space("demo")
    rng = np.random.default_rng(0)
    parent = space.default()
    moved = set()
    for _ in range(2000):
        child = space.mutate(parent, rng)
        moved |= {n for n in parent if child.get(n, parent[n]) != parent[n]}
    assert moved == set(parent)


def test_cardinality_equals_a_full_enumeration(tmp_path: Path) -> None:
    space = toy(tmp_path)
    free = [(d.name, d.choices) for d in space.decisions()]
    networks = set()
    for values in itertools.product(*(choices for _, choices in free)):
        table = dict(zip((name for name, _ in free), values, strict=True))
        networks.add(build(space, space.suggest(lambda name, _, table=table: table[name])).hash)  # type: ignore[misc]
    # Inactive decisions vary in the product, yet equal networks hash equally.
    assert len(networks) == space.cardinality() == (4 + 16) * 4 * 2


def test_baseline_is_the_default_of_every_decision() -> None:
    arch = build(load_space("declared"), load_space("declared").default())
    blocks = [b for stage in arch.stages for b in stage.blocks]
    assert {(b.type, b.kernel, b.expansion) for b in blocks} == {("ibn", 3, 6)}
    assert [s.width for s in arch.stages] == [32, 64, 96, 160]


def test_presets_and_tasks_have_their_own_hash() -> None:
    spaces = [
        load_space(name, tasks) for name in list_presets() for tasks in (("depth",), ("depth", "normals"))
    ]
    assert len({s.hash for s in spaces}) == len(spaces) == 6


@pytest.mark.parametrize(
    ("base", "multiplier", "width"), [(32, 0.75, 24), (8, 0.5, 8), (48, 0.5, 24), (96, 1.25, 120)]
)
def test_scaled_width(base: int, multiplier: float, width: int) -> None:
    assert scaled_width(base, multiplier) == width


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("stage1.depth", 7), "Decision 'stage1.depth' must be one of"),
        (("stage1.dept", 1), "Unknown decision .*stage1.dept.*Did you mean 'stage1.depth'"),
        (("stage1.block2.kernel", 3), "'stage1.block2.kernel' is inactive"),
    ],
)
def test_errors_name_the_decision(change: tuple[str, int], message: str) -> None:
    space = load_space("demo")
    shallow = {"stage1.depth": 1}
    decisions = {k: v for k, v in space.default().items() if not k.startswith("stage1.block2.")} | shallow
    decisions[change[0]] = change[1]
    with pytest.raises(UsageError, match=message):
        space.validate(decisions)


def test_missing_decision_is_named() -> None:
    space = load_space("demo")
    decisions = space.default()
    del decisions["fusion.width"]
    with pytest.raises(UsageError, match=r"'fusion.width' is missing"):
        space.validate(decisions)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "kernel = { choices = [3], default = 3 }",
            "kernel = { choices = [4], default = 4 }",
            "stage1.kernel.*odd",
        ),
        ("[1, 2], default = 2", "[1, 2], default = 3", "default of `stage1.expansion`"),
        ('"ibn", "fused_ibn"], default', '"ibn", "fused"], default', "Unknown block type.*fused_ibn"),
        ("stem_width = 8", "stem_widht = 8", "Unknown key.*stem_width"),
        (
            "choices = [1.0], default = 1.0",
            "choices = [1.0, 1.1], default = 1.0",
            "must differ|must be different|differ",
        ),
        ("[8, 16], default = 8", "[8, 8], default = 8", "head.width.*twice"),
        ("name =", "name = =", "not valid TOML"),
    ],
)
def test_a_wrong_space_file_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        toy(tmp_path, TOY.replace(old, new, 1))


def test_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'declared'"):
        load_space("declard")


@pytest.mark.parametrize(
    ("name", "network_hash"),
    [("declared", "27ce3192875fee46"), ("demo", "d2fd7ea03789ff59"), ("edgetpu", "27ce3192875fee46")],
)
def test_the_baseline_is_named_and_fixed(name: str, network_hash: str) -> None:
    """A change of these hashes is a new version of the baseline: raise the version of the space."""
    space = load_space(name)
    assert space.baseline_name == "mt-edge-baseline-v1"
    baseline = space.named("mt-edge-baseline-v1", input_shape=(64, 96), head_channels=HEADS)
    assert baseline.hash == network_hash
    with pytest.raises(UsageError, match="Did you mean 'mt-edge-baseline-v1'"):
        space.named("mt-edge-baseline-v2", input_shape=(64, 96), head_channels=HEADS)
