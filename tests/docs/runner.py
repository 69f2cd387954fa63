"""Runs the blocks of a page in order, in a folder of its own, with settings that make them quick."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blocks import ROOT, Block, blocks, commands, words

from edgenas.cli.main import main

MINI = ROOT / "tests" / "workflow" / "mini.toml"

TINY: Mapping[tuple[str, ...], Mapping[str, str]] = {
    ("search",): {"--trials": "3", "--iterations": "8", "--batch-size": "2", "--space": str(MINI)},
    ("train",): {"--iterations": "2", "--batch-size": "2"},
    ("benchmark",): {"--processes": "1", "--seconds": "0.01", "--runs": "2"},
}
"""What is put in the place of a value of the page, or added. Everything else of a line is as it stands there."""
SMALL_FRAMES = {"--height": "32", "--width": "64", "--frames": "8", "--validation-frames": "4"}
ONCE = {
    "--population": "2",
    "--tournament": "2",
    "--bootstrap": "20",
    "--first-rung": "2",
    "--epochs": "0.2",
    "--remeasure": "1",
    "--seeds": "0",
}
"""Made small where the page has them."""
PROCEDURAL = ("rooms", "streets")


class Page:
    """One page, and the names that its Python blocks have defined so far.

    Args:
        path: the page.
    """

    def __init__(self, path: Path) -> None:
        self.blocks = blocks(path)
        self._names: dict[str, Any] = {"__name__": "page"}

    def run(self) -> int:
        """Runs everything that can be run in the current folder; gives the number of commands and blocks that ran."""
        return sum(self._run(block) for block in self.blocks)

    def _run(self, block: Block) -> int:
        if block.file:
            path = Path(block.file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            if block.language != "python":
                if block.language == "toml":
                    tomllib.loads(block.text)
                return 0
        if block.language == "python" and not block.file:
            exec(compile(block.text, block.where, "exec"), self._names)
            return 1
        if block.language == "toml":
            tomllib.loads(block.text)
        if block.language != "bash" or block.excused:
            return 0
        for line in commands(block):
            run_line(line, block.where)
        return len(commands(block))


def run_line(line: str, where: str) -> None:
    """Runs one command.

    Raises:
        AssertionError: it failed, or it is a command that this runner does not know.
    """
    arguments, redirected = words(line)
    arguments = [
        found
        for word in arguments
        for found in (sorted(map(str, Path().glob(word))) if "*" in word else [word])
    ]
    program = arguments[0]
    if program == "edgenas":
        code, said = edgenas(tiny(arguments[1:]), redirected)
        assert code == 0, f"{where}: {line}\n{said[-2000:]}"
    elif program == "pip":
        check_pip(arguments, where)
    elif program == "make":
        done = subprocess.run(["make", "-n", *arguments[1:]], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, f"{where}: {line}\n{done.stderr}"
    elif program in ("python", "cat", "ls", "mkdir", "cd", "cp"):
        if program == "python":
            script = next((p for p in (Path(arguments[1]), ROOT / arguments[1]) if p.is_file()), None)
            assert script, f"{where}: no such file: {arguments[1]}"
            arguments = [sys.executable, str(script), *arguments[2:]]
        done = subprocess.run(arguments, capture_output=True, text=True)
        assert done.returncode == 0, f"{where}: {line}\n{done.stderr}"
    else:
        raise AssertionError(f"{where}: no rule for {program!r}: {line}")


def edgenas(arguments: list[str], redirected: Mapping[str, str]) -> tuple[int, str]:
    """Exit code, and what was printed."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
    for sign, stream in ((">", out), ("2>", err)):
        if sign in redirected:
            Path(redirected[sign]).write_text(stream.getvalue(), encoding="utf-8")
    return code, out.getvalue() + err.getvalue()


def tiny(arguments: list[str]) -> list[str]:
    """The words of a command with small numbers in them."""
    if "--help" in arguments:
        return arguments
    if "--resume" in arguments:
        return _with(arguments, {k: v for k, v in ONCE.items() if k in arguments} | {"--workers": "1"})
    name = next((n for n in TINY if tuple(arguments[: len(n)]) == n), None)
    settings = dict(TINY[name]) if name else {}
    own_space = _value(arguments, "--space")
    if name == ("train",):
        if "--architecture" in arguments and not str(_value(arguments, "--architecture")).endswith(".json"):
            settings |= {"--architecture": "mt-edge-baseline-v1", "--space": str(MINI)}
        if "--epochs" in arguments:
            settings.pop("--iterations")
    if name == ("search",) and not {"--device", "--remeasure"} & set(arguments):
        # The winner would be measured, which takes seconds; with --remeasure it is.
        settings["--device"] = "pixel4"
    if name == ("search",) and (own_space or "").endswith(".toml"):
        settings.pop("--space")
    if arguments[0] in ("search", "train", "export") and _procedural(arguments):
        settings |= SMALL_FRAMES
    settings |= {flag: value for flag, value in ONCE.items() if flag in arguments}
    return _with(arguments, settings)


def _with(arguments: list[str], settings: Mapping[str, str]) -> list[str]:
    """The words with these values instead of those that the options had."""
    rest: list[str] = []
    waiting = iter(arguments)
    for word in waiting:
        if word in settings:
            next(waiting)
        else:
            rest.append(word)
    return [*rest, *(part for pair in settings.items() for part in pair)]


def _procedural(arguments: list[str]) -> bool:
    """Whether the frames are drawn: only those have a size and a number."""
    # A run remembers its data.
    data = "rooms" if arguments[0] == "search" or "--architecture" in arguments else ""
    return (_value(arguments, "--data") or data) in PROCEDURAL


def _value(arguments: list[str], flag: str) -> str | None:
    return arguments[arguments.index(flag) + 1] if flag in arguments else None


def check_pip(arguments: list[str], where: str) -> None:
    """What is installed is edgenas with extras that it has, or packages that it names as its own needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    needs = {re.split(r"[\[<>=;! ]", need)[0] for group in extras.values() for need in group}
    assert arguments[1] == "install", f"{where}: pip {arguments[1]}"
    for word in arguments[2:]:
        match = re.fullmatch(r"(?:edgenas|\.|[\w/.-]+\.whl)\[([\w,-]+)\]", word)
        if match:
            unknown = set(match.group(1).split(",")) - set(extras)
            assert not unknown, f"{where}: no extra {unknown}"
        elif not word.startswith("-"):
            assert word in needs | {"edgenas", "."}, f"{where}: {word} is not among the needs of edgenas"
