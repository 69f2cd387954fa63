"""`edgenas quickstart`: what it shows, what it leaves out, how it goes on. The commands are tested elsewhere."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from edgenas.cli import quickstart
from edgenas.cli.main import _cli
from edgenas.latency_models import user_predictors
from edgenas.workflow import quickstart as workflow
from edgenas.workflow.quickstart import Step, quickstart_steps


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, ...]]:
    """The commands of the steps, which compute nothing."""
    monkeypatch.chdir(tmp_path)
    made: list[tuple[str, ...]] = []

    class Done:
        returncode = 0

    def run(words: list[str], **_: Any) -> Done:
        command = tuple(words[3:])
        made.append(command)
        return Done()

    monkeypatch.setattr(quickstart.subprocess, "run", run)
    return made


def leave(folder: Path) -> None:
    """What an export of an earlier session left, as far as the steps read it."""
    (folder / "export").mkdir(parents=True)
    card = {
        "files": {"int8": {"path": "net_int8.tflite"}},
        "latency": {"file": "net_int8.tflite", "predicted_ms": 0.5, "measured_ms": 0.51, "measured_source": "measured"},
    }  # fmt: skip
    (folder / "export" / "net.json").write_text(json.dumps(card))


def test_dry_run_shows_every_command_and_runs_none(
    edgenas: Callable[..., Any], ran: list[tuple[str, ...]], tmp_path: Path
) -> None:
    outcome = edgenas("quickstart", "--dry-run")
    assert outcome.code == 0 and outcome.out == "" and ran == []
    lines = [line.strip()[2:] for line in outcome.err.splitlines() if line.startswith("  $ ")]
    assert [shlex.split(line)[1] for line in lines] == ["profile", "search", "train", "export", "report"]
    assert "about 9 min on two idle cores" in outcome.err and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("small", [False, True])
def test_every_step_is_a_command_that_parses(tmp_path: Path, small: bool) -> None:
    for step in quickstart_steps(tmp_path / "run", small=small):
        name, *words = step.command
        context = click.Context(_cli, info_name="edgenas")
        command = _cli.get_command(context, name)
        assert command is not None
        command.make_context(name, words, parent=context)


def test_what_is_done_is_told_and_not_done_again(
    edgenas: Callable[..., Any], ran: list[tuple[str, ...]], tmp_path: Path, host_predictor: Path
) -> None:
    shutil.copytree(host_predictor, user_predictors() / "host" / "int8-1t")
    leave(tmp_path / "runs" / "quickstart")
    steps = quickstart_steps(Path("runs/quickstart"))
    assert [step.done() for step in steps] == [True, False, False, True, False]
    assert (
        "off by" in steps[0].found() and "predicted at 0.5 ms and was measured at 0.51 ms" in steps[3].found()
    )


def test_a_search_that_has_begun_is_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert quickstart_steps(tmp_path)[1].command == ("search", "--resume", str(tmp_path))


def test_a_step_that_fails_ends_it_and_says_how_to_go_on(
    edgenas: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Failed:
        returncode = 1

    monkeypatch.setattr(quickstart.subprocess, "run", lambda *_, **__: Failed())
    outcome = edgenas("quickstart", "--out", tmp_path / "my run")
    assert outcome.code == 1 and outcome.out == ""
    assert "`edgenas profile --device host --seconds 150` ended with code 1" in outcome.err
    assert f"edgenas quickstart --out '{tmp_path / 'my run'}'" in outcome.err


def test_nobody_is_asked_without_a_terminal(
    edgenas: Callable[..., Any], ran: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object, **__: object) -> bool:
        raise AssertionError("asked")

    def steps(folder: Path, *, small: bool = False) -> list[Step]:
        return [replace(step, found=lambda: "That is new.") for step in quickstart_steps(folder, small=small)]

    monkeypatch.setattr(click, "confirm", asked)
    monkeypatch.setattr(workflow, "quickstart_steps", steps)
    outcome = edgenas("quickstart", "--json")
    assert outcome.code == 0 and outcome.err.count("That is new.") == 5
    assert [command[0] for command in ran] == ["profile", "search", "train", "export", "report"]
    assert [row["command"].split()[1] for row in outcome.value] == [command[0] for command in ran]
    assert not any(row["done_before"] for row in outcome.value)
