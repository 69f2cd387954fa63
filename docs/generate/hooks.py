"""MkDocs calls this at each build: it adds the pages that are made from the code and from stored results."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / "build" / "docs"


def on_startup(command: str, dirty: bool) -> None:
    """Lays the package out as it is installed: pyproject.toml maps three folders of the clone into it."""
    del command, dirty
    tree = TREE / "edgenas"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    rooms = [
        *(ROOT / "edgenas").iterdir(),
        *(ROOT / name for name in ("cli", "device_profiles", "latency_models")),
    ]
    for room in rooms:
        (tree / room.name).symlink_to(room)


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
