from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgenas.evaluation.content import ContentHash


def content(*batches: np.ndarray) -> str:
    found = ContentHash()
    for batch in batches:
        found.update(batch)
    return found.short()


@given(st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_batches_do_not_matter_but_values_order_and_shape_do(cut: int, seed: int) -> None:
    frames = np.random.default_rng(seed).random((10, 4, 6), np.float32)
    whole = content(frames)
    assert content(frames[:cut], frames[cut:]) == whole
    changed = frames.copy()
    changed[cut, 0, 0] += 1
    others = [changed, frames[::-1], frames[:cut], frames.reshape(10, 6, 4), frames.view(np.int32)]
    assert whole not in {content(other) for other in others}
