"""From surface to picture: texture, light, haze and the camera's sensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.scenes.camera import Camera
from edgenas.datasets.scenes.dice import Dice
from edgenas.datasets.scenes.light import Light
from edgenas.datasets.scenes.raycast import SolidTable
from edgenas.datasets.scenes.solids import Vector
from edgenas.datasets.scenes.surface import Surface
from edgenas.datasets.scenes.textures import PATTERNS, noise

__all__ = ["Sensor", "lit_colour", "surface_colour"]

_Array = NDArray[np.float32]


def surface_colour(table: SolidTable, surface: Surface, pixel_angle: float, seed: int) -> _Array:
    """Colour of the surface under white light, linear RGB, f32 [3, n].

    Args:
        table: the scene.
        surface: the visible points.
        pixel_angle: size of a pixel at depth 1; detail finer than a pixel fades out.
        seed: shifts every texture of the scene.
    """
    materials = [solid.material for solid in table.solids]
    columns = np.array(
        [(*m.colour, *m.second, *m.period, m.grain, m.glow) for m in materials], dtype=np.float32
    ).T
    columns[:6] *= columns[:6]  # sRGB to linear, gamma 2
    ids = surface.solid
    period_u, period_v = columns[6][ids], columns[7][ids]
    footprint = surface.depth * np.float32(pixel_angle) / surface.facing
    texture_seed = (ids * 7 + seed).astype(np.int32)
    mix = np.zeros(ids.shape, dtype=np.float32)
    names = list(PATTERNS)
    pattern = np.array([names.index(m.pattern) for m in materials], dtype=np.int32)[ids]
    for index, function in enumerate(PATTERNS.values()):
        where = np.flatnonzero(pattern == index) if function is not None else ()
        if function is None or not len(where):
            continue
        u, v = surface.u[where] / period_u[where], surface.v[where] / period_v[where]
        value = function(u, v, texture_seed[where])
        # A pattern smaller than two pixels becomes its average.
        sharp = np.clip(2 - 3 * footprint[where] / np.minimum(period_u, period_v)[where], 0, 1)
        mix[where] = np.float32(0.35) + (value - np.float32(0.35)) * sharp
    coarse = noise(surface.u, surface.v, 0.045, texture_seed)
    fine = noise(surface.v, surface.u, 0.011, texture_seed + 5)
    visible = np.clip(np.float32(0.03) / footprint, 0, 1)
    gain = 1 + columns[8][ids] * (2.2 * (coarse - 0.5) + 1.8 * visible * (fine - 0.5))
    rows = [(columns[k][ids] + (columns[k + 3][ids] - columns[k][ids]) * mix) * gain for k in range(3)]
    colour: _Array = np.maximum(np.stack(rows), np.float32(0.0))
    return colour


def lit_colour(table: SolidTable, surface: Surface, colour: _Array, direct: _Array, light: Light) -> _Array:
    """Light that leaves the surface, linear RGB, f32 [3, n]."""
    glow = np.array([s.material.glow for s in table.solids], dtype=np.float32)[surface.solid]
    # Surroundings: brighter from above, and a little from the camera's side, which stands for bounced light.
    sky = 0.62 + 0.28 * surface.normal[2] + 0.1 * surface.facing
    rows = [colour[k] * (light.colour[k] * direct + light.ambient[k] * sky + glow) for k in range(3)]
    return np.stack(rows).astype(np.float32)


@dataclass(frozen=True)
class Sensor:
    """Exposure, white balance, vignette, blur and noise of the camera.

    Attributes:
        exposure: gain.
        balance: gain per channel.
        vignette: loss of light in the corners.
        blur: 0 (sharp) to 1 (a 1-2-1 kernel).
        noise: standard deviation of the noise in sRGB levels of 255.
    """

    exposure: float
    balance: Vector
    vignette: float
    blur: float
    noise: float

    @classmethod
    def random(cls, dice: Dice) -> Sensor:
        """A camera as cheap or as good as the next one."""
        warm = dice.uniform(-0.1, 0.1)
        return cls(
            exposure=dice.uniform(0.75, 1.3),
            balance=(1 + warm, 1 + dice.uniform(-0.03, 0.03), 1 - warm),
            vignette=dice.uniform(0, 0.35),
            blur=dice.uniform(0.2, 1),
            noise=dice.uniform(1, 5),
        )

    def develop(self, linear: _Array, camera: Camera, generator: np.random.Generator) -> NDArray[np.uint8]:
        """Turns linear RGB [3, H, W] into a picture, u8 [H, W, 3]."""
        height, width = linear.shape[1:]
        px, py = camera.pixel_plane(height, width)
        corner = (px[None, :] ** 2 + py[:, None] ** 2) / np.float32(camera.half_width**2)
        gain = self.exposure * (1 - self.vignette * 0.6 * np.minimum(corner, 1.5))
        image = linear * gain * np.array(self.balance, dtype=np.float32)[:, None, None]
        for axis in (1, 2):
            image = _blurred(image, axis, self.blur)
        # A shoulder keeps bright surfaces from clipping at once.
        image = np.sqrt(np.maximum(image, 0) / (1 + 0.25 * image))
        levels = image * np.float32(255) + self.noise * generator.standard_normal(
            image.shape, dtype=np.float32
        )
        return np.ascontiguousarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8).transpose(1, 2, 0))


def _blurred(image: _Array, axis: int, strength: float) -> _Array:
    side = np.float32(strength * 0.25)
    result = image * np.float32(1 - strength * 0.5)
    inner = [slice(None)] * 3
    inner[axis] = slice(0, -1)
    outer = [slice(None)] * 3
    outer[axis] = slice(1, None)
    last, first = [slice(None)] * 3, [slice(None)] * 3
    last[axis], first[axis] = slice(-1, None), slice(0, 1)
    result[tuple(inner)] += side * image[tuple(outer)]
    result[tuple(outer)] += side * image[tuple(inner)]
    result[tuple(first)] += side * image[tuple(first)]
    result[tuple(last)] += side * image[tuple(last)]
    return result
