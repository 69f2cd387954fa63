"""--max-sram-kib: networks that need more SRAM than an Ethos-U has, as Arm's compiler Vela says, are not trained.

Vela's figure needs the exported file: some seconds for each network (`benchmarks/vela_sram.py`), so a cheap estimate
comes first. Where all feature maps stand in the SRAM (Ethos-U55 in the mode Shared_Sram or Sram_Only), Vela needs what
the graph's feature maps need at once and a little for parameters on their way: 1.00 to 1.10 times as much in that
benchmark. A network whose feature maps alone, less a tenth, exceed the limit is rejected without export. In other modes
the SRAM is a cache in front of a DRAM, the graph tells nothing about its use, and every network goes to Vela.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from edgenas.device_profiles import load_device
from edgenas.device_profiles.profile import VELA
from edgenas.device_profiles.vela_compiler import compile_vela
from edgenas.device_profiles.vela_runner import VelaRunner
from edgenas.errors import EdgenasError, MissingDependencyError, UsageError
from edgenas.graph import graph_of
from edgenas.search import Bound, Requirement
from edgenas.space import Architecture
from edgenas.storage import append_jsonl, read_jsonl
from edgenas.workflow.fresh_export import export_fresh

__all__ = ["SRAM_FILE", "VelaMemory", "sram_device", "sram_requirement"]

SRAM_FILE = "sram.jsonl"

_FLAG = "--max-sram-kib"
_ALL_IN_SRAM = ("Shared_Sram", "Sram_Only")
_SURE_SHARE = 0.9
"""Of the graph's feature maps, so much is needed in any case; below the lowest ratio that was seen."""


def sram_device(asked: str | None, devices: list[str]) -> str:
    """The Ethos-U that a limit on SRAM is about, as DEVICE-CONFIGURATION.

    Args:
        asked: the device named with the limit; None takes the first Ethos-U among the devices of the search.
        devices: devices of the search.

    Raises:
        UsageError: it is no device that Vela simulates, or none of the search is, or Vela is not installed.
    """
    for name in devices if asked is None else [asked]:
        profile = load_device(name)
        if profile.kind == VELA:
            chosen = profile.configuration()
            detection = VelaRunner(profile, chosen).probe()
            if not detection.available:
                raise UsageError(f"{_FLAG} asks Vela, which cannot be used here.\n{detection.explain()}")
            return f"{profile.name}-{chosen.name}"
        if asked is not None:
            raise UsageError(
                f"{_FLAG} {asked}=...: Vela does not simulate {asked}. Name an Ethos-U, such as {_FLAG} "
                "ethos-u55-128=256"
            )
    raise UsageError(
        f"{_FLAG} is about an Ethos-U, as Vela simulates it, and no device of this search is one. Name it: {_FLAG} "
        "ethos-u55-128=256, or search for it: --device ethos-u55-128"
    )


class VelaMemory:
    """The SRAM of networks by Vela, each asked for once.

    Args:
        device: as `sram_device` gives it.
        folder: run folder whose `sram.jsonl` keeps the figures; None keeps them in memory alone.
    """

    def __init__(self, device: str, folder: Path | None) -> None:
        self.device = device
        profile = load_device(device)
        self._configuration = profile.configuration()
        self._file = None if folder is None else folder / SRAM_FILE
        self._known: dict[str, float | str] = {}
        if self._file is not None and self._file.exists():
            for row in read_jsonl(self._file):
                if row.get("device") == device:
                    self._known[str(row["hash"])] = row["error"] or float(row["sram_kib"])

    @property
    def estimates(self) -> bool:
        """Whether the graph tells what a network needs in any case."""
        return self._configuration.memory in _ALL_IN_SRAM

    def at_least_kib(self, architecture: Architecture) -> float | None:
        """What a network needs in any case, from its graph; None where that cannot be told."""
        if not self.estimates:
            return None
        return _SURE_SHARE * graph_of(architecture, self._configuration.dtype).peak_activation_bytes / 1024

    def kib(self, architecture: Architecture) -> float | str:
        """What Vela says of the exported network, or why it says nothing.

        Raises:
            MissingDependencyError: TensorFlow or ethos-u-vela is not installed.
        """
        if architecture.hash not in self._known:
            found = self._ask(architecture)
            self._known[architecture.hash] = found
            if self._file is not None:
                error = found if isinstance(found, str) else ""
                figure = None if isinstance(found, str) else found
                row = {"hash": architecture.hash, "device": self.device, "sram_kib": figure, "error": error}
                # It only saves asking again. A full disk pauses the search when the trial is stored, see `Patience`.
                with contextlib.suppress(EdgenasError):
                    append_jsonl(self._file, {**row, "source": "simulated"})
        return self._known[architecture.hash]

    def _ask(self, architecture: Architecture) -> float | str:
        try:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.tflite"
                export_fresh(architecture, self._configuration.dtype, path)
                return compile_vela(path, self._configuration).sram_bytes / 1024
        except MissingDependencyError:
            raise
        except EdgenasError as error:
            return str(error)


def sram_requirement(most_kib: float, memory: VelaMemory) -> Requirement:
    """At most so many KiB of SRAM; a network of which Vela says nothing is rejected too, with Vela's reason."""

    def problem(architecture: Architecture) -> str:
        least = memory.at_least_kib(architecture)
        more = f"more than {_FLAG} {most_kib:.10g}"
        if least is not None and least > most_kib:
            return f"at least {least:,.0f} KiB of SRAM on {memory.device} (estimated from the graph), {more}"
        found = memory.kib(architecture)
        if isinstance(found, str):
            return f"no figure for its SRAM on {memory.device}: {found}"
        return f"{found:,.1f} KiB of SRAM on {memory.device} (simulated), {more}" if found > most_kib else ""

    bound = Bound(
        _FLAG,
        lambda architecture: memory.at_least_kib(architecture) or 0.0,
        most_kib,
        lambda amount: f"at least {amount:,.0f} KiB of SRAM on {memory.device} (estimated from the graph)",
        memory.device,
    )
    return Requirement("max_sram_kib", problem, bound if memory.estimates else None)
