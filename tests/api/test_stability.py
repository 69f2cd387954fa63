"""The public API as a text file: a change of a name or a signature is a decision, and shows in a diff.

python tests/api/test_stability.py      # writes the file anew, after such a decision
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import edgenas

GOLDEN = Path(__file__).with_name("public_api.txt")


def lines() -> Iterator[str]:
    """One line per function, field and method, in the order of their names."""
    for name in sorted(edgenas.__all__):
        value = getattr(edgenas, name)
        if not inspect.isclass(value):
            yield f"{name}{_plain(value)}"
            continue
        bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
        yield f"class {name}({bases})" if bases else f"class {name}"
        if dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                yield f"    {field.name}: {field.type}"
        for member, found in sorted(vars(value).items()):
            if member.startswith("_") or (
                dataclasses.is_dataclass(value) and member in value.__dataclass_fields__
            ):
                continue
            plain = found.__func__ if isinstance(found, classmethod | staticmethod) else found
            if inspect.isfunction(plain):
                yield f"    {member}{_plain(plain)}"
            else:
                yield f"    {member}"


def _plain(function: object) -> str:
    """The signature without the quotes of annotations, which say nothing here."""
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(function)))  # type: ignore[arg-type]


def text() -> str:
    """The whole file."""
    return "\n".join(lines()) + "\n"


def test_names_and_signatures_are_those_of_the_file() -> None:
    assert text() == GOLDEN.read_text(encoding="utf-8"), (
        "The public API differs from tests/api/public_api.txt. If that is meant: python tests/api/test_stability.py, "
        "and a line in CHANGELOG.md."
    )


if __name__ == "__main__":
    GOLDEN.write_text(text(), encoding="utf-8")
