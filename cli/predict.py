"""`edgenas predict`: latency of files or architectures, without TensorFlow and without the device."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import click

from edgenas.cli.options import device_options, json_option, predictor_option
from edgenas.cli.output import format_ms, print_json, print_table, say
from edgenas.device_profiles import Configuration, DeviceProfile
from edgenas.device_profiles.profile import VELA
from edgenas.graph import OpGraph
from edgenas.latency_models import LatencyEstimate, LatencyPredictor
from edgenas.latency_models.fitted_to import fitted_to, simulated_by
from edgenas.workflow.predict import open_predictor

__all__ = ["command"]

_PLACES = {"edgetpu": "the Edge TPU", "cpu": "the CPU"}


@click.command(name="predict")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@device_options
@predictor_option
@click.option("--operators", is_flag=True, help="Show every operator, not only the shares by type.")
@json_option
def command(
    files: tuple[Path, ...],
    profile: DeviceProfile,
    chosen: Configuration,
    predictor: Path | None,
    operators: bool,
    as_json: bool,
) -> None:
    """Predict the latency of .tflite files or architecture .json files, with a 90% interval.

    Where the predictor was fitted to simulated figures (Ethos-U), that is told with every latency.
    For the Edge TPU also what runs there, what on the CPU, and how many bytes of parameters stay on the chip.

    \b
    Examples:
      edgenas predict model_int8.tflite --device host
      edgenas predict architectures/*.json --json
      edgenas predict model_int8.tflite --device edgetpu --configuration usb2
    """
    opened = open_predictor(profile, chosen, predictor)
    model, card = opened.predictor, opened.card
    if opened.warning:
        say(opened.warning)
    if profile.kind == VELA:
        say(
            "Operators that Vela would leave to the CPU are priced as if they ran on the NPU. See which those are: "
            f"edgenas check FILE --device {profile.name}-{chosen.name}"
        )
    results = []
    for file in files:
        graph = opened.graph(file)
        results.append((file, model.predict(graph), _parameter_bytes(model, graph)))
    if as_json:
        figures = {"fitted_to": fitted_to(card)}
        print_json(
            [{"file": str(file), **estimate.to_dict(), **figures, **plan} for file, estimate, plan in results]
        )
        return
    for file, estimate, plan in results:
        _show(file, estimate, plan, simulated_by(card), operators)


def _parameter_bytes(model: LatencyPredictor, graph: OpGraph) -> dict[str, int]:
    """Parameters that stay on the chip and those that are sent to it in each call; empty for CPUs."""
    if model.features.name != "edgetpu":
        return {}
    from edgenas.latency_models.edgetpu_features import parameter_plan

    on_chip, off_chip = parameter_plan(graph)
    return {"parameter_bytes_on_chip": int(on_chip), "parameter_bytes_off_chip": int(off_chip)}


def _show(
    file: Path, estimate: LatencyEstimate, plan: dict[str, int], simulated: str, operators: bool
) -> None:
    low, high = estimate.interval_ms
    click.echo(
        f"{file}: predicted {format_ms(estimate.latency_ms)} on {estimate.device} ({estimate.configuration}), "
        f"{estimate.confidence:.0%} interval {low:.3g} to {high:.3g} ms"
        + (f"; {simulated}" if simulated else "")
    )
    if not estimate.in_domain:
        click.echo("  outside of what the predictor has seen: " + "; ".join(estimate.domain_notes))
    if plan:
        click.echo(f"  {_where(estimate)}")
        on_chip, off_chip = (plan[f"parameter_bytes_{place}_chip"] / 1024 for place in ("on", "off"))
        click.echo(
            f"  parameters: {on_chip:,.0f} KiB stay on the chip, {off_chip:,.0f} KiB are sent in each call"
        )
    rows: list[Any] = list(estimate.operators)
    if operators:
        print_table(
            "",
            ("at", "operator", "predicted ms", "place"),
            [(str(index), kind, f"{ms:.4f}", place) for index, kind, ms, place in rows],
        )
        return
    shares: dict[str, float] = defaultdict(float)
    for _, kind, ms, _ in rows:
        shares[kind] += ms
    total = sum(shares.values()) or 1.0
    parts = sorted(shares.items(), key=lambda item: -item[1])[:6]
    click.echo("  " + ", ".join(f"{name} {100 * ms / total:.0f}%" for name, ms in parts))


def _where(estimate: LatencyEstimate) -> str:
    """How many operators run where; of those that fall back to the CPU, the first."""
    placed: dict[str, list[str]] = {place: [] for place in _PLACES}
    for index, kind, _, place in estimate.operators:
        placed.setdefault(place, []).append(f"{index} {kind}")
    chip, cpu = placed["edgetpu"], placed["cpu"]
    text = f"{len(chip)} operators on {_PLACES['edgetpu']}, {len(cpu)} on {_PLACES['cpu']}"
    return f"{text} (first: {cpu[0]})" if cpu else text
