"""What a run folder holds, and the page about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenas.errors import UsageError
from edgenas.workflow.runs import RunFolder, is_run, newest_run

if TYPE_CHECKING:
    from edgenas.search import TrialRecord
    from edgenas.space import Architecture
    from edgenas.workflow.train import TrainedNetwork

__all__ = ["Run", "load_run", "report"]


@dataclass(frozen=True)
class Run:
    """A run folder, read part by part when a part is asked for.

    Attributes:
        path: the folder.

    Example:
        >>> import edgenas
        >>> run = edgenas.load_run("runs/001")
        >>> [trial.number for trial in run.trials]
        [0]
        >>> run.config["trials"]
        1
    """

    path: Path

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The configuration of its search.

        Raises:
            UsageError: it is damaged, or of a newer version.
        """
        from edgenas.search.config import read_config

        return read_config(self.path)

    @property
    def trials(self) -> list[TrialRecord]:
        """Its finished trials as they are now, by number.

        Raises:
            UsageError: the study is gone or damaged.
        """
        from edgenas.search.study import read_trials

        return read_trials(self.path)

    def architecture(self, *, allow_infeasible: bool = False) -> Architecture:
        """The network that it recommends.

        Args:
            allow_infeasible: the one nearest to the target where none meets it.

        Raises:
            UsageError: there is no recommendation.
        """
        from edgenas.workflow.train import architecture_of_run

        return architecture_of_run(self._folder.best, allow_infeasible=allow_infeasible)

    @property
    def trained(self) -> TrainedNetwork:
        """Its winner, trained longer.

        Raises:
            UsageError: that was not done yet; the message names the command.
        """
        from edgenas.workflow.train import load_trained

        return load_trained(self._folder.train)

    @property
    def evaluations(self) -> list[dict[str, Any]]:
        """Stored evaluations of the trained winner, in the order in which they were made; empty before the first."""
        from edgenas.evaluation.store import read_stored

        return read_stored(self._folder.train)

    @property
    def exported(self) -> dict[str, Path]:
        """The exported files by number format, e.g. "int8"; empty before an export."""
        from edgenas.evaluation.subjects import find_subjects

        folder = self._folder.export
        return {s.label: s.model for s in find_subjects(folder)} if folder.is_dir() else {}

    @property
    def _folder(self) -> RunFolder:
        return RunFolder(self.path)


def load_run(path: str | Path | None = None) -> Run:
    """Opens a run folder of a search.

    Args:
        path: the folder; the newest below runs/ without it.

    Raises:
        UsageError: there is no run.

    Example:
        >>> import edgenas
        >>> edgenas.load_run("runs/001").architecture(allow_infeasible=True).tasks
        ('segmentation',)
        >>> edgenas.load_run("runs/999")
        Traceback (most recent call last):
        ...
        edgenas.errors.UsageError: No run in runs/999. ...
    """
    found = newest_run() if path is None else Path(path)
    if not is_run(found):
        raise UsageError(f"No run in {found}. Name a run folder, or start a search with: edgenas search")
    return Run(found)


def report(*runs: str | Path | Run, out: str | Path | None = None) -> Path:
    """Writes one self-contained HTML page about a run, or about several side by side.

    Args:
        *runs: runs or their folders; the newest below runs/ without one.
        out: file to write; without it RUN/report.html, and comparison.html for several runs.

    Returns:
        The file.

    Raises:
        UsageError: a folder is no run.
        EdgenasError: the page cannot be written.

    Example:
        >>> import edgenas
        >>> print(edgenas.report("runs/001"))
        runs/001/report.html
    """
    from edgenas.report import write_comparison, write_report

    folders = [run.path if isinstance(run, Run) else Path(run) for run in runs] or [newest_run()]
    page = None if out is None else Path(out)
    return write_comparison(folders, page) if len(folders) > 1 else write_report(folders[0], page)
