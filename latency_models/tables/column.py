"""`MeasuredColumn`: what one release measured on one configuration of one device."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgenas.graph.opgraph import OpGraph

__all__ = ["MeasuredColumn", "Origin"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where measurements come from.

    Attributes:
        source: name of the release and its address.
        licence: SPDX name, "unstated" where the release names none.
        commit: version of the release, "" where it is not known.
    """

    source: str
    licence: str
    commit: str = ""


@dataclass(frozen=True)
class MeasuredColumn:
    """Latencies of N networks on one configuration of one device, in the order of the table.

    Attributes:
        name: the table's own name of it without its unit, e.g. "rice_edgetpu" or "pixel4|1large|quant".
        names: unique name of each network.
        families: rows of one family are held out together where families are held out.
        graphs: operators of each network as this release ran it.
        latency_ms: measured latency, NaN where the network would not compile or run.
        spread_ms: standard deviation of its runs, NaN where the table has none.
        rows: line number of each network in the file (the header is line 1), for messages.
        origin: source and licence.
        notes: what was left out of the table and why, one sentence each.
    """

    name: str
    names: tuple[str, ...]
    families: tuple[str, ...]
    graphs: tuple[OpGraph, ...]
    latency_ms: FloatArray
    spread_ms: FloatArray
    rows: tuple[int, ...]
    origin: Origin
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        lengths = {
            len(self.names), len(self.families), len(self.graphs), len(self.latency_ms), len(self.spread_ms),
            len(self.rows),
        }  # fmt: skip
        if len(lengths) != 1:
            raise ValueError(f"The parts of column {self.name!r} differ in length: {sorted(lengths)}.")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def failed(self) -> npt.NDArray[np.bool_]:
        """[N], true where the network would not compile or run."""
        return np.isnan(self.latency_ms)

    def take(self, chosen: npt.NDArray[np.intp]) -> MeasuredColumn:
        """The rows `chosen`, in that order."""
        return MeasuredColumn(
            self.name,
            tuple(self.names[i] for i in chosen),
            tuple(self.families[i] for i in chosen),
            tuple(self.graphs[i] for i in chosen),
            self.latency_ms[chosen],
            self.spread_ms[chosen],
            tuple(self.rows[i] for i in chosen),
            self.origin,
            self.notes,
        )
