"""`Architecture`: one concrete network, frozen, hashable and readable as canonical JSON; no TensorFlow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from edgenas.errors import UsageError, no_such_file

__all__ = ["BLOCK_TYPES", "FORMAT_VERSION", "Architecture", "Block", "Head", "Stage"]

FORMAT_VERSION = 1
BLOCK_TYPES = ("ibn", "fused_ibn")
_ACTIVATIONS = ("relu6", "relu")


@dataclass(frozen=True, slots=True)
class Block:
    """An inverted bottleneck (`ibn`) or its fused form (`fused_ibn`); paper, Figure 4.

    Attributes:
        type: "ibn" or "fused_ibn".
        kernel: side of the square convolution, odd.
        expansion: ratio of the expanded width to the input width.
    """

    type: str
    kernel: int
    expansion: int


@dataclass(frozen=True, slots=True)
class Stage:
    """Blocks at one resolution; the first block halves it.

    Attributes:
        width: output channels of every block.
        blocks: the blocks in order.
    """

    width: int
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """The head of one task, on the finest fused feature map (stride 4).

    Attributes:
        task: name of the task; also the name of the network's output.
        channels: output channels.
        width: channels of the head's separable convolutions.
        depth: number of separable convolutions.
    """

    task: str
    channels: int
    width: int
    depth: int


@dataclass(frozen=True)
class Architecture:
    """A network with every choice made: backbone stages, BiFPN and one head per task.

    Two networks are equal, and hash equally, exactly when every layer is equal: decisions that are inactive
    (a block beyond the stage's depth) do not exist here.

    Attributes:
        input_height: rows of the input image, a multiple of the coarsest stride.
        input_width: columns of the input image, likewise.
        stem_width: channels of the stride-2 stem convolution.
        stages: backbone stages at strides 4, 8, 16, ... .
        fusion_width: channels of the BiFPN.
        fusion_repeats: number of BiFPN layers.
        heads: one head per task, ordered by task name.
        activation: "relu6" or "relu".
    """

    input_height: int
    input_width: int
    stem_width: int
    stages: tuple[Stage, ...]
    fusion_width: int
    fusion_repeats: int
    heads: tuple[Head, ...]
    activation: str = "relu6"

    def __post_init__(self) -> None:
        object.__setattr__(self, "heads", tuple(sorted(self.heads, key=lambda head: head.task)))
        problem = _first_problem(self)
        if problem:
            raise UsageError(f"Invalid architecture: {problem}")

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks, in the order of the heads."""
        return tuple(head.task for head in self.heads)

    @property
    def coarsest_stride(self) -> int:
        """Stride of the last backbone stage relative to the input."""
        return int(2 ** (len(self.stages) + 1))

    @cached_property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    def with_tasks(self, tasks: Iterable[str]) -> Architecture:
        """The same network with only the named heads, e.g. for a single-task baseline."""
        wanted = set(tasks)
        missing = wanted - set(self.tasks)
        if missing or not wanted:
            raise UsageError(
                f"Invalid argument `tasks`. Expected some of {self.tasks}. Received {sorted(wanted)}."
            )
        return replace(self, heads=tuple(head for head in self.heads if head.task in wanted))

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary with the format version."""
        return {"format": "edgenas.architecture", "version": FORMAT_VERSION, **asdict(self)}

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no white space."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], source: str = "architecture") -> Architecture:
        """Reads what `to_dict` wrote.

        Raises:
            UsageError: the data is not an architecture of a known version; the message names `source`.
        """
        if not isinstance(data, Mapping) or data.get("format") != "edgenas.architecture":
            raise UsageError(
                f"{source} is not an edgenas architecture. Expected a JSON object with "
                '"format": "edgenas.architecture", as written by `edgenas space sample`.'
            )
        if data.get("version") != FORMAT_VERSION:
            raise UsageError(
                f"{source} has architecture format version {data.get('version')!r}; this edgenas reads "
                f"version {FORMAT_VERSION}. Update edgenas or write the file again."
            )
        try:
            stages = tuple(
                Stage(
                    int(s["width"]),
                    tuple(Block(str(b["type"]), int(b["kernel"]), int(b["expansion"])) for b in s["blocks"]),
                )
                for s in data["stages"]
            )
            heads = tuple(
                Head(str(h["task"]), int(h["channels"]), int(h["width"]), int(h["depth"]))
                for h in data["heads"]
            )
            scalars = {k: int(data[k]) for k in _INTEGER_FIELDS}
            return cls(stages=stages, heads=heads, activation=str(data["activation"]), **scalars)
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"{source} is not a complete architecture: {type(error).__name__} at {error}."
            ) from error

    @classmethod
    def load(cls, path: Path) -> Architecture:
        """Reads an architecture file.

        Raises:
            UsageError: the file is missing, is not JSON or is not an architecture.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise no_such_file(path) from error
        except (OSError, ValueError, RecursionError) as error:
            raise UsageError(f"{path} cannot be read as JSON: {error}.") from error
        return cls.from_dict(data, source=str(path))


_INTEGER_FIELDS = ("input_height", "input_width", "stem_width", "fusion_width", "fusion_repeats")


def _first_problem(arch: Architecture) -> str:
    """Describes the first invalid field, or returns an empty string."""
    for name in _INTEGER_FIELDS:
        if getattr(arch, name) <= 0:
            return f"`{name}` must be positive. Received {getattr(arch, name)}."
    if len(arch.stages) < 2:
        return f"`stages` needs at least 2 stages. Received {len(arch.stages)}."
    for name in ("input_height", "input_width"):
        size, stride = getattr(arch, name), arch.coarsest_stride
        if size % stride:
            below = size // stride * stride
            nearest = " or ".join(str(n) for n in (below, below + stride) if n)
            return (
                f"`{name}` must be a multiple of {stride}, the coarsest stride. Received {size}. Nearest: {nearest} "
                f"(--{name.removeprefix('input_')} resizes the frames of a release)."
            )
    if arch.activation not in _ACTIVATIONS:
        return f"`activation` must be one of {_ACTIVATIONS}. Received {arch.activation!r}."
    for i, stage in enumerate(arch.stages, start=1):
        if stage.width <= 0 or not stage.blocks:
            return f"stage {i} needs a positive width and at least one block. Received {stage}."
        for j, block in enumerate(stage.blocks, start=1):
            if (
                block.type not in BLOCK_TYPES
                or block.kernel < 1
                or block.kernel % 2 == 0
                or block.expansion < 1
            ):
                return (
                    f"stage {i} block {j} needs a type of {BLOCK_TYPES}, an odd kernel and a positive "
                    f"expansion. Received {block}."
                )
    if not arch.heads:
        return "`heads` needs at least one task."
    if len(set(arch.tasks)) != len(arch.heads):
        return f"each task may have one head. Received {arch.tasks}."
    for head in arch.heads:
        if min(head.channels, head.width) <= 0 or head.depth < 0:
            return f"the head of {head.task!r} needs positive channels and width. Received {head}."
    return ""
