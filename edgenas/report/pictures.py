"""Pictures of image, truth and predictions, embedded as PNG that a few lines of ours encode."""

from __future__ import annotations

import base64
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.classes import palette
from edgenas.errors import UsageError
from edgenas.report.markup import Html, tag
from edgenas.report.wording import in_reading_order

__all__ = ["Samples", "class_legend", "encode_png", "gallery", "read_samples"]

_BUDGET_BYTES = 2_000_000  # of base64 text: keeps the page under 5 MB
_MOST_FRAMES = 8
_WIDEST = 384
_KINDS = {"truth": "truth", "float": "predicted, float", "int8": "predicted, int8"}
_RANKS = ("best", "median", "worst")
_MOST_CLASSES = 64
_MOST_ARRAY_BYTES = 512 * 2**20

Pictures = NDArray[np.uint8]


def encode_png(picture: Pictures) -> bytes:
    """Encodes an RGB picture, u8 [H, W, 3], as PNG; of two row filters it takes the smaller result."""
    height, width, _ = picture.shape
    rows = np.ascontiguousarray(picture).reshape(height, width * 3)
    above = np.vstack([np.zeros((1, width * 3), np.uint8), rows[:-1]])
    streams = []
    for filter_type, filtered in ((0, rows), (2, rows - above)):  # u8 differences wrap, as the format wants
        lines = np.hstack([np.full((height, 1), filter_type, np.uint8), filtered])
        streams.append(zlib.compress(lines.tobytes(), 6))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", min(streams, key=len)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@dataclass(frozen=True)
class Samples:
    """Content of samples.npz.

    Attributes:
        pictures: `image` and `truth_*`, `float_*`, `int8_*`, each u8 [N, H, W, 3].
        titles: of each frame, such as "Best, frame 17".
    """

    pictures: dict[str, Pictures]
    titles: tuple[str, ...]

    @property
    def ranked(self) -> bool:
        """Whether the frames are best, middle and worst ones; those of earlier versions are spread evenly."""
        return any(title.startswith(("Best", "Median", "Worst")) for title in self.titles)


def read_samples(path: Path) -> Samples:
    """Reads samples.npz.

    Raises:
        UsageError: the file is no such archive; the message names the array and what is wrong with it.
    """
    advice = "Write it again with `edgenas export --int8`."
    try:
        _refuse_bombs(path)
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise UsageError(f"{path} cannot be read as pictures: {error}. {advice}") from error
    if "image" not in arrays:
        raise UsageError(f"{path} holds no array 'image'; it holds {sorted(arrays)[:12]}. {advice}")
    numbers, ranks = arrays.pop("frame_number", None), arrays.pop("frame_rank", None)
    count = arrays["image"].shape[:1]
    for name, array in arrays.items():
        if (
            array.dtype != np.uint8
            or array.ndim != 4
            or array.shape[3] != 3
            or array.shape[:1] != count
            or not array.size
        ):
            raise UsageError(
                f"{path}: array {name[:80]!r} must be uint8 [{(*count, 0)[0]}, H, W, 3]. "
                f"Received {array.dtype} {list(array.shape)}. {advice}"
            )
    return Samples(arrays, tuple(_titles(int(count[0]), numbers, ranks)))


def _titles(count: int, numbers: NDArray[Any] | None, ranks: NDArray[Any] | None) -> list[str]:
    """Titles of the frames; what is not as `edgenas export` writes it counts as absent."""
    known = numbers is not None and numbers.shape == (count,) and numbers.dtype.kind in "iu"
    titles = [f"Frame {numbers[i] if known and numbers is not None else i}" for i in range(count)]
    if ranks is None or ranks.shape != (count,) or ranks.dtype.kind != "U":
        return titles
    return [
        f"{str(rank).capitalize()}, {title.lower()}" if rank in _RANKS else title
        for rank, title in zip(ranks, titles, strict=True)
    ]


def _refuse_bombs(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        size = sum(item.file_size for item in archive.infolist())
    if size > _MOST_ARRAY_BYTES:
        raise ValueError(f"it unpacks to {size} bytes, more than {_MOST_ARRAY_BYTES}")


def gallery(content: Samples) -> tuple[Html, int]:
    """Frames with their pictures per task, as many as fit the page; also the number of frames shown."""
    samples = content.pictures
    found = {name.partition("_")[2] for name in samples if name.partition("_")[0] in _KINDS} - {""}
    tasks = in_reading_order(found)
    frames: list[Html] = []
    used = 0
    for index in range(min(len(samples["image"]), _MOST_FRAMES)):
        frame = _frame(samples, index, tasks, content.titles[index])
        if used + len(frame) > _BUDGET_BYTES:
            if frames:
                break
            frame = _frame(samples, index, tasks, content.titles[index], widest=160)
        frames.append(frame)
        used += len(frame)
    return tag("div", *frames, class_="gallery"), len(frames)


def class_legend(class_names: list[str]) -> Html | None:
    """The colours of the segmentation classes, or None for a list that is empty or too long to read."""
    if not 0 < len(class_names) <= _MOST_CLASSES:
        return None
    items = []
    for name, colour in zip(class_names, palette(class_names), strict=True):
        fill = "#" + bytes(colour.tolist()).hex()
        drawing = tag(
            "svg", tag("rect", width=12, height=12, rx=2, fill=fill), width=12, height=12, aria_hidden="true"
        )
        items.append(tag("li", drawing, name))
    return tag("ul", *items, class_="legend", aria_label="Colours of the classes")


def _frame(
    samples: dict[str, Pictures], index: int, tasks: list[str], title: str, widest: int = _WIDEST
) -> Html:
    rows = []
    for task in tasks:
        cells = []
        for kind, caption in _KINDS.items():
            array = samples.get(f"{kind}_{task}")
            if array is not None:
                cells.append(
                    _picture(array[index], f"{task}, {caption}", f"{task}, {caption} ({title})", widest)
                )
        rows.append(tag("div", *cells, class_="frame-row"))
    image = _picture(samples["image"][index], "image", f"Input image ({title})", widest)
    parts = (
        tag("h3", title),
        tag("div", image, class_="frame-image"),
        tag("div", *rows, class_="frame-tasks"),
    )
    return tag("article", *parts, class_="frame")


def _picture(picture: Pictures, caption: str, alt: str, widest: int) -> Html:
    step = -(-picture.shape[1] // widest)
    small = picture[::step, ::step]
    source = "data:image/png;base64," + base64.b64encode(encode_png(small)).decode("ascii")
    image = tag("img", src=source, alt=alt, width=small.shape[1], height=small.shape[0])
    return tag("figure", image, tag("figcaption", caption))
