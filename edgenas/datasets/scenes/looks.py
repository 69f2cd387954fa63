"""Families of materials that several classes share, so that no class can be told by its texture alone."""

from __future__ import annotations

import colorsys
from collections.abc import Callable

from edgenas.datasets.scenes.dice import Dice
from edgenas.datasets.scenes.solids import Material, Vector

__all__ = [
    "brick",
    "cloth",
    "coloured",
    "concrete",
    "foliage",
    "glass",
    "metal",
    "plaster",
    "shade",
    "varnish",
    "wood",
]


def hue(h: float, s: float, v: float) -> Vector:
    """sRGB of a hue, saturation and value."""
    return colorsys.hsv_to_rgb(h % 1.0, min(max(s, 0.0), 1.0), min(max(v, 0.0), 1.0))


def shade(colour: Vector, factor: float) -> Vector:
    """The colour made lighter or darker."""
    r, g, b = (min(max(c * factor, 0.0), 1.0) for c in colour)
    return (r, g, b)


def _near(dice: Dice, colour: Vector, spread: float = 0.12) -> Vector:
    return shade(colour, 1 + dice.uniform(-spread, spread) * 2)


def concrete(dice: Dice, low: float = 0.3, high: float = 0.65) -> Material:
    """Asphalt, paving, bare concrete: nearly grey."""
    colour = hue(dice.uniform(0.05, 0.65), dice.uniform(0, 0.13), dice.uniform(low, high))
    if dice.chance(0.35):
        size = dice.uniform(0.3, 1.2)
        return Material(colour, _near(dice, colour), "tiles", (size, size), dice.uniform(0.1, 0.3))
    return Material(colour, _near(dice, colour), "clouds", (dice.uniform(2, 9),) * 2, dice.uniform(0.12, 0.4))


def plaster(dice: Dice) -> Material:
    """Painted walls, indoors and outdoors: pale, any hue."""
    colour = hue(dice.uniform(0.02, 0.7), dice.uniform(0.0, 0.35), dice.uniform(0.5, 0.95))
    return Material(colour, _near(dice, colour), "clouds", (dice.uniform(2, 6),) * 2, dice.uniform(0.03, 0.2))


def brick(dice: Dice) -> Material:
    """Brickwork."""
    colour = hue(dice.uniform(0.0, 0.09), dice.uniform(0.2, 0.6), dice.uniform(0.3, 0.65))
    width = dice.uniform(0.3, 0.9)
    return Material(
        colour, _near(dice, (0.6, 0.57, 0.53)), "bricks", (width, width * 0.45), dice.uniform(0.1, 0.3)
    )


def wood(dice: Dice) -> Material:
    """Boards, veneer, bark."""
    colour = hue(dice.uniform(0.04, 0.11), dice.uniform(0.25, 0.65), dice.uniform(0.22, 0.75))
    pattern = dice.choice(("planks", "planks", "plain"))
    period = (dice.uniform(0.2, 0.5), dice.uniform(0.08, 0.25))
    return Material(colour, shade(colour, dice.uniform(0.5, 0.8)), pattern, period, dice.uniform(0.1, 0.3))


def cloth(dice: Dice) -> Material:
    """Clothes, bedding, upholstery, carpets: any colour, often patterned."""
    colour = hue(dice.uniform(0, 1), dice.uniform(0.05, 0.7), dice.uniform(0.15, 0.9))
    second = hue(dice.uniform(0, 1), dice.uniform(0.05, 0.6), dice.uniform(0.2, 0.95))
    pattern = dice.choice(("plain", "plain", "clouds", "stripes", "checks", "patches"))
    size = dice.uniform(0.06, 0.4)
    return Material(colour, second, pattern, (size, size * dice.uniform(0.6, 1.6)), dice.uniform(0.08, 0.3))


def metal(dice: Dice) -> Material:
    """Poles, rails, appliances: grey to dark."""
    colour = hue(dice.uniform(0.2, 0.7), dice.uniform(0, 0.25), dice.uniform(0.15, 0.75))
    return Material(colour, grain=dice.uniform(0.02, 0.15))


def varnish(dice: Dice) -> Material:
    """Car paint, plastic, lacquer: half of it white, grey or black, half of it coloured."""
    if dice.chance(0.5):
        colour = hue(
            0.6, dice.uniform(0, 0.08), dice.choice((0.1, 0.25, 0.5, 0.75, 0.93)) * dice.uniform(0.9, 1.05)
        )
    else:
        colour = hue(dice.uniform(0, 1), dice.uniform(0.4, 0.9), dice.uniform(0.25, 0.9))
    return Material(colour, grain=dice.uniform(0.02, 0.1))


def foliage(dice: Dice) -> Material:
    """Leaves and grass, from spring green to autumn brown."""
    colour = hue(dice.uniform(0.1, 0.36), dice.uniform(0.3, 0.7), dice.uniform(0.22, 0.6))
    second = hue(dice.uniform(0.1, 0.33), dice.uniform(0.3, 0.7), dice.uniform(0.12, 0.6))
    return Material(colour, second, "clouds", (dice.uniform(0.6, 3.0),) * 2, dice.uniform(0.3, 0.75))


def glass(dice: Dice) -> Material:
    """Window panes seen from outside: dark with a reflection."""
    colour = hue(dice.uniform(0.5, 0.65), dice.uniform(0.05, 0.35), dice.uniform(0.08, 0.35))
    return Material(colour, (0.5, 0.58, 0.68), "clouds", (1.5, 1.5), 0.05)


def coloured(material: Material, factor: float) -> Material:
    """The same material, lighter or darker."""
    return material._replace(colour=shade(material.colour, factor), second=shade(material.second, factor))


Look = Callable[[Dice], Material]
