"""The Pareto front over quality (higher is better) and latency (lower is better)."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["pareto_front"]


def pareto_front(qualities: Sequence[float], latencies_ms: Sequence[float]) -> list[int]:
    """Finds the points that no other point dominates.

    A point dominates another when it is at least as good in both and better in one; equal points do not
    dominate each other, so all of them belong to the front. O(n log n).

    Args:
        qualities: quality of each point, finite.
        latencies_ms: latency of each point, finite, in the same order.

    Returns:
        Indices of the front by rising latency, equal points in their given order.

    Raises:
        ValueError: the two sequences differ in length.
    """
    order = sorted(zip(latencies_ms, (-q for q in qualities), range(len(qualities)), strict=True))
    front: list[int] = []
    best: tuple[float, float] | None = None
    for latency, negative_quality, index in order:
        # Sorted by latency and then by quality: a point is on the front when it raises the best quality so
        # far, or when it equals the point that did.
        if best is None or negative_quality < best[1] or (latency, negative_quality) == best:
            front.append(index)
            best = (latency, negative_quality)
    return front
