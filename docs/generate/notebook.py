"""Pages of the notebooks, with the outputs that they were stored with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["notebook_pages"]


def notebook_pages(root: Path) -> dict[str, str]:
    """Markdown by path."""
    pages = {}
    for path in sorted((root / "docs" / "notebooks").glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        lines = [line for cell in notebook["cells"] for line in _cell(cell)]
        note = f"*The notebook is `docs/notebooks/{path.name}`; CI runs it from top to bottom.*"
        pages[f"notebooks/{path.stem}.md"] = "\n".join([*lines, note, ""])
    return pages


def _cell(cell: Mapping[str, Any]) -> Iterator[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield from (source, "")
        return
    yield from ("```python", source, "```", "")
    for output in cell.get("outputs", ()):
        data = output.get("data", {})
        if "image/svg+xml" in data:
            yield from ("".join(data["image/svg+xml"]), "")
            continue
        if "image/png" in data:
            yield from (
                f"![{_title(source)}](data:image/png;base64,{''.join(data['image/png'].split())})",
                "",
            )
            continue
        text = "".join(output.get("text", data.get("text/plain", "")))
        if text.strip():
            yield from ("```text", text.rstrip("\n"), "```", "")


def _title(source: str) -> str:
    """The comment that the cell begins with."""
    first = source.splitlines()[0] if source else ""
    return first.removeprefix("#").strip() if first.startswith("#") else "output"
