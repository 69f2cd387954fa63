"""`edgenas evaluate` on a network that was really trained and exported: the JSON contract, files, wrong input."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.errors import EdgenasError, UsageError
from edgenas.evaluation.store import read_stored
from edgenas.tasks.base import NonFiniteOutputError
from edgenas.training.head_bias import constant_answers
from edgenas.workflow.train import load_trained

Command = Callable[..., tuple[str, str]]

_CONTRACT = {
    "segmentation": {
        "miou",
        "pixel_accuracy",
        "per_class_iou",
        "mean_class_accuracy",
        "frequency_weighted_iou",
    },
    "depth": {"abs_error", "rel_error", "rmse", "rmse_log", "sq_rel", "delta1", "delta2", "delta3"},
    "normals": {"mean_angle_deg", "median_angle_deg", "within_11_25", "within_22_5", "within_30"},
}


def _strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def _other_archive(path: Path, source: Path, **changes: Any) -> Path:
    """Half of the frames of an archive, brighter, as data that the network has not seen."""
    with np.load(source) as arrays:
        kept = {name: arrays[name][::2] for name in arrays.files}
    kept["image"] = np.minimum(kept["image"], 200) + 5
    np.savez_compressed(path, **{k: v for k, v in (kept | changes).items() if v is not None})
    return path


@pytest.mark.parametrize("kind", ["keras", "int8", "float32"])
def test_the_contract(trained, evaluate_command: Command, kind: str) -> None:  # type: ignore[no-untyped-def]
    model = trained.run / "model.keras" if kind == "keras" else trained.export / f"net_{kind}.tflite"
    out, remarks = evaluate_command(model, "--json", "--no-store", "--bootstrap", 20)
    result = _strict(out)
    for task, metrics in _CONTRACT.items():
        assert set(result[task]) == metrics, task
        assert set(result["intervals"][task]) == metrics - {"per_class_iou"}, task
    assert set(result["content"]) == {"image", *_CONTRACT}
    assert isinstance(result["parameters"], int) and 0 < result["parameters"] < 10**6
    assert {"miou", "pixel_accuracy", "abs_error", "mean_angle_deg"} <= set(result["compat"]["adashare"])
    assert (result["split"], result["frames"], result["kind"]) == (
        "validation", 5, "keras" if kind == "keras" else "tflite",
    )  # fmt: skip
    assert len(result["segmentation"]["per_class_iou"]) == 13
    assert "validation split" in remarks and "5 frames" in remarks
    # The archive's rows 0 and 1 are void, which AdaShare's pixel accuracy keeps in the denominator.
    right = result["segmentation"]["pixel_accuracy"] * 30 / 32
    assert result["compat"]["adashare"]["pixel_accuracy"] == pytest.approx(right)


def test_it_agrees_with_training_and_export(trained, evaluate_command: Command) -> None:  # type: ignore[no-untyped-def]
    found = _strict(evaluate_command(trained.run, "--json", "--no-store")[0])
    for task, metrics in load_trained(trained.run).metrics.items():
        assert {name: found[task][name] for name in metrics} == pytest.approx(metrics, rel=1e-6)
    card = json.loads((trained.export / "net.json").read_text())
    both = _strict(evaluate_command(trained.export, "--json", "--no-store")[0])
    for kind in ("int8", "float32"):
        for task, metrics in card["metrics"][kind].items():
            assert {n: both["files"][kind][task][n] for n in metrics} == pytest.approx(metrics, rel=1e-6)
    assert both["depth"] == both["files"]["int8"]["depth"] and both["parameters"] == card["parameters"]
    change = both["differences"]["int8 - float32"]["depth"]["abs_error"]
    assert (
        change == both["files"]["int8"]["depth"]["abs_error"] - both["files"]["float32"]["depth"]["abs_error"]
    )


def test_other_data_are_read_whole_and_once(trained, evaluate_command: Command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    model = tmp_path / "net_int8.tflite"
    shutil.copy(trained.export / "net_int8.tflite", model)
    shutil.copy(trained.export / "net.json", tmp_path / "net.json")
    data = _other_archive(tmp_path / "official_test.npz", trained.archive)
    first, remarks = evaluate_command(model, "--data", data, "--json")
    assert _strict(first)["split"] == "all" and _strict(first)["frames"] == 20 and _strict(first)["held_out"]
    assert "every frame" in remarks and "20 frames" in remarks
    again, remarks = evaluate_command(model, "--data", data, "--json")
    assert again == first and "the stored result is shown" in remarks
    anew, remarks = evaluate_command(model, "--data", data, "--json", "--again")
    assert "stored" not in remarks
    assert {**_strict(anew), "seconds": 0} == {**_strict(first), "seconds": 0}
    assert len(read_stored(tmp_path)) == 1
    # The data of the training under another name are known by their content.
    copied = shutil.copy(trained.archive, tmp_path / "copy.npz")
    assert (
        _strict(evaluate_command(model, "--data", copied, "--json", "--no-store")[0])["split"] == "validation"
    )


def test_full_resolution_and_label_sets(trained, evaluate_command: Command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with np.load(trained.archive) as arrays:
        large = {
            n: np.repeat(np.repeat(arrays[n][:4], 2, 1), 2, 2)
            for n in ("image", "seg13", "seg40", "depth", "normal")
        }
        small = {n: arrays[n][:4] for n in large}
    np.savez(tmp_path / "large.npz", **{"seg19": np.zeros_like(large["seg13"]), **large})
    np.savez(tmp_path / "small.npz", **small)
    model = trained.export / "net_float32.tflite"
    at = {
        name: _strict(evaluate_command(model, "--data", tmp_path / f"{name}.npz", "--json", "--no-store")[0])
        for name in ("large", "small")
    }
    assert (at["large"]["frame_size"], at["large"]["network_size"]) == ([64, 128], [32, 64])
    assert at["large"]["data"].endswith("#seg13")
    # The image at the network's size is the same one, and smooth outputs hardly change when they grow.
    assert at["large"]["depth"]["abs_error"] == pytest.approx(at["small"]["depth"]["abs_error"], rel=0.05)
    with pytest.raises(UsageError, match=r"has 13 classes, the data .* have 40"):
        evaluate_command(model, "--data", f"{tmp_path / 'large.npz'}#seg40")


def test_files_beside_the_metrics(trained, evaluate_command: Command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    options = (
        "--pictures",
        tmp_path / "seen",
        "--confusion",
        tmp_path / "confusion.csv",
        "--no-store",
        "--json",
    )
    result = _strict(evaluate_command(trained.export / "net_int8.tflite", *options)[0])
    rows = [line.split(",") for line in (tmp_path / "confusion.csv").read_text().splitlines()]
    assert len(rows) == 14 and rows[0][1] == rows[1][0] == "bed"
    table = np.array([[int(cell) for cell in row[1:]] for row in rows[1:]])
    assert table.trace() / table.sum() == pytest.approx(result["segmentation"]["pixel_accuracy"])
    assert result["confusion"] == table.tolist()
    names = sorted(p.name for p in (tmp_path / "seen").iterdir())
    assert "legend.svg" in names and sum(name.endswith(".png") for name in names) == 5
    assert "bed" in (tmp_path / "seen" / "legend.svg").read_text()


def test_tasks_without_truth_are_left_out(trained, evaluate_command: Command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    data = _other_archive(tmp_path / "depth.npz", trained.archive, normal=None, seg13=None, seg40=None)
    out, remarks = evaluate_command(
        trained.export / "net_int8.tflite", "--data", data, "--json", "--no-store"
    )
    assert {"normals", "segmentation"}.isdisjoint(_strict(out)) and "depth" in _strict(out)
    assert "no truth for normals, segmentation" in remarks
    with pytest.raises(UsageError, match=r"Expected tasks that both.*depth. Received normals"):
        evaluate_command(trained.export / "net_int8.tflite", "--data", data, "--tasks", "normals")


def test_void_everywhere_is_null(trained, evaluate_command: Command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    void = np.full((20, 32, 64), 255, np.uint8)
    data = _other_archive(
        tmp_path / "void.npz", trained.archive,
        seg13=void, seg40=None, depth=np.zeros(void.shape, np.float16), normal=np.zeros((*void.shape, 3), np.int8),
    )  # fmt: skip
    options = ("--data", data, "--json", "--no-store", "--bootstrap", 10, "--pictures", tmp_path / "none")
    result = _strict(evaluate_command(trained.export / "net_int8.tflite", *options)[0])
    assert result["segmentation"]["miou"] is None and result["depth"]["rmse"] is None
    assert result["normals"]["median_angle_deg"] is None and result["compat"]["adashare"]["miou"] is None


@pytest.mark.parametrize("name", ["net_int8.tflite", "model.keras"])
@pytest.mark.parametrize("keep", [0.0, 0.5, 0.97])
def test_files_cut_short(trained, evaluate_command: Command, tmp_path: Path, name: str, keep: float) -> None:  # type: ignore[no-untyped-def]
    source = (trained.export if name.endswith("tflite") else trained.run) / name
    data = source.read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(EdgenasError, match=r"(?i)cut short|not a TFLite model|cannot run"):
        evaluate_command(tmp_path / name, "--data", trained.archive)


def test_a_file_of_unknown_origin(trained, evaluate_command: Command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    bare = shutil.copy(trained.export / "net_int8.tflite", tmp_path / "bare.tflite")
    with pytest.raises(UsageError, match=r"Nothing says which data .*bare.tflite was trained on.*--data"):
        evaluate_command(bare)
    out, remarks = evaluate_command(bare, "--data", trained.archive, "--json", "--no-store")
    assert "not known" in remarks
    result = _strict(out)
    assert result["frames"] == 40 and result["architecture_hash"] is None
    # Batch norms are folded into the file, so it has a little fewer numbers than the network has weights.
    whole = load_trained(trained.run).architecture
    from edgenas.graph import parameter_count

    assert 0.9 * parameter_count(whole) < result["parameters"] <= parameter_count(whole)
    with pytest.raises(UsageError, match="holds no network"):
        evaluate_command(tmp_path)
    with pytest.raises(UsageError, match="No such file"):
        evaluate_command(tmp_path / "missing")


def test_nan_in_the_outputs(
    trained, evaluate_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    from edgenas.evaluation.full_size import FullSize

    asked = FullSize.__call__

    def broken(self: FullSize, images: np.ndarray) -> Any:
        outputs = dict(asked(self, images))
        outputs["depth"] = outputs["depth"] * np.nan
        return outputs

    monkeypatch.setattr(FullSize, "__call__", broken)
    with pytest.raises(NonFiniteOutputError, match="depth output holds NaN"):
        evaluate_command(trained.export / "net_int8.tflite", "--no-store")


def test_a_tflite_file_needs_no_tensorflow(trained) -> None:  # type: ignore[no-untyped-def]
    code = (
        "import sys; sys.modules['tensorflow'] = None; sys.modules['keras'] = None\n"
        "from edgenas.cli.main import main\n"
        f"main(['evaluate', {str(trained.export / 'net_int8.tflite')!r}, '--json', '--no-store'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert _strict(done.stdout)["dtype"] == "int8"


def test_constant_answers_are_the_floor(trained) -> None:  # type: ignore[no-untyped-def]
    """The metrics of a constant network through the same loop: what any trained network has to beat."""
    from edgenas.datasets import load_dataset
    from edgenas.evaluation import evaluate_outputs

    validation = load_dataset(str(trained.archive), "validation")
    answers = constant_answers(validation, ("depth",))
    constant = evaluate_outputs(
        lambda images: {"depth": np.broadcast_to(answers["depth"], (*images.shape[:3], 1))},
        validation,
        ("depth",),
    )
    truth = validation.arrays()["depth"]
    valid = truth[truth > 0]
    assert constant["depth"]["abs_error"] == pytest.approx(np.abs(valid - np.median(valid)).mean(), rel=1e-5)
