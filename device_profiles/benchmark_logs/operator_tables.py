"""Tables of operators: those of stdout and those of `--op_profiling_output_mode=csv`, with and without "start".

Columns are known by their names. Each table states its times three times over (per operator, in percent, per type of
operator), which is how a damaged one is found out. Source: xla/tsl/util/stats_calculator.cc (and the older
tensorflow/core/util/stats_calculator.cc) and profile_summary_formatter.cc in tensorflow/tensorflow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from edgenas.device_profiles.benchmark_logs.numbers import NUMBER, alike, milliseconds, number
from edgenas.device_profiles.benchmark_logs.record import OperatorTime
from edgenas.device_profiles.benchmark_logs.statistics_line import Statistics, contradictions, read_statistics

__all__ = ["RUNS", "OperatorTable", "judge_table", "split_tables"]

INITIALIZATION = "Profiling Info for Benchmark Initialization:"
RUNS = "Operator-wise Profiling Info for Regular Benchmark Runs:"

_TITLE = re.compile(r"=+ (Run Order|Top by Computation Time|Top by Memory Use|Summary by node type) =+")
_PRIMARY = re.compile(r"Primary graph(?: \(name: .*\))? (?:profile|summary):")
_SUBGRAPH = re.compile(r"Subgraph \(index: (\d+)(?:, name: .*)?\) (?:profile|summary):")
_DELEGATE = re.compile(r"Delegate internal:\s*")
_TIMINGS = re.compile(r"(?:Subgraph \(index: \d+(?:, name: .*?)?\) )?Timings \(microseconds\): (.*)")
_NODES = re.compile(r"Number of nodes executed: (\d{1,9})")
_OBSERVED = re.compile(r"(\d{1,9}) nodes observed")
_COUNTS = ("count", "times called")
_NAMES = ("node type", "name")


@dataclass
class OperatorTable:
    """The lines about one graph.

    Attributes:
        graph: "primary", "subgraph N" or "delegate".
        initialization: about the preparation of the interpreter instead of the timed runs.
        headed: under a heading that says which of both it is; benchmark_litert_model prints none.
        rows: cells of each operator in the order of execution, by the names of the columns.
        summary: cells of each type of operator.
        fixed: the numbers have three decimals (stdout), instead of six digits (CSV).
        broken: what of it could not be read.
    """

    graph: str = "primary"
    initialization: bool = False
    headed: bool = False
    rows: list[dict[str, str]] = field(default_factory=list)
    summary: list[dict[str, str]] = field(default_factory=list)
    nodes: int | None = None
    observed: int | None = None
    timings: Statistics | None = None
    has_summary: bool = False
    has_top: bool = False
    fixed: bool = True
    broken: list[str] = field(default_factory=list)


def split_tables(lines: Sequence[str]) -> tuple[list[OperatorTable], list[str]]:
    """(tables, lines that belong to none) of a cleaned output."""
    reader = _Reader()
    others = [line for line in lines if not reader.take(line)]
    reader.finish()
    return reader.tables, others


def judge_table(table: OperatorTable) -> tuple[list[OperatorTime], list[str]]:
    """The operators, and what contradicts them; with any contradiction they are not to be used."""
    problems = list(table.broken)
    times: list[OperatorTime] = []
    total_ms = None
    if table.timings is None or table.timings.count == 0:
        problems.append("The line 'Timings (microseconds)' is missing.")
    else:
        problems.extend(contradictions(table.timings))
        total_ms = milliseconds(table.timings.values["avg"])
    if not table.rows or not table.has_summary or not table.has_top:
        problems.append("The table or its summary is missing.")
    for what, stated in (("executed", table.nodes), ("observed", table.observed)):
        if stated != len(table.rows):
            problems.append(f"The table holds {len(table.rows)} operators; {stated} are said to be {what}.")
    cumulated = last_cdf = 0.0
    for row in table.rows:
        cells = _numbers(row, problems)
        if cells is None:
            continue
        times.append(
            OperatorTime(
                row["node type"], row["name"], cells["avg_ms"], int(cells["times called"]), table.graph
            )
        )
        if "%" in cells and "cdf%" in cells:
            cumulated += cells["%"]
            rounding = 0.0006 if table.fixed else 0.00006
            falls = cells["cdf%"] < last_cdf
            last_cdf = cells["cdf%"]
            if falls or not alike(cumulated, cells["cdf%"], least=rounding * (len(times) + 1)):
                problems.append(f"The percentages up to {row['name']!r} do not add up.")
                cumulated = cells["cdf%"]
            if total_ms and cells["times called"] == 1:
                expected = 100.0 * cells["avg_ms"] / total_ms
                # Three decimals are printed on stdout; CSV has six digits, of which three figures lose half a unit.
                slack = 0.0511 / total_ms + 0.00051 if table.fixed else 0.0
                if not alike(expected, cells["%"], least=slack + 1e-5 * expected):
                    problems.append(f"The time and the percentage of {row['name']!r} contradict each other.")
    if times and not alike(cumulated, 100.0, digits=4, least=0.01 * len(times)):
        problems.append(f"The percentages end at {cumulated:g} instead of 100.")
    problems.extend(_compare_summary(table, times))
    return times, problems


def _compare_summary(table: OperatorTable, times: Sequence[OperatorTime]) -> list[str]:
    problems: list[str] = []
    seen = set()
    for row in table.summary:
        cells = _numbers(row, problems)
        kind = row["node type"]
        own = [one for one in times if one.tag == kind]
        if cells is None:
            continue
        if kind in seen:
            problems.append(f"The type {kind!r} is there twice in the summary.")
        seen.add(kind)
        # The summary adds microseconds that were cut to integers.
        slack = 0.0011 * len(own) + 0.001
        if int(cells["count"]) != len(own) or int(cells["times called"]) != sum(
            one.times_called for one in own
        ):
            problems.append(f"The summary counts {cells['count']:g} {kind!r}, the table {len(own)}.")
        called_always = all(one.times_called >= 1 for one in own)
        if called_always and not alike(
            cells["avg_ms"], sum(one.avg_ms for one in own), digits=5, least=slack
        ):
            problems.append(f"The times of {kind!r} do not add up to the summary's.")
    if table.has_summary and seen != {one.tag for one in times}:
        problems.append("The table and its summary name different types of operators.")
    return problems


def _numbers(row: dict[str, str], problems: list[str]) -> dict[str, float] | None:
    cells: dict[str, float] = {}
    for name, text in row.items():
        if name in _NAMES or text.lower().strip("-%") in ("nan", "inf"):
            continue
        text = text.removesuffix("%")
        # A column with three decimals in every row leaves no doubt about a comma.
        value = number(re.sub(r"^(-?\d+),(\d{3})$", r"\1.\2", text))
        if value is None:
            problems.append(f"{text!r} in the column {name!r} is no number.")
            return None
        cells[name] = value
    if "avg_ms" not in cells or "times called" not in cells or cells["avg_ms"] < 0:
        problems.append(f"The row of {row.get('name', row['node type'])!r} has no time.")
        return None
    return cells


class _Reader:
    def __init__(self) -> None:
        self.tables: list[OperatorTable] = []
        self._table: OperatorTable | None = None
        self._initialization = self._headed = False
        self._graph = "primary"
        self._title = ""
        self._header: re.Pattern[str] | None = None
        self._columns: list[str] = []

    def finish(self) -> None:
        if self._table is not None:
            self.tables.append(self._table)
        self._table, self._header, self._title = None, None, ""

    def take(self, line: str) -> bool:
        """Whether the line belongs to a table."""
        text = line.strip().removesuffix("\0")
        cut = line.endswith("\0")
        if text in (INITIALIZATION, RUNS):
            self.finish()
            self._initialization, self._headed, self._graph = text == INITIALIZATION, True, "primary"
            return True
        subgraph = _SUBGRAPH.fullmatch(text)
        if subgraph or _PRIMARY.fullmatch(text) or _DELEGATE.fullmatch(text):
            self.finish()
            self._graph = f"subgraph {subgraph[1]}" if subgraph else "primary"
            if _DELEGATE.fullmatch(text):
                self._graph = "delegate"
            return True
        title = _TITLE.fullmatch(text)
        if title:
            self._begin(title[1])
            return True
        return self._table is not None and self._in_table(text, cut)

    def _begin(self, title: str) -> None:
        if title == "Run Order" or self._table is None:
            self.finish()
            self._table = OperatorTable(self._graph, self._initialization, self._headed)
            if title != "Run Order":
                self._table.broken.append("The head of the table is missing.")
        if title == "Summary by node type" and self._table.has_summary:
            self._table.broken.append("The summary is there twice.")
        self._table.has_summary |= title == "Summary by node type"
        self._table.has_top |= title == "Top by Computation Time"
        self._title, self._header = title, None

    def _in_table(self, text: str, cut: bool) -> bool:
        table = self._table
        if table is None:
            return False
        nodes, observed, timings = _NODES.fullmatch(text), _OBSERVED.fullmatch(text), _TIMINGS.fullmatch(text)
        if nodes:
            table.nodes = _stated(table, table.nodes, int(nodes[1]), cut)
            self._title = ""
        elif timings:
            statistics = read_statistics(timings[1])
            if statistics is None or table.timings is not None or cut:
                table.broken.append("The line 'Timings (microseconds)' is torn or there twice.")
            table.timings, self._title = statistics, ""
        elif observed:
            table.observed = _stated(table, table.observed, int(observed[1]), False)
            self.finish()
        elif text.startswith("Memory (bytes):") or not text:
            pass
        elif self._title and self._header is None:
            self._read_header(table, text)
        elif self._title and self._header is not None:
            self._read_row(table, text, cut)
        else:
            return False
        return True

    def _read_header(self, table: OperatorTable, text: str) -> None:
        if text.startswith("["):
            names = re.findall(r"\[([^\]]+)\]", text)
            separator, table.fixed = r"\s+", True
        else:
            names = [name.strip() for name in text.split(",")]
            separator, table.fixed = (r",\s+" if ", " in text else ","), False
        self._columns = [_known(name) for name in names]
        needed = {
            "node type",
            "avg_ms",
            "times called",
            "count" if self._title == "Summary by node type" else "name",
        }
        if not needed <= set(self._columns) or len(set(self._columns)) != len(self._columns):
            table.broken.append(f"The head of the table is not understood: {text[:100]!r}.")
            self._header = re.compile(r"(?!)")
            return
        parts = []
        for index, name in enumerate(self._columns):
            if name in _COUNTS:
                pattern = r"\d+"
            elif name in _NAMES:
                pattern = r".*" if name == "name" else r".+?"
            else:
                value = r"-?\d+[.,]\d{3}" if table.fixed else NUMBER
                pattern = rf"(?:{value}|-?nan|-?inf){'%' if '%' in name else ''}"
            parts.append(f"(?P<c{index}>{pattern})")
        self._header = re.compile(separator.join(parts))

    def _read_row(self, table: OperatorTable, text: str, cut: bool) -> None:
        match = self._header.fullmatch(text) if self._header else None
        if self._title.startswith("Top by"):
            return
        if not match or cut:
            table.broken.append(f"A row of the table is torn: {text[:100]!r}.")
            return
        row = {name: match[f"c{index}"].strip() for index, name in enumerate(self._columns)}
        if self._title == "Run Order":
            # Names are unique: the profiler keeps its records by name.
            if any(row["name"] == one["name"] and row["node type"] == one["node type"] for one in table.rows):
                table.broken.append(f"The operator {row['name']!r} is there twice.")
            table.rows.append(row)
        else:
            table.summary.append(row)


def _stated(table: OperatorTable, before: int | None, now: int, cut: bool) -> int | None:
    if cut or before not in (None, now):
        table.broken.append("The number of nodes is torn or there twice.")
        return None
    return now


def _known(name: str) -> str:
    """One name for the spellings of a column: "avg ms" of stdout is "avg_ms" of CSV."""
    name = name.strip().lower()
    return {"avg ms": "avg_ms", "avg %": "%", "cdf %": "cdf%"}.get(name, name)
