"""edgenas: finds, trains and ships multi-task dense-prediction networks for edge devices.

`import edgenas` costs next to nothing: what stands in `__all__` is imported when it is first used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgenas.api.devices import check, measure, predict_latency, profile
    from edgenas.api.exporting import export
    from edgenas.api.networks import build_model, load_architecture
    from edgenas.api.runs import Run, load_run, report
    from edgenas.api.searching import resume_search, search
    from edgenas.api.training import compare, evaluate, train
    from edgenas.datasets import load_dataset
    from edgenas.errors import EdgenasError, MissingDependencyError, UsageError
    from edgenas.latency_models import LatencyEstimate
    from edgenas.space import Architecture, SearchSpace, load_space
    from edgenas.workflow.data import DataRequest
    from edgenas.workflow.devices import DeviceRequest
    from edgenas.workflow.execution import Execution

    __version__: str

__all__ = [
    "Architecture",
    "DataRequest",
    "DeviceRequest",
    "EdgenasError",
    "Execution",
    "LatencyEstimate",
    "MissingDependencyError",
    "Run",
    "SearchSpace",
    "UsageError",
    "build_model",
    "check",
    "compare",
    "evaluate",
    "export",
    "load_architecture",
    "load_dataset",
    "load_run",
    "load_space",
    "measure",
    "predict_latency",
    "profile",
    "report",
    "resume_search",
    "search",
    "train",
]

_HOMES = {
    "Architecture": "space",
    "DataRequest": "workflow.data",
    "DeviceRequest": "workflow.devices",
    "EdgenasError": "errors",
    "Execution": "workflow.execution",
    "LatencyEstimate": "latency_models",
    "MissingDependencyError": "errors",
    "Run": "api.runs",
    "SearchSpace": "space",
    "UsageError": "errors",
    "build_model": "api.networks",
    "check": "api.devices",
    "compare": "api.training",
    "evaluate": "api.training",
    "export": "api.exporting",
    "load_architecture": "api.networks",
    "load_dataset": "datasets",
    "load_run": "api.runs",
    "load_space": "space",
    "measure": "api.devices",
    "predict_latency": "api.devices",
    "profile": "api.devices",
    "report": "api.runs",
    "resume_search": "api.searching",
    "search": "api.searching",
    "train": "api.training",
}
"""Public name to the module below edgenas that has it."""


if not TYPE_CHECKING:  # A type checker would take any name for one that is there.

    def __getattr__(name: str) -> Any:
        """Imports a public name at its first use (PEP 562)."""
        if name == "__version__":
            from importlib.metadata import version

            return version("edgenas")
        if name not in _HOMES:
            raise AttributeError(f"module 'edgenas' has no attribute {name!r}")
        value = getattr(importlib.import_module(f"edgenas.{_HOMES[name]}"), name)
        # A room of that name, imported meanwhile, stays what `import edgenas.search` means.
        return globals().setdefault(name, value)


def __dir__() -> list[str]:
    """The public names beside what modules have anyway."""
    return sorted({*globals(), *__all__})


class _CallableRoom(ModuleType):
    """The package of a verb's name, such as edgenas.search, that can be called like the verb."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Calls the verb."""
        return self._verb(*args, **options)

    @property
    def _verb(self) -> Any:
        name = self.__name__.rpartition(".")[2]
        return getattr(importlib.import_module(f"edgenas.{_HOMES[name]}"), name)

    @property
    def __signature__(self) -> Any:
        """Of the verb, for `inspect.signature` and editors."""
        import inspect

        return inspect.signature(self._verb)


class _Edgenas(ModuleType):
    """This package. Python puts the package `edgenas.search` where the verb of that name stands: both must work."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Makes packages callable that have the name of a verb."""
        if name in _HOMES and isinstance(value, ModuleType):
            value.__class__ = _CallableRoom
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Edgenas
