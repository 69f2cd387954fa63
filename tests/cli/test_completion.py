"""Shell completion, in the shells themselves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BIN = Path(sys.executable).parent


@pytest.fixture
def script(tmp_path: Path, edgenas: Callable[..., Any]) -> Callable[[str], Path]:
    """Writes the script of a shell, as a user would."""

    def write(shell: str) -> Path:
        outcome = edgenas("completion", shell)
        assert outcome.code == 0 and f"edgenas completion {shell} > " in outcome.err
        path = tmp_path / f"edgenas.{shell}"
        path.write_text(outcome.out)
        return path

    return write


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


def in_bash(script: Path, line: str, folder: Path) -> list[str]:
    """What bash offers behind a line; a space at its end begins a new word."""
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    code = (
        f"source {script}; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; "
        '_edgenas_completion edgenas; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", code],
        capture_output=True, text=True, timeout=60, env=environment(), cwd=folder, check=True,
    )  # fmt: skip
    return done.stdout.split()


def test_bash(script: Callable[[str], Path], tmp_path: Path) -> None:
    path = script("bash")
    for name in ("002", "001"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "config.json").write_text("{}")
        os.utime(tmp_path / "runs" / name / "config.json", (int(name), int(name)))
    expected = {
        "edgenas pre": ["predict"],
        "edgenas data in": ["inspect"],
        "edgenas predict --conf": ["--configuration"],
        "edgenas predict --device pixel": ["pixel2", "pixel3", "pixel4"],
        "edgenas search --space edge": ["edgetpu"],
        "edgenas search --data roo": ["rooms"],
        "edgenas data layouts mtan": ["mtan-nyuv2", "mtan-cityscapes"],
        "edgenas train runs/": ["runs/002", "runs/001"],
        "edgenas train --tasks depth,seg": ["depth,segmentation"],
        "edgenas train --architecture edgenas": ["edgenas-compact-v1"],
        "edgenas completion z": ["zsh"],
    }
    found = {line: in_bash(path, line, tmp_path) for line in expected}
    assert found == expected


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish(script: Callable[[str], Path], tmp_path: Path) -> None:
    code = f"source {script('fish')}; complete -C 'edgenas devices show pixel'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", code],
        capture_output=True, text=True, timeout=60, env={**environment(), "HOME": str(tmp_path)}, check=True,
    )  # fmt: skip
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["pixel2", "pixel3", "pixel4"]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh(script: Callable[[str], Path], tmp_path: Path) -> None:
    """The function itself in zsh; what draws the menu is replaced by what prints it."""
    code = (
        "compdef() { }; compadd() { print -l -- $completions }\n"
        "_describe() { print -l -- $completions_with_descriptions }\n"
        f"source {script('zsh')}\nwords=(edgenas devices show pixel); CURRENT=4; _edgenas_completion"
    )
    done = subprocess.run(
        ["zsh", "-f", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
        cwd=tmp_path,
        check=True,
    )
    assert [line.split(":")[0] for line in done.stdout.splitlines() if line] == ["pixel2", "pixel3", "pixel4"]


def test_completing_imports_no_tensorflow(tmp_path: Path) -> None:
    code = (
        "import json, sys\nfrom edgenas.cli.main import main\ntry:\n    main([])\nfinally:\n"
        "    print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})), file=sys.stderr)"
    )
    loaded: set[str] = set()
    for words in ("edgenas search --space d", "edgenas train --schedule m", "edgenas train --data c"):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=tmp_path,
            env={**os.environ, "_EDGENAS_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "3"},
        )  # fmt: skip
        assert done.returncode == 0 and done.stdout.startswith("plain,"), done.stderr
        loaded |= set(json.loads(done.stderr.splitlines()[-1]))
    assert loaded.isdisjoint(("tensorflow", "keras", "optuna", "pandas", "scipy", "h5py"))
