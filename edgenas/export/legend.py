"""What the pictures of outputs show, in words and as a legend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgenas.datasets.classes import palette
from edgenas.export.output_pictures import OutputMeaning
from edgenas.storage import atomic_path
from edgenas.tasks import get_task

__all__ = ["words", "write_legend"]

_MOST_TOLD = 3
_ROW = 18
_WIDTH = 220


def words(meaning: OutputMeaning, values: np.ndarray) -> str:
    """One line about an output: the most frequent classes, or the depths with their unit; empty for others.

    Args:
        meaning: what it is.
        values: float [1, H, W, C] as the network gives it, or labels [1, H, W].
    """
    if meaning.task not in ("segmentation", "depth"):
        return ""
    decoded = values[0] if values.ndim == 3 else get_task(meaning.task).decode(values[0])
    if meaning.task == "depth":
        low, middle, high = np.quantile(decoded, [0.0, 0.5, 1.0])
        return f"{low:.3g} to {high:.3g} {meaning.depth_unit}, median {middle:.3g} {meaning.depth_unit}"
    count = len(meaning.class_names)
    shares = np.bincount(np.asarray(decoded, np.int64).ravel(), minlength=count) / decoded.size
    most = [int(i) for i in np.argsort(-shares, kind="stable")[:_MOST_TOLD] if shares[i] > 0]
    return ", ".join(
        f"{meaning.class_names[i] if i < count else f'class {i}'} {100 * shares[i]:.0f}%" for i in most
    )


def write_legend(path: Path, class_names: Sequence[str]) -> bool:
    """Draws the colours of the classes beside their names; whether it could: text needs Pillow."""
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        return False
    picture = Image.new("RGB", (_WIDTH, _ROW * len(class_names) + 4), "white")
    draw = ImageDraw.Draw(picture)
    for row, (name, colour) in enumerate(zip(class_names, palette(class_names).tolist(), strict=True)):
        top = _ROW * row + 4
        draw.rectangle((4, top, 24, top + _ROW - 5), fill=tuple(colour))
        # Pillow's own font knows Latin-1 at least.
        draw.text((32, top), name.encode("latin-1", "replace").decode("latin-1"), fill="black")
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG")
    return True
