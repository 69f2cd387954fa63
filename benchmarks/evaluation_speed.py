"""Seconds of `edgenas evaluate` on 654 frames of 96x128 with three tasks, whole process, .keras and .tflite.

    python benchmarks/evaluation_speed.py [--data FRAMES.npz]

Without --data the frames are noise, which compresses badly: reading them takes longer than real ones. The network is
the baseline of the demo space with fresh weights. Target: 15 s on 2 cores (issue 6). On a busy machine read cpu_s.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

FRAMES, HEIGHT, WIDTH = 654, 96, 128


def write_frames(path: Path) -> None:
    """An archive of noise in the layout of the NYUv2 one."""
    rng = np.random.default_rng(0)
    shape = (FRAMES, HEIGHT, WIDTH)
    normal = rng.normal(size=(*shape, 3)).astype(np.float32)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    np.savez_compressed(
        path,
        image=rng.integers(0, 256, (*shape, 3), dtype=np.uint8),
        seg13=rng.integers(0, 13, shape, dtype=np.uint8),
        depth=rng.uniform(0.7, 9.9, shape).astype(np.float16),
        normal=np.rint(127 * normal).astype(np.int8),
    )


def write_models(folder: Path) -> list[Path]:
    """The same network as .keras and as float32 and int8 .tflite."""
    from edgenas.runtime import start_tensorflow
    from edgenas.space import load_space
    from edgenas.workflow.fresh_export import export_fresh

    start_tensorflow()
    from edgenas.networks import build_model

    heads = {"depth": 1, "normals": 3, "segmentation": 13}
    network = load_space("demo").named(
        "mt-edge-baseline-v1", input_shape=(HEIGHT, WIDTH), head_channels=heads
    )
    build_model(network).save(folder / "model.keras")
    for dtype in ("float32", "int8"):
        export_fresh(network, dtype, folder / f"net_{dtype}.tflite")
    return [folder / "model.keras", folder / "net_float32.tflite", folder / "net_int8.tflite"]


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="archive instead of noise")
    data = parser.parse_args().data
    rows = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if data is None:
            data = str(folder / "frames.npz")
            write_frames(Path(data))
        for model in write_models(folder):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            began = time.monotonic()
            command = [sys.executable, "-c", "from edgenas.cli.main import main; main()"]
            options = ["evaluate", str(model), "--data", data, "--split", "all", "--no-store", "--json"]
            done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            rows[model.name] = {
                "wall_s": round(time.monotonic() - began, 2),
                "cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2),
                "frames": json.loads(done.stdout)["frames"],
                "evaluating_s": json.loads(done.stdout)["seconds"],
            }
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
