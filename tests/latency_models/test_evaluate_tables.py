"""Tables against predictors: which column is compared with which predictor, and what is refused."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.errors import UsageError
from edgenas.latency_models.evaluate_tables import column_name, evaluate_tables, select_column
from edgenas.latency_models.fit import Fit
from edgenas.latency_models.registry import predictor_folders, user_predictors
from edgenas.latency_models.tables.column import MeasuredColumn

Column = Callable[..., MeasuredColumn]
Write = Callable[..., Path]


@pytest.fixture
def table(tmp_path: Path) -> Write:
    """`table(cells, column_ms=[...], other_ms=[...])` writes a table in the layout of NAS-Bench-201's."""

    def write(cells: Any, name: str = "cells.csv", **columns: Any) -> Path:
        path = tmp_path / name
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["arch_str", *columns])
            writer.writerows(zip(cells, *columns.values(), strict=True))
        return path

    return write


@pytest.fixture
def known(table_fit: Fit) -> Fit:
    """The made-up CPU stands in for the Cortex-A76, whose column is `true_a76`."""
    predictor = replace(table_fit.predictor, device="cortex-a76", name="cortex-a76/float32")
    predictor.save(user_predictors() / "cortex-a76" / "float32", table_fit.card)
    return table_fit


def test_column_name() -> None:
    assert column_name("pixel9_ms") == column_name("pixel9") == "pixel9"


def test_select_column(cell_column: Column) -> None:
    columns = [cell_column(2, 0, "a"), cell_column(2, 0, "b")]
    assert select_column(columns, "b_ms") is columns[1] and select_column(columns, "a") is columns[0]
    assert select_column(columns[:1], None) is columns[0]
    with pytest.raises(UsageError, match=r"several columns: a, b\. Name one with --column or --device"):
        select_column(columns, None)
    with pytest.raises(UsageError, match="Unknown column 'c'"):
        select_column(columns, "c")


@pytest.mark.parametrize(
    "wanted", [None, "true_a76", "true_a76_ms", "cortex-a76", "cortex-a76/float32", "float32"]
)
def test_by_column_and_by_device(known: Fit, cell_column: Column, table: Write, wanted: str | None) -> None:
    column = cell_column(40, 7)
    path = table(column.names, true_a76_ms=column.latency_ms, pixel9_ms=column.latency_ms)
    told: list[str] = []
    (found,) = evaluate_tables("nasbench201", [path], wanted=wanted, tell=told.append)
    assert (found["device"], found["configuration"], found["rows"]) == ("true_a76", "cortex-a76/float32", 40)
    assert found["mape_percent"] < 5
    left_out = [
        text for text in told if text.startswith("pixel9: left out, no device file names this column")
    ]
    assert len(left_out) == (wanted is None)


def test_a_column_whose_device_has_no_predictor(
    known: Fit, cell_column: Column, table: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("edgenas.latency_models.registry._shipped", lambda: tmp_path / "nothing shipped")
    column = cell_column(40, 7)
    path = table(column.names, true_a76_ms=column.latency_ms, pixel2_ms=column.latency_ms)
    told: list[str] = []
    assert len(evaluate_tables("nasbench201", [path], tell=told.append)) == 1
    assert any(text.startswith("pixel2: left out. No latency predictor for 'pixel2'") for text in told)
    with pytest.raises(
        UsageError, match=r"has a predictor called 'pixel2'.*--predictor FOLDER.*edgenas devices"
    ):
        evaluate_tables("nasbench201", [path], wanted="pixel2")


@pytest.mark.parametrize("wanted", [None, "pixel9", "raspi4", "nonsense"])
def test_no_column_that_a_predictor_is_about(
    known: Fit, cell_column: Column, table: Write, wanted: str | None
) -> None:
    column = cell_column(5, 7)
    path = table(column.names, pixel9_ms=column.latency_ms)
    with pytest.raises(UsageError, match=r"None of the columns of .*cells.csv has a predictor"):
        evaluate_tables("nasbench201", [path], wanted=wanted)


def test_predictor_folder(table_fit: Fit, cell_column: Column, table: Write, tmp_path: Path) -> None:
    column = cell_column(40, 7)
    wrong = 3 * column.latency_ms
    folder = tmp_path / "p"
    table_fit.predictor.save(folder, {**table_fit.card, "column": "pixel9"})
    both = table(column.names, pixel9_ms=column.latency_ms, pixel8_ms=wrong)
    (found,) = evaluate_tables("nasbench201", [both], predictor_dir=folder)
    assert found["device"] == "pixel9" and found["configuration"] == "made-up/float32"
    (asked,) = evaluate_tables("nasbench201", [both], predictor_dir=folder, wanted="pixel8_ms")
    assert asked["device"] == "pixel8" and asked["mape_percent"] > 50
    only = table(column.names, "only.csv", pixel7_ms=column.latency_ms)
    assert evaluate_tables("nasbench201", [only], predictor_dir=folder)[0]["device"] == "pixel7"
    neither = table(column.names, "neither.csv", a_ms=wrong, b_ms=wrong)
    with pytest.raises(UsageError, match="several columns: a, b"):
        evaluate_tables("nasbench201", [neither], predictor_dir=folder)


@pytest.mark.parametrize("dead_parts", ["pruned", "zeros", "all"])
def test_networks_are_built_as_the_card_says(
    table_fit: Fit, table: Write, tmp_path: Path, dead_parts: str
) -> None:
    folder = tmp_path / "p"
    table_fit.predictor.save(folder, {**table_fit.card, "column": "pixel9", "dead_parts": dead_parts})
    path = table(
        ["|none~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|none~1|nor_conv_3x3~2|"], pixel9_ms=[9]
    )
    (found,) = evaluate_tables("nasbench201", [path], predictor_dir=folder)
    assert any("Dead parts" in note for note in found["notes"])
    predicted = found["worst"][0]["predicted_ms"]
    table_fit.predictor.save(folder, {**table_fit.card, "column": "pixel9", "dead_parts": "pruned"})
    pruned = evaluate_tables("nasbench201", [path], predictor_dir=folder)[0]["worst"][0]["predicted_ms"]
    assert predicted > 1.1 * pruned if dead_parts != "pruned" else predicted == pruned


def test_cells_without_a_measurement_are_counted(known: Fit, cell_column: Column, table: Write) -> None:
    column = cell_column(12, 7)
    cells: list[Any] = column.latency_ms.tolist()
    cells[:4] = ["", "nan", "NaN", -1]
    path = table([*column.names, column.names[5]], true_a76_ms=[*cells, 3.0])
    told: list[str] = []
    (found,) = evaluate_tables("nasbench201", [path], tell=told.append)
    assert found["rows"] == 8 and found["excluded"] == {"failed": 1, "constant": 0}
    notes = " ".join(found["notes"])
    assert "3 rows left out: not measured." in notes
    assert "1 row left out: the network stands in an earlier row." in notes
    assert "1 networks would not compile or run there: left out." in notes
    assert [f"true_a76: {note}" for note in found["notes"]] == told


@pytest.mark.parametrize("cell", ["-2", "-0.5", "0", "inf", "-inf", "fast"])
def test_impossible_latencies_are_named(known: Fit, cell_column: Column, table: Write, cell: str) -> None:
    column = cell_column(5, 7)
    path = table(column.names, true_a76_ms=[1, 2, cell, 4, 5])
    with pytest.raises(UsageError, match=r"cells\.csv, line 4, column 'true_a76_ms': expected a latency"):
        evaluate_tables("nasbench201", [path])


def test_microseconds(known: Fit, cell_column: Column, table: Write) -> None:
    column = cell_column(30, 7)
    path = table(column.names, true_a76_ms=1e3 * column.latency_ms)
    with pytest.raises(UsageError, match=r"'true_a76' does not hold milliseconds.*divide by 1000"):
        evaluate_tables("nasbench201", [path])
    mixed = column.latency_ms.copy()
    mixed[3] *= 1e3
    with pytest.raises(UsageError, match=r"^Line 5, column 'true_a76'"):
        evaluate_tables("nasbench201", [table(column.names, true_a76_ms=mixed)])


def test_several_tables(known: Fit, cell_column: Column, table: Write) -> None:
    one, two = cell_column(10, 7), cell_column(20, 8)
    paths = [table(c.names, f"{i}.csv", true_a76_ms=c.latency_ms) for i, c in enumerate((one, two))]
    assert [r["rows"] for r in evaluate_tables("nasbench201", paths)] == [10, 20]


@pytest.mark.shared_data
def test_networks_that_fail_on_the_shipped_edge_tpu(shared_data: Path) -> None:
    assert "lab-hwnasbench" in predictor_folders("edgetpu")
    path = shared_data / "latency" / "nasbench201_edge.csv"
    (found,) = evaluate_tables("nasbench201", [path], wanted="rice_edgetpu")
    assert found["failing"]["failed"] == 208 and found["failing"]["rows"] == 1611
    assert found["failing"]["f1"] >= 0.98 and found["failing"]["precision"] == 1.0
    assert found["mape_percent"] <= 1.8 and 86 <= found["coverage_percent"] <= 94
    assert np.isfinite(found["spearman"])
