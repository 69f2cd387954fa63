"""Looking at data sets for what is wrong with them: one check per module, each from frames to findings."""

from __future__ import annotations

from edgenas.datasets.inspection.findings import ERROR, WARNING, Finding
from edgenas.datasets.inspection.inspect import DEFAULT_FRAMES, Inspection, check_sample, inspect_data
from edgenas.datasets.inspection.sample import Sample, take_sample

__all__ = [
    "DEFAULT_FRAMES",
    "ERROR",
    "WARNING",
    "Finding",
    "Inspection",
    "Sample",
    "check_sample",
    "inspect_data",
    "take_sample",
]
