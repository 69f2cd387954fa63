"""How often `edgenas data inspect` raises an error on sound frames, and how often it finds a fault put into them.

    python benchmarks/inspection_rates.py --nyuv2 ../shared/data/nyuv2/nyuv2_train_96x128.npz

For NYUv2 (its 795 frames but the two that are faulty themselves, 119 and 272), rooms and streets, sets of 1, 2 and 64
frames are drawn; into each, every fault is put. "Found" is an error of the right kind. NYUv2's class priors were fitted
on its training frames (i % 8 != 0), so its sets are drawn from the others. Prints a table; --json FILE keeps it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.datasets import load_dataset
from edgenas.datasets.inspection import ERROR, Sample, check_sample, take_sample

Arrays = dict[str, Any]
FAULTY = (119, 272)
SIZES = {1: 24, 2: 12, 64: 1}
EVERYTHING = ("image", "segmentation", "depth", "normals")


def mirror(*keys: str) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {k: np.ascontiguousarray(a[:, ::-1]) if k in keys else a for k, a in arrays.items()}


def upside_down(key: str) -> Callable[[Arrays], Arrays]:
    return lambda arrays: arrays | {key: np.ascontiguousarray(arrays[key][::-1])}


def axes(order: tuple[int, ...], signs: tuple[int, ...]) -> Callable[[Arrays], Arrays]:
    return lambda arrays: (
        arrays | {"normals": arrays["normals"][..., list(order)] * np.array(signs, np.float32)}
    )


def scaled(factor: float) -> Callable[[Arrays], Arrays]:
    return lambda arrays: arrays | {"depth": arrays["depth"] * np.float32(factor)}


def inverted(arrays: Arrays) -> Arrays:
    depth = arrays["depth"]
    return arrays | {"depth": np.divide(1, depth, out=np.zeros_like(depth), where=depth > 0)}


def relabelled(table: np.ndarray) -> Callable[[Arrays], Arrays]:
    return lambda arrays: arrays | {"segmentation": table[arrays["segmentation"]]}


PLACE = {"mirrored", "turned"}
FAULTS: dict[str, tuple[Callable[[Arrays], Arrays], set[str]]] = {
    "image mirrored": (mirror("image"), PLACE),
    "labels mirrored": (mirror("segmentation"), PLACE),
    "depth mirrored": (mirror("depth"), PLACE),
    "normals mirrored": (mirror("normals"), PLACE),
    "depth and normals mirrored": (mirror("depth", "normals"), PLACE),
    "whole frame mirrored, x kept": (mirror(*EVERYTHING), {"normal-axes"}),
    "labels upside down": (upside_down("segmentation"), PLACE),
    "depth upside down": (upside_down("depth"), PLACE),
    "y and z exchanged": (axes((0, 2, 1), (1, 1, 1)), {"normal-axes"}),
    "z reversed": (axes((0, 1, 2), (1, 1, -1)), {"normal-axes"}),
    "y reversed": (axes((0, 1, 2), (1, -1, 1)), {"normal-axes"}),
    "millimetres": (scaled(1000), {"depth-unit"}),
    "depth for inverse depth, or back": (inverted, {"depth-kind", "depth-unit"}),
}


def label_faults(
    classes: int, rng: np.random.Generator
) -> dict[str, tuple[Callable[[Arrays], Arrays], set[str]]]:
    def table(order: np.ndarray) -> np.ndarray:
        return np.append(order, np.full(256 - classes, 255)).astype(np.uint8)

    up = np.roll(np.arange(classes), -1)
    return {
        "labels permuted": (relabelled(table(rng.permutation(classes))), {"label-order"}),
        "labels one too high": (relabelled(table(up)), {"label-order"}),
        "labels one too low": (relabelled(table(np.roll(np.arange(classes), 1))), {"label-order"}),
    }


def changed(sample: Sample, change: Callable[[Arrays], Arrays]) -> Sample:
    return replace(sample, frames=tuple(replace(f, arrays=change(dict(f.arrays))) for f in sample.frames))


def labels_rotated(sample: Sample) -> Sample:
    """Each frame has the labels of the next."""
    frames = sample.frames
    moved = [
        replace(
            f, arrays=dict(f.arrays) | {"segmentation": frames[(i + 1) % len(frames)].arrays["segmentation"]}
        )
        for i, f in enumerate(frames)
    ]
    return replace(sample, frames=tuple(moved))


def errors(sample: Sample) -> set[str]:
    return {f.check for f in check_sample(sample) if f.severity == ERROR}


def measure(everything: Sample, name: str, without: tuple[str, ...], seed: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    usable = np.arange(len(everything.frames))
    rows = []
    for size, sets in SIZES.items():
        found: dict[str, list[bool]] = {}
        false: list[str] = []
        for _ in range(sets):
            picked = rng.choice(usable, min(size, len(usable)), replace=False)
            frames = [everything.frames[i] for i in picked]
            bare = [
                replace(f, arrays={k: a for k, a in f.arrays.items() if k not in without}) for f in frames
            ]
            sample = replace(everything, frames=tuple(bare))
            raised = errors(sample)
            false += sorted(raised)
            found.setdefault("sound: no error", []).append(not raised)
            faults = FAULTS | label_faults(len(everything.info.class_names), rng)
            for fault, (change, kinds) in faults.items():
                if "normals" in without and ("normals" in fault or kinds == {"normal-axes"}):
                    continue
                raised = errors(changed(sample, change))
                found.setdefault(fault, []).append(bool(raised & kinds))
                found.setdefault("any fault: some error", []).append(bool(raised))
            if size > 1:
                found.setdefault("labels of the next frame", []).append(
                    bool(errors(labels_rotated(sample)) & {"exchanged", "unrelated"})
                )
        for fault, hits in found.items():
            rows.append(
                {
                    "data": name,
                    "frames": size,
                    "fault": fault,
                    "sets": len(hits),
                    "rate": float(np.mean(hits)),
                }
            )
        print(f"{name}, {size} frames: false alarms {false or 'none'}", flush=True)
    return rows


def whole(source: str, split: str, frames: int | None, size: tuple[int, int] | None) -> Sample:
    height, width = size or (None, None)
    dataset = load_dataset(source, split, height=height, width=width, frames=frames)
    return take_sample(dataset, split, len(dataset))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nyuv2", help="nyuv2_train_96x128.npz; left out without it")
    parser.add_argument("--json", type=Path, help="write the rows there as well")
    options = parser.parse_args()
    start = time.perf_counter()
    rows = []
    if options.nyuv2:
        sample = whole(options.nyuv2, "all", None, None)
        sound = [f for i, f in enumerate(sample.frames) if i not in FAULTY]
        alarms = [f.name for f in sound if errors(replace(sample, frames=(f,)))]
        print(
            f"NYUv2: {len(alarms)} of {len(sound)} sound frames raise an error when looked at alone {alarms}"
        )
        validation = replace(sample, frames=tuple(f for f in sound if f.index % 8 == 0))
        for without in ((), ("normals",)):
            name = "NYUv2 13" + (" without normals" if without else "")
            rows += measure(validation, name, without, 0)
        forty = whole(options.nyuv2 + "#seg40", "validation", None, None)
        forty = replace(forty, frames=tuple(f for f in forty.frames if f.index * 8 not in FAULTY))
        rows += measure(forty, "NYUv2 40", (), 1)
    for world, size in (
        ("rooms", (96, 128)),
        ("rooms", (32, 64)),
        ("streets", (128, 256)),
        ("streets", (32, 64)),
    ):
        sample = whole(world, "validation", 100, size)
        without = ("normals",) if world == "streets" else ()
        name = f"{world} {size[0]}x{size[1]}" + (" without normals" if without else "")
        rows += measure(sample, name, without, 2)
        show(rows)
    print(f"{time.perf_counter() - start:.0f} s")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


def show(rows: list[dict[str, Any]]) -> None:
    names = list(dict.fromkeys(row["data"] for row in rows))
    print("\n" + "fault".ljust(34) + "frames  " + "  ".join(names))
    for fault in dict.fromkeys(row["fault"] for row in rows):
        for size in SIZES:
            cells = [
                next(
                    (
                        f"{r['rate']:.0%}"
                        for r in rows
                        if (r["data"], r["frames"], r["fault"]) == (n, size, fault)
                    ),
                    "-",
                )
                for n in names
            ]
            if any(cell != "-" for cell in cells):
                print(
                    fault.ljust(34)
                    + f"{size:6d}  "
                    + "  ".join(c.rjust(len(n)) for c, n in zip(cells, names, strict=True))
                )


if __name__ == "__main__":
    main()
