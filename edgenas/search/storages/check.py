"""Whether `--storage` can be used, asked before a run is begun that would be tied to it."""

from __future__ import annotations

from pathlib import Path

from edgenas.errors import EdgenasError, UsageError
from edgenas.search.storages.errors import StudyUnavailable
from edgenas.search.storages.location import STUDY_NAME, StudyLocation
from edgenas.search.storages.opening import study_exists

__all__ = ["check_storage"]


def check_storage(storage: str | None, run_dir: Path) -> None:
    """Reaches the place where the study of a new run would be kept.

    A run keeps its storage for good: without this, a wrong address would be found out after the baseline was trained,
    and the folder would be of no use.

    Args:
        storage: as `--storage` says it.
        run_dir: folder of the run; need not exist.

    Raises:
        UsageError: the folder of a journal does not exist, or its file is a folder.
        MissingDependencyError: a package is missing.
        EdgenasError: the server cannot be reached, or refuses.
    """
    where = StudyLocation.of(run_dir, {"storage": storage, "study_name": f"{STUDY_NAME}-check"})
    if where.url is None:
        _check_file(where.file, run_dir)
        return
    try:
        study_exists(where)
    except StudyUnavailable as error:
        # What it advises is for a run that exists.
        said = str(error).partition(" What was stored before")[0]
        raise EdgenasError(
            f"{said} Nothing was written. Start the server or mend the address, the user or the password, then "
            "type the same command again."
        ) from error


def _check_file(file: Path | None, run_dir: Path) -> None:
    if file is None or file.parent == run_dir:  # made with the run
        return
    if file.is_dir():
        raise UsageError(
            f"--storage journal:{file} is a folder. Expected a file, such as {file / 'all.log'}."
        )
    if not file.parent.is_dir():
        raise UsageError(
            f"--storage journal:{file}: the folder {file.parent} does not exist. Make it with: mkdir -p {file.parent}"
        )
