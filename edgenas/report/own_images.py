"""The images that `edgenas run MODEL IMAGE... --out RUN/images` left in a run folder, beside what the network sees."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgenas.errors import EdgenasError
from edgenas.report.coerce import as_list, as_mapping, as_text
from edgenas.report.markup import Html, join, note, tag
from edgenas.storage import read_json

__all__ = ["FOLDER", "TOLD", "own_images"]

FOLDER = "images"
"""Folder of a run in which the report looks."""
TOLD = "outputs.json"
"""What `edgenas run` writes beside the pictures."""

_MOST_IMAGES = 12
_BUDGET_BYTES = 1_000_000  # of PNG files: keeps the page under 5 MB
_PNG = b"\x89PNG\r\n\x1a\n"


def own_images(run_dir: Path) -> Html | None:
    """Each image with the pictures of its outputs; None where the folder holds none.

    Args:
        run_dir: the run folder.
    """
    folder = run_dir / FOLDER
    if not (folder / TOLD).exists():
        return None
    try:
        told = as_mapping(read_json(folder / TOLD, "outputs of edgenas run"))
    except EdgenasError as error:
        return note(str(error))
    images = [as_mapping(image) for image in as_list(told.get("images"))]
    articles: list[Html] = []
    used = 0
    for image in images[:_MOST_IMAGES]:
        pictures = [(caption, _png(folder, name)) for caption, name in _files(image)]
        used += sum(len(png) for _, png in pictures if png)
        if used > _BUDGET_BYTES and articles:
            break
        figures = [_figure(png, caption, as_text(image.get("label"))) for caption, png in pictures if png]
        title = tag("h3", Path(as_text(image.get("file"))).name)
        articles.append(tag("article", title, tag("div", *figures, class_="frame-row"), class_="frame"))
    words = note(
        f"{len(articles)} of {len(images)} images of yours, as {Path(as_text(told.get('model'))).name} sees them: "
        "predictions, no truth is known. The images were resized to the network's size."
    )
    return join((words, tag("div", *articles, class_="gallery")))


def _files(image: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Captions and file names: the image itself, then its outputs."""
    outputs = as_mapping(image.get("outputs"))
    pairs = [("image", as_text(image.get("input")))]
    pairs += [(f"{name}, predicted", as_text(as_mapping(out).get("file"))) for name, out in outputs.items()]
    return [(caption, Path(name).name) for caption, name in pairs if name.endswith(".png")]


def _png(folder: Path, name: str) -> bytes:
    """Content of a picture; empty where it is missing or something else."""
    try:
        content = (folder / name).read_bytes()
    except OSError:
        return b""
    return content if content.startswith(_PNG) else b""


def _figure(png: bytes, caption: str, label: str) -> Html:
    source = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
    return tag("figure", tag("img", src=source, alt=f"{caption} ({label})"), tag("figcaption", caption))
