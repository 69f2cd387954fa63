"""What `edgenas export` says of the checks behind the conversion: other runtimes, the Edge TPU, compiled files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgenas.cli.output import format_ms

__all__ = ["shipped_lines"]

_SHOWN = 6


def shipped_lines(card: Mapping[str, Any]) -> list[str]:
    """Lines about the sections "runtimes", "check" and "compiled" of a model card."""
    lines = []
    runtimes = card.get("runtimes") or {}
    for name, entry in (runtimes.get("runtimes") or {}).items():
        who = f"{name} kernels" if name in ("builtin", "reference") else name
        lines.append(f"{who}: {_agreement(entry, runtimes['steps'])}")
    check = card.get("check")
    if check:
        lines += _edgetpu(check)
    for target, entry in (card.get("compiled") or {}).items():
        if entry["failure"]:
            lines.append(f"{target}: not compiled: {entry['failure']}")
            continue
        left = entry.get("cpu_operators")
        rest = (
            ""
            if left is None
            else f", {len(left)} operators left to the CPU"
            if left
            else ", none on the CPU"
        )
        time = f", {format_ms(entry['npu_ms'])} simulated" if entry.get("npu_ms") is not None else ""
        lines.append(f"{target}: {entry['file']}{rest}{time}")
    return lines


def _edgetpu(check: Mapping[str, Any]) -> list[str]:
    """One line where all is well; else what stays on the CPU, and why."""
    source = "by its compiler's rules (predicted)"
    if check["failure"]:
        return [f"Edge TPU: nothing would run on it {source}: {check['failure']}"]
    if check["fully_mapped"]:
        return [f"Edge TPU: all {check['operators']} operators mapped {source}"]
    left = check["unmapped"]
    lines = [f"Edge TPU: {check['mapped']} of {check['operators']} operators mapped {source}; on the CPU:"]
    lines += [f"  {o['index']} {o['type']}: {o['reason']}" for o in left[:_SHOWN]]
    return lines + ([f"  and {len(left) - _SHOWN} more, see the model card"] if len(left) > _SHOWN else [])


def _agreement(entry: Mapping[str, Any], steps: int) -> str:
    if not entry["available"]:
        return f"not compared: {entry['reason']}"
    version = f"{entry['runtime']} {entry['runtime_version']}".strip()
    share = f"{100 * entry['share_within_steps']:.2f}% of the outputs within {steps} steps of XNNPACK"
    changes = {
        h: e["relative_change"] for h, e in entry["heads"].items() if e.get("relative_change") is not None
    }
    worst = max(changes, key=lambda head: abs(changes[head])) if changes else None
    metric = f", metrics within {100 * abs(changes[worst]):.2f}% ({worst})" if worst else ""
    verdict = (
        ""
        if entry["agrees"]
        else "; expected 99% and 0.2%: the kernels round differently, and the network passes it on"
    )
    return f"{share}{metric}{verdict} ({version})"
