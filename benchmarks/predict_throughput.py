"""Architectures that `LatencyPredictor.predict_architectures` estimates per second, on one core, all different.

    python benchmarks/predict_throughput.py --json
    python benchmarks/predict_throughput.py --predictor latency_models/trained/edgetpu/usb3 --space edgetpu

Sampling the architectures is not part of the time; pricing pieces that no earlier network had is. Without
`--predictor`, a predictor with coefficients for every operator of the space is made up: the speed does not depend on
their values, and no latency is printed. Intervals are part of the time.

With a predictor of the Edge TPU, networks whose parameters exceed the chip's memory are priced as whole graphs, some
thirty times slower: none or few of the space `edgetpu`, one in fourteen of `declared`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from edgenas.graph import graph_of
from edgenas.latency_models import LatencyPredictor
from edgenas.latency_models.domain import Domain
from edgenas.latency_models.error_band import ErrorBand
from edgenas.latency_models.features import CALL_CLASS, operator_class, operator_features
from edgenas.space import Architecture, load_space

_HEAD_CHANNELS = {"depth": 1, "normals": 3, "segmentation": 13}


def main() -> None:
    """Runs the benchmark; the last line on stdout holds `architectures_per_s`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--space", default="declared", help="search space, default: declared")
    parser.add_argument("--architectures", type=int, default=20_000)
    parser.add_argument("--predictor", type=Path, help="predictor folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a sentence")
    options = parser.parse_args()
    architectures = _sample(options.space, options.architectures, options.seed)
    predictor = LatencyPredictor.load(options.predictor) if options.predictor else _made_up(architectures)
    began = time.perf_counter()
    predictor.predict_architectures(architectures)
    cold = len(architectures) / (time.perf_counter() - began)
    began = time.perf_counter()
    predictor.predict_architectures(architectures)
    warm = len(architectures) / (time.perf_counter() - began)
    if options.json:
        print(
            json.dumps(
                {
                    "architectures": len(architectures),
                    "space": options.space,
                    "predictor": predictor.name,
                    "architectures_per_s": round(cold),
                    "architectures_per_s_priced_before": round(warm),
                }
            )
        )
    else:
        print(
            f"{len(architectures)} different architectures of {options.space!r} by {predictor.name!r}: {cold:,.0f} "
            f"per second, {warm:,.0f} per second once all their pieces are priced."
        )


def _sample(space_name: str, count: int, seed: int) -> list[Architecture]:
    print(f"sampling {count} architectures of {space_name!r}", file=sys.stderr)
    space = load_space(space_name)
    side = 4 * space.coarsest_stride
    rng = np.random.default_rng(seed)
    found: dict[Architecture, None] = {}
    while len(found) < count:
        decisions = space.sample(rng)
        found[space.architecture(decisions, input_shape=(side, 2 * side), head_channels=_HEAD_CHANNELS)] = (
            None
        )
    return list(found)


def _made_up(architectures: list[Architecture]) -> LatencyPredictor:
    operators = [operator for a in architectures[:500] for operator in graph_of(a).operators]
    coefficients = {operator_class(o): dict.fromkeys(operator_features(o), 1e-6) for o in operators}
    coefficients[f"{CALL_CLASS}/int8"] = {"call": 0.01}
    return LatencyPredictor(
        name="made up",
        device="none",
        configuration="none",
        dtype="int8",
        coefficients=coefficients,
        bands={"int8": ErrorBand.from_residuals([0.01, 0.02, 0.05])},
        domain=Domain.of(operators, [0.001, 1000.0]),
    )


if __name__ == "__main__":
    main()
