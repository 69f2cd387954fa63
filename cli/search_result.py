"""What `edgenas search` found, in lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from edgenas.cli.output import format_ms, metrics_table
from edgenas.cli.ranking_lines import ranking_lines
from edgenas.cli.search_devices import nearest_line, other_devices
from edgenas.cli.search_measured import measured_lines
from edgenas.device_profiles.measurement import MEASURED

if TYPE_CHECKING:
    from edgenas.search import SearchResult

__all__ = ["show_result"]


def show_result(result: SearchResult) -> None:
    """Prints the trials, the recommendation or why there is none, and what to type next."""
    click.echo(f"Run folder: {result.run_dir}")
    pruned = f", {result.pruned} pruned" if result.pruned else ""
    click.echo(
        f"Trials: {result.finished} finished, {result.failed} failed, {result.duplicates} duplicates{pruned}; "
        f"algorithm {result.algorithm}"
    )
    if result.required:
        click.echo(f"Required: {', '.join(_required(result))}; {result.rejected} networks rejected untrained")
    for line in measured_lines(result):
        click.echo(line)
    if result.best is None:
        if result.nearest is None:
            click.echo("No trial completed.")
            return
        click.echo(nearest_line(result.nearest, result))
        click.echo("Search with a higher --target-ms, or more --trials.")
        return
    best = result.best
    latency = best.latency
    click.echo(
        f"Best: trial {best.number}, quality {best.quality:.4f} (baseline 1), reward {best.reward:.4f}, "
        f"predicted {format_ms(latency.predicted_ms)}, {_checked(result)}, target {format_ms(result.target_ms)}"
    )
    for line in other_devices(result):
        click.echo(line)
    for line in ranking_lines(result):
        click.echo(line)
    how = "weights of the supernet" if result.algorithm == "oneshot" else "proxy schedule"
    metrics_table(f"Validation, {how}", {"best": {t: dict(m) for t, m in best.evaluation.metrics.items()}})
    click.echo(f"Next: edgenas train {result.run_dir}")


def _required(result: SearchResult) -> list[str]:
    words = []
    if result.require is not None:
        words.append(f"every operator on {result.require}")
    if result.max_parameters is not None:
        words.append(f"at most {result.max_parameters:,} parameters")
    if result.max_activation_kib is not None:
        words.append(f"at most {result.max_activation_kib:,.10g} KiB of activations")
    if result.max_sram_kib is not None:
        words.append(f"at most {result.max_sram_kib:,.10g} KiB of SRAM on {result.sram_device} (simulated)")
    return words


def _checked(result: SearchResult) -> str:
    """The latency of the recommendation on the device with how it came about, or why there is none."""
    if result.measured_ms is None:
        reason = f" ({result.measured_error})" if result.measured_error else ""
        return f"not {result.measured_source or MEASURED}{reason}"
    return f"{result.measured_source} {format_ms(result.measured_ms)}"
