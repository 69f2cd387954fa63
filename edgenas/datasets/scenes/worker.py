"""Child process of the renderer: `python -m edgenas.datasets.scenes.worker WORLD SPLIT SEED H W START:STOP...`.

Writes one block of frames per range to stdout: its size as 8 bytes, then the bytes of an .npz file.
"""

from __future__ import annotations

import sys

from edgenas.datasets.scenes.blocks import LENGTH, SceneSpec, pack, render_block

__all__ = ["main"]


def main(arguments: list[str]) -> None:
    """Renders the blocks that the arguments name."""
    world, split = arguments[:2]
    seed, height, width = map(int, arguments[2:5])
    spec = SceneSpec(world, split, seed, height, width)
    for span in arguments[5:]:
        start, stop = map(int, span.split(":"))
        data = pack(render_block(spec, start, stop))
        sys.stdout.buffer.write(LENGTH.pack(len(data)))
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
