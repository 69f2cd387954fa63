"""What `edgenas export` prints of a model card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgenas.cli.output import format_ms, metrics_table, print_table
from edgenas.cli.shipped_lines import shipped_lines
from edgenas.device_profiles.measurement import MEASURED

__all__ = ["show_export"]


def show_export(card: dict[str, Any], out: Path) -> None:
    """Metrics, differences from Keras by engine, outputs, the Edge TPU's verdict, latency and files."""
    metrics_table("Validation", card["metrics"])
    _differences(card)
    _outputs(card["outputs"])
    if card.get("outputs_compared"):
        _compared_outputs(card["outputs_compared"])
    if card.get("operator_errors", {}).get("worst"):
        _worst_operators(card["operator_errors"])
    if card.get("repair"):
        _repair(card["repair"])
    latency = card["latency"]
    if latency["device"] is not None:
        interval = latency["predicted_interval_ms"]
        band = f" [{interval[0]:.3g}, {interval[1]:.3g}]" if interval else ""
        click.echo(
            f"{latency['file']} on {latency['device']}: predicted {format_ms(latency['predicted_ms'])}{band}, "
            f"{_measured(latency)}"
        )
    for line in shipped_lines(card):
        click.echo(line)
    for kind, file in card["files"].items():
        click.echo(f"{kind}: {out / file['path']} ({file['bytes']} bytes)")
    click.echo(f"Model card: {out / (card['name'] + '.json')}")


def _differences(card: dict[str, Any]) -> None:
    rows = [
        ["float32", "tensorflow", head, f"{errors['float32_max_abs']:.2g}", "-"]
        for head, errors in card["head_errors"].items()
    ]
    for kind, section in card["engines"].items():
        for engine, tried in section["tried"].items():
            name = f"{engine} *" if engine == section["chosen"] else engine
            if "failed" in tried:
                rows.append([kind, name, f"nothing: {tried['failed']}", "", ""])
            for head, error in tried.get("heads", {}).items():
                sqnr = "-" if error["sqnr_db"] is None else f"{error['sqnr_db']:.1f}"
                rows.append([kind, name, head, f"{error['max_abs']:.3g}", sqnr])
    print_table("Difference from Keras (* chosen)", ["file", "engine", "head", "max", "SQNR dB"], rows)


def _outputs(section: dict[str, Any]) -> None:
    rows = [
        [
            str(it["position"]), head, it["form"], "x".join(map(str, it["shape"])), it["dtype"],
            f"{it['scale']:.6g}" if it["scale"] else "-", str(it["zero_point"]) if it["scale"] else "-",
        ]
        for head, it in section.items()
    ]  # fmt: skip
    print_table(
        "Outputs in the file's order: value = scale x (number - zero point)",
        ["", "head", "form", "shape", "type", "scale", "zero point"], rows,
    )  # fmt: skip


def _compared_outputs(section: dict[str, Any]) -> None:
    devices = list(section["options"][0]["predicted_ms"])
    rows = []
    for option in section["options"]:
        rows.append([
            option["name"], f"{option['output_bytes'] / 1024:.4g}",
            *(format_ms(option["predicted_ms"][device]) for device in devices),
            f"{option['edgetpu_mapped']}/{option['operators']}",
            *("-" if value is None else f"{value:.4g}" for value in option["metrics"].values()),
        ])  # fmt: skip
    columns = ["heads", "KiB out", *(f"{d}, predicted" for d in devices), "on Edge TPU"]
    print_table(
        f"What the forms of the heads cost (int8; metrics of the float network over {section['frames']} frames)",
        [*columns, *section["options"][0]["metrics"]], rows,
    )  # fmt: skip


def _worst_operators(section: dict[str, Any]) -> None:
    by_name = {operator["name"]: operator for operator in section["operators"]}
    told = [
        f"{name} ({by_name[name]['type']}, {by_name[name]['sqnr_db']:.1f} dB)" for name in section["worst"]
    ]
    click.echo(f"Operators that add most noise: {', '.join(told)}")


def _repair(section: dict[str, Any]) -> None:
    rows = []
    for step in section["steps"]:
        if "reason" in step:
            rows.append([step["step"], step["reason"], "", "", ""])
            continue
        rows.append([
            step["step"], f"{step['worst_head']} {step['worst_metric']}", f"{step['worst_drop_percent']:+.2f}",
            "yes" if step["kept"] else "no",
            "-" if step["predicted_ms"] is None else format_ms(step["predicted_ms"]),
        ])  # fmt: skip
    print_table(
        f"Repair, at most {section['max_drop_percent']:g}% drop against float32 (measured on the validation frames)",
        ["step", "worst metric", "drop %", "kept", "predicted"], rows,
    )  # fmt: skip


def _measured(latency: dict[str, Any]) -> str:
    """The latency on the device with how it came about, or why there is none."""
    source = latency["measured_source"] or MEASURED
    if latency["measured_error"] is not None:
        return f"not {source} ({latency['measured_error']})"
    if latency["measured_ms"] is None:
        return f"not {source}"
    return f"{source} {format_ms(latency['measured_ms'])}"
