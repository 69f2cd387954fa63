"""What a benchmark tool's output says, with what is missing in it or contradicts itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

__all__ = ["BenchmarkLog", "DelegateUse", "OperatorTime", "plain_text"]


def plain_text(text: str | bytes) -> str:
    """A name of a damaged file as text that terminals and JSON can hold: what is no UTF-8 becomes "?" or U+FFFD."""
    return (text if isinstance(text, bytes) else text.encode(errors="replace")).decode(errors="replace")


@dataclass(frozen=True, slots=True)
class OperatorTime:
    """Time of one operator, averaged over the timed runs.

    Attributes:
        tag: the runtime's name of the kernel, e.g. "CONV_2D" or "Convolution (NHWC, QU8) IGEMM".
        name: the operator's own name, e.g. "[Identity]:11"; may hold commas and semicolons.
        avg_ms: mean time of one inference spent in it.
        times_called: calls per inference.
        graph: "primary", "subgraph N", or "delegate" for what a delegate runs inside its own node.
    """

    tag: str
    name: str
    avg_ms: float
    times_called: int
    graph: str = "primary"


@dataclass(frozen=True, slots=True)
class DelegateUse:
    """What one delegate took.

    Attributes:
        name: e.g. "TfLiteXNNPackDelegate".
        nodes: operators that it replaced.
        total_nodes: operators before.
        partitions: pieces that the graph fell into.
    """

    name: str
    nodes: int
    total_nodes: int
    partitions: int


@dataclass(frozen=True, slots=True)
class BenchmarkLog:
    """One run of a benchmark tool. None stands for what the log does not say.

    Attributes:
        source: what was read: "benchmark_model stdout", "benchmark_model csv", "benchmark_model profile proto",
            "benchmark_model result proto", "benchmark_litert_model stdout" or "litert-benchmark json".
        model: name of the model as the tool was given it, "" where unknown.
        avg_ms: mean of the timed runs, milliseconds; never that of the warm-up.
        median_ms: their median.
        min_ms: shortest of them.
        max_ms: longest of them.
        std_ms: their standard deviation.
        p5_ms: 5th percentile.
        p95_ms: 95th percentile.
        first_ms: the very first inference, which is the first of the warm-up.
        warmup_avg_ms: mean of the warm-up.
        init_ms: loading the model and preparing the interpreter.
        runs: number of timed runs.
        warmup_runs: number of warm-up runs.
        threads: threads of the CPU, None where the tool chose itself (it logs -1 then).
        delegates: what delegates took, in the order of the log.
        cpu_fallback: an accelerator was asked for and took nothing of the graph; None where none was asked for or the
            log does not tell.
        model_size_bytes: (smallest, largest) size of the model's file that the log's rounding allows.
        memory_init_mb: memory footprint after loading, MiB.
        memory_overall_mb: after the runs.
        memory_peak_mb: largest, where it was watched.
        operators: times of the operators.
        operators_total_ms: mean time of all operators of one inference as the tool states it.
        options: the tool's options as it printed them, label to text.
        version: what the log says about the runtime's version, "" where nothing.
        confirmed: names of the figures that the log states twice, and alike; a digit lost within any other cannot be
            noticed unless the order of the figures shows it.
        partial: something is missing or contradicts itself: the figures that are left may be wrong or too few.
        problems: what is missing, contradictory or uncheckable, one sentence each.
    """

    source: str
    model: str = ""
    avg_ms: float | None = None
    median_ms: float | None = None
    min_ms: float | None = None
    max_ms: float | None = None
    std_ms: float | None = None
    p5_ms: float | None = None
    p95_ms: float | None = None
    first_ms: float | None = None
    warmup_avg_ms: float | None = None
    init_ms: float | None = None
    runs: int | None = None
    warmup_runs: int | None = None
    threads: int | None = None
    delegates: tuple[DelegateUse, ...] = ()
    cpu_fallback: bool | None = None
    model_size_bytes: tuple[int, int] | None = None
    memory_init_mb: float | None = None
    memory_overall_mb: float | None = None
    memory_peak_mb: float | None = None
    operators: tuple[OperatorTime, ...] = ()
    operators_total_ms: float | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    confirmed: tuple[str, ...] = ()
    partial: bool = False
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Every figure as plain values for JSON."""
        values: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        for name in ("operators", "delegates"):
            values[name] = [{f.name: getattr(one, f.name) for f in fields(one)} for one in values[name]]
        values["options"] = dict(self.options)
        for name in ("confirmed", "problems", "model_size_bytes"):
            values[name] = None if values[name] is None else list(values[name])
        return values
