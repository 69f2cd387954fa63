"""The entry point: help, unknown names, exit codes, tracebacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from edgenas.cli import devices
from edgenas.cli.main import main
from edgenas.errors import EdgenasError, UsageError

COMMANDS = ("profile", "search", "train", "export", "report", "predict", "devices", "space")
HEAVY = ("tensorflow", "keras", "optuna", "sqlalchemy", "sklearn", "scipy", "pandas", "matplotlib")
SCRIPT = Path(sys.executable).parent / "edgenas"


def test_help_lists_every_command(edgenas: Callable[..., Any]) -> None:
    outcome = edgenas("--help")
    assert outcome.code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in outcome.out
    assert edgenas("-h").out == outcome.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(edgenas: Callable[..., Any], command: str) -> None:
    outcome = edgenas(command, "--help")
    assert outcome.code == 0
    assert f"  edgenas {command}" in outcome.out


def test_version(edgenas: Callable[..., Any]) -> None:
    assert edgenas("--version").out.startswith("edgenas, version ")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("serach",), "Did you mean search"),
        (("predict", "x.tflite", "--device", "hots"), "Did you mean 'host'"),
        (("profile", "--device", "edgetup"), "Did you mean 'edgetpu'"),
        (("devices", "show", "corall"), "Did you mean"),
        (("profile", "--configuration", "int8-1tt"), "Did you mean 'int8-1t'"),
        (("space", "show", "demoo"), "Did you mean 'demo'"),
        (("space", "sample", "--space", "declard"), "Did you mean 'declared'"),
        (("space", "sample", "--tasks", "segmentaton"), "Did you mean 'segmentation'"),
        (("search", "--data", "room"), "Did you mean 'rooms'"),
        (("search", "--tasks", "normal,depth"), "Did you mean 'normals'"),
        (
            ("search", "--device", "none", "--loss-weights", "nyuv2/ednas+jard"),
            "Did you mean 'nyuv2/ednas+jared'",
        ),
        (("search", "--device", "none", "--reward", "papr"), "Did you mean 'paper'"),
        (("search", "--device", "none", "--space", "demmo"), "Did you mean 'demo'"),
        (("search", "--device", "hosst"), "Did you mean 'host'"),
        (("search", "--trails", "3"), "--trials"),
    ],
)
def test_unknown_names_exit_2_with_the_nearest(
    edgenas: Callable[..., Any],
    tiny_archive: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if arguments[0] == "search" and "--data" not in arguments:
        arguments = (*arguments, "--data", str(tiny_archive))
    outcome = edgenas(*arguments)
    assert outcome.code == 2
    assert expected in outcome.err
    assert "Traceback" not in outcome.err and outcome.out == ""
    assert list(tmp_path.iterdir()) == []


def test_unknown_file_shows_its_neighbours(
    edgenas: Callable[..., Any], tmp_path: Path, host_predictor: Path
) -> None:
    for name in ("network.json", "network.tflite", "frames.npz", "myspace.toml"):
        (tmp_path / name).touch()
    for arguments in (
        ("predict", tmp_path / "netwrok.json", "--predictor", host_predictor),
        ("predict", tmp_path / "netwrok.tflite", "--predictor", host_predictor),
        ("search", "--data", tmp_path / "frame.npz"),
        ("space", "show", tmp_path / "my_space.toml"),
    ):
        outcome = edgenas(*arguments)
        assert outcome.code == 2, arguments
        assert "Did you mean" in outcome.err, outcome.err


def test_unknown_decision_in_a_space_file(edgenas: Callable[..., Any], tmp_path: Path) -> None:
    import edgenas.space.presets as presets

    text = (Path(presets.__file__).parent / "presets" / "demo.toml").read_text()
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("expansion", "expanson"))
    outcome = edgenas("space", "show", path)
    assert outcome.code == 2
    assert "'expanson'" in outcome.err and "'expansion'" in outcome.err


def test_debug_shows_the_traceback_wherever_it_stands(tmp_path: Path) -> None:
    for arguments in (["--debug", "devices", "show", "hots"], ["devices", "show", "hots", "--debug"]):
        with pytest.raises(UsageError, match="Unknown device"):
            main(arguments)


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (UsageError("wrong name"), 2, "Error: wrong name"),
        (EdgenasError("it broke"), 1, "Error: it broke"),
        (KeyboardInterrupt(), 130, "Interrupted."),
        (MemoryError(), 1, "out of memory"),
        (OSError(28, "No space left on device", "/x/y"), 1, "Error: No space left on device (/x/y)"),
        (RuntimeError("surprise"), 1, "This is a fault of edgenas"),
        (click.UsageError("odd option"), 2, "odd option"),
    ],
)
def test_errors_become_messages_and_codes(
    edgenas: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    text: str,
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(devices, "list_devices", fail)
    outcome = edgenas("devices", "--json")
    assert outcome.code == code
    assert text in outcome.err
    assert "Traceback" not in outcome.err and outcome.out == ""


def test_a_reader_that_has_gone_is_no_error(tmp_path: Path) -> None:
    command = f"{SCRIPT} space sample --count 3000 | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "[\n"
    assert done.stderr == ""
    assert done.returncode == 0


PROBE = """
import json, sys
from edgenas.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def modules_of(*arguments: object) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *map(str, arguments)],
        capture_output=True, text=True, timeout=60, env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_help_imports_next_to_nothing() -> None:
    loaded = modules_of("--help")
    assert loaded.isdisjoint((*HEAVY, "numpy", "rich", "ai_edge_litert"))


def test_light_commands_import_nothing_heavy(
    architecture_file: Path, tflite_file: Path, host_predictor: Path
) -> None:
    for arguments in (
        ("predict", architecture_file, tflite_file, "--predictor", host_predictor, "--json"),
        ("devices", "--json"),
        ("space", "list"),
    ):
        assert modules_of(*arguments).isdisjoint(HEAVY), arguments
