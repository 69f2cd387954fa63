"""Reading of CSV files: every malformed file is refused with its place, and none ends in a traceback."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from edgenas.errors import UsageError
from edgenas.latency_models.tables.checks import (
    CsvTable,
    latency_of,
    non_negative_of,
    read_csv,
    require_columns,
    unique_rows,
)


@pytest.fixture
def table(tmp_path: Path) -> CsvTable:
    path = tmp_path / "t.csv"
    path.write_bytes(b'\xef\xbb\xbfname, a_ms\r\nx,1.5\r\n\r\n"y, z",2\r\n')
    return read_csv(path)


def test_byte_order_mark_crlf_blank_lines_and_quotes(table: CsvTable) -> None:
    assert table.header == ("name", "a_ms")
    assert table.column("name") == ["x", "y, z"]
    assert table.lines == (2, 4)


def test_comments_before_the_header(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("# source: here\nname,a\nx,1\n")
    table = read_csv(path, comments=True)
    assert (table.header, table.lines) == (("name", "a"), (3,))


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"name,a_ms\n", "no rows"),
        (b"\x80\x02}q\x00", "is no text file: byte 0 is 0x80"),
        (b"PK\x03\x04\x00\x00", "zero bytes"),
        (b"name,a_ms\nx,1\ny", "line 3: expected 2 cells as in the header, got 1"),
        (b"name,a_ms\nx,1,2\n", "line 2: expected 2 cells"),
        (b'name,a_ms\n"x,1\n', "line 2: not comma-separated text"),
        (b"name,a_ms,a_ms\nx,1,2\n", "names a column twice: 'a_ms'"),
    ],
)
def test_malformed_files(tmp_path: Path, data: bytes, match: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=match):
        read_csv(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a\n1\n")
    with pytest.raises(UsageError, match=r"No such file: .*Did you mean 'table\.csv'"):
        read_csv(tmp_path / "tables.csv")
    with pytest.raises(UsageError, match="Cannot read"):
        read_csv(tmp_path)


def test_missing_column(table: CsvTable) -> None:
    with pytest.raises(
        UsageError,
        match=r"t\.csv is no table of the format 'x': expected the column 'b', found 'name', 'a_ms'",
    ):
        require_columns(table, ("name", "b"), "x")


@pytest.mark.parametrize("text", ["", " ", "nan", "NaN", "NA", "n/a", "-"])
def test_not_measured(table: CsvTable, text: str) -> None:
    assert latency_of(table, 0, "a_ms", text) is None


@pytest.mark.parametrize("text", ["0", "-2", "-1", "inf", "-inf", "1,5", "fast", "1 ms", "0x10"])
def test_bad_latencies_are_named_by_place(table: CsvTable, text: str) -> None:
    with pytest.raises(
        UsageError, match=r"t\.csv, line 4, column 'a_ms': expected a latency.*empty it if nothing"
    ):
        latency_of(table, 1, "a_ms", text)


def test_failures_where_the_format_has_them(table: CsvTable) -> None:
    value = latency_of(table, 0, "a_ms", "-1.0", failed="-1")
    assert value is not None and math.isnan(value)
    with pytest.raises(UsageError, match="or -1 for a network that would not run"):
        latency_of(table, 0, "a_ms", "-2", failed="-1")
    assert latency_of(table, 0, "a_ms", " 2.5 ", failed="-1") == 2.5


def test_spreads(table: CsvTable) -> None:
    assert non_negative_of(table, 0, "s", "0") == 0.0
    assert math.isnan(non_negative_of(table, 0, "s", ""))
    with pytest.raises(UsageError, match="expected a number of at least 0"):
        non_negative_of(table, 0, "s", "-0.1")


def test_unique_rows() -> None:
    assert unique_rows(["a", "b", "a", "c", "a"]) == ([0, 1, 3], 2)
