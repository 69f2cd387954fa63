"""Does a network that is good early stay good? Random networks under the proxy schedule, scored at several steps.

    python experiments/cheap_rungs.py train OUT.json [--data rooms] [--networks 24] [--iterations 240] [--seed 0]
    python experiments/cheap_rungs.py show OUT.json ... [--orders 200]

`train` trains the MT edge baseline and random networks of the space and writes their metrics at every rung; it goes on
where it was interrupted. `show` prints Kendall's tau between the order at a rung and at the end, and what
successive halving (Optuna's pruner) would have done with these networks, arriving in many random orders.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from edgenas.scoring import quality
from edgenas.search import Halving
from edgenas.search._optuna import optuna
from edgenas.storage import write_json

RUNGS = (1 / 8, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 3 / 4)
GRID = ((1 / 8, 2), (1 / 6, 3), (1 / 4, 2), (1 / 4, 3), (1 / 3, 3), (1 / 2, 2), (1 / 2, 3))
"""First rungs, as parts of the schedule, and reduction factors."""

PHASES = ("build", "trace", "steps", "evaluate")
"""Parts of the schedule after which a network is scored."""


def train(options: argparse.Namespace) -> None:
    """Trains what is missing in the file."""
    from edgenas.datasets import load_dataset
    from edgenas.runtime import start_tensorflow
    from edgenas.space import load_space
    from edgenas.training.config import load_training_preset

    start_tensorflow()
    import keras

    from edgenas.training.trainer import Trainer

    size = {"height": options.height, "width": options.width}
    sets = [load_dataset(options.data, split, tasks=None, **size) for split in ("train", "validation")]
    trainer, info = Trainer(*sets), sets[0].info
    space, rng = load_space(options.space, tuple(sorted(info.tasks))), np.random.default_rng(options.seed)
    drawn = [space.default(), *(space.sample(rng) for _ in range(options.networks))]
    config = load_training_preset("proxy", iterations=options.iterations, seed=options.seed)
    steps = [*(round(part * options.iterations) for part in RUNGS), options.iterations]
    about = {
        "data": info.fingerprint, "size": [info.height, info.width], "space": space.hash, "seed": options.seed,
        "config": json.loads(json.dumps(config.to_dict())), "steps": steps,
    }  # fmt: skip
    stored = json.loads(options.out.read_text()) if options.out.exists() else {**about, "networks": []}
    if any(stored[key] != value for key, value in about.items()):
        sys.exit(f"{options.out} is of another experiment: {', '.join(about)} must agree.")
    for number, decisions in enumerate(drawn[len(stored["networks"]) :], start=len(stored["networks"])):
        network = space.architecture(
            decisions, input_shape=(info.height, info.width), head_channels=info.head_channels
        )
        state, metrics, seconds = None, [], {}
        cpu = time.process_time()
        for step in steps:
            result = trainer.train(network, config, until_step=step, state=state)
            state = result.state
            metrics.append(result.metrics)
            seconds = {k: seconds.get(k, 0.0) + result.seconds.get(k, 0.0) for k in PHASES}
            if result.status != "completed":
                break
        del result
        keras.backend.clear_session()
        stored["networks"].append({"hash": network.hash, "metrics": metrics, "seconds": seconds})
        write_json(options.out, stored)
        print(
            f"{number}/{options.networks}: {seconds}, CPU {time.process_time() - cpu:.0f} s", file=sys.stderr
        )


def show(options: argparse.Namespace) -> None:
    """Prints how well each rung tells the end, and what halving would have kept and cost."""
    for path in options.results:
        stored = json.loads(path.read_text())
        steps, (baseline, *networks) = stored["steps"], stored["networks"]
        # As the search does: at every rung against the baseline's metrics under the whole schedule.
        scores = np.array(
            [[quality(m, baseline["metrics"][-1]) for m in network["metrics"]] for network in networks]
        )
        print(f"{path.stem}: {len(networks)} networks, quality at the end {scores[:, -1].min():.3f} to "
              f"{scores[:, -1].max():.3f}, seed {stored['seed']}")  # fmt: skip
        rng = np.random.default_rng(0)
        for i, step in enumerate(steps[:-1]):
            drawn = [rng.integers(0, len(networks), len(networks)) for _ in range(1000)]
            taus = [_tau(scores[d, i], scores[d, -1]) for d in drawn]
            low, high = np.nanpercentile(taus, [2.5, 97.5])
            kept = set(np.argsort(scores[:, i])[-len(networks) // 2 :])
            top = np.argsort(scores[:, -1])[-3:]
            print(
                f"  step {step:4d}: tau {_tau(scores[:, i], scores[:, -1]):.2f} (95% {low:.2f} to {high:.2f}), "
                f"{sum(n in kept for n in top)} of the best 3 in the better half"
            )
        for first, factor in GRID:
            halving = Halving.of_schedule(steps[-1], first_step=round(first * steps[-1]), factor=factor)
            if set(halving.steps) <= set(steps):
                _show_halving(stored, scores, halving, options.orders)


def _show_halving(stored: dict[str, Any], scores: Any, halving: Halving, orders: int) -> None:
    """Lets the networks arrive in random orders, and compares with training fewer of them to the end."""
    steps, networks = stored["steps"], stored["networks"][1:]
    rng = np.random.default_rng(1)
    best, count = scores[:, -1].max(), len(networks)
    spent_steps, spent_seconds, lost, lost_plain, top_kept, best_kept = [], [], [], [], [], []
    top = set(np.argsort(scores[:, -1])[-3:])
    for _ in range(orders):
        order = rng.permutation(count)
        ends = {int(n): end for n, end in zip(order, _ends(scores[order], steps, halving), strict=True)}
        kept = [n for n, end in ends.items() if end == len(steps) - 1]
        spent_steps.append(sum(steps[end] for end in ends.values()) / (count * steps[-1]))
        seconds = [_seconds(networks[n], stored, end, halving) for n, end in ends.items()]
        whole = [_seconds(network, stored, len(steps) - 1, None) for network in networks]
        spent_seconds.append(sum(seconds) / sum(whole))
        lost.append(best - scores[kept, -1].max())
        affordable = max(1, round(spent_seconds[-1] * count))
        lost_plain.append(best - scores[rng.permutation(count)[:affordable], -1].max())
        top_kept.append(len(top & set(kept)) / len(top))
        best_kept.append(scores[:, -1].argmax() in kept)
    rungs = ", ".join(str(step) for step in halving.steps)
    print(
        f"  first {halving.first_step}, factor {halving.factor} (rungs {rungs}): {np.mean(spent_steps):.0%} of the "
        f"steps, {np.mean(spent_seconds):.0%} of the seconds; best kept {np.mean(best_kept):.0%}, of the best 3 "
        f"{np.mean(top_kept):.0%}; quality lost {np.mean(lost):.4f}, by as many seconds of whole trainings "
        f"{np.mean(lost_plain):.4f}"
    )


def _ends(scores: Any, steps: list[int], halving: Halving) -> list[int]:
    """Index of the last score of each network, in the order of their arrival, by Optuna's pruner."""
    study = optuna.create_study(direction="maximize", pruner=halving.pruner())
    found = []
    for row in scores:
        trial = study.ask()
        for step in halving.steps:
            trial.report(float(row[steps.index(step)]), step)
            if trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                found.append(steps.index(step))
                break
        else:
            study.tell(trial, float(row[-1]))
            found.append(len(steps) - 1)
    return found


def _seconds(network: dict[str, Any], stored: dict[str, Any], end: int, halving: Halving | None) -> float:
    """Time that a network takes to a score: build and trace once, its steps, and one evaluation a rung."""
    steps, seconds = stored["steps"], network["seconds"]
    evaluations = 1 if halving is None else sum(s < steps[end] for s in halving.steps) + 1
    in_steps = seconds["steps"] * steps[end] / steps[-1]
    return float(
        seconds["build"] + seconds["trace"] + in_steps + seconds["evaluate"] * evaluations / len(steps)
    )


def _tau(a: Any, b: Any) -> float:
    return float(kendalltau(a, b).statistic)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    first = commands.add_parser("train")
    first.add_argument("out", type=Path)
    first.add_argument("--data", default="rooms")
    first.add_argument("--space", default="demo")
    first.add_argument("--height", type=int)
    first.add_argument("--width", type=int)
    first.add_argument("--networks", type=int, default=24)
    first.add_argument("--iterations", type=int, default=240)
    first.add_argument("--seed", type=int, default=0)
    first.set_defaults(run=train)
    second = commands.add_parser("show")
    second.add_argument("results", type=Path, nargs="+")
    second.add_argument("--orders", type=int, default=200)
    second.set_defaults(run=show)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
