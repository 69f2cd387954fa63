"""Run folders: where they are, which is the newest, what stands where in one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgenas.errors import UsageError

__all__ = ["RUNS", "RunFolder", "is_run", "new_run_folder", "newest_run"]

RUNS = Path("runs")
"""Runs without a name of their own are numbered in this folder of the working directory."""


@dataclass(frozen=True)
class RunFolder:
    """Names in a run folder.

    Attributes:
        root: the folder.
    """

    root: Path

    @property
    def config(self) -> Path:
        """Resolved configuration of the search."""
        return self.root / "config.json"

    @property
    def best(self) -> Path:
        """What the search recommends."""
        return self.root / "best.json"

    @property
    def predictor(self) -> Path:
        """The latency predictor as it was when the search began; of several, that of the first device."""
        return self.root / "predictor"

    def predictor_of(self, number: int) -> Path:
        """The predictor of the search's device with that number, from 0; the first one's is `predictor`."""
        return self.predictor if number == 0 else self.root / f"predictor-{number + 1}"

    @property
    def train(self) -> Path:
        """Longer training of the winner."""
        return self.root / "train"

    @property
    def export(self) -> Path:
        """Exported files."""
        return self.root / "export"


def is_run(folder: Path) -> bool:
    """Whether a search has begun in a folder."""
    return RunFolder(folder).config.is_file()


def new_run_folder(root: Path = RUNS) -> Path:
    """The next free numbered folder, runs/001, runs/002, ...; it is not made yet."""
    taken = [int(p.name) for p in root.glob("[0-9]*") if p.name.isdigit()] if root.is_dir() else []
    return root / f"{max(taken, default=0) + 1:03d}"


def newest_run(root: Path = RUNS) -> Path:
    """The run folder that was begun last.

    Raises:
        UsageError: there is none.
    """
    found = sorted(root.glob("*/config.json"), key=lambda p: p.stat().st_mtime_ns) if root.is_dir() else []
    if not found:
        raise UsageError(
            f"No run in {root.resolve()}. Name a run folder, or start a search with: edgenas search"
        )
    return found[-1].parent
