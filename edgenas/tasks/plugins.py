"""Tasks that a user adds: from a Python file, or from an installed package.

A file is named by `--task-module FILE.py` or in the variable EDGENAS_TASKS, which worker processes inherit; a package
names its module in the entry point group `edgenas.tasks`. Either way the module calls `register_task`. A run remembers
the file and its SHA-256, so that its later stations use the same task.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import sys
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgenas.errors import UsageError, no_such_file
from edgenas.storage import write_text_atomic
from edgenas.tasks import registry

__all__ = [
    "ENTRY_POINTS",
    "VARIABLE",
    "carried_modules",
    "discover",
    "load_carried",
    "load_task_module",
    "modules_of",
    "restore",
]

VARIABLE = "EDGENAS_TASKS"
"""Environment variable with the paths of task modules, separated as in PATH."""

ENTRY_POINTS = "edgenas.tasks"
"""Group of entry points; each names a module that calls `register_task`."""

_LOG = logging.getLogger("edgenas.tasks")


@dataclass(frozen=True)
class _Loaded:
    """A module that added tasks; `package` is empty for a file."""

    file: Path
    sha256: str
    tasks: tuple[str, ...]
    package: str = ""


_loaded: dict[str, _Loaded] = {}  # by SHA-256
_discovered: set[str] = set()


def load_task_module(path: Path) -> tuple[str, ...]:
    """Runs a Python file that calls `register_task`, and names it to worker processes; a second time does nothing.

    Returns:
        Names of its tasks.

    Raises:
        UsageError: there is no such file, it fails, or it registers no task. Nothing is registered then.
    """
    if path.suffix != ".py":
        raise UsageError(f"Invalid task module {path}. Expected a Python file, such as edge_task.py.")
    path = path.expanduser().absolute()
    try:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise no_such_file(path) from error
    except OSError as error:
        raise UsageError(f"The task module {path} cannot be read: {error.strerror or error}.") from error
    if sha256 in _loaded:
        return _loaded[sha256].tasks
    name = f"edgenas_task_{sha256[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"The task module {path} cannot be read as Python.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles look a module up by its name
    try:
        tasks = _registering(f"task module {path}", path, lambda: spec.loader.exec_module(module))  # type: ignore[union-attr]
    except BaseException:
        del sys.modules[name]
        raise
    _loaded[sha256] = _Loaded(path, sha256, tasks)
    known = [text for text in os.environ.get(VARIABLE, "").split(os.pathsep) if text]
    # For worker processes, however this one came to know the file.
    os.environ[VARIABLE] = os.pathsep.join(dict.fromkeys([*known, str(path)]))
    return tasks


def discover() -> None:
    """Loads what EDGENAS_TASKS names and what is installed, each once.

    A package that fails is left out with a remark, as nobody asked for it by name.

    Raises:
        UsageError: a file of EDGENAS_TASKS cannot be loaded.
    """
    for text in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        if text not in _discovered:
            load_task_module(Path(text))
            _discovered.add(text)
    if ENTRY_POINTS in _discovered:
        return
    _discovered.add(ENTRY_POINTS)
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINTS):
        package = f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value
        try:
            tasks = _registering(f"package {package} ({point.value})", None, point.load)
        except UsageError as error:
            _LOG.warning("%s Its tasks are left out.", error)
            continue
        file = Path(getattr(sys.modules.get(point.module), "__file__", None) or "")
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
        _loaded[sha256 or package] = _Loaded(file, sha256, tasks, package)


def modules_of(tasks: Iterable[str]) -> dict[str, dict[str, str]]:
    """What a run keeps of the tasks that are not the package's own: {task: {"file", "sha256", "package"}}."""
    wanted = set(tasks)
    return {
        task: {"file": str(module.file), "sha256": module.sha256, "package": module.package}
        for module in _loaded.values()
        for task in module.tasks
        if task in wanted
    }


def restore(stored: Mapping[str, Any]) -> None:
    """Loads the tasks that `modules_of` described, where they are not there yet.

    Raises:
        UsageError: a module is gone or has changed.
    """
    for task, entry in stored.items():
        try:
            file, sha256, package = Path(entry["file"]), str(entry["sha256"]), str(entry["package"])
        except (KeyError, TypeError) as error:
            raise UsageError(f"The run's description of the task {task!r} is damaged: {error!r}.") from error
        if task not in registry.TASKS and not package:
            _LOG.info("Task %s: %s", task, file)
            if not file.is_file():
                raise UsageError(
                    f"The task {task!r} of this run is defined in {file}, which is not there any more. Restore the "
                    "file, or name its copy: edgenas --task-module FILE.py ..."
                )
            if hashlib.sha256(file.read_bytes()).hexdigest() == sha256:
                load_task_module(file)
        if task not in registry.TASKS and package:
            raise UsageError(
                f"The task {task!r} of this run comes from the package {package}. Install it: pip install "
                f"{package.partition(' ')[0]}"
            )
        now = modules_of([task]).get(task, {"file": str(file), "sha256": _now(file)})
        if now["sha256"] != sha256:
            raise UsageError(
                f"The task {task!r} is not that of the run: {now['file']} has the SHA-256 {now['sha256'][:16]}, "
                f"expected {sha256[:16]}. Restore the module, or start a new run."
            )


def carried_modules(tasks: Iterable[str]) -> dict[str, str]:
    """Source text by SHA-256 of the files behind tasks, for a machine that does not have them."""
    found = modules_of(tasks).values()
    return {
        entry["sha256"]: Path(entry["file"]).read_text("utf-8") for entry in found if not entry["package"]
    }


def load_carried(sources: Mapping[str, str], folder: Path) -> None:
    """Loads what `carried_modules` gave, from files in `folder` that it writes.

    Raises:
        UsageError: a module fails here.
    """
    for sha256, text in sources.items():
        if sha256 in _loaded:
            continue
        file = folder / f"{sha256}.py"
        if not file.exists() or hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
            folder.mkdir(parents=True, exist_ok=True)
            write_text_atomic(file, text)
        load_task_module(file)


def _now(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "none"


def _registering(what: str, path: Path | None, run: Any) -> tuple[str, ...]:
    """Runs what registers tasks; takes them back where it fails."""
    before = set(registry.registered())
    try:
        run()
        added = tuple(name for name in registry.registered() if name not in before)
        if not added:
            raise UsageError(f"The {what} registers no task. Expected register_task(MyTask()) in it.")
        return added
    except (Exception, SystemExit) as error:
        registry.forget(set(registry.registered()) - before)
        if isinstance(error, UsageError) and str(error).startswith("The "):
            raise
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
        line = lines[-1] if lines else getattr(error, "lineno", None)
        words = str(error) if isinstance(error, UsageError) else f"{type(error).__name__}: {error}"
        raise UsageError(f"The {what} fails{f' in line {line}' if line else ''}: {words}") from error
