"""The lines of edgetpu_compiler's output, taken apart into one block per model or segment."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["MAPPED", "STATUSES", "Block", "read_blocks", "size_bytes"]

MAPPED = "Mapped to Edge TPU"

STATUSES = (
    MAPPED,
    "Operation is otherwise supported, but not mapped due to some unspecified limitation",
    "More than one subgraph is not supported",
    "Operation version not supported",
    "Operation not supported",
    "Operation is working on an unsupported data type",
    "Filter, bias, or other param is not constant at compile-time",
    "For example, a fully-connected or softmax layer with 2D output",
    "Tensor has unsupported rank",
    "Tensor has unsupported rank (up to 3 innermost dimensions mapped)",
    "Attempting to use a delegate that only supports static-sized tensors with a graph that has dynamic-sized tensors",
)
"""Every status seen in public logs: google-coral/edgetpu issues 25, 27, 75, 342, 490 and others, and formats.md."""

_LABELS = {
    "Input model": "input model",
    "Input": "input model",
    "Input size": "input size",
    "Output model": "output model",
    "Output": "output model",
    "Output size": "output size",
    "On-chip memory available for caching model parameters": "available",
    "On-chip memory used for caching model parameters": "used",
    "On-chip memory remaining for caching model parameters": "remaining",
    "Off-chip memory used for streaming uncached model parameters": "off-chip",
    "Number of Edge TPU subgraphs": "subgraphs",
    "Total number of operations": "total",
    "Operation log": "operation log",
    "Number of operations that will run on Edge TPU": "on tpu",
    "Number of operations that will run on CPU": "on cpu",
}
_RANKS = {key: rank for rank, key in enumerate(dict.fromkeys(_LABELS.values()))}
_TABLE_RANK = len(_RANKS)

_VERSION = re.compile(r"Edge TPU Compiler version (\d+(?:\.\d+)+)")
_HEADER = re.compile(r"\s*(Operator)\s+(Count)\s+(Status)\s*")
_TYPE_WIDTH = 30  # The compiler fills the type up to this width.
_ROW = re.compile(r"\s*([A-Z][A-Z0-9_]*)\s+(\d{1,9})\s+(\S.*?)\s*")
_SIZE = re.compile(r"(\d{1,4}\.\d\d)(B|KiB|MiB|GiB)")
_SCALES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_FAILURES = (
    re.compile(r"Compilation failed: (?P<reason>.+)"),
    re.compile(r"(?P<reason>Compilation failed due to .+)"),
    re.compile(r"(?P<reason>Compilation timeout\..*)"),
    re.compile(r"(?P<reason>Internal compiler error\..*)"),
    re.compile(r"(?P<reason>Invalid model: .+)"),
    re.compile(r"(?P<reason>Model (?:not quantized|could not be parsed).*)"),
    re.compile(r"(?P<reason>terminat(?:e|ing) (?:called|with) .+)"),
    re.compile(r".*(?P<reason>Segmentation fault(?: \(core dumped\))?).*"),
)
_BARE_FAILURE = "Compilation failed!"
_IGNORED = re.compile(
    r"(?:Compilation child process completed within timeout period\.|Intermediate tensors: .*|WARNING: .*|Warning: .*|"
    r"INFO: .*|A percentage of the model will instead.*|If possible, consider updating.*)"
)


@dataclass
class Block:
    """Lines about one model or segment.

    Attributes:
        values: text behind each label, by the short names of `_LABELS`; "version" too.
        rows: (type, count, status) of the table.
        failures: reasons of a failure as the log words them.
        errors: TFLite's own error lines.
        broken: contradictions found while reading.
        notes: harmless oddities.
        doubts: oddities that matter where the table cannot be checked against a total.
        continues_search: begins as a further attempt of `--search_delegate`.
    """

    values: dict[str, str] = field(default_factory=dict)
    rows: list[tuple[str, int, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    continues_search: bool = False
    timed: bool = False
    compiled: bool = False
    succeeded: bool = False
    says_not_all: bool = False
    refers_to_log: bool = False
    has_table: bool = False
    is_operation_log: bool = False
    rank: int = -1
    columns: tuple[int, ...] = ()

    @property
    def begun(self) -> bool:
        """Whether anything beyond the version has been read."""
        return bool(
            self.values.keys() - {"version"} or self.rows or self.failures or self.timed or self.has_table
        )

    @property
    def of_stdout(self) -> bool:
        """Whether lines are in it that the compiler prints, but does not write into its log file."""
        outcome = self.timed or self.compiled or self.succeeded or self.says_not_all or self.refers_to_log
        return outcome or bool(self.values.keys() - {"version", "input model", "output model"})

    @property
    def failure(self) -> str:
        """The reasons in one text; a log that ends without any outcome is a failure too."""
        reasons = [reason for reason in dict.fromkeys(self.failures) if reason != _BARE_FAILURE]
        if reasons or self.failures:
            return "; ".join([*(reasons or [_BARE_FAILURE]), *dict.fromkeys(self.errors)])
        if self.compiled or self.values.keys() - {"version"} or self.rows or self.has_table:
            return ""
        return "; ".join(["The compiler ended without saying how.", *dict.fromkeys(self.errors)])


def size_bytes(text: str) -> int | None:
    """Bytes of a size as the compiler writes it ("6.08MiB", "0.00B"), None where it would not write it so."""
    match = _SIZE.fullmatch(text)
    if not match or (len(match[1]) > 4 and match[1].startswith("0")) or float(match[1]) >= 1024:
        return None
    if match[2] != "B" and float(match[1]) < 1:
        return None
    return round(float(match[1]) * _SCALES[match[2]])


def read_blocks(text: str) -> list[Block]:
    """Sorts the lines into blocks; lines of others are passed over."""
    reader = _Reader()
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines):
        # Only the last line has no end: what stands on it may have been cut.
        reader.take(line, cut=number == len(lines) - 1)
    return reader.finish()


class _Reader:
    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._block = Block()
        self._run: list[Block] = []

    def finish(self) -> list[Block]:
        self._close()
        return self._blocks

    def take(self, line: str, *, cut: bool) -> None:
        text = line.strip()
        if not text:
            return
        block = self._block
        version = _VERSION.fullmatch(text)
        if version:
            self._close()
            self._block = Block(values={} if cut else {"version": version[1]})
            if cut:
                self._block.broken.append("The log ends within its first line.")
                self._block.values["version"] = ""
            self._run = [self._block]
        elif text.startswith("Started a compilation timeout timer"):
            if block.timed or block.begun:
                self._next()
            self._block.timed = True
        elif text.startswith("Searching for valid delegate"):
            if block.begun:
                self._next()
        elif text.startswith("Try to compile segment with"):
            if block.begun:
                self._next()
                self._block.continues_search = bool(block.failures)
        elif re.fullmatch(r"Models? compiled successfully in \d+ ms\.?", text):
            if block.compiled:
                self._next()
            self._block.compiled = True
        elif text.startswith("Compilation succeeded!"):
            for one in self._run:
                one.succeeded = True
        elif text.startswith("Model successfully compiled but not all operations"):
            block.says_not_all = True
        elif text.startswith("See the operation log file"):
            block.refers_to_log = True
        elif not (self._take_failure(text, cut) or self._take_value(text, cut) or _IGNORED.fullmatch(text)):
            self._take_table(line, text)

    def _take_failure(self, text: str, cut: bool) -> bool:
        if text.startswith("ERROR: "):
            self._block.errors.append(text.removeprefix("ERROR: "))
            return True
        if text == _BARE_FAILURE:
            self._block.failures.append(text)
            return True
        for pattern in _FAILURES:
            match = pattern.fullmatch(text)
            if match:
                self._block.failures.append(match["reason"].strip())
                if cut:
                    self._block.broken.append(f"The log ends within the line {text!r}.")
                return True
        return False

    def _take_value(self, text: str, cut: bool) -> bool:
        label, colon, value = text.partition(":")
        key = _LABELS.get(label)
        if not colon or key is None:
            return False
        value = value.strip()
        if key == "input model" and "input model" in self._block.values and self._block.values[key] != value:
            self._next(same_run=True)
        block = self._block
        block.is_operation_log |= label in ("Input", "Output")
        if cut:
            block.broken.append(f"The log ends within the line {text!r}.")
        elif key in block.values:
            if block.values[key] != value:
                block.broken.append(f"Two values for {label!r}: {block.values.pop(key)!r} and {value!r}.")
                block.values[f"refused {key}"] = value
            else:
                block.notes.append(f"The line {text!r} is there twice.")
        elif f"refused {key}" not in block.values:
            self._in_order(_RANKS[key], label)
            block.values[key] = value
        return True

    def _take_table(self, line: str, text: str) -> None:
        block = self._block
        header = _HEADER.fullmatch(line.expandtabs())
        if header:
            if block.has_table:
                block.broken.append("The head of the table is there twice.")
            self._in_order(_TABLE_RANK, "Operator")
            block.has_table, block.columns = True, tuple(header.start(group) for group in (1, 2, 3))
            if block.columns[1] - block.columns[0] < _TYPE_WIDTH:
                block.notes.append(
                    "The table is not in columns: an operator whose name is torn would not be noticed."
                )
            return
        row = _ROW.fullmatch(line.expandtabs().rstrip())
        if not row or not block.has_table:
            if block.has_table:
                block.doubts.append(f"A line within the table was not understood: {text[:80]!r}.")
            elif row and row[3] in STATUSES:
                block.broken.append("Rows of a table stand before its head.")
            return
        in_columns = block.columns[1] - block.columns[0] >= _TYPE_WIDTH
        if in_columns and tuple(row.start(group) for group in (1, 2, 3)) != block.columns:
            block.broken.append(f"The row of {row[1]} is torn: it is not in line with the head of the table.")
        if any((row[1], row[3]) == (kind, status) for kind, _, status in block.rows):
            block.broken.append(f"The row of {row[1]} with the status {row[3]!r} is there twice.")
            return
        block.rows.append((row[1], int(row[2]), row[3]))

    def _in_order(self, rank: int, label: str) -> None:
        if rank < self._block.rank:
            self._block.broken.append(
                f"The line {label!r} is not at its place: lines of two logs may be mixed."
            )
        self._block.rank = max(rank, self._block.rank)

    def _next(self, *, same_run: bool = False) -> None:
        """Begins the next block of the same call of the compiler."""
        old = self._block
        self._close()
        self._block = Block(values={"version": old.values["version"]} if "version" in old.values else {})
        if same_run:
            self._block.compiled, self._block.timed = old.compiled, old.timed
            self._run.append(self._block)
        else:
            self._run = [self._block]

    def _close(self) -> None:
        if self._block.begun or self._block.values:
            if not self._block.begun and not self._block.broken:
                self._block.broken.append("The log ends after the compiler's version.")
            self._blocks.append(self._block)
