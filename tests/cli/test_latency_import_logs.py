"""`edgenas latency import` of recorded logs, from the command line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgenas.graph.tflite import read_tflite
from edgenas.latency_models.tables.store import read_table_file

RECORDED = Path(__file__).parents[1] / "device_profiles" / "benchmark_logs" / "recorded"
SMALL, LARGE = "mobilenet_v1_0.25_128_quant", "mobilenet_v1_0.75_192_quant"
COMPILED = """Edge TPU Compiler version 15.0.340273435
Input: mnist7.tflite
Output: mnist7_edgetpu.tflite

Operator                       Count      Status

SOFTMAX                        1          Mapped to Edge TPU
FULLY_CONNECTED                2          Mapped to Edge TPU
RESHAPE                        1          Mapped to Edge TPU
CONV_2D                        2          Mapped to Edge TPU
MAX_POOL_2D                    2          Mapped to Edge TPU
"""


@pytest.fixture
def models(shared_data: Path, tmp_path: Path) -> Path:
    """A folder with two real networks."""
    folder = tmp_path / "models"
    (folder / "deep").mkdir(parents=True)
    shutil.copy(shared_data / "coral_models" / f"{SMALL}.tflite", folder)
    shutil.copy(shared_data / "coral_models" / f"{LARGE}.tflite", folder / "deep")
    return folder


@pytest.fixture
def log_of(tmp_path: Path, models: Path) -> Callable[..., Path]:
    """`log_of(SMALL)`: the recorded log of a phone with the name and size of another model in it."""

    def write(name: str, file: str = "", old: str = "", new: str = "") -> Path:
        size = next(models.rglob(f"{name}.tflite")).stat().st_size
        text = (RECORDED / "tflite_2.7_android.txt").read_text()
        text = text.replace("model.tflite", f"{name}.tflite").replace("1.41812", f"{size / 1e6:.6g}")
        path = tmp_path / (file or f"{name}.txt")
        path.write_text(text.replace(old, new))
        return path

    return write


def test_figures_as_json(edgenas: Callable[..., Any], tmp_path: Path) -> None:
    broken = tmp_path / "broken.txt"
    broken.write_text("nothing\n")
    done = edgenas(
        "latency", "import", "benchmark-model", RECORDED / "tflite_2.8_riscv.txt", broken,
        RECORDED / "logcat_2026_two_runs.txt", "--json",
    )  # fmt: skip
    assert done.code == 1
    whole, failed, first, second = done.value
    assert whole["file"].endswith("riscv.txt") and whole["avg_ms"] == 2950.34 and not whole["partial"]
    assert len(whole["operators"]) == 31 and whole["operators"][0]["tag"] == "CONV_2D"
    assert set(failed) == {"file", "error"} and "certainty" in failed["error"]
    assert (first["median_ms"], second["median_ms"]) == (141.253, 53.524)
    assert "broken.txt" in done.err


def test_figures_for_people(edgenas: Callable[..., Any], tmp_path: Path) -> None:
    flagged = tmp_path / "flagged.txt"
    flagged.write_text((RECORDED / "tflite_2.7_android.txt").read_text().replace("min=1012", "min=10120"))
    done = edgenas("latency", "import", "benchmark-model", flagged, RECORDED / "litert_sme2.txt")
    assert done.code == 0
    assert "partial" in done.out and "whole" in done.out and "0.4645" in done.out
    assert "above max" in done.err


def test_names_are_no_markup(edgenas: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "odd[bold].txt"
    path.write_text((RECORDED / "tflite_2.7_android.txt").read_text().replace("tmp/model", "tmp/[/red]x"))
    done = edgenas("latency", "import", "benchmark-model", path)
    assert done.code == 0 and "odd[bold].txt" in done.out and "/tmp/[/red]x.tflite" in done.out


def test_a_compilers_log(edgenas: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "mnist7_edgetpu.log"
    path.write_text(COMPILED)
    (record,) = edgenas("latency", "import", "edgetpu-compiler", path, "--json").value
    assert record["mapped_count"] == 8 and record["unmapped_count"] == 0 and record["failure"] == ""
    assert record["operations"][1] == {"type": "FULLY_CONNECTED", "count": 2, "status": "Mapped to Edge TPU"}
    assert "mnist7.tflite" in edgenas("latency", "import", "edgetpu-compiler", path).out
    refused = edgenas(
        "latency", "import", "edgetpu-compiler", path, "--out", tmp_path / "x.csv", "--column", "x"
    )
    assert refused.code == 2 and "no latency" in refused.err
    missing = edgenas("latency", "import", "edgetpu-compiler", tmp_path / "none.log", "--json")
    assert missing.code == 1 and "No such file" in missing.value[0]["error"]


@pytest.mark.shared_data
def test_a_table_that_fit_and_evaluate_read(
    edgenas: Callable[..., Any], log_of: Callable[..., Path], models: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine.csv"
    logs = [log_of(SMALL), log_of(LARGE), log_of(LARGE, "again.txt", "1039.66", "1043.66")]
    done = edgenas(
        "latency",
        "import",
        "benchmark-model",
        *logs,
        "--models",
        models,
        "--column",
        "myphone",
        "--out",
        out,
        "--json",
    )
    assert done.code == 0, done.err
    assert len(done.value) == 3 and "2 networks" in done.err
    (column,) = read_table_file(out)
    assert column.name == "myphone" and column.names == (SMALL, LARGE)
    assert column.latency_ms.tolist() == [1.03966, 1.04166]
    assert column.spread_ms.tolist() == [0.022, 0.022]
    assert column.graphs[0] == read_tflite(models / f"{SMALL}.tflite")
    trained = Path(__file__).parents[2] / "latency_models" / "trained" / "pixel4" / "1large-int8"
    evaluated = edgenas(
        "latency", "evaluate", "--table", out, "--format", "edgenas", "--predictor", trained, "--json"
    )
    assert evaluated.code == 0, evaluated.err
    assert evaluated.value[0]["rows"] == 2
    assert {one["measured_ms"] for one in evaluated.value[0]["worst"]} == {1.03966, 1.04166}
    adapted = edgenas(
        "latency",
        "adapt",
        "--from",
        "pixel4",
        "--samples",
        out,
        "--format",
        "edgenas",
        "--out",
        tmp_path / "adapted",
    )
    # The table is read; two networks are too few for a predictor.
    assert adapted.code == 2 and "2 usable networks" in adapted.err


@pytest.mark.shared_data
def test_what_must_not_get_into_a_table(
    edgenas: Callable[..., Any], log_of: Callable[..., Path], models: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine.csv"
    table = ("--models", models, "--column", "myphone", "--out", out)
    flagged = log_of(LARGE, "flagged.txt", "min=1012 max=1190", "min=10120 max=1190")
    other = log_of(SMALL, "other.txt", "model file size (MB): ", "model file size (MB): 1")
    fallback = log_of(
        SMALL, "cpu.txt", "Loaded model",
        "Though GPU delegate is explicitly applied, the model graph will not be executed by the delegate.\n"
        "Loaded model",
    )  # fmt: skip
    nothing = edgenas("latency", "import", "benchmark-model", flagged, other, fallback, *table)
    assert nothing.code == 2 and not out.exists()
    assert "--models" in nothing.err and "--allow-partial" in nothing.err
    assert "it is another one" in nothing.err.replace("\n", " ") and "times of the CPU" in nothing.err
    taken = edgenas("latency", "import", "benchmark-model", flagged, *table, "--allow-partial")
    assert taken.code == 0 and "flagged" in taken.err
    assert read_table_file(out)[0].names == (LARGE,)


@pytest.mark.shared_data
def test_models_stand_beside_their_logs_by_default(
    edgenas: Callable[..., Any], log_of: Callable[..., Path], models: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine.csv"
    log = log_of(SMALL)
    alone = edgenas("latency", "import", "benchmark-model", log, "--column", "p", "--out", out)
    assert alone.code == 2 and "--models FOLDER" in alone.err
    shutil.copy(models / f"{SMALL}.tflite", tmp_path)
    assert edgenas("latency", "import", "benchmark-model", log, "--column", "p", "--out", out).code == 0
    one_file = ("--models", models / f"{SMALL}.tflite")
    assert (
        edgenas("latency", "import", "benchmark-model", log, *one_file, "--column", "p", "--out", out).code
        == 0
    )
    threads = log_of(SMALL, "four.txt", "Num threads: [1]", "Num threads: [4]")
    threads.write_text(threads.read_text().replace("CPU inference: [1]", "CPU inference: [4]"))
    mixed = edgenas("latency", "import", "benchmark-model", log, threads, "--column", "p", "--out", out)
    assert mixed.code == 2 and "numbers of threads: 1" in mixed.err


def test_wrong_arguments(edgenas: Callable[..., Any], tmp_path: Path) -> None:
    log = RECORDED / "tflite_2.7_android.txt"
    for words, expected in (
        (("benchmark-model", log, "--out", tmp_path / "x.csv"), "--column NAME"),
        (("benchmark-model", log, "--models", tmp_path), "--out FILE.csv"),
        (("benchmark-model", log, "--operators", log), "--operators"),
        (("nasbench201", log), "'--out'"),
        (("nasbench201", log, "--out", tmp_path / "x.csv", "--column", "x"), "are for logs"),
        (
            (
                "benchmark-model",
                log,
                "--out",
                tmp_path / "x.csv",
                "--column",
                "x",
                "--models",
                tmp_path / "none",
            ),
            "No such file",
        ),
    ):
        done = edgenas("latency", "import", *words)
        assert done.code == 2 and expected in done.err, done.err


@pytest.mark.parametrize("format", ["benchmark-model", "litert-benchmark", "edgetpu-compiler"])
def test_files_that_are_no_logs(edgenas: Callable[..., Any], tmp_path: Path, format: str) -> None:
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_bytes(b"")
    binary.write_bytes(bytes(range(256)) * 20)
    files = (Path("/dev/zero"), tmp_path, empty, binary)
    done = edgenas("latency", "import", format, *files, "--json")
    assert done.code == 1
    assert [record["file"] for record in done.value] == [str(file) for file in files]
    assert all(record["error"] and set(record) == {"file", "error"} for record in done.value)
    assert "it is a device or a pipe" in done.value[0]["error"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig"])
def test_logs_that_powershell_wrote(edgenas: Callable[..., Any], tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "model_edgetpu.log"
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    file.write_bytes(mark + COMPILED.replace("\n", "\r\n").encode(encoding))
    (record,) = edgenas("latency", "import", "edgetpu-compiler", file, "--json").value
    assert record["mapped_count"] == 8 and not record["partial"]
