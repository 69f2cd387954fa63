"""The host predictor against new networks, measured now: networks that its profile never saw.

edgenas profile --device host
python benchmarks/predicted_vs_measured.py [--count 20] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

from edgenas.device_profiles import load_device, runner_for
from edgenas.graph import graph_of
from edgenas.latency_models import find_predictor
from edgenas.runtime import start_tensorflow
from edgenas.space import load_space


def main() -> None:
    """Exports, measures and compares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=12345)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    start_tensorflow()
    from edgenas.export.engines.tensorflow import to_tflite
    from edgenas.networks import build_model

    space, rng = load_space("demo"), np.random.default_rng(options.seed)
    channels = {"depth": 1, "normals": 3, "segmentation": 13}
    networks = [
        space.architecture(space.sample(rng), input_shape=(96, 128), head_channels=channels)
        for _ in range(options.count)
    ]
    image = rng.uniform(-1, 1, (1, 96, 128, 3)).astype(np.float32)
    predictor = find_predictor("host")
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for network in networks:
            paths.append(Path(folder) / f"{network.hash}.tflite")
            paths[-1].write_bytes(to_tflite(build_model(network), format="int8", representative=[image]))
        measurements = list(runner_for(load_device("host")).measure(paths))
    errors, inside = [], 0
    for network, measurement in zip(networks, measurements, strict=True):
        estimate = predictor.predict(graph_of(network))
        errors.append(100 * (estimate.latency_ms / measurement.latency_ms - 1))
        inside += estimate.interval_ms[0] <= measurement.latency_ms <= estimate.interval_ms[1]
        print(
            f"{network.hash}: measured {measurement.latency_ms:.3f} ms, predicted {estimate.latency_ms:.3f} ms, "
            f"{errors[-1]:+.1f}%",
            file=sys.stderr,
        )
    summary = {
        "networks": len(errors),
        "mape_percent": statistics.fmean(abs(e) for e in errors),
        "worst_percent": max(abs(e) for e in errors),
        "bias_percent": statistics.fmean(errors),
        "coverage_percent": 100 * inside / len(errors),
    }
    print(json.dumps(summary) if options.json else summary)


if __name__ == "__main__":
    main()
