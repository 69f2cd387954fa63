"""The way to a Ray cluster: found out quickly where there is none, and quiet."""

from __future__ import annotations

import logging
import os
import socket
from dataclasses import dataclass
from typing import Any

from edgenas.errors import EdgenasError, MissingDependencyError, UsageError
from edgenas.search.evaluation import describe

__all__ = ["LOCAL", "Connection", "connect", "import_ray"]

LOCAL = "local"
"""Address that starts a cluster on this machine, for this process alone."""

_CLIENT = "ray://"
_PROBE_SECONDS = 5.0
# RFC 9113, 3.4: both sides of an HTTP/2 connection, which gRPC and so Ray speaks, begin with a SETTINGS frame.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
_SETTINGS_FRAME = 4


@dataclass(frozen=True)
class Connection:
    """This process as a driver of a cluster.

    Attributes:
        address: the cluster, for messages.
        client: whether Ray Client (ray://) stands between, which can do less.
        own: whether `close` ends it; not so where the process was connected before.
    """

    address: str
    client: bool
    own: bool

    def close(self) -> None:
        """Leaves the cluster, which ends what this driver still has there; one started here ends as a whole."""
        if self.own:
            import_ray().shutdown()


def import_ray() -> Any:
    """Imports Ray, which sends no usage statistics and keeps its warnings to itself.

    Raises:
        MissingDependencyError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise MissingDependencyError("ray", "ray", "Searching on a Ray cluster") from error
    return ray


def connect(address: str, *, cpus: float | None = None) -> Connection:
    """Makes this process a driver of a cluster. A process that is one already stays with its cluster.

    Args:
        address: "local" to start a cluster here, "auto" for the one that runs on this machine or that RAY_ADDRESS
            names, HOST:PORT of a cluster that this machine is a node of, or ray://HOST:PORT of any other.
        cpus: logical CPUs of a cluster that is started here; as many as there are cores when None.

    Raises:
        MissingDependencyError: Ray is not installed.
        UsageError: the address has no such form.
        EdgenasError: nothing, or something else than a fitting Ray cluster, answers there.
    """
    ray = import_ray()
    if ray.is_initialized():
        return Connection(address, client=_is_client(ray), own=False)
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        # A variable of the environment would win over the argument.
        environment = os.environ.pop("RAY_ADDRESS", None)
        options |= {"address": LOCAL, "num_cpus": cpus, "include_dashboard": False}
    else:
        environment = None
        # Ray takes up the token of a cluster on this machine by itself only where it is asked for "auto".
        options["address"] = address
        address = _found(address)
        _probe(address)
    try:
        ray.init(**options)
    except Exception as error:
        ray.shutdown()
        raise _no_cluster(address, describe(error), connecting=True) from error
    finally:
        if environment is not None:
            os.environ["RAY_ADDRESS"] = environment
    _silence()
    return Connection(address, client=address.startswith(_CLIENT), own=True)


def _is_client(ray: Any) -> bool:
    return bool(ray.util.client.ray.is_connected())


def _found(address: str) -> str:
    """The address itself, or the one that "auto" stands for."""
    if address != "auto":
        return address
    from_environment = os.environ.get("RAY_ADDRESS", "")
    if from_environment and from_environment != "auto":
        return from_environment
    from ray._private import services

    try:
        return str(services.canonicalize_bootstrap_address_or_die("auto"))
    except Exception as error:
        raise _no_cluster("auto", "no cluster runs on this machine, and RAY_ADDRESS is not set") from error


def _probe(address: str) -> None:
    """Sees within seconds whether Ray may be listening; `ray.init` would try for minutes.

    Raises:
        UsageError: not a host and a port.
        EdgenasError: nothing listens, or something that does not speak gRPC.
    """
    host, _, port = address.removeprefix(_CLIENT).rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(
            f"{address!r} is no address of a Ray cluster. Expected local, auto, HOST:PORT or ray://HOST:PORT, "
            "e.g. --address auto"
        )
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_PROBE_SECONDS) as connection:
            connection.settimeout(_PROBE_SECONDS)
            connection.sendall(_PREFACE)
            answer = connection.recv(9, socket.MSG_WAITALL)
    except OSError as error:
        raise _no_cluster(address, error.strerror or str(error) or type(error).__name__) from error
    if len(answer) < 9 or answer[3] != _SETTINGS_FRAME:
        raise _no_cluster(address, "something else than Ray listens there")


def _no_cluster(address: str, why: str, *, connecting: bool = False) -> EdgenasError:
    if address == LOCAL:
        return EdgenasError(f"No Ray cluster could be started on this machine: {why}.")
    if address.startswith(_CLIENT):
        more = "Start one there with: ray start --head --ray-client-server-port 10001"
    else:
        more = (
            "Start one with: ray start --head\n"
            "Or join this machine to one, without giving it trials: ray start --address HOST:PORT --num-cpus 0"
        )
    if connecting:
        more += (
            "\nIf the cluster asks for a token, as new ones do: --address auto, or set RAY_AUTH_MODE=token"
        )
    return EdgenasError(f"No Ray cluster can be reached at {address}: {why}.\n{more}")


def _silence() -> None:
    """Keeps news of lost nodes, which Ray prints on stdout whatever `log_to_driver` says, out of our output."""
    from ray._private import worker

    if hasattr(worker, "_worker_logs_enabled"):
        worker._worker_logs_enabled = False
