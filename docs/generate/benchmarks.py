"""Pages of what was measured: `benchmarks/measured.toml`, and the reports and results in `experiments/`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from measured import read_measured, rows_table

__all__ = ["benchmark_pages"]

_INTRO = """# Benchmarks

Measured on {machine}. This page is made from `benchmarks/measured.toml` and the results in `experiments/` whenever the
documentation is built. The accuracy of each predictor has [its own page](accuracy.md).
"""


def benchmark_pages(root: Path) -> dict[str, str]:
    """`benchmarks.md` and one page per experiment that has a report or a stored result of its own."""
    measured = read_measured(root)
    lines = [_INTRO.format(machine=measured["machine"])]
    for group in measured["group"]:
        lines += [f"## {group['title']}", "", rows_table(group["row"])]
    pages = _experiments(root / "experiments")
    lines += ["## Experiments", "", "| experiment | report |", "|---|---|"]
    for path, text in pages.items():
        title = text.splitlines()[0].removeprefix("# ")
        lines.append(f"| {title} | [{Path(path).stem}]({path}) |")
    return {"benchmarks.md": "\n".join(lines) + "\n", **pages}


def _experiments(folder: Path) -> dict[str, str]:
    pages = {}
    for report in sorted(folder.glob("*.md")):
        text = report.read_text(encoding="utf-8")
        pages[f"experiments/{report.name}"] = _inline_figures(text, folder)
    stored = json.loads((folder / "oneshot_nyuv2.json").read_text(encoding="utf-8"))
    pages["experiments/oneshot_nyuv2.md"] = _oneshot(stored)
    return pages


def _inline_figures(text: str, folder: Path) -> str:
    """Figures are drawn with their own colours, so they stand in the page as they are."""

    def svg(match: re.Match[str]) -> str:
        drawing = (folder / match.group(2)).read_text(encoding="utf-8")
        drawing = re.sub(r"^.*?(?=<svg)", "", drawing, count=1, flags=re.DOTALL)
        return f'<figure role="img" aria-label="{match.group(1)}">{" ".join(drawing.split())}</figure>'

    return re.sub(r"!\[([^]]*)\]\(([\w.-]+\.svg)\)", svg, text)


def _oneshot(stored: Mapping[str, Any]) -> str:
    comparison = stored["comparison"]
    kendall = comparison["search"]["ranking"]["kendall"]
    count = comparison["search"]["ranking"]["count"]
    low, high = kendall["interval"]
    rows = []
    for name, network in comparison["networks"].items():
        total, metrics = network["delta_total_percent"], network["metrics"]
        cells = [
            name,
            f"{network['predicted_ms']:.3f} ms",
            f"{metrics['segmentation']['miou']:.3f}",
            f"{metrics['depth']['abs_error']:.3f} m",
            f"{metrics['normals']['mean_angle_deg']:.1f}",
            f"{total['mean']:+.1f}% (sd {total['sd']:.1f})",
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(
        [
            "# One-shot search against the baseline on real NYUv2 frames",
            "",
            "From `experiments/oneshot_nyuv2.json`. Latencies are predicted.",
            "",
            "| network | predicted latency | mIoU | AbsE | normals, degrees | delta T |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            f"Rank correlation of inherited weights with networks trained alone ({count} networks): "
            f"Kendall {kendall['value']:.2f} [{low:.2f}, {high:.2f}].",
            "",
            "```text",
            *stored["commands"],
            "```",
            "",
            *(f"- {note}" for note in stored["notes"]),
            "",
        ]
    )
