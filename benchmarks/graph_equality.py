"""Do both graph readers agree, and are int8 files free of float tensors, for many random architectures?

python benchmarks/graph_equality.py [--count 200] [--height 96 --width 128] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from edgenas.graph import graph_of, read_tflite
from edgenas.runtime import start_tensorflow
from edgenas.space import load_space

SPACES = ("demo", "declared", "edgetpu")
SUBSETS = (("depth", "normals", "segmentation"), ("depth", "segmentation"), ("segmentation",), ("normals",))


def main() -> None:
    """Builds, converts, reads and compares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--height", type=int, default=96)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    start_tensorflow()
    import keras

    from edgenas.export.engines.tensorflow import to_tflite
    from edgenas.export.litert_model import LitertModel
    from edgenas.networks import build_model

    shape = (options.height, options.width)
    disagree, with_float = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        for seed in range(options.count):
            rng = np.random.default_rng(seed)
            space = load_space(SPACES[seed % len(SPACES)], SUBSETS[seed // len(SPACES) % len(SUBSETS)])
            channels = {"depth": 1, "normals": 3, "segmentation": int(rng.integers(2, 41))}
            arch = space.architecture(space.sample(rng), input_shape=shape, head_channels=channels)
            model = build_model(arch, seed=seed)
            for layer in model.layers:
                if layer.name.endswith("_fuse"):
                    layer.weight.assign(rng.uniform(0.2, 1.5, layer.weight.shape))
            image = rng.uniform(-1, 1, (1, *shape, 3)).astype(np.float32)
            for dtype in ("float32", "int8"):
                path.write_bytes(
                    to_tflite(model, format=dtype, representative=[image] if dtype == "int8" else None)
                )
                if graph_of(arch, dtype).operators != read_tflite(path).operators:
                    disagree.append([seed, dtype])
            if LitertModel(path).float_tensors():
                with_float.append(seed)
            keras.backend.clear_session()
            if seed % 20 == 19:
                print(f"{seed + 1}/{options.count}: {len(disagree)} disagree, {len(with_float)} with float tensors",
                      file=sys.stderr)  # fmt: skip
    if options.json:
        print(
            json.dumps(
                {"architectures": options.count, "disagree": disagree, "int8_with_float_tensors": with_float}
            )
        )


if __name__ == "__main__":
    main()
