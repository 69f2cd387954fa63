"""The nodes of a Ray cluster: what they can run now, and whether they have what a trial needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edgenas.errors import EdgenasError
from edgenas.search.executors.ray_connection import import_ray

__all__ = ["Need", "Nodes"]

_LOOK_SECONDS = 1.0
_CHECK_SECONDS = 120.0


@dataclass(frozen=True)
class Need:
    """What one trial takes of a node.

    Attributes:
        cpus: logical CPUs.
        gpus: GPUs; may be a fraction.
        memory_bytes: main memory, 0 for "not looked at".
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory_bytes: int = 0

    def options(self) -> dict[str, Any]:
        """Options of a Ray task."""
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, "memory": self.memory_bytes or None}

    def slots(self, resources: Mapping[str, float]) -> int:
        """Trials that fit on a node at once."""
        wanted = {"CPU": self.cpus, "GPU": self.gpus, "memory": float(self.memory_bytes)}
        # A hair more than there is, so that 0.1 fits ten times.
        return min(int(resources.get(k, 0.0) / w + 1e-6) for k, w in wanted.items() if w > 0)

    def __str__(self) -> str:
        gpus = f", {self.gpus:g} GPU" if self.gpus else ""
        memory = f", {self.memory_bytes / 2**20:.0f} MiB of memory" if self.memory_bytes else ""
        return f"{self.cpus:g} CPU{gpus}{memory}"


class Nodes:
    """The nodes that can hold a trial. Each is asked for its versions once, before it counts.

    Args:
        need: what a trial takes.
    """

    def __init__(self, need: Need) -> None:
        self._ray = import_ray()
        self._need = need
        self._expected = _versions_here()
        self._slots: dict[str, int] = {}
        self._fit: dict[str, str] = {}
        self._asked: dict[Any, str] = {}
        self._next_look = 0.0
        self._names: dict[str, str] = {}
        self._all: list[dict[str, float]] = []

    @property
    def slots(self) -> int:
        """Trials that the checked nodes can run at once."""
        return sum(slots for node, slots in self._slots.items() if self._fit.get(node) == "")

    @property
    def unfit(self) -> list[str]:
        """Ids of nodes that lack what a trial needs."""
        return sorted(node for node, problem in self._fit.items() if problem and node in self._slots)

    def name(self, node_id: str) -> str:
        """What a person calls a node: its address."""
        return self._names.get(node_id, node_id[:8] or "unknown")

    def look(self, *, now: bool = False) -> None:
        """Takes notice of nodes that came, went, or answered; at most once a second unless `now`."""
        if not now and time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK_SECONDS
        alive = [node for node in self._ray.nodes() if node["Alive"]]
        self._all = [node["Resources"] for node in alive]
        self._slots = {
            node["NodeID"]: slots for node in alive if (slots := self._need.slots(node["Resources"]))
        }
        self._names |= {node["NodeID"]: node["NodeManagerAddress"] for node in alive}
        waiting = set(self._asked.values())
        for node in self._slots:
            if node not in self._fit and node not in waiting:
                self._asked[self._ask(node)] = node
        self._take_answers(0.0)

    def require_fit(self) -> None:
        """Waits for the first answers.

        Raises:
            EdgenasError: a node lacks what a trial needs, or does not answer.
        """
        end = time.monotonic() + _CHECK_SECONDS
        self.look(now=True)
        while self._asked and (left := end - time.monotonic()) > 0:
            self._take_answers(left)
            self.look(now=True)  # one whose worker was lost meanwhile is asked again
        problems = [f"  {self.name(node)}: {self._fit[node]}" for node in self.unfit]
        if problems:
            listed = "\n".join(problems)
            raise EdgenasError(
                f"{len(problems)} of {len(self._slots)} nodes of the Ray cluster cannot evaluate trials as this "
                f"machine would:\n{listed}\nInstall the same there (pip install 'edgenas[search,train,ray]'), or take "
                "these nodes out of the cluster (on each: ray stop)."
            )

    def describe(self) -> str:
        """What the nodes have, for messages."""
        sizes = [f"{r.get('CPU', 0.0):g} CPU, {r.get('GPU', 0.0):g} GPU" for r in self._all]
        silent = f" ({len(self._asked)} of them do not answer)" if self._asked else ""
        return ("; ".join(sorted(sizes)) or "none") + silent

    def _ask(self, node: str) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        task = self._ray.remote(_version_reader())
        there = NodeAffinitySchedulingStrategy(node, soft=False)
        return task.options(num_cpus=0, max_retries=0, scheduling_strategy=there).remote()

    def _take_answers(self, wait_seconds: float) -> None:
        if not self._asked:
            return
        asked = list(self._asked)
        ready, _ = self._ray.wait(asked, num_returns=len(asked), timeout=wait_seconds)
        for reference in ready:
            node = self._asked.pop(reference)
            try:
                self._fit[node] = _difference(self._expected, self._ray.get(reference))
            except self._ray.exceptions.RayError:
                continue  # The node or the worker is gone; where the node is still there, it is asked again.


def _version_reader() -> Callable[[], dict[str, str]]:
    """A function that goes to a node as its code, since a node may not have edgenas."""

    def read() -> dict[str, str]:
        import hashlib
        import importlib.util
        import platform
        from importlib import metadata
        from pathlib import Path

        found = {"Python": ".".join(platform.python_version_tuple()[:2]), "edgenas": "", "its code": ""}
        for name, packages in {
            "edgenas": ("edgenas",),
            "TensorFlow": ("tensorflow-cpu", "tensorflow"),
            "keras": ("keras",),
        }.items():
            found[name] = ""
            for package in packages:
                try:
                    found[name] = metadata.version(package)
                    break
                except metadata.PackageNotFoundError:
                    continue
        spec = importlib.util.find_spec("edgenas")
        if spec is not None and spec.origin:
            root = Path(spec.origin).parent
            digest = hashlib.sha256()
            # The rooms that decide what a trial scores.
            for room in ("space", "networks", "tasks", "datasets", "training"):
                for file in sorted((root / room).rglob("*.py")):
                    digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
            found["its code"] = digest.hexdigest()[:12]
        else:
            found["edgenas"] = ""  # The folder of its name and version may be there without it.
        return found

    return read


def _versions_here() -> dict[str, str]:
    return _version_reader()()


def _difference(expected: Mapping[str, str], found: Mapping[str, str]) -> str:
    """What differs, for the user; "" where nothing does. What this machine does not have, no node needs."""
    different = [name for name, value in expected.items() if value and found.get(name, "") != value]
    if found.get("edgenas", "") == "":
        different = [name for name in different if name != "its code"]
    return ", ".join(f"{n} {found.get(n) or 'is missing'} (expected {expected[n]})" for n in different)
