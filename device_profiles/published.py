"""Devices that edgenas does not measure itself: says what was measured elsewhere and what to type instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from edgenas.device_profiles.measurement import Measurement
from edgenas.device_profiles.protocol import Protocol
from edgenas.device_profiles.runner import Detection, Runner
from edgenas.errors import EdgenasError

__all__ = ["PublishedRunner"]


class PublishedRunner(Runner):
    """Never measures: there is no runner for the device yet, or it stands in somebody's lab."""

    def probe(self) -> Detection:
        """Looks for nothing on this machine; tells the published measurements."""
        profile, chosen = self.profile, self.configuration
        if chosen.site:
            missing = f"this configuration is {chosen.site}'s own device, which is not here"
            command = f"edgenas profile --device {profile.name}   # a device of yours"
        else:
            missing = f"a runner of edgenas that reaches a {profile.title} (there is none yet)"
            command = (
                f"edgenas latency adapt --from {profile.name} --samples FILE   # FILE: what you measured on it; "
                "or, where edgenas runs on that very device: edgenas profile --device host"
            )
        return Detection(
            available=False,
            looked_for=(f"a way to run models on: {profile.title}, {chosen.name}",),
            found=tuple(f"published measurements {column}" for column in chosen.columns),
            missing=(missing,),
            next_command=command,
        )

    def measure(
        self, models: Sequence[Path], protocol: Protocol | None = None, *, operators: bool = False
    ) -> Iterator[Measurement]:
        """Refuses.

        Raises:
            EdgenasError: always.
        """
        raise EdgenasError(
            f"Cannot measure on {self.profile.title} ({self.configuration.name}); nothing was measured.\n"
            f"{self.probe().explain()}"
        )
