"""The predictor of a profile: fitted from nothing where operators are timed, else adapted from the shipped one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgenas.device_profiles.profile import EDGETPU, DeviceProfile
from edgenas.errors import EdgenasError
from edgenas.latency_models.design_matrix import Row
from edgenas.latency_models.feature_sets import usual_features
from edgenas.latency_models.fit import Fit, fit
from edgenas.latency_models.registry import shipped_predictor
from edgenas.profiling.plan import NETWORK

__all__ = ["fit_profile"]

_EDGETPU = "edgetpu"


def fit_profile(
    rows: Sequence[Row],
    *,
    profile: DeviceProfile,
    configuration: str,
    seed: int,
    facts: Mapping[str, Any],
) -> Fit:
    """Fits the predictor of a configuration to what was measured.

    An Edge TPU hides its operators, and some tens of networks do not tell the prices of all quantities of the chip:
    there the shipped predictor of the same bus, fitted to thousands of public rows, is moved to the measurements.

    Args:
        rows: measured networks and single operators.
        profile: the device.
        configuration: what was measured.
        seed: seed of the split.
        facts: further entries of the card.

    Raises:
        EdgenasError: too few rows are usable.
        MissingDependencyError: SciPy is not installed.
    """
    dtype = profile.configuration(configuration).dtype
    if profile.kind != EDGETPU:
        return fit(
            rows,
            device=profile.name,
            configuration=configuration,
            dtype=dtype,
            seed=seed,
            facts=facts,
            features=usual_features(profile.kind),
        )
    from edgenas.latency_models.adapt import FEWEST_SAMPLES, adapt
    from edgenas.latency_models.table_fit import Group
    from edgenas.latency_models.tables.column import MeasuredColumn, Origin

    networks = [row for row in rows if row.kind == NETWORK]
    if len(networks) < FEWEST_SAMPLES:
        raise EdgenasError(
            f"Too few measurements for a latency predictor of {profile.name!r}: {len(networks)} networks, at least "
            f"{FEWEST_SAMPLES} are needed. Run the same command again, it goes on where it stopped."
        )
    machine = str(facts.get("machine", ""))
    column = MeasuredColumn(
        name=f"{profile.name}|{configuration}",
        names=tuple(row.name for row in networks),
        families=tuple(row.group for row in networks),
        graphs=tuple(row.graph for row in networks),
        latency_ms=np.array([row.measured_ms for row in networks]),
        spread_ms=np.full(len(networks), np.nan),
        rows=tuple(range(1, len(networks) + 1)),
        origin=Origin(f"measured by edgenas on {machine}", "own"),
    )
    source = shipped_predictor(_EDGETPU, _like(profile, configuration))
    return adapt(
        source,
        Group("profile", column),
        device=profile.name,
        configuration=configuration,
        dtype=dtype,
        facts={"seed": seed, **facts},
    )


def _like(profile: DeviceProfile, configuration: str) -> str:
    """The shipped configuration on the same bus."""
    from edgenas.device_profiles.catalogue import load_device

    bus = profile.configuration(configuration).bus
    shipped = load_device(_EDGETPU)
    same = [c.name for c in shipped.configurations if c.bus == bus]
    return configuration if configuration in same else (same or [shipped.default_configuration])[0]
