"""`edgenas latency`: import, fit, evaluate, adapt, from the command line."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.latency_models.tables.nasbench201 import nasbench201_graph

PROMISED = {
    "device", "configuration", "rows", "mape_percent", "rmspe_percent", "within_5_percent", "within_10_percent",
    "spearman", "coverage_percent",
}  # fmt: skip


@pytest.fixture
def table(
    tmp_path: Path, random_cells: Callable[..., list[str]], additive_ms: Callable[..., Any]
) -> Callable[..., Path]:
    """`table(60, 0, "cells.csv")`: networks on a made-up device in the column `newphone_ms`."""

    def write(count: int, seed: int, name: str, factor: float = 1.0, device: int = 3) -> Path:
        cells = random_cells(count, seed)
        latency = additive_ms([nasbench201_graph(cell, dead="pruned") for cell in cells], device=device)
        latency = factor * latency * np.exp(np.random.default_rng(seed).normal(0, 0.01, count))
        path = tmp_path / name
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["arch_str", "newphone_ms"])
            writer.writerows(zip(cells, latency.tolist(), strict=True))
        return path

    return write


@pytest.fixture
def source(edgenas: Callable[..., Any], table: Callable[..., Path]) -> None:
    """Another made-up device takes the place of the Cortex-A76's shipped predictor."""
    path = table(60, 77, "source.csv", device=8)
    fit = ("latency", "fit", "cortex-a76", "--configuration", "float32", "--table", path)
    assert edgenas(*fit, "--format", "nasbench201").code == 0


HEAVY = ("tensorflow", "keras", "scipy", "sklearn", "pandas", "optuna")


def test_help_imports_nothing_heavy() -> None:
    code = """
import contextlib, io, json, sys
from edgenas.cli.main import main
found = {}
for arguments in ([], ["import"], ["fit"], ["evaluate"], ["adapt"]):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main(["latency", *arguments, "--help"])
    found[" ".join(arguments)] = out.getvalue()
heavy = [name for name in json.loads(sys.argv[1]) if name in sys.modules]
print(json.dumps([found, heavy]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(HEAVY)], capture_output=True, text=True, check=True
    )
    found, heavy = json.loads(done.stdout)
    assert heavy == []
    assert all(name in found[""] for name in ("import", "fit", "evaluate", "adapt"))
    for text in found.values():
        assert "Examples:" in text and "edgenas latency" in text
    assert "--predictor" in found["evaluate"] and "--samples" in found["adapt"]


def test_import_fit_evaluate(
    edgenas: Callable[..., Any], table: Callable[..., Path], tmp_path: Path, tflite_file: Path
) -> None:
    ours = tmp_path / "ours.csv"
    imported = edgenas("latency", "import", "nasbench201", table(60, 0, "a.csv"), "--out", ours, "--json")
    assert imported.code == 0
    (column,) = imported.value
    assert (column["column"], column["networks"], column["failed"]) == ("newphone", 60, 0)
    assert "newphone: Dead parts of cells" in imported.err
    fitted = edgenas("latency", "fit", "mydevice", "--table", ours, "--column", "newphone_ms", "--json")
    assert fitted.code == 0
    (row,) = fitted.value
    assert (row["device"], row["configuration"]) == ("mydevice", "measured")
    assert row["card"]["mape_percent"] < 4 and "mydevice/measured: MAPE" in fitted.err
    for format, path in (("edgenas", ours), ("nasbench201", table(80, 9, "unseen.csv"))):
        outcome = edgenas(
            "latency", "evaluate", "--table", path, "--format", format, "--predictor", row["folder"], "--json"
        )
        assert outcome.code == 0
        (result,) = outcome.value
        assert result.keys() >= PROMISED
        assert (result["device"], result["configuration"]) == ("newphone", "mydevice/measured")
        assert result["mape_percent"] < 4 and result["spearman"] > 0.99
        assert all(isinstance(result[key], int | float) and math.isfinite(result[key]) for key in PROMISED - {
            "device", "configuration",
        })  # fmt: skip
    predicted = edgenas("predict", tflite_file, "--predictor", row["folder"], "--json")
    assert predicted.code == 0 and predicted.value[0]["latency_ms"] > 0
    assert predicted.value[0]["in_domain"] is False  # An int8 network, and another image.


def test_texts_for_people(edgenas: Callable[..., Any], table: Callable[..., Path], tmp_path: Path) -> None:
    path, ours, out = table(40, 0, "a.csv"), tmp_path / "ours.csv", tmp_path / "out"
    text = edgenas("latency", "import", "nasbench201", path, "--out", ours).out
    assert text == f"{ours}: 1 columns, 40 measurements\n"
    fitted = edgenas("latency", "fit", "mydevice", "--table", ours, "--out", out)
    assert "held-out accuracy" in fitted.out and "mydevice/measured" in fitted.out and "MAPE %" in fitted.out
    folder = out / "mydevice" / "measured"
    evaluated = edgenas("latency", "evaluate", "--table", ours, "--format", "edgenas", "--predictor", folder)
    assert "predicted against measured" in evaluated.out
    assert evaluated.out.count("newphone, worst: |") == 3 and " ms, predicted " in evaluated.out


@pytest.mark.usefixtures("source")
def test_adapt_and_use(
    edgenas: Callable[..., Any], table: Callable[..., Path], tmp_path: Path, tflite_file: Path
) -> None:
    samples, out = table(10, 5, "ten.csv"), tmp_path / "adapted"
    adapt = ("latency", "adapt", "--from", "cortex-a76", "--samples", samples, "--format", "nasbench201")
    outcome = edgenas(
        *adapt,
        "--column",
        "newphone_ms",
        "--out",
        out,
        "--suggest",
        3,
        "--candidates",
        table(40, 6, "c.csv"),
        "--json",
    )
    assert outcome.code == 0
    assert outcome.value["folder"] == str(out)
    card = outcome.value["card"]
    assert card["rows"] == 10 and card["adapted_from"] == "cortex-a76/float32"
    assert card["column"] == "newphone" and card["dead_parts"] in ("pruned", "sums", "zeros", "all")
    assert len(set(outcome.value["measure_next"])) == 3
    measured = {line.split(",")[0] for line in samples.read_text().splitlines()}
    assert measured.isdisjoint(outcome.value["measure_next"])
    evaluated = edgenas(
        "latency", "evaluate", "--table", table(80, 9, "unseen.csv"), "--format", "nasbench201", "--predictor", out,
        "--json",
    )  # fmt: skip
    (result,) = evaluated.value
    assert result["mape_percent"] < 10 and result["spearman"] > 0.97 and result["rows"] == 80
    predicted = edgenas("predict", tflite_file, "--predictor", out, "--json")
    assert predicted.code == 0 and predicted.value[0]["device"] == "newphone"
    text = edgenas(*adapt, "--out", out, "--name", "phone9", "--suggest", 2, "--candidates", samples)
    assert "predictor of phone9, adapted from cortex-a76/float32 with 10 measurements" in text.out


def refused(outcome: Any, *texts: str, code: int = 2) -> None:
    assert outcome.code == code and outcome.out == ""
    for text in texts:
        assert text in outcome.err
    assert "fault of edgenas" not in outcome.err and "Traceback" not in outcome.err


def test_wrong_arguments(edgenas: Callable[..., Any], table: Callable[..., Path], tmp_path: Path) -> None:
    path = table(20, 0, "a.csv")
    evaluate = ("latency", "evaluate", "--table", path, "--format", "nasbench201")
    refused(edgenas(*evaluate), "None of the columns", "--predictor FOLDER", "edgenas devices")
    refused(edgenas(*evaluate, "pixel4", "--device", "raspi4"), "Two devices are named")
    refused(edgenas("latency", "evaluate", "--table", path, "--format", "nasbench101"), "nasbench101")
    refused(edgenas("latency", "evaluate", "--format", "nasbench201"), "--table")
    refused(edgenas(*evaluate, "--predictor", tmp_path / "nowhere"), "No predictor folder at")
    refused(edgenas("latency", "fit", "mydevice"), "either --data FOLDER", "--table FILE")
    refused(edgenas("latency", "fit", "raspi4", "--data", tmp_path / "nowhere"), "No folder")
    refused(edgenas("latency", "fit", "mine", "--table", tmp_path / "no.csv"), "no.csv")
    refused(edgenas("latency", "import", "nasbench201", "--out", tmp_path / "o.csv"), "FILE")
    refused(edgenas("latency", "import", "fbnet", path, "--out", tmp_path / "o.csv"), "a.csv", "line 2")
    refused(edgenas(*evaluate, "--operators", path), "no file of operators")
    assert not (tmp_path / "o.csv").exists()


@pytest.mark.usefixtures("source")
def test_adapt_refuses(edgenas: Callable[..., Any], table: Callable[..., Path], tmp_path: Path) -> None:
    def adapt(samples: Path, *more: object, source: str = "cortex-a76") -> Any:
        return edgenas(
            "latency", "adapt", "--from", source, "--samples", samples, "--format", "nasbench201", "--out",
            tmp_path / "out", *more,
        )  # fmt: skip

    refused(adapt(table(2, 0, "two.csv")), "Too few measurements", "2 usable networks", "at least 3")
    refused(adapt(table(9, 0, "us.csv", factor=1e3)), "does not hold milliseconds")
    refused(adapt(table(9, 0, "a.csv"), "--column", "oldphone_ms"), "oldphone")
    refused(adapt(table(9, 0, "a.csv"), source="pixel44"), "pixel44", "pixel4")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("cell", ["-3", "0", "fast"])
def test_impossible_latency(
    edgenas: Callable[..., Any], table: Callable[..., Path], tmp_path: Path, cell: str
) -> None:
    path = table(5, 0, "a.csv")
    lines = path.read_text().splitlines()
    lines[3] = f"{lines[3].rpartition(',')[0]},{cell}"
    path.write_text("\n".join(lines))
    outcome = edgenas("latency", "import", "nasbench201", path, "--out", tmp_path / "o.csv")
    refused(outcome, "a.csv, line 4, column 'newphone_ms'", repr(cell))


def test_too_few_rows_to_fit(edgenas: Callable[..., Any], table: Callable[..., Path]) -> None:
    outcome = edgenas("latency", "fit", "mine", "--table", table(5, 0, "a.csv"), "--format", "nasbench201")
    refused(outcome, "Too few usable rows for mine/measured: 5", "edgenas latency adapt", code=1)
