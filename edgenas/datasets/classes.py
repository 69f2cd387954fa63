"""Names of the segmentation classes and the colours they are drawn in."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgenas.tasks.segmentation import VOID

__all__ = [
    "CITYSCAPES_7",
    "CITYSCAPES_7_OF_19",
    "CITYSCAPES_19",
    "CITYSCAPES_IDS",
    "NYUV2_13",
    "NYUV2_13_OF_40",
    "NYUV2_40",
    "VOID",
    "class_names_for",
    "palette",
]

CITYSCAPES_19 = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation",
    "terrain", "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
"""The 19 Cityscapes classes that are trained, in the order of their train ids."""

CITYSCAPES_7 = ("flat", "construction", "object", "nature", "sky", "human", "vehicle")
"""The 7 Cityscapes categories, in the order of their category ids, which count from 1."""

CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""The id that gtFine's labelIds have for each of the 19 classes; every other id is void."""

CITYSCAPES_7_OF_19 = (0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 5, 6, 6, 6, 6, 6, 6)
"""The category of each of the 19 classes."""

NYUV2_13 = (
    "bed", "books", "ceiling", "chair", "floor", "furniture", "objects", "picture", "sofa", "table", "tv",
    "wall", "window",
)  # fmt: skip
"""The 13-class version of NYUv2, alphabetical."""

NYUV2_40 = (
    "wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf", "picture",
    "counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror", "floor mat", "clothes",
    "ceiling", "books", "refrigerator", "television", "paper", "towel", "shower curtain", "box", "whiteboard",
    "person", "night stand", "toilet", "sink", "lamp", "bathtub", "bag", "other structure", "other furniture",
    "other prop",
)  # fmt: skip
"""The 40-class version of NYUv2, in its official order."""

NYUV2_13_OF_40 = (
    11, 4, 5, 0, 3, 8, 9, 11, 12, 5, 7, 5, 12, 9, 5, 12, 5, 6, 6, 4, 6, 2, 1, 5, 10, 6, 6, 6, 6, 6, 6, 5, 6, 6, 6, 6,
    6, 6, 5, 6,
)  # fmt: skip
"""Which of the 13 classes each of the 40 belongs to (class13Mapping.mat of github.com/ankurhanda/nyuv2-meta-data)."""

_CITYSCAPES_COLOURS = (
    (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153), (153, 153, 153),
    (250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152), (70, 130, 180), (220, 20, 60),
    (255, 0, 0), (0, 0, 142), (0, 0, 70), (0, 60, 100), (0, 80, 100), (0, 0, 230), (119, 11, 32),
)  # fmt: skip
_INDOOR_COLOURS = (
    (65, 105, 225), (148, 0, 211), (245, 222, 179), (255, 140, 0), (139, 90, 43), (205, 92, 92),
    (255, 215, 0), (0, 206, 209), (34, 139, 34), (154, 205, 50), (40, 40, 60), (176, 190, 197), (135, 206, 250),
)  # fmt: skip


def class_names_for(count: int) -> tuple[str, ...]:
    """Names of the usual label set with `count` classes: Cityscapes (7 or 19), NYUv2 (13 or 40), else numbered."""
    for names in (CITYSCAPES_7, CITYSCAPES_19, NYUV2_13, NYUV2_40):
        if len(names) == count:
            return names
    return tuple(f"class {index}" for index in range(count))


def palette(class_names: Sequence[str]) -> NDArray[np.uint8]:
    """Colours in which the classes are drawn.

    Args:
        class_names: the K names. The Cityscapes and the 13 NYUv2 names have fixed colours, any other
            list gets K colours spread over the colour wheel.

    Returns:
        RGB, u8 [K, 3]; every row differs. Void pixels have no entry: draw them black.
    """
    names = tuple(class_names)
    if names == CITYSCAPES_7:
        return np.array([_CITYSCAPES_COLOURS[CITYSCAPES_7_OF_19.index(k)] for k in range(7)], dtype=np.uint8)
    if names == CITYSCAPES_19:
        return np.array(_CITYSCAPES_COLOURS, dtype=np.uint8)
    if names == NYUV2_13:
        return np.array(_INDOOR_COLOURS, dtype=np.uint8)
    rows = []
    for index in range(len(names)):
        # The golden ratio spreads hues evenly for any K; saturation and value separate near hues.
        hue = (index * 0.6180339887) % 1.0
        rows.append(colorsys.hsv_to_rgb(hue, (0.85, 0.55, 0.7)[index % 3], (0.95, 0.8, 0.6)[index // 3 % 3]))
    return np.rint(np.array(rows, dtype=np.float64).reshape(-1, 3) * 255).astype(np.uint8)
