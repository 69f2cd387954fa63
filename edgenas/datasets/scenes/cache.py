"""Rendered frames on disk: a cache that may be lost, damaged or full at any time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from edgenas.datasets.scenes.blocks import BLOCK_FRAMES, Block, SceneSpec, pack, render_blocks, unpack
from edgenas.datasets.scenes.render import VERSION
from edgenas.errors import EdgenasError
from edgenas.storage import write_bytes_atomic

__all__ = ["SceneCache", "default_cache_dir"]

_LOG = logging.getLogger("edgenas.datasets")
_KEYS = {"image", "segmentation", "depth", "normals"}


def default_cache_dir() -> Path:
    """$EDGENAS_HOME, or ~/.cache/edgenas when it is unset or empty."""
    home = os.environ.get("EDGENAS_HOME")
    return Path(home) if home else Path.home() / ".cache" / "edgenas"


class SceneCache:
    """Blocks of rendered frames, one .npz file each, made when they are first wanted.

    A file that is missing, cut short, damaged or of another shape is rendered again. When nothing can be
    written (full disk, read-only folder) a warning is logged once and rendering goes on without the cache.

    Args:
        spec: which frames.
        folder: cache folder; `default_cache_dir()` when None.
    """

    def __init__(self, spec: SceneSpec, folder: Path | None = None) -> None:
        self._spec = spec
        name = f"{spec.world}-v{VERSION}-{spec.split}-seed{spec.seed}-{spec.height}x{spec.width}"
        self._folder = Path(folder or default_cache_dir()) / "scenes" / name
        self._writable = True

    def path(self, block: int) -> Path:
        """Where block number `block` is kept."""
        return self._folder / f"{block:05d}.npz"

    def read(self, block: int, frames: int) -> Block | None:
        """Block number `block` from the disk, with at least `frames` frames; None when it must be rendered."""
        path = self.path(block)
        try:
            kept = unpack(path.read_bytes())
        except FileNotFoundError:
            return None
        # Damaged bytes raise a dozen types in zipfile, zlib and NumPy; whatever it is, the frames can be made again.
        except Exception as error:
            _LOG.warning("The cache file %s is damaged (%s); it is rendered again.", path, error)
            return None
        size = (self._spec.height, self._spec.width)
        if set(kept) != _KEYS or any(array.shape[1:3] != size for array in kept.values()):
            _LOG.warning("The cache file %s holds something else; it is rendered again.", path)
            return None
        return kept if min(len(array) for array in kept.values()) >= frames else None

    def blocks(self, frames: int) -> Iterator[Block]:
        """The first `frames` frames in order, block by block; renders and keeps what is missing."""
        counts = [min(BLOCK_FRAMES, frames - start) for start in range(0, frames, BLOCK_FRAMES)]
        found = [self.read(number, count) for number, count in enumerate(counts)]
        missing = [number for number, block in enumerate(found) if block is None]
        if missing:
            total = sum(counts[number] for number in missing)
            _LOG.info("Rendering %d frames of %s (%s).", total, self._spec.world, self._spec.split)
        fresh = render_blocks(self._spec, [(n * BLOCK_FRAMES, n * BLOCK_FRAMES + counts[n]) for n in missing])
        for number, count in enumerate(counts):
            # Taken out of the list, so that the frames do not stand in memory twice.
            block, found[number] = found[number], None
            if block is None:
                block = next(fresh)
                self._write(number, block)
            yield {key: array[:count] for key, array in block.items()}

    def _write(self, number: int, block: Block) -> None:
        if not self._writable:
            return
        try:
            write_bytes_atomic(self.path(number), pack(block))
        except EdgenasError as error:
            self._writable = False
            _LOG.warning("Rendered frames are not kept: %s", error)
