"""Would a zero-cost proxy rank networks better than inherited weights do? Parameters, MACs and latency as controls.

    python experiments/oneshot_proxies.py RUN [--alone OTHER_RUN] [--out RESULT.json]

Reads the networks that a one-shot search trained alone (`ranking.json`), or with --alone all trials of a search of
another algorithm on the same data, which are scored by the supernet of RUN now, and prints Kendall's tau and Spearman's
rho of each score with the stand-alone quality. synflow (arXiv 2006.05467): the sum over weights of |w dR/dw| of the
network with absolute weights, R the sum of its outputs for a constant picture; here its logarithm, with a picture so
small that no ReLU6 saturates.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.graph import graph_of, parameter_count
from edgenas.latency_models.evaluation import kendall, spearman
from edgenas.runtime import start_tensorflow
from edgenas.scoring import quality
from edgenas.search import read_trials
from edgenas.search.config import read_config
from edgenas.search.record import TrialRecord
from edgenas.space import Architecture, load_space
from edgenas.storage import read_json, write_json
from edgenas.workflow.data import OpenData
from edgenas.workflow.oneshot import FOLDER, WEIGHTS_FILE, InheritedWeights
from edgenas.workflow.oneshot_ranking import correlation

_SMALL = 1e-6


def main() -> None:
    """Computes and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--alone", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    trials = {trial.number: trial for trial in read_trials(options.alone or options.run)}
    if options.alone is None:
        networks = read_json(options.run / "ranking.json", "ranking")["networks"]
    else:
        networks = scored_by(options.run, list(trials.values()))
    scores: dict[str, list[float]] = {}
    for network in networks:
        architecture = trials[network["trial"]].architecture
        row = {
            "inherited weights": network["inherited_quality"],
            "synflow": synflow(architecture),
            "parameters": float(parameter_count(architecture)),
            "MACs": float(graph_of(architecture).macs),
            "predicted latency": network["predicted_ms"],
        }
        for name, value in row.items():
            scores.setdefault(name, []).append(value)
    spread = np.array([n["spread"] for n in networks])
    alone = np.array([n["quality"] for n in networks])
    result: dict[str, Any] = {"networks": len(networks), "spread": int(spread.sum())}
    for name, values in scores.items():
        every = np.stack([np.array(values), alone], axis=1)
        result[name] = {
            "kendall, spread": correlation(kendall, every[spread], 0),
            "spearman, spread": correlation(spearman, every[spread], 0),
            "kendall, all": correlation(kendall, every, 0),
        }
        print(name, json.dumps(result[name]))
    if options.out:
        write_json(options.out, result)


def scored_by(run: Path, trials: Sequence[TrialRecord]) -> list[dict[str, Any]]:
    """Trials of a search that trained them alone, with the quality that the supernet of `run` gives them."""
    config = read_config(run)
    data = OpenData.reopen(config["data"])
    evaluator = InheritedWeights(
        load_space(config["space"]["source"], data.tasks),
        data.train,
        data.validation,
        run / FOLDER / WEIGHTS_FILE,
    )
    baseline = read_json(run / "baseline.json", "baseline")["metrics"]
    rows = []
    for trial in trials:
        if not trial.evaluation.completed:
            continue
        inherited = evaluator(trial.architecture, 0).metrics
        rows.append({
            "trial": trial.number, "predicted_ms": trial.latency.predicted_ms, "spread": True,
            "quality": trial.quality, "inherited_quality": quality(inherited, baseline),
        })  # fmt: skip
    return rows


def synflow(architecture: Architecture, seed: int = 0) -> float:
    """The logarithm of synflow of a fresh network."""
    start_tensorflow()
    import tensorflow as tf

    from edgenas.networks import build_model

    model = build_model(architecture, seed=seed)
    for variable in model.trainable_variables:
        variable.assign(np.abs(variable.numpy()))
    values = [v.value for v in model.trainable_variables]
    picture = tf.fill((1, architecture.input_height, architecture.input_width, 3), _SMALL)
    with tf.GradientTape() as tape:
        total = tf.add_n([tf.reduce_sum(out) for out in model(picture, training=False).values()])
    gradients = tape.gradient(total, values)
    flow = sum(
        float(tf.reduce_sum(tf.abs(v * g))) for v, g in zip(values, gradients, strict=True) if g is not None
    )
    return math.log(flow)


if __name__ == "__main__":
    main()
