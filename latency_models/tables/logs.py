"""Recorded logs of benchmark tools as a column of measurements; the networks are read from their .tflite files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.compatibility.compiler_log import CompilerLog, parse_compiler_log
from edgenas.device_profiles.benchmark_logs import BenchmarkLog
from edgenas.device_profiles.benchmark_logs.read import (
    MOST_BYTES,
    read_benchmark_logs,
    read_litert_logs,
    text_of,
)
from edgenas.errors import EdgenasError, MissingDependencyError, UsageError, no_such_file, unknown_name
from edgenas.graph.opgraph import OpGraph
from edgenas.graph.tflite import read_tflite
from edgenas.latency_models.tables.column import MeasuredColumn, Origin
from edgenas.latency_models.tables.read import LOG_FORMATS
from edgenas.storage import read_file

__all__ = ["LogRecord", "column_of_logs", "read_logs"]

_COMPILED = ("edgetpu-custom-op", "ethos-u")


@dataclass(frozen=True)
class LogRecord:
    """What one file holds of one run; several runs of a file are several records.

    Attributes:
        file: the file.
        log: what was read, None where nothing could be.
        error: why nothing could be read, "" otherwise.
    """

    file: Path
    log: BenchmarkLog | CompilerLog | None = None
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Every figure as plain values for JSON; "error" in place of them where nothing was read."""
        if self.log is None:
            return {"file": str(self.file), "error": self.error}
        if isinstance(self.log, BenchmarkLog):
            return {"file": str(self.file), **self.log.to_dict()}
        values = asdict(self.log)
        values["operations"] = list(values["operations"])
        values["problems"] = list(values["problems"])
        return {"file": str(self.file), **values}


def read_logs(format: str, files: Sequence[Path]) -> list[LogRecord]:
    """Reads log files; a file that cannot be read is a record with an error.

    Args:
        format: one of `LOG_FORMATS`.
        files: the files.

    Raises:
        UsageError: the format is unknown, or no file is given.
        MissingDependencyError: a file needs a package that is not installed.
    """
    if format not in LOG_FORMATS:
        raise unknown_name("log format", format, LOG_FORMATS, "edgenas latency import --help")
    if not files:
        raise UsageError(f"No file of the format {format!r} is given. Name at least one.")
    records: list[LogRecord] = []
    for file in files:
        try:
            records.extend(LogRecord(file, log) for log in _read(format, file))
        except MissingDependencyError:
            raise
        except EdgenasError as error:
            records.append(LogRecord(file, error=str(error)))
    return records


def _read(format: str, file: Path) -> Sequence[BenchmarkLog | CompilerLog]:
    if format == "benchmark-model":
        return read_benchmark_logs(file)
    if format == "litert-benchmark":
        return read_litert_logs(file)
    text = text_of(read_file(file, most_bytes=MOST_BYTES))
    if text is None:
        raise UsageError(f"{file} is binary. Expected what edgetpu_compiler printed, or its *_edgetpu.log.")
    return parse_compiler_log(text)


def column_of_logs(
    records: Iterable[LogRecord],
    column: str,
    *,
    models: Path | None = None,
    allow_partial: bool = False,
    tell: Callable[[str], None],
) -> MeasuredColumn:
    """The latencies of logs with their networks.

    A network's latency is the median of its runs where the tool gives it, else their mean; several logs of one network
    give the median of these. A network is found by the file name that the log holds, and by its size.

    Args:
        records: what was read.
        column: name of the column, the device's.
        models: folder of the .tflite files, searched with its subfolders, or one file; by default the folder of each
            log alone.
        allow_partial: takes flagged logs too, and those of a delegate that took nothing.
        tell: is told what is left out and why.

    Raises:
        UsageError: nothing is left, the models cannot be found, or the logs are of different numbers of threads.
    """
    if models is not None and not models.exists():
        raise no_such_file(models)
    kept: dict[str, list[tuple[LogRecord, float, float]]] = {}
    graphs: dict[str, OpGraph] = {}
    paths: dict[str, Path] = {}
    threads: dict[int | None, Path] = {}
    sources: dict[str, None] = {}
    for record in records:
        log = record.log
        reason = record.error or _unusable(log, allow_partial)
        if not isinstance(log, BenchmarkLog) or reason:
            tell(f"{record.file}: left out of the table: {reason}")
            continue
        try:
            path = _model_of(record.file, log, models)
            graph = _graph(path)
        except EdgenasError as error:
            tell(f"{record.file}: left out of the table: {error}")
            continue
        name = path.stem
        if paths.setdefault(name, path) != path:
            tell(f"{record.file}: left out of the table: {path} and {paths[name]} have one name. Rename one.")
            continue
        graphs.setdefault(name, graph)
        latency_ms = log.median_ms if log.median_ms is not None else log.avg_ms
        spread_ms = log.std_ms if log.std_ms is not None else float("nan")
        kept.setdefault(name, []).append((record, float(latency_ms or 0.0), spread_ms))
        threads.setdefault(log.threads, record.file)
        sources[log.source] = None
    if not kept:
        raise UsageError(
            "No log is left for the table: see above why. Name the folder of the measured .tflite files with "
            "--models FOLDER, or take flagged logs too with --allow-partial."
        )
    if len(threads) > 1:
        (one, first), (other, second), *_ = threads.items()
        raise UsageError(
            f"The logs are of different numbers of threads: {one or 'unknown'} in {first}, {other or 'unknown'} in "
            f"{second}. A column is of one configuration: import them into a table each."
        )
    return _column(column, kept, graphs, tuple(sources), next(iter(threads)))


def _column(
    column: str,
    kept: dict[str, list[tuple[LogRecord, float, float]]],
    graphs: dict[str, OpGraph],
    sources: Sequence[str],
    threads: int | None,
) -> MeasuredColumn:
    latencies_ms = [float(np.median([latency for _, latency, _ in logs])) for logs in kept.values()]
    # With several logs of one network the widest spread is the careful one.
    spreads_ms = [float(np.max([spread for _, _, spread in logs])) for logs in kept.values()]
    notes = [
        "A latency is the median of a log's runs where its tool prints it, else their mean.",
        f"Threads of the CPU: {threads or 'not in the logs'}.",
    ]
    repeated = sum(len(logs) > 1 for logs in kept.values())
    if repeated:
        notes.append(f"{repeated} networks have several logs; their median was taken.")
    flagged = sum(bool(record.log and record.log.partial) for logs in kept.values() for record, _, _ in logs)
    if flagged:
        notes.append(f"{flagged} logs are flagged as partial and were taken all the same.")
    return MeasuredColumn(
        name=column,
        names=tuple(kept),
        families=tuple(kept),
        graphs=tuple(graphs[name] for name in kept),
        latency_ms=np.array(latencies_ms, np.float64),
        spread_ms=np.array(spreads_ms, np.float64),
        rows=tuple(range(1, len(kept) + 1)),
        origin=Origin(f"own logs of {', '.join(sources)}", "unstated"),
        notes=tuple(notes),
    )


def _unusable(log: BenchmarkLog | CompilerLog | None, allow_partial: bool) -> str:
    """Why a log gives no row, "" if it gives one."""
    if not isinstance(log, BenchmarkLog):
        return "a compiler's log holds no latency. Import it without --out."
    if log.avg_ms is None and log.median_ms is None:
        return "it holds no time of a whole inference."
    if allow_partial:
        return ""
    if log.partial:
        return f"it is flagged: {'; '.join(log.problems)} Take it all the same with --allow-partial."
    if log.cpu_fallback:
        return "the delegate took nothing, these are times of the CPU. Take them all the same with --allow-partial."
    return ""


def _model_of(file: Path, log: BenchmarkLog, models: Path | None) -> Path:
    """The measured .tflite file.

    Raises:
        UsageError: there is none, or several, or it is of another size.
    """
    # Windows paths too: the tool prints what it was given.
    name = log.model.replace("\\", "/").rpartition("/")[2]
    if models is not None and models.is_file():
        found = [models] if not name or models.name == name else []
    elif name:
        folder = models or file.parent
        found = (
            sorted(folder.rglob(name)) if models else [path for path in (folder / name,) if path.is_file()]
        )
    else:
        raise UsageError("it does not name its model. Name the one file with --models MODEL.tflite.")
    fitting = [path for path in found if _fits(path, log)]
    if len(fitting) == 1:
        return fitting[0]
    where = models or file.parent
    if not found:
        raise UsageError(f"its model {name!r} is not in {where}. Name its folder with --models FOLDER.")
    if not fitting and log.model_size_bytes is not None:
        low, high = log.model_size_bytes
        raise UsageError(
            f"{found[0]} has {found[0].stat().st_size} bytes, and the measured model has {low} to {high}: it is "
            "another one. Name the folder of the measured one with --models FOLDER."
        )
    listed = ", ".join(map(str, fitting[:4]))
    raise UsageError(f"several files may be its model: {listed}. Name the right folder with --models FOLDER.")


def _fits(path: Path, log: BenchmarkLog) -> bool:
    if log.model_size_bytes is None:
        return True
    low, high = log.model_size_bytes
    return low <= path.stat().st_size <= high


def _graph(path: Path) -> OpGraph:
    graph = read_tflite(path)
    compiled = next((o.type for o in graph.operators if o.type in _COMPILED), None)
    if compiled is not None:
        raise UsageError(
            f"{path} is compiled: its operators are hidden in {compiled!r}. Put the file that it was compiled from "
            "under the same name into a folder, and name that with --models FOLDER."
        )
    return graph
