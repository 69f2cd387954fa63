"""`Candidate`: a converted network before anybody has checked it; and the element types of its ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Candidate", "IoTypes"]


@dataclass(frozen=True)
class IoTypes:
    """Element types of a file's input and outputs.

    Attributes:
        input: "int8", "uint8" or "float32"; "int16" for the format int16x8 only.
        output: likewise; labels keep their own integer type.
    """

    input: str = "int8"
    output: str = "int8"


@dataclass(frozen=True)
class Candidate:
    """A converted network.

    Attributes:
        data: the .tflite file.
        format: one of `edgenas.export.engines.FORMATS`.
        engine: who made it, one of `edgenas.export.engines.ENGINES`.
        recipe: what the engine was told, JSON-ready.
        notes: what a user should know of it, one sentence each; what a repair did.
    """

    data: bytes
    format: str
    engine: str
    recipe: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
