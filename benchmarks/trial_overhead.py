"""Where the time of a search trial goes: building, tracing, training steps, evaluation.

    python benchmarks/trial_overhead.py [--trials 3] [--iterations 240] [--keras-optimizer] [--json]

Trains random networks of the demo space on embedded rooms as `edgenas search` does. `--keras-optimizer` uses Keras'
AdamW in the place of ours, to show what the fused kernel saves.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import numpy as np

from edgenas.datasets import load_dataset
from edgenas.runtime import start_tensorflow
from edgenas.space import load_space


def main() -> None:
    """Trains and prints the shares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=240)
    parser.add_argument("--keras-optimizer", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    start_tensorflow()
    from edgenas.training import session, trainer
    from edgenas.training.config import load_training_preset

    if options.keras_optimizer:
        session.AdamW = _KerasAdamW  # type: ignore[assignment, misc]
    runs = trainer.Trainer(load_dataset("rooms", "train", frames=800), load_dataset("rooms", "validation"))
    space, rng = load_space("demo"), np.random.default_rng(0)
    channels = runs.train_set.info.head_channels
    rows = []
    for number in range(options.trials):
        network = space.architecture(space.sample(rng), input_shape=(96, 128), head_channels=channels)
        seconds = runs.train(network, load_training_preset("proxy", iterations=options.iterations)).seconds
        share = seconds["steps"] / sum(seconds.values())
        rows.append({**seconds, "share_in_steps": round(share, 3)})
        print(f"trial {number}: {rows[-1]}", file=sys.stderr)
    if options.json:
        print(json.dumps({"trials": rows, "share_in_steps_min": min(r["share_in_steps"] for r in rows)}))


class _KerasAdamW:
    def __init__(self, variables: Any, config: Any) -> None:
        import keras

        self._optimizer = keras.optimizers.AdamW(config.learning_rate, config.weight_decay)
        self._variables = list(variables)
        self._optimizer.build(self._variables)
        self.slots = [v.value for v in self._optimizer.variables]

    def apply(self, gradients: Any, learning_rate: Any, step: Any) -> None:
        self._optimizer.apply(gradients, self._variables)


if __name__ == "__main__":
    main()
