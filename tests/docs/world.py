"""What the commands of the pages find: data sets, networks and a finished run, all small."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from blocks import ROOT
from PIL import Image
from runner import MINI, edgenas

__all__ = ["make_world"]


def make_world(world: Path, archive: Path) -> None:
    """Fills a folder by the real commands.

    Args:
        world: empty, and the current folder.
        archive: an .npz archive of 32x64 frames with three tasks.
    """
    for name in ("nyuv2.npz", "frames.npz", "official_test.npz", "mine.npz"):
        shutil.copy(archive, world / name)
    shutil.copytree(ROOT / "examples", world / "examples")
    _folder_of_ones_own(world / "my-rooms")
    _cityscapes(world / "data")
    with np.load(archive) as arrays:
        for i, name in enumerate(("photo.png", "photo.jpg", "one.jpg", "two.jpg", "three.jpg")):
            Image.fromarray(arrays["image"][i]).save(world / name)
    said = ["--data", "nyuv2.npz", "--iterations", "8", "--batch-size", "2"]
    search = ["search", *said, "--space", str(MINI), "--trials", "3", "--target-ms", "50", "--out"]
    for line in (
        [*search, "runs/001"],
        ["train", "runs/001", "--iterations", "2", "--batch-size", "2"],
        ["export", "runs/001", "--int8", "--name", "network"],
        ["evaluate", "runs/001"],
    ):
        code, told = edgenas(line, {})
        if code:
            raise RuntimeError(f"{line}\n{told}")
    _ten_measurements(world / "ten.csv")
    export = world / "runs" / "001" / "export"
    shutil.copy(export / "network_int8.tflite", world / "model_int8.tflite")
    shutil.copy(export / "network_float32.tflite", world / "model.tflite")
    best = json.loads((world / "runs" / "001" / "best.json").read_text(encoding="utf-8"))
    (world / "net.json").write_text(json.dumps(best["architecture"]), encoding="utf-8")
    # A second run to compare with; what is in it matters to nobody.
    shutil.copytree(world / "runs" / "001", world / "runs" / "002")


def _ten_measurements(path: Path) -> None:
    """Twelve cells of NAS-Bench-201 as a device would give them that is 1.4 times as slow as a Cortex-A76."""
    from edgenas.latency_models import find_predictor
    from edgenas.latency_models.tables.nasbench201 import OPERATIONS, nasbench201_graph
    from edgenas.latency_models.usable import depends_on_input

    rng = np.random.default_rng(0)
    predictor = find_predictor("cortex-a76")
    rows: dict[str, float] = {}
    while len(rows) < 12:
        drawn = iter(rng.choice(OPERATIONS, 6))
        cell = "+".join("|" + "|".join(f"{next(drawn)}~{i}" for i in range(node)) + "|" for node in (1, 2, 3))
        graph = nasbench201_graph(cell)
        if depends_on_input(graph):
            rows[cell] = 1.4 * predictor.predict(graph).latency_ms * float(np.exp(rng.normal(0, 0.01)))
    lines = ["arch_str,mine_ms", *(f"{cell},{milliseconds:.4f}" for cell, milliseconds in rows.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _folder_of_ones_own(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for split, count in (("train", 16), ("held-out", 4)):
        for i in range(count):
            left = int(rng.integers(8, 56))
            label = np.zeros((32, 64), np.uint8)
            label[:, left:] = 1 + i % 2
            image = np.stack([40 + 80 * label, 200 - 60 * label, 90 + 10 * label], -1).astype(np.uint8)
            image += rng.integers(0, 12, image.shape, dtype=np.uint8)
            depth = (1500 + 400 * label.astype(np.uint16) + rng.integers(0, 9, label.shape)).astype(np.uint16)
            for kind, values in (("image", image), ("label", label), ("depth", depth)):
                path = folder / split / kind / f"{i:04d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(values).save(path)


def _cityscapes(folder: Path) -> None:
    layouts = _layouts()
    train, test = layouts.Frames(16, 0), layouts.Frames(4, 1)
    for name in ("cityscapes", "copy", "original"):
        layouts.write_cityscapes(folder / name, train, test)


def _layouts() -> Any:
    """The writers of made-up data sets that the tests of layouts have."""
    path = ROOT / "tests" / "datasets" / "layouts" / "conftest.py"
    spec = importlib.util.spec_from_file_location("layout_writers", path)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"no module at {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
