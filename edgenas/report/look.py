"""The page's style sheet and script: system fonts, colours the colour-blind tell apart, no library."""

from __future__ import annotations

from functools import cache
from importlib import resources

__all__ = ["script", "style"]


@cache
def style() -> str:
    """The style sheet, `page.css`."""
    return _asset("page.css")


@cache
def script() -> str:
    """The script, `page.js`: without it the page is whole, only quieter."""
    return _asset("page.js")


def _asset(name: str) -> str:
    return (resources.files("edgenas.report") / name).read_text(encoding="utf-8")
