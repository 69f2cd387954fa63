"""What goes to stdout and what to stderr."""

from __future__ import annotations

import io
import sys

import pytest

from edgenas.cli.output import format_ms, metrics_table, print_json, print_table, progress


def test_json_refuses_nan() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        print_json({"x": float("nan")})


def test_format_ms() -> None:
    assert format_ms(None) == "-"
    assert format_ms(1.23456) == "1.23 ms"


def test_tables(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Title", ["name", "value"], [["a", "1.5"], ["bc", "-"]])
    metrics_table("Metrics", {"x": {"depth": {"rmse": 0.5, "delta1": None}}, "y": {"normals": {"mean": 2.0}}})
    out = capsys.readouterr().out
    assert "Title" in out and "depth rmse" in out and "0.5" in out and "normals mean" in out


def test_progress_without_a_terminal_is_a_line_every_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("train") as advance:
        for step in range(1, 101):
            advance(step, 100, f"loss {step}")
        advance(0, 0, "nothing to do")
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert lines[0] == "train: 1/100 loss 1"
    assert lines[10] == "train: 100/100 loss 100"
    assert len(lines) == 12


def test_progress_on_a_terminal_is_a_live_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with progress("train") as advance:
        advance(3, 10, "loss 0.5")
    assert "train" in screen.getvalue()
    assert "loss 0.5" in screen.getvalue()


ROWS = [["a long name that goes on and on " * 8, "1.5"], ["[wall] :smile:", "-"]]


def test_piped_tables_are_plain_whole_and_aligned(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_table("Title", ["name", "value"], ROWS)
    title, heading, *lines = capsys.readouterr().out.splitlines()
    assert title == "Title" and heading.startswith("name ") and len(lines) == 2
    assert lines[0].startswith(ROWS[0][0]) and lines[1].startswith("[wall] :smile:")
    ends = {len(line) for line in (heading, *lines)}
    assert len(ends) == 1  # numbers stand at the right
    assert "\x1b" not in title + heading and "─" not in heading


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> str:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    print_table("Title", ["name", "value"], ROWS)
    return screen.getvalue()


def test_tables_on_a_terminal_fit_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    drawn = on_a_terminal(monkeypatch)
    assert "\x1b[" in drawn and "[wall] :smile:" in drawn


def test_no_color_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    import re

    monkeypatch.setenv("NO_COLOR", "1")
    drawn = on_a_terminal(monkeypatch)
    colours = re.findall(r"\x1b\[[0-9;]*?(?:3[0-79]|4[0-79]|9[0-7]|38|48)[0-9;]*m", drawn)
    assert colours == []
    assert max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in drawn.splitlines()) <= 60
