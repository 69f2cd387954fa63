"""Does a network that is good early stay good? Random networks under the proxy schedule, scored at several steps.

    python experiments/cheap_rungs.py train OUT.json [--data rooms] [--networks 24] [--iterations 240] [--seed 0]
    python experiments/cheap_rungs.py show OUT.json ... [--orders 500]

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

import numpy as np

from edgenas.storage import write_json

RUNGS = (1 / 8, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 3 / 4)
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
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
