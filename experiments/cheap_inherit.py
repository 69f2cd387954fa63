"""Does a child of evolution gain by starting from its parent's weights where names and shapes agree?

    python experiments/cheap_inherit.py OUT.json [--data rooms] [--height 64 --width 64] [--iterations 120] [--pairs 3]

For every pair a random network (the parent) is trained, then one mutation of it (the child) from scratch and from the
parent's weights, all under the same schedule; and the parent once more from its own weights. The last one is the
control: what it gains is owed to the training that went before, not to what the mutation changed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.datasets import load_dataset
from edgenas.runtime import start_tensorflow
from edgenas.scoring import quality
from edgenas.space import load_space
from edgenas.storage import write_json


def main() -> None:
    """Trains what is missing in the file, then prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", default="rooms")
    parser.add_argument("--space", default="demo")
    parser.add_argument("--height", type=int)
    parser.add_argument("--width", type=int)
    parser.add_argument("--iterations", type=int, default=120)
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    start_tensorflow()
    import keras

    from edgenas.training.config import load_training_preset
    from edgenas.training.session import Training
    from edgenas.training.trainer import Trainer

    size = {"height": options.height, "width": options.width}
    sets = [load_dataset(options.data, split, tasks=None, **size) for split in ("train", "validation")]
    trainer, info = Trainer(*sets), sets[0].info
    space = load_space(options.space, tuple(sorted(info.tasks)))
    stored = json.loads(options.out.read_text()) if options.out.exists() else {"pairs": []}
    for seed in range(len(stored["pairs"]), options.pairs):
        rng = np.random.default_rng([seed, 1])
        drawn = space.sample(rng)
        parent, child = (
            space.architecture(d, input_shape=(info.height, info.width), head_channels=info.head_channels)
            for d in (drawn, space.mutate(drawn, rng))
        )
        config = load_training_preset("proxy", iterations=options.iterations, seed=seed)

        def inherited(network: Any, model: Any, config: Any = config) -> tuple[bytes, float]:
            """A state at step 0, and the share of the parameters that are the parent's."""
            training = Training(network, config, sets[0])
            known = {v.path: v for v in model.variables}
            copied = total = 0
            for variable in training.model.variables:
                source = known.get(variable.path)
                total += int(np.prod(variable.shape))
                if source is not None and tuple(source.shape) == tuple(variable.shape):
                    variable.assign(source)
                    copied += int(np.prod(variable.shape))
            return training.to_bytes(), copied / total

        first = trainer.train(parent, config)
        state, share = inherited(child, first.model)
        again, _ = inherited(parent, first.model)
        row = {
            "iterations": options.iterations, "inherited_share": share, "parent": first.metrics,
            "scratch": trainer.train(child, config).metrics,
            "inherited": trainer.train(child, config, state=state).metrics,
            "parent_again": trainer.train(parent, config, state=again).metrics,
        }  # fmt: skip
        del first
        keras.backend.clear_session()
        stored["pairs"].append(row)
        write_json(options.out, stored)
        print(f"pair {seed} done", file=sys.stderr)
    for seed, row in enumerate(stored["pairs"]):
        # The parent is 1, so that the quality of the others is how much better or worse they are.
        scores = {k: quality(row[k], row["parent"]) for k in ("scratch", "inherited", "parent_again")}
        print(f"pair {seed}: {row['inherited_share']:.0%} of the parameters inherited; relative to the parent: "
              + ", ".join(f"{name} {score:.3f}" for name, score in scores.items()))  # fmt: skip


if __name__ == "__main__":
    main()
