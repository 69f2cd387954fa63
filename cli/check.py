"""`edgenas check`: what a device's compiler would make of .tflite files, without the device."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgenas.cli.options import device_options, json_option
from edgenas.cli.output import print_json, print_table
from edgenas.workflow.check import check_file

if TYPE_CHECKING:
    from edgenas.compatibility import CompatibilityReport, CompilerVerdict
    from edgenas.device_profiles import Configuration, DeviceProfile
    from edgenas.workflow.check import CheckResult

__all__ = ["command"]

_SHOWN = 6


@click.command(name="check")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@device_options
@click.option(
    "--require-full", is_flag=True, help="End with exit code 1 unless every operator runs on the accelerator."
)
@click.option(
    "--compiler/--no-compiler",
    default=True,
    show_default=True,
    help="Also run edgetpu_compiler where it is on the PATH.",
)
@json_option
def command(
    files: tuple[Path, ...],
    profile: DeviceProfile,
    chosen: Configuration,
    require_full: bool,
    compiler: bool,
    as_json: bool,
) -> None:
    """Check which operators of .tflite files run on an accelerator, and why the others do not.

    For the Edge TPU by rules about its compiler, without the compiler and without the device; for Ethos-U by asking
    Vela. Prints one JSON object for one file, a list for several.

    \b
    Exit code: 0 something runs on the accelerator, 1 nothing does (or, with --require-full, not everything),
    2 a file cannot be read.

    \b
    Examples:
      edgenas check model_int8.tflite --device edgetpu
      edgenas check *.tflite --device edgetpu --require-full --json
      edgenas check model_int8.tflite --device ethos-u55-128
    """
    results = []
    for file in files:
        result = check_file(file, profile, chosen, compiler=compiler)
        results.append(result)
        if not as_json:
            _show(result, profile, chosen)
    records = [result.to_dict() for result in results]
    if as_json:
        print_json(records[0] if len(records) == 1 else records)
    if any(_failed(record, require_full) for record in records):
        click.get_current_context().exit(1)


def _failed(result: dict[str, Any], require_full: bool) -> bool:
    if require_full:
        return not result["fully_mapped"]
    return bool(result.get("failure")) or not any(o["mapped"] for o in result["operators"])


def _show(result: CheckResult, profile: DeviceProfile, chosen: Configuration) -> None:
    if result.report is None:
        _show_vela(result.to_dict())
        return
    _show_report(result.file, result.report, profile, chosen)
    if result.verdict is not None:
        _show_verdict(result.report, result.verdict)


def _show_report(
    file: Path, report: CompatibilityReport, profile: DeviceProfile, chosen: Configuration
) -> None:
    total, mapped = len(report.operators), report.mapped_count
    if report.failure:
        click.echo(f"{file}: refused by the compiler for {profile.title}: {report.failure}.")
    elif report.fully_mapped:
        click.echo(f"{file}: all {total} operators run on {profile.title} (predicted from the operators).")
    else:
        click.echo(
            f"{file}: {mapped} of {total} operators run on {profile.title} (predicted from the operators)."
        )
    first = report.first_unmapped
    if first is not None and not report.failure:
        behind = len(report.behind(first.index))
        end = report.end_of_piece
        then = (
            f"; after the chip: operator {end.index} ({end.type})" if end is not None and end != first else ""
        )
        tail = f"; {behind} more could be mapped, but stand behind such operators" if behind else ""
        click.echo(f"  first on the CPU: operator {first.index} ({first.type}){then}{tail}")
    _show_reasons(report)
    if mapped:
        on_chip, off_chip = report.parameter_bytes_on_chip or 0, report.parameter_bytes_off_chip or 0
        click.echo(
            f"  parameters: {on_chip / 1024:,.0f} KiB stay on the chip, {off_chip / 1024:,.0f} KiB are sent per call"
        )
        click.echo(f"  per call: {_transfer(report, profile, chosen)}")
    click.echo(
        f"  feature maps: {report.peak_activation_bytes / 1024:,.0f} KiB at the peak; the chip has 16 x 192 KiB for "
        "pieces of them"
    )
    for advice in report.advice:
        click.echo(f"  change: {advice}")


def _show_reasons(report: CompatibilityReport) -> None:
    grouped: dict[tuple[str, str], list[int]] = defaultdict(list)
    for operator in report.operators:
        if not operator.mapped and operator.rule != "model":
            reason = operator.reason
            if operator.rule == "behind":  # What each stands behind would fill a page.
                reason = reason.partition(":")[0]
            grouped[operator.type, reason].append(operator.index)
    if not grouped:
        return
    rows = []
    for (kind, reason), indices in grouped.items():
        where = ", ".join(map(str, indices[:_SHOWN])) + (", ..." if len(indices) > _SHOWN else "")
        rows.append([kind, str(len(indices)), where, reason])
    print_table("On the CPU", ["operator", "count", "at", "reason"], rows)


def _transfer(report: CompatibilityReport, profile: DeviceProfile, chosen: Configuration) -> str:
    """Bytes that cross the bus, and how long at the rates that the device file states."""
    parts = []
    for name, size, keys in (
        ("in", report.input_bytes, (f"input_mb_per_s_{chosen.bus}",)),
        (
            "out",
            report.output_bytes,
            (f"output_mb_per_s_{chosen.bus}_high", f"output_mb_per_s_{chosen.bus}_low"),
        ),
    ):
        rates = [rate for key in keys if isinstance(rate := profile.hardware.get(key), float | int)]
        times = [f"{size / (1000 * rate):.2g}" for rate in rates]
        about = f" (about {' to '.join(times)} ms over {chosen.bus})" if times else ""
        parts.append(f"{size / 1024:,.0f} KiB {name}{about}")
    return ", ".join(parts)


def _show_verdict(report: CompatibilityReport, verdict: CompilerVerdict) -> None:
    version = verdict.log.version if verdict.log else ""
    name = f"edgetpu_compiler {version}".rstrip()
    if verdict.failure:
        click.echo(f"  {name}: no compiled model ({verdict.failure}), {verdict.attempts} attempts")
        return
    log = verdict.log
    if log is not None and log.mapped_count is not None:
        click.echo(f"  {name}: {log.mapped_count} operators mapped, {log.unmapped_count} on the CPU")
    if verdict.unmapped is not None:
        ours = {operator.index for operator in report.operators if not operator.mapped}
        other = sorted(ours ^ set(verdict.unmapped))
        says = (
            "the same as the rules"
            if not other
            else f"other than the rules at {', '.join(map(str, other[:_SHOWN]))}"
        )
        click.echo(f"  {name}: {says}")


def _show_vela(result: dict[str, Any]) -> None:
    operators = result["operators"]
    left = [o for o in operators if not o["mapped"]]
    click.echo(
        f"{result['file']}: {len(operators) - len(left)} of {len(operators)} operators run on {result['device']} "
        "(simulated by Vela)"
    )
    grouped: dict[tuple[str, str], list[int]] = defaultdict(list)
    for operator in left:
        grouped[operator["type"], operator["reason"]].append(operator["index"])
    rows = [
        [kind, str(len(at)), ", ".join(map(str, at[:_SHOWN])), why] for (kind, why), at in grouped.items()
    ]
    if rows:
        print_table("On the CPU", ["operator", "count", "at", "reason"], rows)
    for advice in result.get("changes", ()):
        click.echo(f"  change: {advice}")
