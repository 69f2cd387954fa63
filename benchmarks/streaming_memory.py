"""Memory of a training that streams a data set of the size of Cityscapes.

    python benchmarks/streaming_memory.py [--frames 2975] [--steps 12] [--batch-size 16] [--archive] [--json]

Makes an .npz archive (image, 19 classes, depth) of random blocks, a frame at a time. Then, each in a process of its
own: prepares it; draws an epoch of batches; trains on the folder; trains in the same way on a few frames in memory,
which shows what the network itself takes; and, with --archive, trains on the archive, which is unpacked to the cache
first. Peak memory is the largest resident size of the process (VmHWM), TensorFlow included.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from itertools import islice
from pathlib import Path

import numpy as np


def make_archive(path: Path, frames: int, height: int, width: int) -> int:
    """Writes the archive without ever holding more than one frame; returns the bytes of its arrays."""
    forms = {
        "image": ("u1", (height, width, 3)),
        "seg19": ("u1", (height, width)),
        "depth": ("<f2", (height, width)),
    }
    total = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for key, (dtype, shape) in forms.items():
            rng = np.random.default_rng(0)
            with archive.open(f"{key}.npy", "w", force_zip64=True) as stream:
                header = {"descr": dtype, "fortran_order": False, "shape": (frames, *shape)}
                np.lib.format.write_array_header_1_0(stream, header)
                for _ in range(frames):
                    small = rng.integers(0, 19, (height // 8, width // 8, *shape[2:]))
                    frame = small.repeat(8, 0).repeat(8, 1)
                    data = (frame * (13 if key == "image" else 1)).astype(dtype).tobytes()
                    stream.write(data)
                    total += len(data)
    return total


def draw(source: str, batch_size: int) -> dict[str, float]:
    """Draws an epoch of training batches; returns the peak."""
    from edgenas.runtime import start_tensorflow

    start_tensorflow()
    from edgenas.datasets import batches_of, load_dataset, make_pipeline

    before = peak_mib()
    dataset = load_dataset(source, "train")
    pipeline = make_pipeline(dataset, batch_size=batch_size, training=True)
    steps = -(-len(dataset) // batch_size)
    for _ in islice(batches_of(pipeline, dataset), steps):
        pass
    return {
        "frames": len(dataset),
        "steps": steps,
        "before_mib": round(before),
        "peak_mib": round(peak_mib()),
    }


def train(source: str, steps: int, batch_size: int, few: bool) -> dict[str, float]:
    """Trains and validates, on a few frames only if asked; returns the peak and what it is made of."""
    from edgenas.runtime import start_tensorflow

    start_tensorflow()
    from edgenas.space import load_space
    from edgenas.training.config import TrainingConfig
    from edgenas.training.trainer import Trainer
    from edgenas.workflow.data import DataRequest

    before = peak_mib()
    began = time.perf_counter()
    data = DataRequest(source, frames=32 if few else None, validation_frames=20 if few else None).open()
    opened_s = time.perf_counter() - began
    info = data.train.info
    space = load_space("demo", data.tasks)
    network = space.named(
        "mt-edge-baseline-v1", input_shape=(info.height, info.width), head_channels=info.head_channels
    )
    trainer = Trainer(data.train, data.validation)
    outcome = trainer.train(network, TrainingConfig(iterations=steps, batch_size=batch_size))
    return {
        "frames": len(data.train) + len(data.validation),
        "steps": steps,
        "open_s": round(opened_s, 1),
        "before_mib": round(before),
        "peak_mib": round(peak_mib()),
        "completed": outcome.status == "completed",
    }


def prepare(source: str, folder: Path) -> dict[str, float]:
    """Prepares the archive; returns the peak."""
    from edgenas.workflow.prepare import prepare_source

    began = time.perf_counter()
    done = prepare_source(source, folder)
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "stored_mib": round(done.stored_bytes / 2**20),
        "peak_mib": round(peak_mib()),
    }


def peak_mib() -> float:
    """The largest resident size of this process so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main() -> None:
    """Makes the archive, then runs the stations as children."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=2975)
    parser.add_argument("--height", type=int, default=256)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--archive", action="store_true", help="also train on the archive itself")
    parser.add_argument(
        "--folder", type=Path, help="where the files are written; a temporary folder without it"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--station", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.station:
        station, source = options.station
        if station == "prepare":
            print(json.dumps(prepare(source, options.folder)))
        elif station == "pipeline":
            print(json.dumps(draw(source, options.batch_size)))
        else:
            print(json.dumps(train(source, options.steps, options.batch_size, few=station == "few frames")))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        archive, folder = Path(name) / "made.npz", Path(name) / "prepared"
        size = make_archive(archive, options.frames, options.height, options.width)
        result = {"arrays_mib": round(size / 2**20), "archive_mib": round(archive.stat().st_size / 2**20)}
        print(result, file=sys.stderr)
        stations = [("prepare", str(archive)), ("pipeline", str(folder)), ("train", str(folder))]
        stations.append(("few frames", str(folder)))
        stations += [("train", str(archive))] if options.archive else []
        for station, source in stations:
            command = [sys.executable, __file__, "--station", station, source, "--steps", str(options.steps)]
            done = subprocess.run(
                [*command, "--batch-size", str(options.batch_size), "--folder", str(folder)],
                check=True,
                stdout=subprocess.PIPE,
                env={**os.environ, "EDGENAS_HOME": str(Path(name) / "home")},
            )
            label = f"{station} {'archive' if source == str(archive) else 'prepared'}"
            result[label] = json.loads(done.stdout.splitlines()[-1])
            print(label, result[label], file=sys.stderr)
    if options.json:
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
