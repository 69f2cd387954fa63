"""Algorithms of `edgenas search` on a tabular problem: the same budget, 20 seeds, differences with their intervals.

    python benchmarks/search_algorithms.py --data ../shared/data/latency [--seeds 20] [--trials 500] [--json]

The space: the 15,625 cells of NAS-Bench-201, six decisions with five choices. Nothing is trained and nobody's
accuracies are read:

- latency: column `true_a76` of nasbench201_edge.csv, measured on a Cortex-A76, for its 1,611 cells; for the others
  the prediction of the shipped predictor, which was fitted to that column;
- quality: synthetic. Node 0 has strength 1, node j the sum over its edges of w(operation) * strength(source), divided
  by sqrt(j), with w = 0, .35, .45, .75, 1 for none, skip, pool, 1x1 and 3x3 convolution. Quality is
  .4 + .6 tanh(strength of node 3), times 1 + .02 z with a normal z that is fixed for each cell: the part of a quality
  that no rule explains;
- target: the median latency of the space; reward: Eq. 5, preset `paper`.

The samplers are those of the search, with its default seeds per trial. Population 50 and tournament 10 are the
paper's. A run is worth the highest reward among its cells within the target, which is what the search recommends.
Intervals: 95%, percentile bootstrap over the seeds (10,000 resamples, each difference paired by seed). About four
minutes on one core. Needs `pip install 'edgenas[search]'`.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna

from edgenas.device_profiles import load_device
from edgenas.latency_models import LatencyPredictor, find_predictor_folder
from edgenas.latency_models.tables.nasbench201 import OPERATIONS, nasbench201_graph
from edgenas.scoring import reward
from edgenas.search import ALGORITHMS, SearchConfig
from edgenas.search.algorithms import has_two_objectives, make_sampler
from edgenas.space.space import Decision

FloatArray = npt.NDArray[np.float64]
Cell = tuple[str, ...]
Decisions = dict[str, Any]

_EDGES = ("0to1", "0to2", "1to2", "0to3", "1to3", "2to3")
_WEIGHTS = {
    "none": 0.0,
    "skip_connect": 0.35,
    "avg_pool_3x3": 0.45,
    "nor_conv_1x1": 0.75,
    "nor_conv_3x3": 1.0,
}
_COLUMN, _DEVICE, _DEAD_PARTS = "true_a76_ms", "cortex-a76", "sums"
_RESAMPLES = 10_000


class CellSpace:
    """What the samplers ask of a `SearchSpace`, for cells: six decisions, all of them always active."""

    def decisions(self) -> tuple[Decision, ...]:
        """One decision for every edge."""
        return tuple(Decision(name, OPERATIONS, OPERATIONS[0]) for name in _EDGES)

    def suggest(self, choose: Callable[[str, Any], Any]) -> Decisions:
        """Asks for each decision in order."""
        return {name: choose(name, OPERATIONS) for name in _EDGES}

    def sample(self, rng: np.random.Generator) -> Decisions:
        """Every decision uniform."""
        return self.suggest(lambda _, choices: choices[int(rng.integers(len(choices)))])

    def mutate(self, decisions: Decisions, rng: np.random.Generator) -> Decisions:
        """One decision takes another value."""
        name = _EDGES[int(rng.integers(len(_EDGES)))]
        others = [operation for operation in OPERATIONS if operation != decisions[name]]
        return {**decisions, name: others[int(rng.integers(len(others)))]}


@dataclass(frozen=True)
class Table:
    """The problem: latency in milliseconds, quality and reward of every cell.

    Attributes:
        latency_ms: measured, or predicted where nobody measured.
        quality: synthetic.
        reward: of Eq. 5 at `target_ms`.
        target_ms: median latency of the space.
        measured: how many of the latencies were measured.
    """

    latency_ms: dict[Cell, float]
    quality: dict[Cell, float]
    reward: dict[Cell, float]
    target_ms: float
    measured: int

    @property
    def best(self) -> float:
        """The highest reward within the target."""
        return max(r for cell, r in self.reward.items() if self.latency_ms[cell] <= self.target_ms)


def main() -> None:
    """Searches, compares and prints a Markdown table, or one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of nasbench201_edge.csv")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    table = _table(options.data / "nasbench201_edge.csv")
    best: dict[str, FloatArray] = {}
    for algorithm in ALGORITHMS:
        best[algorithm] = np.array(
            [_search(table, algorithm, options.trials, seed) for seed in range(options.seeds)]
        )
        print(f"{algorithm}: mean best reward {best[algorithm].mean():.4f}", file=sys.stderr)
    result = {
        "cells": len(table.reward),
        "measured_latencies": table.measured,
        "target_ms": round(table.target_ms, 3),
        "best_of_space": round(table.best, 4),
        "seeds": options.seeds,
        "trials": options.trials,
        "algorithms": {name: _row(name, best, table.best) for name in ALGORITHMS},
    }
    if options.json:
        print(json.dumps(result))
    else:
        _show(result)


def _table(path: Path) -> Table:
    with path.open(encoding="utf-8", newline="") as file:
        known = {row["arch_str"]: float(row[_COLUMN]) for row in csv.DictReader(file)}
    profile = load_device(_DEVICE)
    configuration = profile.configuration(None)
    predictor = LatencyPredictor.load(find_predictor_folder(profile, None, configuration.name))
    latency_ms, quality = {}, {}
    noise = np.random.default_rng(0).standard_normal(len(OPERATIONS) ** len(_EDGES))
    for z, cell in zip(noise, itertools.product(OPERATIONS, repeat=len(_EDGES)), strict=True):
        text = _text(cell)
        if text not in known:
            graph = nasbench201_graph(text, dtype=configuration.dtype, dead=_DEAD_PARTS)
            latency_ms[cell] = predictor.predict(graph).latency_ms
        else:
            latency_ms[cell] = known[text]
        quality[cell] = (0.4 + 0.6 * math.tanh(_strength(cell))) * (1.0 + 0.02 * float(z))
    target_ms = float(np.median(list(latency_ms.values())))
    rewards = {cell: reward(quality[cell], latency_ms[cell], target_ms, "paper") for cell in quality}
    return Table(latency_ms, quality, rewards, target_ms, len(known))


def _text(cell: Cell) -> str:
    a, b, c, d, e, f = cell
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def _strength(cell: Cell) -> float:
    strengths = [1.0]
    edges = iter(cell)
    for node in (1, 2, 3):
        total = sum(_WEIGHTS[next(edges)] * strengths[source] for source in range(node))
        strengths.append(total / math.sqrt(node))
    return strengths[3]


def _search(table: Table, algorithm: str, trials: int, seed: int) -> float:
    """The highest reward within the target after so many trials, 0 where no cell is within it."""
    space: Any = CellSpace()
    config = SearchConfig(
        trials=trials,
        seed=seed,
        algorithm=algorithm,
        target_ms=table.target_ms,
        input_shape=(32, 32),
        head_channels={},
    )
    two = has_two_objectives(algorithm)
    study = optuna.create_study(
        directions=["maximize", "minimize"] if two else ["maximize"], sampler=make_sampler(config, space)
    )
    best = 0.0
    for _ in range(trials):
        trial = study.ask()
        cell = tuple(trial.suggest_categorical(name, OPERATIONS) for name in _EDGES)
        latency_ms = table.latency_ms[cell]
        trial.set_user_attr("predicted_bound_ms", latency_ms)
        study.tell(trial, [table.quality[cell], latency_ms] if two else table.reward[cell])
        if latency_ms <= table.target_ms:
            best = max(best, table.reward[cell])
    return best


def _row(name: str, best: dict[str, FloatArray], optimum: float) -> dict[str, Any]:
    """Mean with its interval, and the difference to random search with its own."""
    own, gain = best[name], best[name] - best["random"]
    return {
        "mean_best_reward": round(float(own.mean()), 4),
        "interval_95": _interval(own),
        "found_the_optimum": int(np.sum(own >= optimum)),
        "gain_over_random": round(float(gain.mean()), 4),
        "gain_interval_95": None if name == "random" else _interval(gain),
        "evolution_gains": round(float((best["evolution"] - own).mean()), 4),
        "evolution_gains_interval_95": None if name == "evolution" else _interval(best["evolution"] - own),
    }


def _interval(values: FloatArray) -> list[float]:
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(_RESAMPLES, len(values)))].mean(axis=1)
    return [round(float(end), 4) for end in np.quantile(means, (0.025, 0.975))]


def _show(result: dict[str, Any]) -> None:
    print(
        f"{result['cells']:,} cells ({result['measured_latencies']:,} measured latencies, the rest predicted), "
        f"target {result['target_ms']} ms, best reward {result['best_of_space']}; "
        f"{result['trials']} trials, {result['seeds']} seeds.\n"
    )
    print(
        "| algorithm | mean best reward | 95% | optimum found | over random | 95% |\n|---|---|---|---|---|---|"
    )
    for name, row in result["algorithms"].items():
        gain = row["gain_interval_95"]
        shown = (
            "| |" if gain is None else f"{row['gain_over_random']:+.4f} | {gain[0]:+.4f} to {gain[1]:+.4f} |"
        )
        low, high = row["interval_95"]
        print(
            f"| {name} | {row['mean_best_reward']:.4f} | {low:.4f} to {high:.4f} | "
            f"{row['found_the_optimum']} of {result['seeds']} | {shown}"
        )


if __name__ == "__main__":
    main()
