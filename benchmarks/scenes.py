"""Time to render one procedural frame on one core.

python benchmarks/scenes.py [--count 30] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time

from edgenas.datasets.scenes import WORLDS, render_frame

SIZES = {"streets": (128, 256), "rooms": (96, 128)}


def main() -> None:
    """Renders frames of both worlds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = {}
    for world, (height, width) in SIZES.items():
        times = []
        for index in range(options.count):
            began = time.perf_counter()
            render_frame(WORLDS[world], "train", 0, index, height, width)
            times.append(time.perf_counter() - began)
        results[world] = {
            "size": f"{height}x{width}",
            "median_s": statistics.median(times),
            "max_s": max(times),
        }
        print(f"{world}: {results[world]}", file=sys.stderr)
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
