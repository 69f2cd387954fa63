"""Starting the worker on this machine; the process itself is handled as on a board, by `agent.process`."""

from __future__ import annotations

import sys

from edgenas.device_profiles.agent.process import WorkerFailureError, WorkerProcess

__all__ = ["WORKER_COMMAND", "WorkerFailureError", "WorkerProcess"]

WORKER_COMMAND = (sys.executable, "-P", "-m", "edgenas.device_profiles.agent", "worker")
"""-P: the current folder is not searched, so a folder called `edgenas` in it does no harm."""
