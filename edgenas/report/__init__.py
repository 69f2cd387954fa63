"""The report: one self-contained HTML page about a run folder."""

from __future__ import annotations

from edgenas.report.page import write_report

__all__ = ["write_report"]
