"""Writes edgenas/datasets/inspection/label_priors.json: where classes lie, which way they face, how far they are.

From the 695 training frames of the shared NYUv2 archive (13 and 40 classes), 200 rooms (13) and 200 streets (19, and
the 7 categories of them):

    python benchmarks/fit_label_priors.py ../shared/data/nyuv2/nyuv2_train_96x128.npz
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from edgenas.datasets import load_dataset
from edgenas.datasets.classes import CITYSCAPES_7, CITYSCAPES_7_OF_19, CITYSCAPES_19, NYUV2_13, NYUV2_40
from edgenas.datasets.inspection.regions import FEATURES, describe_regions
from edgenas.datasets.inspection.sample import SampledFrame, take_sample

OUT = Path(__file__).resolve().parents[1] / "edgenas" / "datasets" / "inspection" / "label_priors.json"
SHRINK = 4.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", help="nyuv2_train_96x128.npz")
    archive = parser.parse_args().archive
    rooms = _frames("rooms", 200, (96, 128))
    streets = _frames("streets", 200, (128, 256))
    coarse = np.append(np.array(CITYSCAPES_7_OF_19), np.full(256 - len(CITYSCAPES_19), 255)).astype(np.uint8)
    merged = [_relabelled(frame, coarse) for frame in streets[0]], streets[1]
    sets = {
        NYUV2_13: [_frames(archive), rooms],
        NYUV2_40: [_frames(f"{archive}#seg40")],
        CITYSCAPES_19: [streets],
        CITYSCAPES_7: [merged],
    }
    fitted = []
    for names, sources in sets.items():
        tables = [_fit(frames, unit, len(names)) for frames, unit in sources]
        mean = {
            name: np.mean([table[name] for table in tables], axis=0).round(4).tolist() for name in FEATURES
        }
        fitted.append({"class_names": list(names), "features": mean})
    OUT.write_text(json.dumps(fitted, separators=(",", ":")) + "\n")
    print(f"wrote {OUT} ({OUT.stat().st_size / 1024:.0f} KiB)")


def _frames(
    source: str, count: int | None = None, size: tuple[int, int] | None = None
) -> tuple[list[SampledFrame], str]:
    height, width = size or (None, None)
    dataset = load_dataset(source, "train", height=height, width=width, frames=count)
    return list(take_sample(dataset, "train", len(dataset)).frames), dataset.info.depth_unit


def _relabelled(frame: SampledFrame, table: np.ndarray) -> SampledFrame:
    arrays = dict(frame.arrays) | {"segmentation": table[frame.arrays["segmentation"]]}
    return SampledFrame(frame.index, frame.name, arrays, frame.thumbnail)


def _fit(frames: list[SampledFrame], unit: str, classes: int) -> dict[str, np.ndarray]:
    """Mean histogram of a class's regions, drawn towards that of all classes where there are few."""
    total = {name: np.zeros((classes, bins)) for name, bins in FEATURES.items()}
    count = {name: np.zeros((classes, 1)) for name in FEATURES}
    for frame in frames:
        for label, region in describe_regions(frame, unit).items():
            for name in FEATURES:
                if name in region:
                    total[name][label] += region[name]
                    count[name][label] += 1
    fitted = {}
    for name, bins in FEATURES.items():
        everything = (total[name].sum(axis=0) + 1) / (count[name].sum() + bins)
        fitted[name] = (total[name] + SHRINK * everything) / (count[name] + SHRINK)
    return fitted


if __name__ == "__main__":
    main()
