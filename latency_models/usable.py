"""Which rows of a measured column can be compared with predictions, and whether its unit is what its header says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgenas.errors import UsageError
from edgenas.graph.opgraph import OpGraph
from edgenas.latency_models.tables.column import MeasuredColumn

__all__ = ["Usable", "check_unit", "depends_on_input", "usable_rows"]

FloatArray = npt.NDArray[np.float64]

# Arithmetic per second of whole networks: a Raspberry Pi 4 in float reaches some 1e9 multiply-accumulates per
# second, the Edge TPU 4e10 on tiny networks. A table in microseconds read as milliseconds shows a thousandth.
_SLOWEST_MACS_PER_S, _QUICKEST_MACS_PER_S = 6e7, 2e13
_OTHER_UNIT = 100.0


@dataclass(frozen=True)
class Usable:
    """Rows that ran and whose output depends on their input.

    Attributes:
        column: those rows.
        failed: rows that would not compile or run.
        constant: rows that were left out because they compute a constant, which converters evaluate beforehand.
    """

    column: MeasuredColumn
    failed: int
    constant: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, one sentence each, together with the notes of the table."""
        found = list(self.column.notes)
        if self.failed:
            found.append(f"{self.failed} networks would not compile or run there: left out.")
        if self.constant:
            found.append(f"{self.constant} networks whose output does not depend on their input: left out.")
        return tuple(found)


def usable_rows(column: MeasuredColumn) -> Usable:
    """Leaves out rows without a latency and networks that compute a constant."""
    constant = np.array([not depends_on_input(graph) for graph in column.graphs], dtype=bool)
    keep = np.flatnonzero(~column.failed & ~constant)
    return Usable(column.take(keep), int(column.failed.sum()), int((constant & ~column.failed).sum()))


def depends_on_input(graph: OpGraph) -> bool:
    """Whether some output of the network is reached from some input."""
    reached = set(graph.inputs)
    for reads, writes in graph.wiring:
        if not reached.isdisjoint(reads):
            reached.update(writes)
    return not reached.isdisjoint(graph.outputs)


def check_unit(column: MeasuredColumn, expected_ms: FloatArray | None = None) -> None:
    """Refuses latencies that cannot be milliseconds.

    Args:
        column: usable rows.
        expected_ms: predictions for the rows [N], where there is a predictor; else the arithmetic per second that
            the latencies would mean is judged.

    Raises:
        UsageError: the whole column, or a single row, is off by a factor of a hundred or more.
    """
    if not len(column):
        return
    if expected_ms is not None:
        ratios = column.latency_ms / expected_ms
        typical = float(np.median(ratios))
        if not 1 / _OTHER_UNIT < typical < _OTHER_UNIT:
            raise _wrong_unit(column, f"they are {typical:.3g} times what its predictor expects")
        own = ratios / typical
    else:
        macs = np.array([max(1, graph.macs) for graph in column.graphs], dtype=np.float64)
        speed = macs / (column.latency_ms * 1e-3)
        typical = float(np.median(speed))
        if not _SLOWEST_MACS_PER_S < typical < _QUICKEST_MACS_PER_S:
            raise _wrong_unit(
                column,
                f"they would mean {typical:.2g} multiply-accumulates per second, where "
                f"{_SLOWEST_MACS_PER_S:.0e} to {_QUICKEST_MACS_PER_S:.0e} are plausible",
            )
        own = typical / speed
    odd = np.flatnonzero((own > _OTHER_UNIT) | (own < 1 / _OTHER_UNIT))
    if len(odd):
        row = int(odd[0])
        raise UsageError(
            f"Line {column.rows[row]}, column {column.name!r}: {column.latency_ms[row]:.6g} ms for "
            f"{column.names[row]!r} is {own[row]:.3g} times what the other rows lead to expect ({len(odd)} such rows). "
            "Expected milliseconds in the whole column. Correct or remove these rows."
        )


def _wrong_unit(column: MeasuredColumn, reason: str) -> UsageError:
    return UsageError(
        f"Column {column.name!r} does not hold milliseconds: its median is {np.median(column.latency_ms):.4g}, and "
        f"{reason}. Convert it (microseconds: divide by 1000) or correct its name, then try again."
    )
