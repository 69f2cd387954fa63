"""`StudyResult`: a table, a figure and what they say, written side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgenas.storage import write_json, write_text_atomic
from edgenas.studies.table import Table

__all__ = ["StudyResult"]

FORMAT = "edgenas.study"


@dataclass(frozen=True)
class StudyResult:
    """The outcome of a study.

    Attributes:
        name: as in `edgenas reproduce NAME`.
        table: its table.
        figure: an SVG document.
        findings: what it says, one sentence or two each, whatever it says.
        record: everything, JSON-ready: settings, every training, every number of the table.
    """

    name: str
    table: Table
    figure: str
    findings: tuple[str, ...]
    record: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints and the .json file holds."""
        return {"format": FORMAT, "study": self.name, "findings": list(self.findings), **self.record}

    def to_markdown(self) -> str:
        """The table, the findings and the command."""
        command = self.record.get("command")
        lines = [f"# {self.table.title}", ""]
        if command:
            lines += [f"    {command}", ""]
        lines += [self.table.to_markdown(), *(f"- {finding}" for finding in self.findings), ""]
        return "\n".join(lines)

    def write(self, folder: Path) -> list[Path]:
        """Writes NAME.md, .csv, .svg and .json, the last one at the end.

        Returns:
            The files.
        """
        stem = self.name.replace("-", "_")
        texts = {"md": self.to_markdown(), "csv": self.table.to_csv(), "svg": self.figure}
        for suffix, text in texts.items():
            write_text_atomic(folder / f"{stem}.{suffix}", text)
        write_json(folder / f"{stem}.json", self.to_dict())
        return [folder / f"{stem}.{suffix}" for suffix in (*texts, "json")]
