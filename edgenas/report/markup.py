"""Markup that escapes by default: only values of type `Html` reach the page as they are."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

__all__ = ["Cell", "Html", "clean", "code", "definitions", "join", "note", "table", "tag"]

_VOID = frozenset({"br", "img", "link", "meta"})
_FORBIDDEN = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127))


class Html(str):
    """Text that is already markup, made by `tag` and `join` from escaped parts."""

    __slots__ = ()


Cell = str | Html | None


def clean(value: object) -> str:
    """`value` as text that UTF-8 can hold and HTML allows: no control characters, no lone surrogates."""
    return str(value).translate(_FORBIDDEN).encode("utf-8", "replace").decode("utf-8")


def _escaped(value: object) -> str:
    return value if isinstance(value, Html) else html.escape(clean(value), quote=True)


def _attribute(name: str, value: object) -> str:
    name = name.rstrip("_").replace("_", "-")
    if isinstance(value, float):
        value = f"{value:.2f}".rstrip("0").rstrip(".")
    return f' {name}="{html.escape(clean(value), quote=True)}"'


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """One element; children that are not `Html` and all attribute values are escaped.

    Args:
        name: element name, written by us (never taken from data).
        children: text or markup; None is left out.
        attributes: `class_` writes class, `aria_label` writes aria-label; None is left out.
    """
    opening = name + "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    if name in _VOID:
        return Html(f"<{opening}>")
    return Html(f"<{opening}>{''.join(_escaped(c) for c in children if c is not None)}</{name}>")


def join(parts: Iterable[object]) -> Html:
    """Parts one after the other, escaped unless they are markup."""
    return Html("".join(_escaped(part) for part in parts if part is not None))


def code(text: object) -> Html:
    """Text in a fixed-width face, e.g. a command or a file name."""
    return tag("code", text)


def note(*children: object) -> Html:
    """A quiet sentence, e.g. that a part is missing and which command makes it."""
    return tag("p", *children, class_="note")


def definitions(pairs: Iterable[tuple[str, Cell]]) -> Html:
    """A description list; pairs without a value are left out."""
    rows = (tag("div", tag("dt", key), tag("dd", value)) for key, value in pairs if value not in (None, ""))
    return tag("dl", *rows, class_="facts")


def table(
    caption: str, header: Sequence[Cell], rows: Iterable[Sequence[Cell]], *, text_columns: int = 1
) -> Html:
    """A table with a caption and scoped headers, in a box that scrolls sideways on a narrow screen.

    Args:
        caption: what the table shows.
        header: titles of the columns.
        rows: cells per row; the first is the row's header; None becomes a dash.
        text_columns: number of leading columns that hold text; the others are numbers, set flush right.
    """

    def align(column: int) -> str | None:
        return None if column < text_columns else "number"

    head = tag("tr", *(tag("th", title, scope="col", class_=align(i)) for i, title in enumerate(header)))
    body = []
    for row in rows:
        cells = ["—" if cell is None else cell for cell in row]
        first = tag("th", cells[0], scope="row", class_=align(0))
        body.append(
            tag("tr", first, *(tag("td", c, class_=align(i)) for i, c in enumerate(cells[1:], start=1)))
        )
    inner = tag("table", tag("caption", tag("span", caption)), tag("thead", head), tag("tbody", *body))
    return tag("div", inner, class_="scroll", tabindex=0, role="region", aria_label=caption)
