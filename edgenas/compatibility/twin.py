"""Compares a model with what edgetpu_compiler made of it: the ground truth of the operator rules."""

from __future__ import annotations

from pathlib import Path

from edgenas.compatibility.facts import parse_facts
from edgenas.errors import UsageError
from edgenas.graph import read_tflite

__all__ = ["left_outside"]

_PIECE = "edgetpu-custom-op"


def left_outside(compiled: Path, source: Path) -> tuple[int, ...]:
    """Operators of `source` that the compiler left outside of its custom operators in `compiled`.

    The compiler keeps the names of tensors, so operators are found again by their type and the names of what they
    write.

    Raises:
        UsageError: a file cannot be read, `compiled` holds no custom operator of the Edge TPU, or an operator of it
            is not in `source`.
    """
    places: dict[tuple[str, tuple[str, ...]], int] = {}
    for index, key in enumerate(_keys(source)):
        places.setdefault(key, index)
    found = []
    keys = _keys(compiled)
    if not any(kind == _PIECE for kind, _ in keys):
        raise UsageError(f"{compiled} holds no {_PIECE!r}. Expected what edgetpu_compiler made of {source}.")
    for kind, names in keys:
        if kind == _PIECE:
            continue
        if (kind, names) not in places:
            raise UsageError(f"{compiled} was not made of {source}: it has a {kind} that writes {names}.")
        found.append(places[kind, names])
    return tuple(sorted(found))


def _keys(path: Path) -> list[tuple[str, tuple[str, ...]]]:
    graph = read_tflite(path)
    facts = parse_facts(path.read_bytes(), str(path))
    return [
        (operator.type, tuple(t.name for t in fact.outputs))
        for operator, fact in zip(graph.operators, facts.operators, strict=True)
    ]
