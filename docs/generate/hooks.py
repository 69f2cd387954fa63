"""MkDocs calls this at each build: it adds the pages that are made from the code and from stored results."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / "build" / "docs"
_EXAMPLE = re.compile(r"^( +)Example:$", re.MULTILINE)


def on_startup(command: str, dirty: bool) -> None:
    """Lays the package out as it is installed: pyproject.toml maps three folders of the clone into it."""
    del command, dirty
    shutil.rmtree(TREE, ignore_errors=True)
    rooms = {"edgenas": ".", **{name: name for name in ("cli", "device_profiles", "latency_models")}}
    for folder, place in rooms.items():
        for path in (ROOT / folder).rglob("*.py"):
            copy = TREE / "edgenas" / place / path.relative_to(ROOT / folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            # The reader of docstrings knows this section by its plural alone.
            text = _EXAMPLE.sub(r"\1Examples:", path.read_text(encoding="utf-8"))
            copy.write_text(text, encoding="utf-8")


def on_config(config: Any) -> Any:
    """Names the generated pages in the navigation."""
    # MkDocs loads hooks by their path, and forgets what they add to sys.path while they are loaded.
    sys.path.insert(0, str(Path(__file__).parent))
    from commands import command_pages
    from rooms import room_pages

    reference = {"Commands": command_pages(), "Python": room_pages(TREE)}
    config["nav"] = [
        *config["nav"],
        {"Reference": [{title: list(pages)} for title, pages in reference.items()]},
    ]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Adds the generated pages to those of the folder."""
    sys.path.insert(0, str(Path(__file__).parent))
    from accuracy import accuracy_page
    from commands import command_pages
    from notebook import notebook_pages
    from rooms import room_pages

    from benchmarks import benchmark_pages

    pages = {
        "accuracy.md": accuracy_page(ROOT),
        **benchmark_pages(ROOT),
        **command_pages(),
        **room_pages(TREE),
        **notebook_pages(ROOT),
    }
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files
