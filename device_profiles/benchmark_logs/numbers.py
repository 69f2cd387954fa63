"""Numbers as C++ streams print them; those of another locale only where they can mean one thing."""

from __future__ import annotations

import math
import re

__all__ = ["NUMBER", "alike", "milliseconds", "number", "printed_bounds"]

NUMBER = r"-?\d+(?:[.,]\d+)?(?:[eE][+-]\d{2,3})?"
"""Pattern of what `number` may understand, without groups."""

_PLAIN = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]\d{2,3})?")
_LARGEST = 1e12  # No file is larger, in any unit.
_COMMA = re.compile(r"(-?)(\d+),(\d+)([eE][+-]\d{2,3})?")


def number(text: str) -> float | None:
    """The number, None where the text is none or could mean two.

    A comma counts as the decimal sign unless it may separate thousands: "34825,1" and "0,125" are read, "825,123" is
    not (nor is "2,990,275", which no tool prints).
    """
    if _PLAIN.fullmatch(text):
        return _finite(float(text))
    match = _COMMA.fullmatch(text)
    if not match:
        return None
    sign, whole, decimals, exponent = match.groups()
    if len(decimals) == 3 and len(whole) <= 3 and not whole.startswith("0") and not exponent:
        return None
    return _finite(float(f"{sign}{whole}.{decimals}{exponent or ''}"))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def alike(a: float, b: float, *, digits: int = 6, least: float = 0.0) -> bool:
    """Whether two prints of one figure can stand for the same value.

    Args:
        a: a figure.
        b: the other print of it.
        digits: significant digits of the coarser print; C++ streams print 6.
        least: absolute difference that rounding may make, for figures printed with fixed decimals.
    """
    return abs(a - b) <= max(abs(a), abs(b)) * 10.0 ** (1 - digits) + least


def printed_bounds(text: str, scale: float) -> tuple[int, int] | None:
    """(smallest, largest) integer that prints as `text` when divided by `scale`, e.g. the bytes of "16.9008" MB.

    None where the text has fewer than six significant digits: its end may be lost, as rarely as a stream drops zeros.
    """
    value = number(text)
    mantissa, _, exponent = text.lower().replace(",", ".").partition("e")
    if value is None or abs(value) > _LARGEST or len(re.sub(r"\D", "", mantissa).lstrip("0")) < 6:
        return None
    half = 0.5 * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    return int((value - half) * scale), int((value + half) * scale) + 1


def milliseconds(microseconds: float) -> float:
    """Milliseconds, to a billionth, so that 57237.2 us are 57.2372 ms."""
    return round(microseconds / 1000.0, 9)
