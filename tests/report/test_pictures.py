"""Pictures: PNG that other decoders read, and archives that cannot be trusted."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edgenas.errors import UsageError
from edgenas.report.pictures import Samples, class_legend, encode_png, gallery, read_samples


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**16))
def test_png_decodes_to_the_same_pixels(height: int, width: int, seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    with Image.open(io.BytesIO(encode_png(picture))) as decoded:
        assert np.array_equal(np.asarray(decoded), picture)


def _save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def _frames(count: int = 2, height: int = 8, width: int = 12) -> np.ndarray:
    return np.zeros((count, height, width, 3), np.uint8)


def test_reads_what_the_export_writes(tmp_path: Path) -> None:
    path = _save(tmp_path / "s.npz", image=_frames(), truth_depth=_frames(), float_depth=_frames())
    samples = read_samples(path)
    page, shown = gallery(samples)
    assert shown == 2
    assert page.count("<img ") == 6
    assert 'alt="depth, predicted, float (Frame 1)"' in page


@pytest.mark.parametrize(
    ("numbers", "ranks", "titles"),
    [
        (np.array([7, 3]), np.array(["best", "worst"]), ("Best, frame 7", "Worst, frame 3")),
        (np.array([7, 3]), np.array(["", "<b>"]), ("Frame 7", "Frame 3")),
        (np.array([0.5, 1.5]), np.array([1, 2]), ("Frame 0", "Frame 1")),
        (np.array([1, 2, 3]), np.array(["best"]), ("Frame 0", "Frame 1")),
    ],
)
def test_titles_of_the_frames(
    tmp_path: Path, numbers: np.ndarray, ranks: np.ndarray, titles: tuple[str, ...]
) -> None:
    path = _save(tmp_path / "s.npz", image=_frames(), frame_number=numbers, frame_rank=ranks)
    assert read_samples(path).titles == titles


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({"truth_depth": _frames()}, "no array 'image'"),
        ({"image": _frames().astype(np.float32)}, "must be uint8"),
        ({"image": _frames()[0]}, "must be uint8"),
        ({"image": _frames(), "int8_depth": _frames(3)}, "'int8_depth' must be uint8 .2, H, W, 3"),
        ({"image": _frames(0)}, "must be uint8"),
        ({"image": np.array([{"a": 1}], dtype=object)}, "cannot be read as pictures"),
    ],
)
def test_other_archives_are_refused(tmp_path: Path, arrays: dict[str, Any], match: str) -> None:
    path = tmp_path / "s.npz"
    np.savez(path, allow_pickle=True, **arrays)
    with pytest.raises(UsageError, match=match):
        read_samples(path)


def test_a_cut_archive_is_refused(tmp_path: Path) -> None:
    path = _save(tmp_path / "s.npz", image=_frames())
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UsageError, match="edgenas export --int8"):
        read_samples(path)


def test_large_pictures_are_thinned_and_counted() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, 512, 1024, 3)).astype(np.uint8)
    pictures = {"image": noise, **{f"{kind}_depth": noise for kind in ("truth", "float", "int8")}}
    page, shown = gallery(Samples(pictures, tuple("abcdef")))
    assert 1 <= shown < 6
    assert len(page) < 3_000_000


def test_class_legend_names_every_colour() -> None:
    legend = class_legend(["wall", "<b>"])
    assert legend is not None and legend.count("<li>") == 2 and "&lt;b&gt;" in legend
    assert class_legend([]) is None and class_legend(["x"] * 1000) is None
