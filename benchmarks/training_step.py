"""Seconds of the training step against those of a bare compiled Keras step on the same batch in memory.

    python benchmarks/training_step.py --steps 20 --rounds 5

Both train the same network with the same losses and Adam on one batch that is in memory already. Bare is the smallest
`tf.function` with the network, the weighted loss and Keras' Adam. They take turns, round by round, and the ratio
is that of the medians of the rounds' medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from edgenas.datasets import load_dataset, make_pipeline
from edgenas.runtime import start_tensorflow
from edgenas.space import load_space


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--space", default="demo")
    parser.add_argument("--height", type=int, default=96)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    start_tensorflow()
    from edgenas.training.config import TrainingConfig
    from edgenas.training.session import Training

    data = load_dataset("rooms", "train", height=options.height, width=options.width, frames=64)
    info = data.info
    space = load_space(options.space, info.tasks)
    network = space.named(
        "mt-edge-baseline-v1", input_shape=(info.height, info.width), head_channels=info.head_channels
    )
    config = TrainingConfig(iterations=1_000_000, batch_size=options.batch_size)
    batch = next(iter(make_pipeline(data, batch_size=options.batch_size, training=True)))
    training = Training(network, config, data)

    def for_ever() -> Iterator[Any]:
        while True:
            yield batch

    training.batches = for_ever()
    steps: dict[str, Callable[[], Any]] = {
        "edgenas": training.step,
        "bare": _bare_step(network, config, info, batch),
    }
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step(), step()
    for _ in range(options.rounds):
        for name, step in steps.items():
            times = []
            for _ in range(options.steps):
                began = time.perf_counter()
                step()
                times.append(time.perf_counter() - began)
            seconds[name].append(statistics.median(times))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    best = {name: min(values) for name, values in seconds.items()}
    print(
        json.dumps(
            {
                "median_ms": {name: round(1e3 * value, 2) for name, value in medians.items()},
                "best_round_ms": {name: round(1e3 * value, 2) for name, value in best.items()},
                "ratio": round(medians["edgenas"] / medians["bare"], 4),
                "ratio_of_best": round(best["edgenas"] / best["bare"], 4),
                **vars(options),
            },
            indent=1,
        )
    )


def _bare_step(network: Any, config: Any, info: Any, batch: Any) -> Callable[[], Any]:
    import keras
    import tensorflow as tf

    from edgenas.networks import build_model
    from edgenas.training.loss_weights import total_loss

    model = build_model(network)
    optimizer = keras.optimizers.Adam(3e-3)
    variables = model.trainable_variables
    optimizer.build(variables)

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def compiled(images: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            loss, _ = total_loss(
                network.tasks, targets, model(images, training=True), config.loss_weights, info=info
            )
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    return lambda: float(compiled(*batch))


if __name__ == "__main__":
    main()
