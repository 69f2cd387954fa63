"""How much int8 costs, before and after --repair, on random networks after short trainings.

    python experiments/int8_drop.py OUT.json --data NYUV2.npz [--count 20] [--steps 240] [--also FILE.keras ...]

Network n is drawn from the spaces demo, edgetpu, declared in turn, with seed n. Each is trained, exported as
`edgenas export --int8 --repair` does, and judged on the validation frames, which also choose the repair's steps. What
is in the file already is not done again.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.compatibility.edgetpu import check_edgetpu
from edgenas.datasets import Dataset, load_dataset
from edgenas.runtime import start_tensorflow
from edgenas.space import load_space
from edgenas.storage import read_json, write_json
from edgenas.training.config import load_training_preset

SPACES = ("demo", "edgetpu", "declared")


def main() -> None:
    """Does what is missing in the file, then prints the distribution."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--also", type=Path, nargs="*", default=[], help="Trained .keras files.")
    options = parser.parse_args()
    start_tensorflow()
    rows: list[dict[str, Any]] = read_json(options.out, "result")["rows"] if options.out.exists() else []
    done = {row["network"] for row in rows}
    train, validation = (load_dataset(options.data, split) for split in ("train", "validation"))
    wanted: list[tuple[str, Path | int]] = [(str(path), path) for path in options.also]
    wanted += [(f"{SPACES[n % 3]} {n}", n) for n in range(options.count)]
    for name, source in wanted:
        if name in done:
            continue
        began = time.monotonic()
        model = (
            _loaded(source)
            if isinstance(source, Path)
            else _trained(source, options.steps, train, validation)
        )
        trained = time.monotonic()
        row = {"network": name, "parameters": model.count_params(), **_exported(model, train, validation)}
        row |= {"train_s": round(trained - began, 1), "export_s": round(time.monotonic() - trained, 1)}
        rows.append(row)
        write_json(options.out, {"steps": options.steps, "rows": rows})
        print(
            name,
            f"before {row['worst_before']:+.2f}%, after {row['worst_after']:+.2f}%",
            row["kept"],
            flush=True,
        )
    _show(rows)


def _loaded(path: Path) -> Any:
    import keras

    import edgenas.networks  # noqa: F401  (its layers)

    return keras.saving.load_model(path)


def _trained(number: int, steps: int, train: Dataset, validation: Dataset) -> Any:
    from edgenas.training.trainer import Trainer

    space = load_space(SPACES[number % 3])
    info = train.info
    architecture = space.architecture(
        space.sample(np.random.default_rng(number)),
        input_shape=(info.height, info.width),
        head_channels=info.head_channels,
    )
    config = load_training_preset("proxy", iterations=steps, batch_size=8, seed=number)
    return Trainer(train, validation).train(architecture, config).model


def _exported(model: Any, train: Dataset, validation: Dataset) -> dict[str, Any]:
    """The drops of the plain file and of the repaired one, and what the repaired one holds."""
    from edgenas.export.exporter import export_network
    from edgenas.export.litert_model import LitertModel
    from edgenas.export.request import ExportRequest

    with tempfile.TemporaryDirectory() as folder:
        request = ExportRequest(Path(folder), "net", repair=True, keep=True, device=None)
        exported = export_network(model, None, train, validation, request)
        path = exported.files["int8"].path
        report = check_edgetpu(path)
        steps = [step for step in exported.sections["repair"]["steps"] if step["kept"]]
        after = exported.sections["drops_percent"]["int8"]
        return {
            "before": steps[0]["drops_percent"],
            "worst_before": steps[0]["worst_drop_percent"],
            "after": after,
            "worst_after": max(max(row.values()) for row in after.values()),
            "kept": [step["step"] for step in steps[1:]],
            "failed": exported.sections["repair"]["failed"],
            "float_metrics": exported.files["float32"].metrics,
            "engine": exported.files["int8"].engine,
            "float_tensors": len(LitertModel(path).float_tensors()),
            "operators": len(report.operators),
            "fully_mapped": report.fully_mapped,
        }


def _show(rows: list[dict[str, Any]]) -> None:
    """The distribution over the networks, head by head."""
    print(f"{len(rows)} networks; drop in % of float32's metric, negative is better")
    for head in sorted(rows[0]["after"]):
        for name, values in (
            ("before", [row["before"][head] for row in rows]),
            ("after", [max(row["after"][head].values()) for row in rows]),
        ):
            low, half, high = np.quantile(values, [0.0, 0.5, 1.0])
            print(f"  {head:13} worst metric {name:6} min {low:+.2f}  median {half:+.2f}  max {high:+.2f}")
    for head, metric in sorted({(h, m) for row in rows for h, it in row["after"].items() for m in it}):
        values = [row["after"][head][metric] for row in rows if metric in row["after"][head]]
        low, half, high = np.quantile(values, [0.0, 0.5, 1.0])
        print(f"  {head:13} {metric:15} after  min {low:+.2f}  median {half:+.2f}  max {high:+.2f}")
    print(
        f"within 1%: before {sum(row['worst_before'] <= 1 for row in rows)}, after "
        f"{sum(row['worst_after'] <= 1 for row in rows)}; float tensors {sum(row['float_tensors'] for row in rows)}; "
        f"fully mapped on the Edge TPU {sum(row['fully_mapped'] for row in rows)}"
    )


if __name__ == "__main__":
    main()
