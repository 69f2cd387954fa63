"""Images of the user beside what the network sees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.report.own_images import FOLDER, TOLD, own_images
from edgenas.report.pictures import encode_png


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with two images, as `edgenas run` leaves them."""
    folder = tmp_path / FOLDER
    folder.mkdir()
    images: list[dict[str, Any]] = []
    for number, label in enumerate(("one", "two")):
        for part in ("input", "depth"):
            picture = np.full((4, 6, 3), 40 * number, np.uint8)
            (folder / f"{label}_{part}.png").write_bytes(encode_png(picture))
        outputs = {"depth": {"file": f"elsewhere/{label}_depth.png"}}
        images.append(
            {"file": f"{label}.jpg", "label": label, "input": f"{label}_input.png", "outputs": outputs}
        )
    (folder / TOLD).write_text(json.dumps({"model": "net_int8.tflite", "images": images}))
    return tmp_path


def test_images_stand_beside_what_is_predicted(run: Path) -> None:
    shown = own_images(run)
    assert shown is not None and shown.count("<img") == 4 and shown.count("<article") == 2
    assert "one.jpg" in shown and "depth, predicted" in shown and "2 of 2 images" in shown


def test_no_folder_is_no_section(tmp_path: Path) -> None:
    assert own_images(tmp_path) is None


def test_hostile_names_and_missing_files(run: Path) -> None:
    told = json.loads((run / FOLDER / TOLD).read_text())
    told["images"][0]["file"] = "<script>x</script>.jpg"
    told["images"][0]["outputs"]["<b>"] = {"file": "../../../etc/passwd"}
    told["images"].append("no image")
    (run / FOLDER / TOLD).write_text(json.dumps(told))
    (run / FOLDER / "two_depth.png").write_bytes(b"GIF89a")
    shown = own_images(run)
    assert shown is not None and shown.count("<img") == 3 and "<script>" not in shown
    (run / FOLDER / TOLD).write_text("{")
    broken = own_images(run)
    assert broken is not None and "cannot be read" in broken


def test_many_images_keep_the_page_small(run: Path) -> None:
    told = json.loads((run / FOLDER / TOLD).read_text())
    told["images"] *= 30
    (run / FOLDER / TOLD).write_text(json.dumps(told))
    shown = own_images(run)
    assert shown is not None and shown.count("<article") == 12 and "12 of 60" in shown
