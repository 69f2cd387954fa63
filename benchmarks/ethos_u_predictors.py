"""Makes the shipped predictors of Ethos-U devices: networks simulated by Vela, fitted, with held-out errors.

    .venv/bin/python benchmarks/ethos_u_predictors.py --out latency_models/trained [--devices ethos-u55-128,...]
        [--models FOLDER]

The networks are the first of the plan that `edgenas profile` measures: 40 of `demo` and 40 of `declared` at 96x128, 8
of each at 256x512 (not for Ethos-U85, see `SMALL_ONLY`), int8, random weights, and some single operators. Every figure
is an estimate of Vela, so a predictor is a quick stand-in for Vela, not for silicon; its card says so. Needs the extras
`train`, `fit` and `vela`; the models are kept in FOLDER, because exporting them takes longest.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from edgenas.device_profiles import align_operators, list_devices, load_device, runner_for
from edgenas.device_profiles.profile import VELA
from edgenas.graph import read_tflite
from edgenas.latency_models.design_matrix import Row
from edgenas.latency_models.feature_sets import usual_features
from edgenas.latency_models.fit import Fit, fit
from edgenas.profiling.models import export_models
from edgenas.profiling.plan import NETWORK, PlannedModel, planned_models
from edgenas.space import load_space

PLANS = (
    ("demo", (96, 128), 40), ("declared", (96, 128), 40), ("demo", (256, 512), 8), ("declared", (256, 512), 8),
)  # fmt: skip
# For an Ethos-U85 Vela decides per network whether large feature maps pass through DRAM, at up to five times the cost:
# prices of single operators miss networks at 256x512 by up to 32%. Without them such networks are outside of the domain
# and get the wide interval that they need; `edgenas profile --height ... --width ...` fits to them.
SMALL_ONLY = ("ethos-u85",)
HEADS = {"depth": 1, "normals": 3, "segmentation": 13}
SEED = 0


def models(folder: Path) -> Iterator[tuple[PlannedModel, Path]]:
    """The planned models of the configuration's type, exported where they are missing."""
    for name, shape, networks in PLANS:
        space = load_space(name, tuple(HEADS))
        plan = planned_models(
            space, input_shape=shape, head_channels=HEADS, dtype="int8", seed=SEED, networks=networks
        )
        chosen = tuple(m for m in plan if m.dtype == "int8" and (m.kind == NETWORK or shape == (96, 128)))
        yield from export_models(chosen, folder / f"{name}-{shape[0]}x{shape[1]}")


def simulated(device: str, planned: list[tuple[PlannedModel, Path]]) -> Fit:
    """Simulates the models on a device and fits its predictor."""
    profile = load_device(device)
    chosen = profile.configuration()
    runner = runner_for(profile)
    if profile.name in SMALL_ONLY:
        planned = [(model, path) for model, path in planned if model.architecture.input_height == 96]
    rows: list[Row] = []
    for (model, path), measurement in zip(
        planned, runner.measure([path for _, path in planned], operators=True), strict=True
    ):
        if not measurement.ok:
            raise SystemExit(f"{path}: {measurement.error}")
        graph = read_tflite(path)
        operators = align_operators(
            [o.type for o in graph.operators], measurement.operator_ms or (), graph.wiring
        )
        rows.append(
            Row(
                name=f"{path.parent.name}/{model.name}",
                group=model.architecture.hash,
                graph=graph,
                measured_ms=measurement.latency_ms,
                operator_ms=operators,
                kind=model.kind,
            )
        )
    identity = runner.identity()
    facts = {
        "source": "simulated",
        "machine": identity["machine"],
        "runtime": identity["runtime"],
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "sources": [
            {
                "kind": "vela",
                "column": chosen.accelerator,
                "rows": len(rows),
                "source": f"simulated by Arm's Vela ({identity['runtime']})",
                "licence": "Apache-2.0",
                "commit": "",
            }
        ],
        "networks": "; ".join(
            f"{count} of {name} at {h}x{w}"
            for name, (h, w), count in PLANS
            if profile.name not in SMALL_ONLY or h == 96
        ),
    }
    return fit(
        rows,
        device=profile.name,
        configuration=chosen.name,
        dtype=chosen.dtype,
        seed=SEED,
        facts=facts,
        features=usual_features(profile.kind),
    )


def main() -> None:
    every = [f"{p.name}-{c.name}" for p in list_devices() if p.kind == VELA for c in p.configurations]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--devices", default=",".join(every))
    parser.add_argument("--models", type=Path)
    arguments = parser.parse_args()
    with TemporaryDirectory() as temporary:
        planned = list(models(arguments.models or Path(temporary)))
        for device in arguments.devices.split(","):
            fitted = simulated(device, planned)
            predictor, card = fitted.predictor, fitted.card
            predictor.save(arguments.out / predictor.device / predictor.configuration, card)
            print(
                f"{device}: MAPE {card['mape_percent']:.1f}% on {card['rows']} networks held out, "
                f"within 10% {card['within_10_percent']:.0f}%, Spearman {card['spearman']:.3f}, all against Vela",
                flush=True,
            )


if __name__ == "__main__":
    main()
