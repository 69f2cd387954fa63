"""Measures on this machine's CPU with LiteRT and its XNNPACK kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgenas.device_profiles.host_facts import cpu_model, installed_runtime, not_tflite
from edgenas.device_profiles.runner import RUNTIME, Detection
from edgenas.device_profiles.worker_runner import WorkerRunner
from edgenas.errors import MissingDependencyError

__all__ = ["LiteRtRunner"]


class LiteRtRunner(WorkerRunner):
    """Measures .tflite files on the local CPU; see `WorkerRunner` for the arguments."""

    def probe(self) -> Detection:
        """Looks for the runtime package; imports nothing."""
        wanted = self.profile.connection.runtime
        looked_for = (
            (f"Python package {wanted}",) if wanted else (f"Python package {RUNTIME} or tflite-runtime",)
        )
        found = installed_runtime(wanted)
        if found is None:
            return Detection(False, looked_for, (), looked_for, f"pip install '{RUNTIME}>=2.3,<2.4'")
        return Detection(True, looked_for, (" ".join(found), f"CPU: {cpu_model()}"), ())

    def identity(self) -> dict[str, str]:
        """Machine and runtime of this machine; see `Runner.identity`."""
        found = installed_runtime(self.profile.connection.runtime) or (RUNTIME, "missing")
        return {"machine": cpu_model(), "runtime": " ".join(found)}

    @property
    def _delegate_name(self) -> str:
        return "XNNPACK"

    def _refusal(self, model: Path) -> str:
        return not_tflite(model)

    def _prepare(self) -> dict[str, Any] | None:
        if installed_runtime(self.profile.connection.runtime) is None:
            raise MissingDependencyError(RUNTIME, "all", "Measuring on this machine")
        return None
