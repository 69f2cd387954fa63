from __future__ import annotations

import numpy as np
import pytest

from edgenas.search.hypervolume import Hypervolume, reference_of


def by_counting(points: list[tuple[float, float]], reference_ms: float, top: float, cells: int) -> float:
    """Share of a fine grid that some point dominates."""
    latency = (np.arange(cells) + 0.5) / cells
    quality = (np.arange(cells) + 0.5) / cells * top
    covered = np.zeros((cells, cells), dtype=bool)
    for q, ms in points:
        covered |= (latency[:, None] >= ms / reference_ms) & (quality[None, :] <= q)
    return float(covered.mean()) * top


@pytest.mark.parametrize("seed", range(8))
def test_equals_counting_cells(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # A grid of values, so that equal latencies and equal qualities occur; some beyond the reference.
    points = [(rng.integers(-2, 20) / 10, rng.integers(1, 26) / 2) for _ in range(40)]
    volume = Hypervolume(10.0)
    last = 0.0
    for number, (quality, ms) in enumerate(points):
        volume.add_point(number, float(quality), float(ms))
        expected = by_counting([(float(q), float(m)) for q, m in points[: number + 1]], 10.0, 2.0, 400)
        assert volume.value == pytest.approx(expected, abs=1e-9)
        assert (volume.growth[-1] == (number, volume.value)) if (volume.value or 0.0) > last else True
        last = volume.value or 0.0
    grown = [value for _, value in volume.growth]
    assert grown == sorted(set(grown)) and grown[-1] == volume.value


def test_the_baseline_alone_has_one_half() -> None:
    volume = Hypervolume(reference_of(3.0))
    volume.add_point(0, 1.0, 3.0)
    assert volume.value == pytest.approx(0.5)
    volume.add_point(1, 0.9, 3.5)  # dominated
    volume.add_point(2, 5.0, 6.0)  # at the reference
    volume.add_point(3, -1.0, 0.1)
    assert volume.growth == ((0, 0.5),)


def test_without_a_device_there_is_none() -> None:
    volume = Hypervolume(reference_of(None))
    volume.add_point(0, 1.0, 3.0)
    assert volume.value is None and volume.growth == ()
