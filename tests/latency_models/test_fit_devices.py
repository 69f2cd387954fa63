"""From tables to predictor folders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.errors import UsageError
from edgenas.latency_models.fit_devices import fit_devices
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.latency_models.predictor_file import read_card
from edgenas.latency_models.registry import find_predictor, user_predictors
from edgenas.latency_models.shipped import shippable_devices
from edgenas.latency_models.tables.column import MeasuredColumn
from edgenas.latency_models.tables.store import write_table

Column = Callable[..., MeasuredColumn]
_NOTHING: dict[str, Any] = {
    "data": None, "tables": (), "format_": "edgenas", "operators": None, "column": None, "configuration": "measured",
    "out": None, "readme": None, "processes": 1, "seed": 0,
}  # fmt: skip


def run(device: str, **options: Any) -> list[tuple[str, str, Path, dict[str, Any]]]:
    return list(fit_devices(device=device, **{**_NOTHING, **options}))


@pytest.fixture
def table(cell_column: Column, tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    write_table([cell_column(50, 0, "mine"), cell_column(50, 0, "other", speed=3.0)], path)
    return path


def test_a_table_of_ones_own(table: Path, cell_column: Column) -> None:
    ((device, configuration, folder, card),) = run("mydevice", tables=(table,), column="mine")
    assert (device, configuration) == ("mydevice", "measured")
    assert folder == user_predictors() / "mydevice" / "measured"
    assert read_card(folder) == card and card["column"] == "mine" and card["rows"] == 50
    assert len(card["date"]) == 10 and card["by_kind"].keys() == {"networks"}
    assert card["mape_percent"] < 5
    unseen = cell_column(40, 5)
    predictor = LatencyPredictor.load(folder)
    assert predictor.name == "mydevice/measured" and predictor.dtype == "float32"
    predicted = np.array([e.latency_ms for e in predictor.predict_many(unseen.graphs)])
    assert np.mean(np.abs(predicted / unseen.latency_ms - 1)) < 0.05


def test_folder_and_configuration(table: Path, tmp_path: Path) -> None:
    options = {"tables": (table,), "column": "other_ms", "configuration": "2big", "out": tmp_path / "out"}
    ((_, _, folder, _),) = run("mydevice", **options)
    assert folder == tmp_path / "out" / "mydevice" / "2big" and (folder / "predictor.json").exists()


def test_int8_networks_make_an_int8_predictor(cell_column: Column, tmp_path: Path) -> None:
    write_table([cell_column(30, 0, "quantised", dtype="int8")], tmp_path / "q.csv")
    ((_, _, folder, card),) = run("mydevice", tables=(tmp_path / "q.csv",))
    assert card["dtype"] == "int8" and LatencyPredictor.load(folder).dtype == "int8"


@pytest.mark.parametrize("options", [{}, {"data": Path("d"), "tables": (Path("t"),)}])
def test_either_data_or_tables(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"either --data FOLDER .* or --table FILE"):
        run("mydevice", **options)


def test_column_must_be_named_and_exist(table: Path) -> None:
    with pytest.raises(UsageError, match="several columns: mine, other"):
        run("mydevice", tables=(table,))
    with pytest.raises(UsageError, match=r"Unknown column 'mime'\. Did you mean 'mine'"):
        run("mydevice", tables=(table,), column="mime")


def test_no_usable_rows(cell_column: Column, tmp_path: Path) -> None:
    column = cell_column(20, 0, "mine")
    write_table([replace(column, latency_ms=np.full(20, np.nan))], tmp_path / "t.csv")
    with pytest.raises(UsageError, match="'mine' has no usable rows: 20 networks would not compile or run"):
        run("mydevice", tables=(tmp_path / "t.csv",))
    assert not (user_predictors() / "mydevice").exists()


def test_microseconds(cell_column: Column, tmp_path: Path) -> None:
    column = cell_column(20, 0, "mine")
    write_table([replace(column, latency_ms=1e3 * column.latency_ms)], tmp_path / "t.csv")
    with pytest.raises(UsageError, match=r"does not hold milliseconds.*divide by 1000"):
        run("mydevice", tables=(tmp_path / "t.csv",))


def test_devices_with_published_columns(tmp_path: Path) -> None:
    names = shippable_devices()
    assert {"edgetpu", "cortex-a76", "raspi4", "pixel4", "snapdragon855"} <= set(
        names
    ) and "host" not in names
    with pytest.raises(UsageError, match=r"Unknown device with published measurements 'raspi5'.*raspi4"):
        run("raspi5", data=tmp_path)
    with pytest.raises(UsageError, match=r"No folder .*nowhere.*nasbench201_edge\.csv"):
        run("raspi4", data=tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"nasbench201_edge\.csv"):
        run("cortex-a76", data=tmp_path)


def test_a_published_device_from_a_small_release(
    cell_column: Column, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgenas.latency_models.shipped.FILES", {"nasbench201": ("small.csv",)})
    column = cell_column(60, 0)
    rows = [f"{name},{ms}" for name, ms in zip(column.names, column.latency_ms.tolist(), strict=True)]
    (tmp_path / "small.csv").write_text("\n".join(["arch_str,true_a76_ms", *rows]) + "\n")
    readme = tmp_path / "README.md"
    ((device, configuration, folder, card),) = run(
        "cortex-a76", data=tmp_path, out=tmp_path / "trained", readme=readme
    )
    assert (device, configuration) == ("cortex-a76", "float32")
    assert folder == tmp_path / "trained" / "cortex-a76" / "float32"
    assert card["rows"] == 60 and len(card["fitted"]) == 10
    assert "| cortex-a76 / float32 | 60 |" in readme.read_text()
    monkeypatch.setattr("edgenas.latency_models.registry._shipped", lambda: tmp_path / "trained")
    assert find_predictor("cortex-a76").name == "cortex-a76/float32"
