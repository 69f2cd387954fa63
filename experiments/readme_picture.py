"""Makes docs/demo.png, the picture in the README, from an exported run.

python experiments/readme_picture.py runs/demo
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

TASKS = ("segmentation", "depth", "normals")
SCALE, MARGIN, LABEL = 2, 4, 16


def main() -> None:
    """Lays out image, truth and int8 prediction of four validation frames."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/demo.png"))
    options = parser.parse_args()
    with np.load(options.run / "export" / "samples.npz", allow_pickle=False) as stored:
        samples = {key: stored[key] for key in stored.files}
    columns = [("image", "image")]
    for task in TASKS:
        columns += [(f"truth_{task}", f"{task}, truth"), (f"int8_{task}", f"{task}, int8 .tflite")]
    rows = min(4, len(samples["image"]))
    height, width = (SCALE * n for n in samples["image"].shape[1:3])
    sheet = Image.new("RGB", (len(columns) * (width + MARGIN), LABEL + rows * (height + MARGIN)), "white")
    draw = ImageDraw.Draw(sheet)
    for x, (key, title) in enumerate(columns):
        draw.text((x * (width + MARGIN) + 2, 2), title, fill="black")
        for y in range(rows):
            tile = Image.fromarray(samples[key][y]).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(tile, (x * (width + MARGIN), LABEL + y * (height + MARGIN)))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(options.out, optimize=True)


if __name__ == "__main__":
    main()
