"""How many calibration frames, and which: the error of int8 files against their float network.

    python experiments/calibration_frames.py OUT.json --data NYUV2.npz MODEL.keras [--counts 16,32,64,128,256,512]

Choices: "spread" evenly over the training data; "cluster" in a row, as a film has them; "extremes" those whose
activations reach furthest among 512 spread ones. The error is the mean signal to quantisation noise ratio of the heads
on the validation frames: higher is better.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.datasets import Dataset, load_dataset
from edgenas.datasets.dataset import evenly_spread
from edgenas.runtime import start_tensorflow
from edgenas.storage import write_json


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--data", required=True)
    parser.add_argument("--counts", default="16,32,64,128,256,512")
    options = parser.parse_args()
    start_tensorflow()
    train, validation = (load_dataset(options.data, split) for split in ("train", "validation"))
    counts = [int(count) for count in options.counts.split(",")]
    rows = [row for path in options.models for row in _measured(path, train, validation, counts)]
    write_json(options.out, {"counts": counts, "rows": rows})
    print(f"{'choice':10}" + "".join(f"{count:>8}" for count in counts) + "   mean SQNR dB of the heads")
    for choice in ("spread", "cluster", "extremes"):
        means = [
            np.mean([r["mean_sqnr_db"] for r in rows if (r["choice"], r["count"]) == (choice, count)])
            for count in counts
        ]
        print(f"{choice:10}" + "".join(f"{mean:8.2f}" for mean in means))


def _measured(path: Path, train: Dataset, validation: Dataset, counts: list[int]) -> list[dict[str, Any]]:
    import keras

    import edgenas.networks  # noqa: F401  (its layers)
    from edgenas.export.calibration import network_input
    from edgenas.export.choice import Bench, convert_best, mean_sqnr_db
    from edgenas.export.engines.tensorflow import to_tflite
    from edgenas.export.operator_errors import trace
    from edgenas.export.repair.ground import prepare_ground
    from edgenas.training.trainer import predictor_of

    model = keras.saving.load_model(path)
    float_file = to_tflite(model, format="float32")
    many = evenly_spread(min(512, len(train)), len(train))
    pixels = train.stored_batch(many, ["image"])["image"]
    ground = prepare_ground(model, float_file, pixels[:: max(1, len(pixels) // 64)])
    reach = np.array([[np.abs(v).max() for v in values] for values in trace(float_file, pixels)])
    furthest = many[np.argsort(-(reach / reach.max(0)).mean(1), kind="stable")]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        shown = validation.arrays(range(len(validation)))["image"]
        bench = Bench(Path(folder), "net", predictor_of(model), shown)
        for count in counts:
            start = (len(train) - count) // 2
            choices = {
                "spread": evenly_spread(min(count, len(train)), len(train)),
                "cluster": np.arange(max(0, start), min(len(train), start + count)),
                "extremes": np.sort(furthest[:count]),
            }
            for choice, places in choices.items():
                images = [network_input(i[None]) for i in train.stored_batch(places, ["image"])["image"]]
                made, _ = convert_best(ground.model, "int8", engine="tensorflow", bench=bench, images=images)
                heads = {head: error.sqnr_db for head, error in made.errors.items()}
                rows.append(
                    {"network": str(path), "choice": choice, "count": count, "heads": heads,
                     "mean_sqnr_db": mean_sqnr_db(made.errors)}
                )  # fmt: skip
    return rows


if __name__ == "__main__":
    main()
