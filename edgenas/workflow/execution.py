"""`Execution`: where the candidates of a search are trained, and how many at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from edgenas.errors import UsageError, unknown_name
from edgenas.search.evaluation import Evaluator
from edgenas.search.executors import Executor

__all__ = ["EXECUTORS", "Execution"]

EXECUTORS = ("local", "ray")


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How a session of a search is worked on. It may differ from session to session of one run.

    Attributes:
        executor: "local" for worker processes of this machine, "ray" for a Ray cluster.
        workers: candidates trained at the same time; None for one here, and for as many as fit on a cluster.
        address: address of the Ray cluster, as `ray.init` takes it; None to start one on this machine.
        cpus_per_trial: cores that a candidate takes of a cluster.
        gpus_per_trial: GPUs that a candidate takes of a cluster; may be a fraction.
        pause_seconds: how long a full disk or a database that is away pauses the search before it ends.
    """

    executor: str = "local"
    workers: int | None = None
    address: str | None = None
    cpus_per_trial: float = 1.0
    gpus_per_trial: float = 0.0
    pause_seconds: float = 3600.0

    def __post_init__(self) -> None:
        if self.executor not in EXECUTORS:
            raise unknown_name("executor", self.executor, EXECUTORS, "edgenas search --help")
        if not 0 <= self.pause_seconds < math.inf:
            raise UsageError(
                f"Invalid argument `pause_seconds`. Expected 0 or more. Received {self.pause_seconds}."
            )
        if self.executor != "ray":
            for name in ("address", "cpus_per_trial", "gpus_per_trial"):
                if getattr(self, name) != getattr(Execution, name):
                    flag = "--" + name.replace("_", "-")
                    raise UsageError(
                        f"{flag} belongs to a Ray cluster. Add --executor ray, or leave {flag} out."
                    )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any], changes: Mapping[str, Any]) -> Execution:
        """What an earlier session used, with what the user asks of this one.

        Args:
            stored: `to_dict` of the earlier session; empty for runs of earlier versions.
            changes: fields that the user gave.
        """
        known = {name: value for name, value in stored.items() if name in cls.__dataclass_fields__}
        if changes.get("executor", known.get("executor")) != known.get("executor"):
            # The cluster's options mean nothing here, nor the other way round.
            known = {name: value for name, value in known.items() if name == "pause_seconds"}
        return replace(
            cls(**{**known, "executor": changes.get("executor", known.get("executor", "local"))}), **changes
        )

    def make(self, evaluator: Evaluator) -> Executor:
        """Starts the workers.

        Raises:
            MissingDependencyError: a package for this executor is missing.
            EdgenasError: the cluster cannot be reached.
        """
        if self.executor == "ray":
            from edgenas.search.executors.ray_executor import RayExecutor

            return RayExecutor(
                evaluator,
                address=self.address or "local",
                workers=self.workers,
                cpus_per_trial=self.cpus_per_trial,
                gpus_per_trial=self.gpus_per_trial,
            )
        from edgenas.search.executors.local import LocalWorkers

        return LocalWorkers(evaluator, workers=self.workers or 1)
