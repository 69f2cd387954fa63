"""`edgenas profile`: a device measured for its predictor, or what is known of it where it is not at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgenas.datasets.records import head_channels_for
from edgenas.device_profiles import DeviceProfile
from edgenas.errors import UsageError
from edgenas.latency_models import user_predictors
from edgenas.latency_models.registry import card_of
from edgenas.profiling import ProfileEvent, ProfileResult, profile_device
from edgenas.profiling.known import Known, known_latencies
from edgenas.space import SearchSpace, list_presets, load_space
from edgenas.space.presets import DEFAULT_TASKS

__all__ = ["ProfileRequest"]


@dataclass(frozen=True, kw_only=True)
class ProfileRequest:
    """Which networks a device is profiled with.

    Attributes:
        space: search space that they come from.
        tasks: their heads.
        classes: segmentation classes.
        height: rows of their input.
        width: columns.
        seconds: time for everything.
        seed: seed of the plan.
        out: folder of the measurements; None for one in the user's folder.
    """

    space: str = "demo"
    tasks: tuple[str, ...] = DEFAULT_TASKS
    classes: int = 13
    height: int = 96
    width: int = 128
    seconds: float = 180.0
    seed: int = 0
    out: Path | None = None

    def measure(
        self,
        profile: DeviceProfile,
        configuration: str,
        *,
        on_event: Callable[[ProfileEvent], None] | None = None,
    ) -> ProfileResult:
        """Measures the device and fits its predictor; the errors are those of `profile_device`."""
        space = self._space(self.space)
        return profile_device(
            profile,
            space,
            self.out or self._folder(profile, configuration, space),
            input_shape=(self.height, self.width),
            head_channels=head_channels_for(space.tasks, self.classes),
            configuration=configuration,
            budget_seconds=self.seconds,
            seed=self.seed,
            on_event=on_event,
        )

    def known(self, profile: DeviceProfile, configuration: str) -> Known | None:
        """What the stored predictor says of the space and of the presets; None where there is no predictor.

        Raises:
            UsageError: there is no such space, or it does not fit the height and width.
        """
        space = self._space(self.space)
        if card_of(profile, configuration) is None:
            return None
        others = [name for name in list_presets() if name not in (self.space, space.name)]
        return known_latencies(
            profile,
            configuration,
            space,
            tuple(self._space(name) for name in others),
            input_shape=(self.height, self.width),
            head_channels=head_channels_for(space.tasks, self.classes),
            seed=self.seed,
        )

    def _space(self, name: str) -> SearchSpace:
        """A space with the tasks that are asked for, whose stride divides the height and width."""
        space = load_space(name, self.tasks)
        for side in ("height", "width"):
            if getattr(self, side) % space.coarsest_stride:
                raise UsageError(
                    f"Invalid value for --{side}. Expected a multiple of {space.coarsest_stride}. "
                    f"Received {getattr(self, side)}."
                )
        return space

    def _folder(self, profile: DeviceProfile, configuration: str, space: SearchSpace) -> Path:
        label = f"{space.name}-{self.height}x{self.width}-{space.hash[:6]}-{self.classes}c-seed{self.seed}"
        return user_predictors().parent / "profiles" / profile.name / configuration / label
