"""`RuleBook`: the operator rules of a .toml file, read once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from edgenas.compatibility.checks import CHECKS, Check
from edgenas.compatibility.facts import OperatorFacts
from edgenas.graph.opgraph import Operator

__all__ = ["Broken", "Rule", "RuleBook", "edgetpu_rules"]

_OWN = frozenset({"name", "check", "status", "operators", "advice", "source", "predictors"})


@dataclass(frozen=True)
class Broken:
    """Why an operator is not mapped.

    Attributes:
        rule: name of the rule.
        status: what the compiler writes into its table.
        detail: what is wrong with this operator.
        advice: what to change.
    """

    rule: str
    status: str
    detail: str
    advice: str

    @property
    def reason(self) -> str:
        """Status and detail in one line."""
        return f"{self.status}: {self.detail}"


@dataclass(frozen=True)
class Rule:
    """One limit of a compiler.

    Attributes:
        name: short name.
        check: what tells whether an operator breaks it.
        numbers: the check's numbers.
        status: what the compiler writes into its table.
        operators: types that it is about, empty for all.
        advice: what to change.
        source: where it comes from.
        predictors: whether latency predictors price what breaks it on the CPU.
    """

    name: str
    check: Check
    numbers: Mapping[str, Any]
    status: str
    operators: frozenset[str]
    advice: str
    source: str
    predictors: bool


class RuleBook:
    """The rules of one compiler.

    Attributes:
        mapped: operator types that it maps at all.
        compiled: custom operators that hold what a compiler made, with where to find their source.
        versions: newest version of each operator that it reads.
        second_piece: what the compiler says of operators outside of its first piece.
        whole_model: texts of reasons to refuse a whole model.
        sizes: operator types to the inputs that set the size of what they write.
        open: operator types whose result's size depends on what they read.
        whole_model_advice: what to change about each.
        rules: in their order.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        table = data["operators"]
        self.compiler: str = data["compiler"]
        self.sources: Mapping[str, str] = data["sources"]
        self.mapped = frozenset(table["mapped"])
        self.compiled: Mapping[str, str] = table["compiled"]
        self.versions: Mapping[str, int] = data["versions"]
        self.whole_model: Mapping[str, str] = {
            k: v for k, v in data["whole_model"].items() if isinstance(v, str)
        }
        self.sizes: Mapping[str, list[int]] = data["whole_model"]["sizes"]
        self.open = frozenset(data["whole_model"]["open"])
        self.whole_model_advice: Mapping[str, str] = data["whole_model"]["advice"]
        self.second_piece: str = data["partition"]["status"]
        self.rules = tuple(_rule(entry) for entry in data["rules"])
        self._status: str = table["status"]
        self._status_of_other_types: str = table["status_of_other_types"]
        self._instead: Mapping[str, str] = table["instead"]
        self._of = {kind: self._about(kind, self.rules) for kind in self.mapped}
        self._priced = {
            kind: tuple((r.check, r.numbers) for r in rules if r.predictors)
            for kind, rules in self._of.items()
        }

    @staticmethod
    def _about(kind: str, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        return tuple(rule for rule in rules if not rule.operators or kind in rule.operators)

    def broken(self, operator: Operator, facts: OperatorFacts | None = None) -> Broken | None:
        """The first rule that an operator breaks; None if it is mapped. Without facts, rules that need them pass."""
        rules = self._of.get(operator.type)
        if rules is None:
            return self._unknown(operator)
        for rule in rules:
            detail = rule.check(operator, facts, rule.numbers)
            if detail:
                return Broken(rule.name, rule.status, detail, rule.advice)
        return None

    def _unknown(self, operator: Operator) -> Broken:
        """What the compiler says of an operator that it never maps."""
        advice = self._instead.get(operator.type, "replace it, or do it in the application")
        detail = f"{operator.type} is not in the compiler's list"
        written = operator.outputs[0].dtype if operator.outputs else "int8"
        if written in ("int8", "uint8"):
            return Broken("operator", self._status, detail, advice)
        return Broken("operator", self._status_of_other_types, f"{detail}, and it writes {written}", advice)

    def priced_on_chip(self, operator: Operator) -> bool:
        """Whether latency predictors price the operator on the chip; quick, and by the rules made for them only."""
        rules = self._priced.get(operator.type)
        if rules is None:
            return False
        # A plain loop: whole networks are priced thousands of times a second.
        for check, numbers in rules:  # noqa: SIM110
            if check(operator, None, numbers):
                return False
        return True


def _rule(entry: Mapping[str, Any]) -> Rule:
    return Rule(
        name=entry["name"],
        check=CHECKS[entry["check"]],
        numbers={key: value for key, value in entry.items() if key not in _OWN},
        status=entry["status"],
        operators=frozenset(entry.get("operators", ())),
        advice=entry["advice"],
        source=entry["source"],
        predictors=entry["predictors"],
    )


@lru_cache(maxsize=1)
def edgetpu_rules() -> RuleBook:
    """The rules of the Edge TPU compiler, `edgetpu_rules.toml`."""
    text = resources.files(__package__ or __name__).joinpath("edgetpu_rules.toml").read_text("utf-8")
    return RuleBook(tomllib.loads(text))
