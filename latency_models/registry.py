"""Where predictors are found: a given folder, the user's own, the shipped ones."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenas.errors import UsageError
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.latency_models.predictor_file import PREDICTOR_FILE, read_card, read_predictor

if TYPE_CHECKING:
    from edgenas.device_profiles.profile import DeviceProfile

__all__ = [
    "CARD_FIGURES",
    "card_figures",
    "card_of",
    "find_predictor",
    "find_predictor_folder",
    "machine_warning",
    "predictor_folders",
    "shipped_predictor",
    "user_predictors",
]

CARD_FIGURES = (
    "rows", "mape_percent", "within_10_percent", "spearman", "coverage_percent", "split", "sources", "machine", "date",
    "fitted", "source",
)  # fmt: skip
"""What a card says about the accuracy of its predictor and where it comes from."""

_HOST = "host"


def user_predictors() -> Path:
    """The user's predictors: `<device>/<configuration>/` below $EDGENAS_HOME (or ~/.local/share/edgenas)/predictors."""
    home = os.environ.get("EDGENAS_HOME")
    if home:
        return Path(home) / "predictors"
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "edgenas" / "predictors"


def find_predictor(
    device: str | DeviceProfile, predictor_dir: Path | None = None, configuration: str | None = None
) -> LatencyPredictor:
    """Loads the predictor of a device.

    Args:
        device: a device profile, or what `edgenas.device_profiles.load_device` finds one by.
        predictor_dir: a predictor folder that is taken without further search.
        configuration: configuration of the device, by default the profile's.

    Raises:
        UsageError: there is none yet (the message says how one is made), or its file is damaged.
    """
    return read_predictor(find_predictor_folder(device, predictor_dir, configuration))


def find_predictor_folder(
    device: str | DeviceProfile, predictor_dir: Path | None = None, configuration: str | None = None
) -> Path:
    """The folder that `find_predictor` loads from; see there."""
    if predictor_dir is not None:
        return predictor_dir
    profile = _profile(device)
    wanted = configuration or profile.default_configuration
    found = predictor_folders(profile.name)
    folder = _folder(profile, wanted)
    if folder is not None:
        return folder
    if configuration is None and len(found) == 1:
        return next(iter(found.values()))
    raise _none_yet(profile, wanted, sorted(found))


def _profile(device: str | DeviceProfile) -> DeviceProfile:
    from edgenas.device_profiles.catalogue import load_device

    return load_device(device) if isinstance(device, str) else device


def _folder(profile: DeviceProfile, configuration: str) -> Path | None:
    """The device's own predictor, else that of the device which its profile names for this."""
    own = predictor_folders(profile.name).get(configuration)
    if own is not None or not profile.predictor:
        return own
    device, _, named = profile.predictor.partition("/")
    other = predictor_folders(device)
    return other.get(named or configuration)


def shipped_predictor(device: str, configuration: str) -> LatencyPredictor:
    """The predictor that comes with edgenas, whatever the user has of his own.

    Raises:
        UsageError: there is none.
    """
    return read_predictor(_shipped() / device / configuration)


def predictor_folders(device: str) -> dict[str, Path]:
    """Configuration to predictor folder, for those that have one; the user's own hides a shipped one."""
    found: dict[str, Path] = {}
    for root in _roots():
        folder = root / device
        if folder.is_dir():
            for entry in sorted(folder.iterdir()):
                if (entry / PREDICTOR_FILE).is_file():
                    found.setdefault(entry.name, entry)
    return found


def card_of(device: str | DeviceProfile, configuration: str) -> dict[str, Any] | None:
    """The card of the predictor of this configuration, None where there is none; the predictor itself is not read.

    Raises:
        UsageError: the card is damaged.
    """
    folder = _folder(_profile(device), configuration)
    return None if folder is None else read_card(folder)


def card_figures(card: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `CARD_FIGURES` that a card has, the others as None."""
    return {key: card.get(key) for key in CARD_FIGURES}


def machine_warning(
    device: str | DeviceProfile, predictor_dir: Path | None = None, configuration: str | None = None
) -> str:
    """Warns where the host's predictor was measured on another CPU than this one; empty where all is well."""
    if _profile(device).name != _HOST:
        return ""
    from edgenas.device_profiles.host_facts import cpu_model

    measured_on = read_card(find_predictor_folder(device, predictor_dir, configuration)).get("machine")
    here = cpu_model()
    if not isinstance(measured_on, str) or not measured_on or measured_on == here:
        return ""
    return (
        f"Warning: this predictor was measured on {measured_on}; this machine is {here}. "
        "Its numbers are about that one. Measure here: edgenas profile --device host"
    )


def _roots() -> tuple[Path, Path]:
    """The user's predictors and the shipped ones: the first that has one counts."""
    return user_predictors(), _shipped()


def _shipped() -> Path:
    return Path(str(resources.files("edgenas.latency_models").joinpath("trained")))


def _can_be_measured(profile: DeviceProfile, configuration: str) -> bool:
    from edgenas.device_profiles.profile import PUBLISHED

    known = {c.name: c for c in profile.configurations}
    return profile.kind != PUBLISHED and not (configuration in known and known[configuration].site)


def _none_yet(profile: DeviceProfile, configuration: str, others: list[str]) -> UsageError:
    what = f"No latency predictor for {profile.name!r} yet"
    if others:
        what = (
            f"No latency predictor for {profile.name!r} in configuration {configuration!r} yet "
            f"(only {', '.join(others)})"
        )
    option = "" if configuration == profile.default_configuration else f" --configuration {configuration}"
    command = f"edgenas profile --device {shlex.quote(profile.asked_as)}{option}"
    if profile.name == _HOST:
        return UsageError(f"{what}. Make one (about 3 minutes): {command}")
    if profile.kind == "vela":
        return UsageError(f"{what}. Make one by simulation: {command}")
    advice = f"measure on a machine that has the device attached ({command})"
    if profile.connection.via != "local":
        advice = f"measure on it ({command})"
    elif not _can_be_measured(profile, configuration):
        advice = (
            "adapt the predictor of a similar device to measurements of yours (edgenas latency adapt --help)"
        )
    return UsageError(
        f"{what}: edgenas ships none, and {user_predictors() / profile.name} holds none. edgenas invents no numbers: "
        f"{advice}, or hand one in with --predictor FOLDER."
    )
