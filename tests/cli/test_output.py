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
