"""How Vela's SRAM figure compares with the graph's feature maps, and what asking Vela costs per network.

    python benchmarks/vela_sram.py --count 12

Random networks of the space `demo` at three sizes are exported (int8, fresh weights) and compiled for one Ethos-U of
each family. Every figure is simulated; the times are of this machine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from edgenas.device_profiles import load_device
from edgenas.device_profiles.vela_compiler import compile_vela
from edgenas.graph import graph_of
from edgenas.space import load_space
from edgenas.workflow.fresh_export import export_fresh

SHAPES = ((64, 64), (96, 128), (128, 256))
DEVICES = ("ethos-u55-128", "ethos-u65-256", "ethos-u85-256")
HEADS = {"depth": 1, "normals": 3, "segmentation": 13}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    space, rng = load_space("demo"), np.random.default_rng(arguments.seed)
    ratios: dict[str, list[float]] = {device: [] for device in DEVICES}
    export_s, vela_s = [], []
    for number in range(arguments.count):
        shape = SHAPES[number % len(SHAPES)]
        architecture = space.architecture(space.sample(rng), input_shape=shape, head_channels=HEADS)
        peak = graph_of(architecture, "int8").peak_activation_bytes
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.tflite"
            begun = time.perf_counter()
            export_fresh(architecture, "int8", path)
            export_s.append(time.perf_counter() - begun)
            for device in DEVICES:
                begun = time.perf_counter()
                sram = compile_vela(path, load_device(device).configuration()).sram_bytes
                vela_s.append(time.perf_counter() - begun)
                ratios[device].append(sram / peak)
    for device, found in ratios.items():
        print(
            f"{device}: SRAM (simulated) / feature maps {min(found):.3f} to {max(found):.3f}, {len(found)} networks"
        )
    print(f"export {np.median(export_s):.1f} s, Vela {np.median(vela_s):.1f} s a network (medians)")


if __name__ == "__main__":
    main()
