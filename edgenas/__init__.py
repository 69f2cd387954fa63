"""edgenas: finds, trains and ships multi-task dense-prediction networks for edge devices.

`import edgenas` costs next to nothing: what stands in `__all__` is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgenas.api.devices import check, measure, predict_latency
    from edgenas.api.networks import build_model, load_architecture
    from edgenas.datasets import load_dataset
    from edgenas.errors import EdgenasError, MissingDependencyError, UsageError
    from edgenas.latency_models import LatencyEstimate
    from edgenas.space import Architecture, SearchSpace, load_space

__all__ = [
    "Architecture",
    "EdgenasError",
    "LatencyEstimate",
    "MissingDependencyError",
    "SearchSpace",
    "UsageError",
    "build_model",
    "check",
    "load_architecture",
    "load_dataset",
    "load_space",
    "measure",
    "predict_latency",
]

_HOMES = {
    "Architecture": "space",
    "EdgenasError": "errors",
    "LatencyEstimate": "latency_models",
    "MissingDependencyError": "errors",
    "SearchSpace": "space",
    "UsageError": "errors",
    "build_model": "api.networks",
    "check": "api.devices",
    "load_architecture": "api.networks",
    "load_dataset": "datasets",
    "load_space": "space",
    "measure": "api.devices",
    "predict_latency": "api.devices",
}
"""Public name to the module below edgenas that has it."""


def __getattr__(name: str) -> Any:
    """Imports a public name at its first use (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        return version("edgenas")
    if name not in _HOMES:
        raise AttributeError(f"module 'edgenas' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"edgenas.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names beside what modules have anyway."""
    return sorted({*globals(), *__all__})
