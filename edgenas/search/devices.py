"""`SearchDevice`: one of several devices whose latency counts, as config.json keeps it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edgenas.errors import UsageError

__all__ = ["SearchDevice", "are_different", "read_devices"]


@dataclass(frozen=True)
class SearchDevice:
    """One of several devices.

    Attributes:
        label: what the user calls it: what stands behind --device.
        device: what `load_device` finds it by.
        configuration: configuration of it.
        predictor: identity of its latency predictor.
        target_ms: its latency target.
    """

    label: str
    device: str
    configuration: str
    predictor: str
    target_ms: float

    def __post_init__(self) -> None:
        if not 0 < self.target_ms < math.inf:
            raise UsageError(
                f"Invalid latency target of {self.label}. Expected a positive, finite number. "
                f"Received {self.target_ms!r}."
            )

    def is_of(self, device: str | None, configuration: str | None, target_ms: float | None) -> bool:
        """Whether it is that device with that target."""
        return (self.device, self.configuration, self.target_ms) == (device, configuration, target_ms)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary."""
        return asdict(self)


def are_different(devices: Sequence[SearchDevice]) -> bool:
    """Whether there are none, or several that can be told apart."""
    return len(devices) != 1 and len({d.label for d in devices}) == len(devices)


def read_devices(stored: Mapping[str, Any]) -> tuple[SearchDevice, ...]:
    """The devices of a run, from its config.json; empty for one or none.

    Raises:
        UsageError: they are damaged.
    """
    try:
        return tuple(SearchDevice(**entry) for entry in stored.get("devices") or ())
    except TypeError as error:
        raise UsageError(
            f"The run's configuration is damaged: its devices cannot be read: {error}."
        ) from error
