"""Exported files: they compute what Keras computes, hold no float tensor, and appear only when they are right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgenas.errors import EdgenasError, UsageError
from edgenas.runtime import start_tensorflow

start_tensorflow()

from edgenas.export import exporter  # noqa: E402
from edgenas.export.engines.tensorflow import to_tflite  # noqa: E402
from edgenas.export.exporter import ExportedNetwork, export_network  # noqa: E402
from edgenas.export.litert_model import LitertModel  # noqa: E402
from edgenas.export.request import ExportRequest  # noqa: E402
from edgenas.export.verify import HeadError, require_float_agreement  # noqa: E402
from edgenas.training.trainer import predictor_of  # noqa: E402


@pytest.fixture(scope="module")
def exported(splits, architecture, model, tmp_path_factory) -> ExportedNetwork:  # type: ignore[no-untyped-def]
    return export_network(model, architecture, *splits, ExportRequest(tmp_path_factory.mktemp("out"), "net"))


def test_files_agree_with_keras(exported: ExportedNetwork) -> None:
    for head, error in exported.files["float32"].head_errors.items():
        assert error.max_abs < 1e-4 * max(1.0, error.largest), head
    for head, error in exported.files["int8"].head_errors.items():
        assert error.sqnr_db is not None and error.sqnr_db > 15, head
    accuracy = {k: f.metrics["segmentation"]["pixel_accuracy"] for k, f in exported.files.items()}
    assert accuracy["int8"] == pytest.approx(accuracy["float32"], abs=0.05)
    assert exported.files["float32"].metrics["normals"] == {
        k: pytest.approx(v, rel=1e-3) for k, v in exported.keras_metrics["normals"].items()
    }


def test_int8_in_and_out_by_named_signature(exported: ExportedNetwork) -> None:
    io = exported.files["int8"].io
    assert io["input"]["dtype"] == "int8" and io["input"]["shape"] == [1, 32, 64, 3]
    assert {name: (o["dtype"], o["shape"][-1]) for name, o in io["outputs"].items()} == {
        "depth": ("int8", 1),
        "normals": ("int8", 3),
        "segmentation": ("int8", 13),
    }
    assert LitertModel(exported.files["int8"].path).float_tensors() == ()
    assert LitertModel(exported.files["float32"].path).float_tensors() != ()


def test_the_same_export_gives_the_same_bytes(splits, architecture, model, exported, tmp_path) -> None:  # type: ignore[no-untyped-def]
    again = export_network(model, architecture, *splits, ExportRequest(tmp_path, "net"))
    assert {k: f.sha256 for k, f in again.files.items()} == {k: f.sha256 for k, f in exported.files.items()}


def test_pictures_for_the_report(exported: ExportedNetwork) -> None:
    with np.load(exported.samples, allow_pickle=False) as samples:
        assert samples["image"].shape[1:] == (32, 64, 3)
        for label in ("truth", "float", "int8"):
            for task in ("depth", "normals", "segmentation"):
                assert samples[f"{label}_{task}"].shape == samples["image"].shape
                assert samples[f"{label}_{task}"].dtype == np.uint8


def test_a_failed_export_leaves_nothing(splits, architecture, model, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def refuse(_: object) -> None:
        raise EdgenasError("differs")

    monkeypatch.setattr(exporter, "require_float_agreement", refuse)
    with pytest.raises(EdgenasError, match="differs"):
        export_network(model, architecture, *splits, ExportRequest(tmp_path, "net"))
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_left_is_cleared(splits, architecture, model, tmp_path) -> None:  # type: ignore[no-untyped-def]
    stale = tmp_path / ".net.partialabc"
    stale.mkdir()
    (stale / "net_int8.tflite").write_bytes(b"half")
    export_network(model, architecture, *splits, ExportRequest(tmp_path, "net", formats=()))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net_float32.tflite", "samples.npz"]


def test_float_disagreement_names_the_head() -> None:
    error = HeadError()
    error.add(np.ones((1, 2, 2, 1)), np.full((1, 2, 2, 1), 1.1))
    with pytest.raises(EdgenasError, match=r"head 'depth': by 0\.1 where the largest output is 1"):
        require_float_agreement({"depth": error})
    nan = HeadError()
    nan.add(np.ones((1, 2, 2, 1)), np.full((1, 2, 2, 1), np.nan))
    with pytest.raises(EdgenasError, match="head 'depth'"):
        require_float_agreement({"depth": nan})


def test_weights_of_another_architecture(splits, architecture, model, tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match="belong to another architecture"):
        export_network(model, architecture.with_tasks(["depth"]), *splits, ExportRequest(tmp_path, "net"))


def test_nan_weights_are_refused(splits, architecture, model, tmp_path) -> None:  # type: ignore[no-untyped-def]
    variable = model.trainable_variables[0]
    kept = variable.numpy()
    variable.assign(np.full_like(kept, np.nan))
    try:
        with pytest.raises(EdgenasError, match=r"stem_conv.*NaN"):
            export_network(model, architecture, *splits, ExportRequest(tmp_path, "net"))
    finally:
        variable.assign(kept)


def test_a_damaged_file_is_refused(exported: ExportedNetwork, tmp_path: Path) -> None:
    path = tmp_path / "cut.tflite"
    path.write_bytes(exported.files["int8"].path.read_bytes()[:3000])
    with pytest.raises(EdgenasError, match="cannot run"):
        LitertModel(path)


def test_arguments_of_the_converter(model: object) -> None:
    with pytest.raises(ValueError, match="Received format='int8', representative=none"):
        to_tflite(model, format="int8")


def test_batches_do_not_change_the_result(exported: ExportedNetwork, splits, model) -> None:  # type: ignore[no-untyped-def]
    images = splits[1].arrays(range(3))["image"]
    run = LitertModel(exported.files["int8"].path)
    single = np.concatenate([run(image[None])["depth"] for image in images])
    np.testing.assert_array_equal(run(images)["depth"], single)
    assert predictor_of(model)(images)["depth"].shape == single.shape
