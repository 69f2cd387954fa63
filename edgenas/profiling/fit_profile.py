"""The predictor of a profile: fitted from nothing, or moved from a shipped one to what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgenas.device_profiles.profile import EDGETPU, LITERT, DeviceProfile
from edgenas.errors import EdgenasError
from edgenas.latency_models.adapt import FEWEST_SAMPLES, adapt
from edgenas.latency_models.design_matrix import Row
from edgenas.latency_models.feature_sets import usual_features
from edgenas.latency_models.fit import UNSTABLE, Fit, fit
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.latency_models.registry import shipped_predictor
from edgenas.latency_models.table_fit import Group
from edgenas.latency_models.tables.column import MeasuredColumn, Origin
from edgenas.profiling.plan import NETWORK

__all__ = ["fit_profile"]

_EDGETPU = "edgetpu"
# Where operators are not timed, TFLite runs its built-in kernels, which these were measured with.
_BUILT_IN_KERNELS = {"int8": ("pixel4", "1large-int8"), "float32": ("pixel4", "1large-float32")}


def fit_profile(
    rows: Sequence[Row],
    *,
    profile: DeviceProfile,
    configuration: str,
    seed: int,
    facts: Mapping[str, Any],
) -> Fit:
    """Fits the predictor of a configuration to what was measured.

    Where operators are timed, prices are fitted from nothing. Some tens of whole networks alone do not tell the prices
    of all quantities, so a shipped predictor is moved to them (`adapt`): on an Edge TPU that of the same bus, on a CPU
    that of a phone with the same kernels, if it does better on networks held out than a fit from nothing.

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
    chosen = profile.configuration(configuration)
    if profile.kind == EDGETPU:
        source = shipped_predictor(_EDGETPU, _like(profile, configuration))
        return _moved(source, rows, profile, configuration, {"seed": seed, **facts})
    fitted = fit(
        rows,
        device=profile.name,
        configuration=configuration,
        dtype=chosen.dtype,
        seed=seed,
        facts=facts,
        features=usual_features(profile.kind),
    )
    if profile.kind != LITERT or any(row.operator_ms is not None for row in rows):
        return fitted
    source = shipped_predictor(*_BUILT_IN_KERNELS[chosen.dtype])
    moved = _moved(source, rows, profile, configuration, {"seed": seed, **facts})
    return min(fitted, moved, key=lambda each: float(each.card["mape_percent"]))


def _moved(
    source: LatencyPredictor,
    rows: Sequence[Row],
    profile: DeviceProfile,
    configuration: str,
    facts: Mapping[str, Any],
) -> Fit:
    networks = [row for row in rows if row.kind == NETWORK]
    stable = [row for row in networks if row.disagreement is None or row.disagreement <= UNSTABLE]
    if len(stable) < FEWEST_SAMPLES:
        raise EdgenasError(
            f"Too few measurements for a latency predictor of {profile.name!r}: {len(stable)} of {len(networks)} "
            f"networks are usable, at least {FEWEST_SAMPLES} are needed. Run the same command again, it goes on where "
            "it stopped."
        )
    column = MeasuredColumn(
        name=f"{profile.name}|{configuration}",
        names=tuple(row.name for row in stable),
        families=tuple(row.group for row in stable),
        graphs=tuple(row.graph for row in stable),
        latency_ms=np.array([row.measured_ms for row in stable]),
        spread_ms=np.full(len(stable), np.nan),
        rows=tuple(range(1, len(stable) + 1)),
        origin=Origin(f"measured by edgenas on {facts.get('machine', '')}", "own"),
    )
    return adapt(
        source,
        Group("profile", column),
        device=profile.name,
        configuration=configuration,
        dtype=profile.configuration(configuration).dtype,
        facts={
            "networks_measured": len(networks),
            "networks_unstable": len(networks) - len(stable),
            **facts,
        },
    )


def _like(profile: DeviceProfile, configuration: str) -> str:
    """The shipped configuration on the same bus."""
    from edgenas.device_profiles.catalogue import load_device

    bus = profile.configuration(configuration).bus
    shipped = load_device(_EDGETPU)
    same = [c.name for c in shipped.configurations if c.bus == bus]
    return configuration if configuration in same else (same or [shipped.default_configuration])[0]
