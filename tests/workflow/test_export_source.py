"""What an export starts from: runs, .keras files of ours and of others, weights with an architecture, other sizes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.errors import UsageError
from edgenas.space import Architecture, load_space
from edgenas.workflow.export_source import ExportSource


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An architecture, its weights and its Keras file."""
    from edgenas.runtime import start_tensorflow

    start_tensorflow()
    from edgenas.networks import build_model

    space = load_space("demo", ("depth", "segmentation"))
    arch = space.architecture(
        space.default(), input_shape=(32, 64), head_channels={"depth": 1, "segmentation": 13}
    )
    root = tmp_path_factory.mktemp("source")
    (root / "arch.json").write_text(json.dumps(arch.to_dict()))
    model = build_model(arch, seed=3)
    model.save(root / "net.keras")
    model.save_weights(root / "net.weights.h5")
    return root


def same_weights(one: Any, other: Any) -> bool:
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_files_and_weights_are_the_same_network(folder: Path) -> None:
    keras_file = ExportSource.find(folder / "net.keras")
    assert keras_file.architecture is None and keras_file.name == "net" and keras_file.folder == folder
    assert keras_file.tasks == ("depth", "segmentation")
    named = ExportSource.find(folder / "net.keras", architecture=folder / "arch.json")
    weights = ExportSource.find(folder / "net.weights.h5", architecture=folder / "arch.json")
    assert named.name == weights.name == f"edgenas_{Architecture.load(folder / 'arch.json').hash[:8]}"
    assert same_weights(keras_file.model, named.model) and same_weights(named.model, weights.model)


def test_another_size_has_the_same_weights(folder: Path) -> None:
    named = ExportSource.find(folder / "net.keras", architecture=folder / "arch.json")
    larger = named.at(64, None)
    assert larger.model.input_shape == (None, 64, 64, 3) and same_weights(larger.model, named.model)
    assert larger.name != named.name
    with pytest.raises(UsageError, match="multiple"):
        named.at(50, None)
    with pytest.raises(
        UsageError, match=r"takes 32x64 images, and nothing says how it is built.*--architecture"
    ):
        _ = ExportSource.find(folder / "net.keras").at(64, 64).model


def test_networks_of_other_tools(folder: Path, tmp_path: Path) -> None:
    """One output without a name of ours, an input of any size."""
    import keras

    image = keras.Input((None, None, 3))
    path = tmp_path / "foreign.keras"
    keras.Model(image, keras.layers.Conv2D(13, 3, padding="same", name="seg_logits")(image)).save(path)
    with pytest.raises(UsageError, match=r"any size. Say which one with --height and --width"):
        _ = ExportSource.find(path).model
    source = ExportSource.find(path).at(16, 24)
    assert source.model.input_shape == (None, 16, 24, 3) and source.tasks == ("segmentation",)
    assert source.model.output["segmentation"].shape == (None, 16, 24, 13)


def test_weights_of_another_architecture(folder: Path, tmp_path: Path) -> None:
    arch = json.loads((folder / "arch.json").read_text())
    arch["fusion_width"] *= 2
    other = tmp_path / "other.json"
    other.write_text(json.dumps(arch))
    for file in ("net.weights.h5", "net.keras"):
        source = ExportSource.find(folder / file, architecture=other)
        size = source.at(64, 64) if file.endswith(".keras") else source
        with pytest.raises(UsageError, match="belong to another architecture"):
            _ = size.model
    shutil.copy(other, tmp_path / "cut.weights.h5")
    with pytest.raises(
        UsageError, match=r"cut.weights.h5 belong to another architecture, or the file is damaged"
    ):
        _ = ExportSource.find(tmp_path / "cut.weights.h5", architecture=other).model


def test_what_is_no_source(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Give either a run or --trained"):
        ExportSource.find(folder, trained=folder)
    with pytest.raises(UsageError, match="No such file"):
        ExportSource.find(tmp_path / "none.keras")
    with pytest.raises(UsageError, match=r"holds weights without a network.*--architecture"):
        ExportSource.find(folder / "net.weights.h5")
    with pytest.raises(UsageError, match=r"give the file, MODEL.keras"):
        ExportSource.find(folder, architecture=folder / "arch.json")
    with pytest.raises(UsageError, match="No trained network"):
        ExportSource.find(tmp_path)


def test_data_that_the_training_did_not_see_are_told() -> None:
    from edgenas.workflow.data import DataRequest
    from edgenas.workflow.export import _data_warning

    data = DataRequest("rooms", height=32, width=64, frames=2, validation_frames=2).open()
    source = ExportSource(Path("model.keras"), Path(), fingerprint="0", data="nyu v2.npz")
    [warning] = _data_warning(source, data)
    assert "trained on nyu v2.npz" in warning and warning.endswith("--data 'nyu v2.npz'")
    seen = data.train.info.fingerprint
    for quiet in (replace(source, data=""), replace(source, data="rooms"), replace(source, fingerprint=seen)):
        assert _data_warning(quiet, data) == []
