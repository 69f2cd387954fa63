"""What the device returns: forms of heads, refused where they make no sense, understood by run and evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from edgenas.datasets import Dataset
from edgenas.errors import EdgenasError, UsageError
from edgenas.evaluation import evaluate_outputs
from edgenas.evaluation.full_size import FullSize
from edgenas.evaluation.models import open_model
from edgenas.export.candidate import IoTypes
from edgenas.export.engines.convert import convert, finished
from edgenas.export.exporter import export_network
from edgenas.export.inputs import at_data_size, check_model, refuse_constant_heads
from edgenas.export.outputs import device_network
from edgenas.export.request import ExportRequest
from edgenas.graph import parse_tflite
from edgenas.space import Architecture


def test_low_heads_hold_what_the_resizes_enlarge(model: Any, network_inputs: list[np.ndarray]) -> None:
    from edgenas.networks.layers import Upsample2x

    device = device_network(model, {"depth": "low"})
    low, full = (np.asarray(net(network_inputs[0])["depth"]) for net in (device.model, model))
    assert low.shape == (1, 8, 16, 1) and full.shape == (1, 32, 64, 1)
    enlarged = Upsample2x("bilinear")(Upsample2x("bilinear")(low))
    np.testing.assert_allclose(np.asarray(enlarged), full, atol=1e-6)
    assert device_network(model, {}).model is model


def test_forms_that_do_not_exist(model: Any, tmp_path: Path) -> None:
    import keras

    with pytest.raises(UsageError, match="Unknown form of the head depth 'argmax'"):
        device_network(model, {"depth": "argmax"})
    with pytest.raises(UsageError, match="Unknown head 'edges'"):
        device_network(model, {"edges": "low"})
    image = keras.Input((8, 8, 3))
    flat = keras.Model(image, {"segmentation": keras.layers.Conv2D(300, 1)(image)})
    with pytest.raises(UsageError, match="does not end with resizes"):
        device_network(flat, {"segmentation": "logits-low"})
    with pytest.raises(UsageError, match=r"300 classes; labels of one byte hold 256.*logits-low"):
        device_network(flat, {"segmentation": "argmax"})


def test_a_file_of_labels_in_evaluate_and_run(
    model: Any, network_inputs: list[np.ndarray], splits: tuple[Dataset, Dataset], tmp_path: Path
) -> None:
    """Its accuracy is that of its scores, and `edgenas run` draws it."""
    from PIL import Image

    from edgenas.cli.run import command

    device = device_network(model, {"segmentation": "argmax", "depth": "low"})
    scores = convert(device.model, format="int8", engine="tensorflow", images=network_inputs)
    metrics = []
    for name, labels in (("scores", {}), ("labels", device.labels)):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(finished(scores, IoTypes(), labels).data)
        opened = open_model(path)
        classes = len(splits[1].info.class_names)
        run = FullSize(opened, ("depth", "segmentation"), classes)
        metrics.append(evaluate_outputs(run, splits[1], ("depth", "segmentation")))
    assert metrics[0] == metrics[1]
    Image.fromarray(splits[1].frame(0).image).save(tmp_path / "photo.png")
    arguments = [
        str(tmp_path / "labels.tflite"),
        str(tmp_path / "photo.png"),
        "--out",
        str(tmp_path / "seen"),
    ]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "seen" / "photo_segmentation.png") as picture:
        assert picture.size == (64, 32)
    with Image.open(tmp_path / "seen" / "photo_depth.png") as picture:
        assert picture.size == (16, 8)


def test_the_card_tells_place_form_and_value(
    model: Any, architecture: Architecture, splits: tuple[Dataset, Dataset], tmp_path: Path
) -> None:
    request = ExportRequest(
        tmp_path, "net", heads={"segmentation": "argmax-low"}, calibration_frames=8, engine="litert-quantizer"
    )
    exported = export_network(model, architecture, *splits, request)
    section, files = exported.sections["outputs"], exported.files
    order = parse_tflite(files["int8"].path.read_bytes()).output_names
    assert [section[head]["position"] for head in order] == [0, 1, 2]
    assert section["segmentation"]["form"] == "argmax-low" and section["segmentation"]["value"] == "number"
    assert section["segmentation"]["dtype"] == "uint8"
    depth = section["depth"]
    assert depth["value"] == f"{depth['scale']:.9g} * (number - {depth['zero_point']})"
    assert exported.sections["engines"]["int8"]["chosen"] == "litert-quantizer"
    assert (tmp_path / "net_int8_recipe.json").is_file()
    drops = exported.sections["drops_percent"]["int8"]
    assert set(drops) == {"depth", "normals", "segmentation"}
    # Labels have other metrics than the scores that they come from, in the float file too.
    assert files["float32"].metrics["depth"] == {
        metric: pytest.approx(value, rel=1e-3) for metric, value in exported.keras_metrics["depth"].items()
    }
    with pytest.raises(UsageError, match=r"int16x8 cannot return labels. Use --head segmentation=logits"):
        export_network(
            model, architecture, *splits,
            ExportRequest(tmp_path, "net", formats=("int16x8",), heads={"segmentation": "argmax"}),
        )  # fmt: skip


def test_heads_that_see_nothing_are_refused() -> None:
    moving = np.random.default_rng(0).normal(size=(2, 4, 4, 3))
    still = np.tile([[[[1.0, 2.0, 3.0]]]], (2, 4, 4, 1))
    refuse_constant_heads({"normals": moving})
    with pytest.raises(EdgenasError, match=r"'depth' gives the same 1 for every pixel of 2 frames"):
        refuse_constant_heads({"normals": moving, "depth": still})
    with pytest.raises(EdgenasError, match="'depth' gives NaN or infinity"):
        refuse_constant_heads({"depth": np.where(moving > 0, np.nan, moving)})


def test_data_of_another_kind(
    model: Any,
    architecture: Architecture,
    splits: tuple[Dataset, Dataset],
    tiny_archive: Path,
    tmp_path: Path,
) -> None:
    from edgenas.datasets import load_dataset

    request = ExportRequest(tmp_path, "net")
    with pytest.raises(UsageError, match="have no truth for normals, segmentation"):
        check_model(model, architecture, load_dataset(str(tiny_archive), "train", tasks=("depth",)), request)
    with pytest.raises(UsageError, match="'segmentation' has 13 channels; the data need 40"):
        check_model(model, architecture, load_dataset(f"{tiny_archive}#seg40", "train"), request)
    rooms = load_dataset("rooms", "train", height=64, width=64, frames=2)
    with pytest.raises(UsageError, match=r"frames are 64x64; the network expects 32x64|13 channels"):
        check_model(model, None, rooms, request)


def test_answers_at_the_size_of_the_data(model: Any, splits: tuple[Dataset, Dataset]) -> None:
    seen = []

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        seen.append(images.shape)
        return {
            "depth": np.ones((len(images), 4, 8, 1), np.float32),
            "segmentation": np.zeros((len(images), 16, 32), int),
        }

    sized = at_data_size(run, (16, 32), ("depth", "segmentation"), 13, Path("net.tflite"))
    answer = sized(splits[1].arrays(range(2))["image"])
    assert seen == [(2, 16, 32, 3)]
    assert answer["depth"].shape == (2, 32, 64, 1) and answer["segmentation"].shape == (2, 32, 64, 13)
