"""The rules as data: complete, each with a source, and the one place for predictors too."""

from __future__ import annotations

import tomllib
from importlib import resources

import pytest

from edgenas.compatibility.checks import CHECKS
from edgenas.compatibility.compiler_log import STATUSES
from edgenas.compatibility.rules import edgetpu_rules
from edgenas.graph import Operator, Tensor
from edgenas.latency_models.edgetpu_placement import is_mapped


def _data() -> dict[str, object]:
    path = resources.files("edgenas.compatibility").joinpath("edgetpu_rules.toml")
    return tomllib.loads(path.read_text("utf-8"))


def test_every_rule_has_a_source_a_status_of_the_compiler_and_advice() -> None:
    rules = edgetpu_rules()
    for rule in rules.rules:
        named = [name for name in rules.sources if name in rule.source]
        assert named, f"{rule.name}: {rule.source!r} names no source"
        assert rule.advice, rule.name
        # Older compilers have a word of their own for the rank.
        assert rule.status in STATUSES or rule.name == "rank", rule.status
        assert rule.operators <= rules.mapped, rule.name
    assert len({rule.name for rule in rules.rules}) == len(rules.rules)
    for text in _data()["whole_model"]["source"].values():  # type: ignore[index, call-overload]
        assert any(name in text for name in rules.sources)


def test_no_check_and_no_source_is_left_over() -> None:
    data = _data()
    assert {rule["check"] for rule in data["rules"]} == set(CHECKS)  # type: ignore[union-attr, index]
    text = resources.files("edgenas.compatibility").joinpath("edgetpu_rules.toml").read_text("utf-8")
    for name in data["sources"]:  # type: ignore[union-attr]
        assert text.count(name) > 1, name


def test_rules_are_read_once() -> None:
    assert edgetpu_rules() is edgetpu_rules()


@pytest.mark.parametrize("kind", ["MIRROR_PAD", "LEAKY_RELU", "DEQUANTIZE"])
def test_operators_that_are_not_listed_come_with_what_to_use_instead(kind: str) -> None:
    tensor = Tensor((1, 8, 8, 16), "int8")
    broken = edgetpu_rules().broken(Operator(kind, (tensor,), (tensor,)))
    assert broken is not None and broken.rule == "operator"
    assert broken.reason == f"Operation not supported: {kind} is not in the compiler's list"
    assert "replace it" not in broken.advice


def test_predictors_keep_to_the_rules_made_for_them() -> None:
    tensor = Tensor((1, 8, 8, 16), "int8")
    pool = Operator("AVERAGE_POOL_2D", (tensor,), (tensor,), activation="relu")
    assert edgetpu_rules().broken(pool) is not None
    assert is_mapped(pool)  # EAGLE's lab measured such networks.
    assert not is_mapped(Operator("ARG_MAX", (tensor,), (tensor,)))
