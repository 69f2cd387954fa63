"""Start-up time of the commands that must not import TensorFlow, beside that of a bare Python.

    python benchmarks/startup.py [--models FOLDER] [--json]

Needs a predictor of the host (`edgenas profile --device host`) for `predict` without a device. The shipped predictors
of the Edge TPU and of a Pixel 4 are timed on the network made here and on each .tflite of a folder, such as Coral's.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

EDGENAS = str(Path(sys.executable).parent / "edgenas")
_DEVICES = ("edgetpu", "pixel4")


def seconds(command: list[str], repeats: int) -> float:
    """Median wall time of the whole process."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    """Times each command and prints the medians and their ratio to a bare Python."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--models", type=Path, help="folder of further .tflite files")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([EDGENAS, "space", "sample", "--out", folder], check=True, stderr=subprocess.DEVNULL)
        architecture = next(Path(folder).glob("*.json"))
        tflite = _export(architecture)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "python -c 'import numpy'": [sys.executable, "-c", "import numpy"],
            "python -c 'import edgenas'": [sys.executable, "-c", "import edgenas"],
            "edgenas": [EDGENAS],
            "edgenas --help": [EDGENAS, "--help"],
            "edgenas predict FILE.json --device pixel4": [
                EDGENAS,
                "predict",
                str(architecture),
                "--device",
                "pixel4",
            ],
        }
        models = sorted(options.models.glob("*.tflite")) if options.models else []
        for device in _DEVICES:
            for model in (tflite, *models):
                name = "FILE.tflite" if model == tflite else model.name
                commands[f"edgenas predict {name} --device {device}"] = [
                    EDGENAS, "predict", str(model), "--device", device,
                ]  # fmt: skip
        medians = {name: seconds(command, options.repeats) for name, command in commands.items()}
    bare, width = medians["python -c pass"], max(map(len, medians))
    for name, value in medians.items():
        print(f"{name:{width}s} {value:6.3f} s  {value / bare:5.1f} x python", file=sys.stderr)
    if options.json:
        print(json.dumps({"seconds": medians}))


def _export(architecture: Path) -> Path:
    from edgenas.runtime import start_tensorflow

    start_tensorflow()
    from edgenas.export.engines.tensorflow import to_tflite
    from edgenas.networks import build_model
    from edgenas.space import Architecture

    arch = Architecture.load(architecture)
    image = np.zeros((1, arch.input_height, arch.input_width, 3), np.float32)
    path = architecture.with_suffix(".tflite")
    path.write_bytes(to_tflite(build_model(arch), format="int8", representative=[image]))
    return path


if __name__ == "__main__":
    main()
