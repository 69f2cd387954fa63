"""Logs of edgetpu_compiler, its stdout and its `*_edgetpu.log`, of versions 1.0 to 16.

Lines are known by their labels, never by their number. Real outputs: google-coral/edgetpu issues 4, 60, 168, 211, 393,
411, 427, 518, 557, 572, 669, 671, 686, 800, 829 and 879. The total, the TPU and CPU lines and the table check each
other; what nothing checks is said in `problems`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edgenas.compatibility.compiler_log_lines import (
    MAPPED,
    STATUSES,
    Block,
    read_blocks,
    size_bytes,
)
from edgenas.errors import UsageError

__all__ = ["MAPPED", "STATUSES", "CompilerLog", "CompilerOperation", "parse_compiler_log"]

_COUNT = re.compile(r"\d{1,9}")
_REQUIRED = ("input size", "output size", "used", "off-chip", "subgraphs", "total", "operation log")


@dataclass(frozen=True, slots=True)
class CompilerOperation:
    """One row of the compiler's table; an operator stands on one row per status.

    Attributes:
        type: TFLite's name of the operator, e.g. "CONV_2D".
        count: operators of this type with this status.
        status: the compiler's words, e.g. "Mapped to Edge TPU"; see `STATUSES`.
    """

    type: str
    count: int
    status: str

    @property
    def mapped(self) -> bool:
        """Whether these run on the Edge TPU."""
        return self.status == MAPPED


@dataclass(frozen=True, slots=True)
class CompilerLog:
    """What the compiler said about one model, or one segment of it. None stands for what the log does not say.

    Attributes:
        version: version of the compiler, "" where the log lacks it.
        input_model: name of the model as it was given to the compiler, "" where unknown.
        output_model: name of what it wrote.
        on_chip_used_bytes: parameter memory used on the chip; the log rounds to 0.01 of its unit.
        on_chip_remaining_bytes: what is left of it; versions before 2.1 state what is available, less what is used.
        off_chip_bytes: parameters streamed in each inference.
        edgetpu_subgraphs: number of custom operators.
        total_operations: operators of the input model.
        operations: rows of the table, in its order.
        mapped_count: operators that run on the Edge TPU.
        unmapped_count: operators that run on the CPU.
        failure: why there is no compiled model, "" where there is one.
        partial: something is missing or contradicts itself: do not rely on the figures.
        problems: what is wrong with the log, or cannot be checked, one sentence each.
        failed_attempts: failed attempts of `--search_delegate` before this outcome.
    """

    version: str = ""
    input_model: str = ""
    output_model: str = ""
    on_chip_used_bytes: int | None = None
    on_chip_remaining_bytes: int | None = None
    off_chip_bytes: int | None = None
    edgetpu_subgraphs: int | None = None
    total_operations: int | None = None
    operations: tuple[CompilerOperation, ...] = ()
    mapped_count: int | None = None
    unmapped_count: int | None = None
    failure: str = ""
    partial: bool = False
    problems: tuple[str, ...] = ()
    failed_attempts: int = 0


def parse_compiler_log(text: str) -> list[CompilerLog]:
    """Reads the output or the log file of edgetpu_compiler.

    Args:
        text: stdout (with or without `--show_operations`), or a `*_edgetpu.log`; several of them one after the other
            and those of `--num_segments` and of several models compiled together give several results.

    Returns:
        One result per model or segment, in the order of the text. Failed attempts of `--search_delegate` are counted
        in the result that follows them.

    Raises:
        UsageError: nothing in it is edgetpu_compiler's.
    """
    blocks = read_blocks(text)
    if not blocks:
        raise UsageError(
            "This is no output of edgetpu_compiler: expected 'Edge TPU Compiler version ...' or a table of operators "
            "('Operator  Count  Status'). Save what the compiler prints with: edgetpu_compiler -s MODEL.tflite > FILE"
        )
    logs: list[CompilerLog] = []
    attempts = 0
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        if block.failures and following is not None and following.continues_search:
            attempts += 1
            continue
        logs.append(_judge(block, attempts))
        attempts = 0
    return logs


def _judge(block: Block, attempts: int) -> CompilerLog:
    problems, broken = list(block.notes), list(block.broken)
    values = block.values
    sizes = {key: _size(values, key, broken) for key in ("used", "remaining", "available", "off-chip")}
    counts = {key: _count(values, key, broken) for key in ("subgraphs", "total", "on tpu", "on cpu")}
    remaining = sizes["remaining"]
    if remaining is None and sizes["available"] is not None and sizes["used"] is not None:
        remaining = max(sizes["available"] - sizes["used"], 0)
    failure = block.failure
    operations = tuple(CompilerOperation(*row) for row in block.rows)
    mapped = unmapped = None
    if not failure:
        _find_missing(block, broken)
        mapped, unmapped = _mapped_counts(block, operations, counts, problems, broken)
    elif not block.failures:
        broken.append("The log ends without an outcome: the compiler crashed, or the log is cut.")
    elif "input model" in values or operations:
        broken.append(f"The log tells of success and of a failure ({failure}).")
    return CompilerLog(
        version=values.get("version", ""),
        input_model=values.get("input model", ""),
        output_model=values.get("output model", ""),
        on_chip_used_bytes=sizes["used"],
        on_chip_remaining_bytes=remaining,
        off_chip_bytes=sizes["off-chip"],
        edgetpu_subgraphs=counts["subgraphs"],
        total_operations=counts["total"],
        operations=operations,
        mapped_count=mapped,
        unmapped_count=unmapped,
        failure=failure,
        partial=bool(broken),
        problems=tuple(dict.fromkeys((*broken, *problems))),
        failed_attempts=attempts,
    )


def _size(values: dict[str, str], key: str, broken: list[str]) -> int | None:
    if key not in values:
        return None
    size = size_bytes(values[key])
    if size is None:
        broken.append(
            f"The size {values[key]!r} ({key}) is not written as the compiler writes it, e.g. '6.08MiB'."
        )
    return size


def _count(values: dict[str, str], key: str, broken: list[str]) -> int | None:
    if key not in values:
        return None
    if not _COUNT.fullmatch(values[key]):
        broken.append(f"{values[key]!r} ({key}) is no number.")
        return None
    return int(values[key])


def _find_missing(block: Block, broken: list[str]) -> None:
    """Notes what a whole log of this kind would have."""
    if not block.values.get("version"):
        broken.append("The line with the compiler's version is missing.")
    if block.is_operation_log:
        if not block.rows:
            broken.append("The table of operators is missing.")
        if block.of_stdout:
            broken.append("Lines of a log file and of what the compiler prints are mixed.")
        lacking = [key for key in ("input model", "output model") if key not in block.values]
    else:
        lacking = [key for key in ("input model", "output model", *_REQUIRED) if key not in block.values]
        if not {"remaining", "available"} & block.values.keys():
            lacking.append("remaining")
        if not (block.refers_to_log or block.has_table):
            broken.append("The log ends before its table or its reference to the operation log.")
        if block.timed and not block.succeeded:
            broken.append("The line 'Compilation succeeded!' is missing.")
    if lacking:
        broken.append(f"Lines are missing: {', '.join(lacking)}.")


def _mapped_counts(
    block: Block,
    operations: Sequence[CompilerOperation],
    counts: dict[str, int | None],
    problems: list[str],
    broken: list[str],
) -> tuple[int | None, int | None]:
    """Counts of mapped and unmapped operators, (None, None) where the parts of the log contradict each other."""
    total, on_tpu, on_cpu = counts["total"], counts["on tpu"], counts["on cpu"]
    stated = (on_tpu, on_cpu) if on_tpu is not None and on_cpu is not None else None
    contradictions = []
    if (on_tpu is None) != (on_cpu is None) or (block.says_not_all and stated is None):
        contradictions.append(
            "Only a part of the lines about operations on the Edge TPU and the CPU is there."
        )
    if stated and total is not None and sum(stated) != total:
        contradictions.append(
            f"{stated[0]} operations on the Edge TPU and {stated[1]} on the CPU are not {total}."
        )
    if block.says_not_all and on_cpu == 0:
        contradictions.append("The log says that not all operations are mapped, and that none is left.")
    if operations:
        unknown = sorted({o.status for o in operations if o.status not in STATUSES})
        if unknown:
            contradictions.append(f"Unknown status: {', '.join(map(repr, unknown))}.")
        summed = (
            sum(o.count for o in operations if o.mapped),
            sum(o.count for o in operations if not o.mapped),
        )
        if total is not None and sum(summed) != total:
            contradictions.append(f"The table holds {sum(summed)} operations, the total is {total}.")
        elif total is not None and (stated or (total, 0)) != summed:
            contradictions.append(
                f"The table has {summed[0]} mapped and {summed[1]} other operations, the summary {stated or total}."
            )
        elif total is None:
            problems.append(
                "No total stands in the log: rows that are missing at its end would not be noticed."
            )
            broken.extend(block.doubts)
        result = summed
    elif block.has_table:
        contradictions.append("The table of operators is empty.")
        result = (0, 0)
    elif stated and total is not None:
        result = stated
    elif total is not None and block.refers_to_log and not contradictions:
        problems.append("That all operations are mapped follows only from the missing line about the CPU.")
        result = (total, 0)
    else:
        return None, None
    if contradictions:
        broken.extend(contradictions)
        return None, None
    return result
