"""Outputs at the size of the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgenas.errors import UsageError
from edgenas.evaluation.full_size import FullSize
from edgenas.evaluation.models import OpenModel
from edgenas.evaluation.output_tasks import tasks_of_outputs
from edgenas.evaluation.resize import resize_maps


def _model(outputs: dict[str, np.ndarray], height: int, width: int, seen: list[np.ndarray]) -> OpenModel:
    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        seen.append(images)
        return outputs

    channels = {name: values.shape[3] if values.ndim == 4 else 0 for name, values in outputs.items()}
    names = {name: name for name in outputs}
    return OpenModel(Path("net"), "tflite", "float32", height, width, channels, 1, run, names)


def test_a_ramp_stays_a_ramp() -> None:
    ramp = np.linspace(0, 1, 8, dtype=np.float32)[None, :, None, None] * np.ones((1, 8, 6, 2), np.float32)
    large = resize_maps(ramp, 32, 24)
    # Pixel centres are aligned: inside, the large ramp has the same value at the same place.
    rows = (np.arange(32) + 0.5) / 4 - 0.5
    inside = (rows >= 0) & (rows <= 7)
    np.testing.assert_allclose(large[0, inside, 0, 1], rows[inside] / 7, atol=1e-6)
    assert large[0, 0, 0, 0] == 0.0 and large[0, -1, -1, 1] == pytest.approx(1.0)
    np.testing.assert_allclose(resize_maps(np.full((1, 9, 7, 1), 3.0), 4, 5), 3.0, rtol=1e-6)


def test_the_same_size_is_untouched() -> None:
    seen: list[np.ndarray] = []
    depth = np.random.default_rng(0).normal(size=(1, 6, 8, 1)).astype(np.float32)
    images = np.arange(144, dtype=np.uint8).reshape(1, 6, 8, 3)
    out = FullSize(_model({"depth": depth}, 6, 8, seen), ("depth",), 0)(images)
    assert seen[0] is images and out["depth"] is depth


def test_other_sizes_are_brought_to_the_truth() -> None:
    seen: list[np.ndarray] = []
    normals = np.zeros((1, 3, 4, 3), np.float32)
    normals[..., 0] = 5.0  # long and short vectors weigh the same
    normals[:, :, 2:] = (0.0, 0.1, 0.0)
    out = FullSize(_model({"normals": normals}, 3, 4, seen), ("normals",), 0)(
        np.zeros((1, 6, 8, 3), np.uint8)
    )
    assert seen[0].shape == (1, 3, 4, 3) and out["normals"].shape == (1, 6, 8, 3)
    np.testing.assert_allclose(out["normals"][0, 0, 3], (0.75, 0.25, 0.0), atol=1e-6)


def test_labels_become_logits() -> None:
    labels = np.array([[[0, 2]]], np.int64)
    asked = FullSize(_model({"segmentation": labels}, 1, 2, []), ("segmentation",), 3)
    assert asked(np.zeros((1, 1, 2, 3), np.uint8))["segmentation"].argmax(-1).tolist() == [[[0, 2]]]
    asked = FullSize(_model({"segmentation": labels}, 1, 2, []), ("segmentation",), 2)
    with pytest.raises(UsageError, match="gives the label 2; the data have 2 classes"):
        asked(np.zeros((1, 1, 2, 3), np.uint8))


def test_outputs_find_their_tasks() -> None:
    outputs, channels = tasks_of_outputs(
        {"Identity": (1, 8, 8, 1), "Identity_1": (1, 8, 8, 3), "seg_logits": (1, 8, 8, 19)}, "net"
    )
    assert outputs == {"depth": "Identity", "normals": "Identity_1", "segmentation": "seg_logits"}
    assert channels == {"depth": 1, "normals": 3, "segmentation": 19}
    with pytest.raises(UsageError, match="'a' and 'b' both look like depth"):
        tasks_of_outputs({"a": (1, 8, 8, 1), "b": (1, 8, 8, 1)}, "net")
    with pytest.raises(UsageError, match=r"no output is one of a known task.*scores \[1, 1000\]"):
        tasks_of_outputs({"scores": (1, 1000)}, "net")
