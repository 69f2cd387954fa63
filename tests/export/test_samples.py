"""Which frames the report shows, and that their pictures are those of the frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgenas.datasets import ArrayDataset, DatasetInfo
from edgenas.export.samples import write_samples
from edgenas.report.pictures import gallery, read_samples

COUNT = 9


@pytest.fixture
def dataset() -> ArrayDataset:
    """Depth 2 everywhere; the image of frame i has the grey value i."""
    grey = np.arange(COUNT, dtype=np.uint8)[:, None, None, None]
    image = np.broadcast_to(grey, (COUNT, 4, 6, 3)).copy()
    depth = np.full((COUNT, 4, 6), 2.0, np.float16)
    info = DatasetInfo("made", 4, 6, ("depth",), (), "m", "fingerprint")
    return ArrayDataset(info, {"image": image, "depth": depth})


def _predict(images: np.ndarray) -> dict[str, np.ndarray]:
    """The further its frame number from 4, the more wrong."""
    wrong = np.abs(images[..., :1].astype(np.float32) - 4.0)
    return {"depth": 2.0 + 0.1 * wrong + 0.01 * (images[..., :1] > 4)}


def test_best_middle_and_worst_frames(dataset: ArrayDataset, tmp_path: Path) -> None:
    path = tmp_path / "samples.npz"
    write_samples(path, dataset, {"float": _predict, "int8": _predict}, ("depth",), frames=3)
    samples = read_samples(path)
    assert samples.titles[0] == "Best, frame 4" and samples.titles[2] == "Worst, frame 8"
    assert samples.titles[1] in ("Median, frame 2", "Median, frame 6")
    assert samples.ranked and [int(p[0, 0, 0]) for p in samples.pictures["image"]][::2] == [4, 8]
    page, shown = gallery(samples)
    assert shown == 3 and 'alt="depth, predicted, int8 (Worst, frame 8)"' in page


def test_no_frame_twice_where_there_are_only_a_few(dataset: ArrayDataset, tmp_path: Path) -> None:
    path = tmp_path / "samples.npz"
    write_samples(path, dataset, {"float": _predict}, ("depth",), frames=30)
    titles = read_samples(path).titles
    assert len(titles) == COUNT and len(set(titles)) == COUNT
