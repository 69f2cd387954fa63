"""The report: one self-contained HTML page about a run folder, or about several."""

from __future__ import annotations

from edgenas.report.comparison import write_comparison
from edgenas.report.page import write_report

__all__ = ["write_comparison", "write_report"]
