"""`edgenas run` on real small files; the same files run on a board's runtime in `test_device_extra.py`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgenas.datasets.classes import NYUV2_13, palette
from edgenas.graph import graph_of, read_tflite

Run = Callable[..., Any]


@pytest.fixture(scope="session")
def exported(small_network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with net_int8.tflite and net_float32.tflite of an untrained network with named outputs."""
    pytest.importorskip("tensorflow", reason="building .tflite files needs TensorFlow")
    from edgenas.export.engines.tensorflow import to_tflite
    from edgenas.networks import build_model

    folder = tmp_path_factory.mktemp("exported")
    model = build_model(small_network, seed=3)
    rng = np.random.default_rng(0)
    frames = [rng.uniform(-1, 1, (1, 64, 96, 3)).astype(np.float32) for _ in range(8)]
    for dtype in ("float32", "int8"):
        data = to_tflite(model, format=dtype, representative=frames if dtype == "int8" else None)
        (folder / f"net_{dtype}.tflite").write_bytes(data)
    assert read_tflite(folder / "net_int8.tflite").operators == graph_of(small_network, "int8").operators
    return folder


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    shutil.copytree(exported, tmp_path / "models")
    pixels = np.random.default_rng(1).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "frame.png")
    np.savez(tmp_path / "frames.npz", image=np.stack([pixels, pixels[::-1]]))
    return tmp_path


def _card(folder: Path, **data: Any) -> None:
    card = {"format": "edgenas.model_card", "files": {}, "data": data}
    (folder / "models" / "net.json").write_text(json.dumps(card), encoding="utf-8")


def test_pictures_are_what_the_network_says(edgenas: Run, folder: Path) -> None:
    _card(folder, class_names=list(NYUV2_13), depth_unit="m")
    model = folder / "models" / "net_int8.tflite"
    value = edgenas(
        "run", model, folder / "frame.png", folder / "frames.npz", "--out", folder / "o", "--json"
    ).value
    assert value["card"] == str(folder / "models" / "net.json")
    assert value["runtime"] == "ai-edge-litert" and value["input"]["dtype"] == "int8"
    assert [image["label"] for image in value["images"]] == ["frame", "frames_0000", "frames_0001"]
    assert all(image["measured_ms"] > 0 for image in value["images"])
    first = value["images"][0]["outputs"]
    assert {name: out["kind"] for name, out in first.items()} == {
        "depth": "depth", "normals": "normals", "segmentation": "segmentation",
    }  # fmt: skip

    from edgenas.export.litert_model import LitertModel
    from edgenas.tasks import get_task

    pixels = np.asarray(Image.open(folder / "frame.png"))
    outputs = LitertModel(model)(pixels[None])
    seen = np.asarray(Image.open(first["segmentation"]["file"]))
    classes = outputs["segmentation"][0].argmax(-1)
    np.testing.assert_array_equal(seen, palette(NYUV2_13)[classes])
    normals = get_task("normals")
    expected = normals.picture(normals.decode(outputs["normals"][0]), None)  # type: ignore[arg-type]
    np.testing.assert_array_equal(np.asarray(Image.open(first["normals"]["file"])), expected)
    assert first["depth"]["min"] == pytest.approx(float(outputs["depth"].min()))
    # The same picture by another way, and one that is upside down.
    assert value["images"][1]["outputs"]["depth"]["max"] == first["depth"]["max"]
    flipped = np.asarray(Image.open(value["images"][2]["outputs"]["segmentation"]["file"]))
    assert (flipped != seen).any()


def test_names_do_without_a_card(edgenas: Run, folder: Path) -> None:
    model = folder / "models" / "net_float32.tflite"
    outcome = edgenas("run", model, folder / "frame.png", "--out", folder / "o")
    assert outcome.code == 0, outcome.err
    assert sorted(p.name for p in (folder / "o").iterdir()) == [
        "frame_depth.png", "frame_input.png", "frame_normals.png", "frame_segmentation.png", "legend.png",
        "outputs.json",
    ]  # fmt: skip
    assert "Nothing says what the input's values mean; pixels become -1,1" in outcome.err
    assert "frame: measured " in outcome.out and "segmentation (segmentation) 1x64x96x13" in outcome.out
    assert "1 image, median " in outcome.out and "(measured, ai-edge-litert" in outcome.out


def test_the_card_is_of_another_file(edgenas: Run, folder: Path) -> None:
    _card(folder, class_names=["a", "b"], depth_unit="m")
    outcome = edgenas(
        "run", folder / "models" / "net_int8.tflite", folder / "frame.png", "--out", folder / "o"
    )
    assert outcome.code == 0 and "describes another file" in outcome.err


def test_images_are_resized(edgenas: Run, folder: Path) -> None:
    Image.new("RGB", (200, 100), (10, 200, 30)).save(folder / "wide.jpg", quality=95)
    Image.new("L", (96, 64), 77).save(folder / "grey.png")
    model = folder / "models" / "net_int8.tflite"
    value = edgenas(
        "run", model, folder / "wide.jpg", folder / "grey.png", "--out", folder / "o", "--json"
    ).value
    assert [image["resized_from"] for image in value["images"]] == [[100, 200], None]


def test_equal_names_do_not_overwrite_each_other(edgenas: Run, folder: Path) -> None:
    (folder / "b").mkdir()
    shutil.copy(folder / "frame.png", folder / "b" / "frame.png")
    model = folder / "models" / "net_int8.tflite"
    value = edgenas(
        "run", model, folder / "frame.png", folder / "b" / "frame.png", "--out", folder / "o", "--json"
    )
    assert [image["label"] for image in value.value["images"]] == ["frame", "frame-2"]
    assert len(list((folder / "o").glob("*_*.png"))) == 8


def test_float_arrays_are_inputs_as_they_are(edgenas: Run, folder: Path) -> None:
    pixels = np.asarray(Image.open(folder / "frame.png"))
    np.save(folder / "input.npy", (pixels / 127.5 - 1.0).astype(np.float32))
    model = folder / "models" / "net_int8.tflite"
    value = edgenas(
        "run", model, folder / "input.npy", folder / "frame.png", "--out", folder / "o", "--json"
    ).value
    one, two = (image["outputs"] for image in value["images"])
    for name in one:
        assert (one[name]["min"], one[name]["max"]) == (two[name]["min"], two[name]["max"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.png", None, "No such file"),
        ("text.png", b"hello", "cannot be read as a picture"),
        ("broken.npz", b"PK\x03\x04", "cannot be read as images"),
        ("flat.npy", np.zeros((64, 96), np.uint8), r"expected an array \[H, W, 3\]"),
        ("labels.npy", np.zeros((64, 96, 3), np.int64), "expected uint8"),
        ("small.npy", np.zeros((32, 32, 3), np.float32), "must have the network's size, 64x96"),
    ],
)
def test_wrong_images(edgenas: Run, folder: Path, name: str, content: Any, message: str) -> None:
    if isinstance(content, bytes):
        (folder / name).write_bytes(content)
    elif content is not None:
        np.save(folder / name, content)
    outcome = edgenas("run", folder / "models" / "net_int8.tflite", folder / name, "--out", folder / "o")
    assert outcome.code == 2
    import re

    assert re.search(message, outcome.err), outcome.err


def test_wrong_models(edgenas: Run, folder: Path) -> None:
    model = folder / "models" / "net_int8.tflite"
    data = model.read_bytes()
    for name, content, message in (
        ("cut.tflite", data[:3000], "cannot run"),
        ("picture.tflite", (folder / "frame.png").read_bytes(), "TFL3 is missing"),
    ):
        (folder / name).write_bytes(content)
        outcome = edgenas("run", folder / name, folder / "frame.png", "--out", folder / "o")
        assert outcome.code in (1, 2) and message in outcome.err, outcome.err
    outcome = edgenas(
        "run", model, folder / "frame.png", "--runtime", "tflite-runtime", "--out", folder / "o"
    )
    assert outcome.code == 1 and "pip install" in outcome.err


@pytest.mark.shared_data
def test_google_models(edgenas: Run, shared_data: Path, folder: Path) -> None:
    models = [p for p in sorted((shared_data / "coral_models").rglob("*.tflite")) if "_edgetpu" not in p.name]
    assert models
    for model in models:
        outcome = edgenas("run", model, folder / "frame.png", "--out", folder / "o", "--json")
        assert outcome.code == 0, f"{model}: {outcome.err}"
    compiled = next((shared_data / "coral_models").rglob("*_edgetpu.tflite"))
    outcome = edgenas("run", compiled, folder / "frame.png", "--out", folder / "o")
    assert outcome.code == 1 and "compiled for the Edge TPU" in outcome.err


def test_a_file_that_describes_itself_needs_no_card(edgenas: Run, folder: Path) -> None:
    from edgenas.datasets.records import DatasetInfo
    from edgenas.export.package.write import with_description

    own = tuple(f"thing {i}" for i in range(13))
    info = DatasetInfo("own", 64, 96, ("segmentation",), own, "1/m", "f")
    model = folder / "models" / "net_int8.tflite"
    model.write_bytes(with_description(model, "net", info))
    _card(folder, class_names=list(NYUV2_13), depth_unit="m")
    ran = edgenas("run", model, folder / "frame.png", "--out", folder / "o")
    assert "thing" in ran.out and "1/m, median" in ran.out and "describes another" not in ran.out + ran.err
    told = edgenas("run", model, folder / "frame.png", "--out", folder / "o", "--json").value
    assert told["card"] is None and told["input"]["range"] == [-1.0, 1.0]
    assert told["images"][0]["outputs"]["segmentation"]["shows"].startswith("thing")
    with Image.open(told["legend"]) as legend:
        colours = {colour for _, colour in legend.getcolors(100_000)}
    assert {tuple(colour) for colour in palette(own).tolist()} <= colours
