"""`named_architecture`: an architecture by its file or by its name, for some data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgenas.errors import unknown_name
from edgenas.space.architecture import Architecture
from edgenas.space.shipped import SHIPPED_ARCHITECTURES, shipped_architecture
from edgenas.space.space import SearchSpace

__all__ = ["named_architecture"]


def named_architecture(
    name: str, space: SearchSpace, *, input_shape: tuple[int, int], head_channels: Mapping[str, int]
) -> Architecture:
    """The architecture behind a name: a .json file as it is, else one that comes with edgenas or with the space.

    Args:
        name: path that ends in .json, a name of `SHIPPED_ARCHITECTURES`, or that of the space's MT edge baseline.
        space: search space of the baseline.
        input_shape: (height, width) of the input, multiples of 32; that of a file is in the file.
        head_channels: output channels of every task that gets a head; likewise.

    Raises:
        UsageError: there is no such file or name, or the input does not fit.
    """
    if name.endswith(".json"):
        return Architecture.load(Path(name))
    if name in SHIPPED_ARCHITECTURES:
        return shipped_architecture(name, input_shape=input_shape, head_channels=head_channels)
    if name != space.baseline_name:
        known = [space.baseline_name, *SHIPPED_ARCHITECTURES]
        raise unknown_name("architecture", name, known, "edgenas space sample --help, for a .json file")
    return space.named(name, input_shape=input_shape, head_channels=head_channels)
