"""What lies behind and in front of the scene: the sky, haze, and the void band of each world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.scenes.camera import Camera
from edgenas.datasets.scenes.dice import Dice
from edgenas.datasets.scenes.looks import hue
from edgenas.datasets.scenes.solids import Vector
from edgenas.datasets.scenes.textures import noise

__all__ = ["Sky", "hood", "white_border"]

_Array = NDArray[np.float32]


def _linear(colour: Vector) -> _Array:
    return np.square(np.array(colour, dtype=np.float32))


@dataclass(frozen=True)
class Sky:
    """Sky and air of an outdoor scene.

    Attributes:
        zenith: sRGB overhead.
        horizon: sRGB at the horizon, also the colour of haze.
        clouds: cover, 0 to 1.
        visibility_m: distance at which haze hides 63% of a thing.
    """

    zenith: Vector
    horizon: Vector
    clouds: float
    visibility_m: float

    @classmethod
    def random(cls, dice: Dice) -> Sky:
        """Blue, overcast or evening."""
        level = dice.uniform(0.65, 1.0)
        zenith = hue(dice.uniform(0.54, 0.62), dice.uniform(0.05, 0.6), level)
        tint = dice.choice((0.08, 0.55, 0.58))
        horizon = hue(tint, dice.uniform(0.0, 0.2), min(level * 1.1, 1.0))
        return cls(zenith, horizon, dice.uniform(0, 1), dice.choice((120.0, 400.0, 1200.0)))

    def colour(self, camera: Camera, height: int, width: int, seed: int) -> _Array:
        """Linear RGB of the sky behind every pixel, f32 [3, H, W]."""
        px, py = camera.pixel_plane(height, width)
        x, y, z = (
            np.float32(f) + px[None, :] * np.float32(r) + py[:, None] * np.float32(u)
            for f, r, u in zip(camera.forward, camera.right, camera.up, strict=True)
        )
        rise = np.clip(z / np.sqrt(x * x + y * y + z * z), 0.0, 1.0)
        blend = np.minimum(rise * 2.2, 1.0)
        # Clouds lie on a plane far above: their pattern shrinks towards the horizon.
        plane = np.maximum(rise, np.float32(0.04))
        seeds = np.full((height, width), seed, dtype=np.int32)
        cover = noise(x / plane, y / plane, 0.06, seeds) + 0.5 * noise(y / plane, x / plane, 0.02, seeds)
        white = np.clip((cover - 1.1 + 0.7 * self.clouds) * 2.0, 0, 1) * np.minimum(rise * 6, 1)
        low, high = _linear(self.horizon)[:, None, None], _linear(self.zenith)[:, None, None]
        air = low + (high - low) * blend
        colour: _Array = air + (np.float32(0.85) - air) * white
        return colour.astype(np.float32)

    def hazed(self, colour: _Array, depth: _Array) -> _Array:
        """Colours [3, n] seen through the air over depth [n] metres."""
        share = 1 - np.exp(-depth / np.float32(self.visibility_m))
        seen: _Array = colour + (_linear(self.horizon)[:, None] - colour) * share
        return seen


def hood(camera: Camera, dice: Dice, height: int, width: int) -> tuple[NDArray[np.bool_], _Array]:
    """The bonnet of the camera's own car along the lower edge.

    Returns:
        Which pixels it covers, [H, W], and its linear RGB there, f32 [3, H, W].
    """
    px, py = camera.pixel_plane(height, width)
    x = px / np.float32(camera.half_width)
    y = py / np.float32(camera.half_width * height / width)
    rise, curve, shift = dice.uniform(0.08, 0.22), dice.uniform(0.2, 0.9), dice.uniform(-0.15, 0.15)
    top = -1 + rise * (1 - curve * np.square(x - np.float32(shift)))
    below = top[None, :] - y[:, None]
    paint = _linear(hue(dice.uniform(0, 1), dice.uniform(0, 0.5), dice.uniform(0.08, 0.5)))
    shine = np.clip(1 - 9 * np.abs(below - 0.25 * rise), 0, 1) * np.float32(dice.uniform(0, 0.35))
    return below > 0, (paint[:, None, None] + shine).astype(np.float32)


def white_border(camera: Camera, dice: Dice, height: int, width: int) -> NDArray[np.bool_]:
    """The white frame that the registration of NYUv2's sensors leaves, [H, W]."""
    px, py = camera.pixel_plane(height, width)
    half_height = camera.half_width * height / width
    left, right, top, bottom = (dice.uniform(0.016, 0.045) for _ in range(4))
    return (
        (px < -camera.half_width * (1 - left))[None, :]
        | (px > camera.half_width * (1 - right))[None, :]
        | (py > half_height * (1 - top))[:, None]
        | (py < -half_height * (1 - bottom))[:, None]
    )
