"""Procedural scenes: a NumPy ray caster and the two worlds it shows."""

from __future__ import annotations

from edgenas.datasets.scenes.render import SPLITS, VERSION, WORLDS, World, render_frame

__all__ = ["SPLITS", "VERSION", "WORLDS", "World", "render_frame"]
