"""One finished run that the tests of the workflow copy."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from edgenas.storage import read_json, write_json

sys.path.insert(0, str(Path(__file__).parent))

from command_line import EXPORT, SEARCH, TRAIN, CommandLine, FinishedRun, Outcome


@pytest.fixture(scope="session")
def command_line(tmp_path_factory: pytest.TempPathFactory, host_predictor: Path) -> CommandLine:
    """A command line that has a (made-up) predictor for the host."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(host_predictor, home / "predictors" / "host" / "int8-1t")
    return CommandLine(home)


@pytest.fixture(scope="session")
def finished_run(
    command_line: CommandLine, tmp_path_factory: pytest.TempPathFactory, tiny_archive: Path
) -> FinishedRun:
    """search, train, export and report on the tiny archive, uninterrupted; once for all workers of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, told = shared / "finished" / "run", shared / "finished" / "outcomes.json"
    with (shared / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            commands = (
                ("search", "--data", tiny_archive, *SEARCH, "--out", folder),
                ("train", folder, *TRAIN),
                ("export", folder, *EXPORT),
                ("report", folder),
            )
            outcomes = {command[0]: command_line.run(*command, "--json") for command in commands}
            write_json(told, {name: asdict(outcome) for name, outcome in outcomes.items()})
    stored = read_json(told, "outcomes")
    return FinishedRun(folder, **{name: Outcome(**outcome) for name, outcome in stored.items()})
