"""Vela's figures of the MT edge baseline on Ethos-U configurations; simulated, nothing is measured.

    .venv/bin/python benchmarks/ethos_u_baseline.py [--devices ethos-u55-128,...] [--json]

Builds the baseline of the space `declared` (int8, random weights) at 96x128 and 256x512 and asks Vela; operators that
it leaves to the CPU, and counts as zero cycles, are listed. Needs the extras `train` and `vela`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from edgenas.device_profiles import load_device, runner_for
from edgenas.device_profiles.vela_compiler import compile_vela
from edgenas.profiling.models import export_models
from edgenas.profiling.plan import NETWORK, PlannedModel
from edgenas.space import load_space

DEVICES = "ethos-u55-128,ethos-u55-256,ethos-u65-256,ethos-u85-256"
SHAPES = ((96, 128), (256, 512))
HEADS = {"depth": 1, "normals": 3, "segmentation": 19}


def baseline(shape: tuple[int, int], folder: Path) -> Path:
    """The baseline's int8 file."""
    space = load_space("declared", tuple(HEADS))
    architecture = space.architecture(space.default(), input_shape=shape, head_channels=HEADS)
    model = PlannedModel(f"baseline-{shape[0]}x{shape[1]}", NETWORK, "int8", architecture)
    return next(path for _, path in export_models((model,), folder))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--devices", default=DEVICES)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for shape in SHAPES:
            path = baseline(shape, Path(folder))
            for device in arguments.devices.split(","):
                profile = load_device(device)
                (measurement,) = runner_for(profile).measure([path])
                result = compile_vela(path, profile.configuration())
                rows.append({
                    "network": path.stem,
                    "simulated_ms": measurement.latency_ms if measurement.ok else None,
                    "refused": measurement.error,
                    **result.figures(),
                })  # fmt: skip
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    print(
        f"Simulated by ethos-u-vela {rows[0]['vela']}, nothing is measured; int8, {HEADS['segmentation']} classes."
    )
    columns = "network, accelerator, system, memory, ms, cycles (M), MACs (M), SRAM KiB, DRAM KiB, flash KiB, on CPU"
    print(f"| {columns.replace(', ', ' | ')} |")
    print(f"|{'---|' * len(columns.split(', '))}")
    for row in rows:
        cpu = ", ".join(f"{o['index']} {o['type']}: {o['reason']}" for o in row["cpu_operators"]) or "none"
        ms = "refused" if row["simulated_ms"] is None else f"{row['simulated_ms']:.2f}"
        memory = " | ".join(f"{row[key] / 1024:.0f}" for key in ("sram_bytes", "dram_bytes", "flash_bytes"))
        print(
            f"| {row['network']} | {row['accelerator']} | {row['system']} | {row['memory']} | {ms} | "
            f"{row['cycles']['total'] / 1e6:.2f} | {row['macs'] / 1e6:.0f} | {memory} | {cpu} |"
        )


if __name__ == "__main__":
    main()
