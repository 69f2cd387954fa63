"""The reference of the Python packages: one page per room, with the public names of its `__all__`."""

from __future__ import annotations

import ast
from pathlib import Path

__all__ = ["ROOMS", "room_pages"]

# The first one is what a user types; the others are for those who go further.
ROOMS = (
    "edgenas",
    "edgenas.space",
    "edgenas.graph",
    "edgenas.networks",
    "edgenas.tasks",
    "edgenas.datasets",
    "edgenas.training.config",
    "edgenas.scoring",
    "edgenas.evaluation",
    "edgenas.search",
    "edgenas.latency_models",
    "edgenas.device_profiles",
    "edgenas.compatibility",
    "edgenas.profiling",
    "edgenas.report",
    "edgenas.errors",
)


def room_pages(tree: Path) -> dict[str, str]:
    """Pages by path; names that are re-exported are documented where a user imports them from.

    Args:
        tree: folder that holds the package `edgenas` as it is installed. It is read, not imported: Keras takes seconds.
    """
    index = ["# Python", "", "| package | |", "|---|---|"]
    pages: dict[str, str] = {}
    for package in ROOMS:
        module = _parsed(tree, package)
        names = _public(module)
        homes = _homes(module)
        summary = (ast.get_docstring(module) or package).splitlines()[0]
        index.append(f"| [`{package}`]({package}.md) | {summary} |")
        lines = [f"# {package}", "", summary, ""]
        for name in names:
            if name.startswith("__"):
                continue
            lines += [f"::: {homes.get(name, package)}.{name}"]
            if name in homes:
                lines += ["    options:", f"      heading: {package}.{name}", f"      toc_label: {name}"]
            lines += [""]
        pages[f"reference/python/{package}.md"] = "\n".join(lines)
    return {"reference/python/index.md": "\n".join(index) + "\n", **pages}


def _homes(module: ast.Module) -> dict[str, str]:
    """Where the verbs of the package `edgenas` stand: some, such as `search`, have the name of a package too."""
    imports = [node for node in ast.walk(module) if isinstance(node, ast.ImportFrom)]
    return {
        alias.name: str(node.module)
        for node in imports
        if str(node.module).startswith("edgenas.api.")
        for alias in node.names
    }


def _parsed(tree: Path, package: str) -> ast.Module:
    path = tree.joinpath(*package.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


def _public(module: ast.Module) -> list[str]:
    """The names in `__all__`, which is a list of strings in every module of this project."""
    for node in module.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if (
            isinstance(target, ast.Name)
            and target.id == "__all__"
            and isinstance(value, ast.List | ast.Tuple)
        ):
            return [str(item.value) for item in value.elts if isinstance(item, ast.Constant)]
    return []
