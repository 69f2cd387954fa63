"""The share of the variance that a decision explains."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgenas.report.importance import LEAST_TRIALS, importances
from edgenas.report.study_data import Trial


def _trials(count: int, seed: int = 0, noise: float = 0.01) -> list[Trial]:
    """Quality follows `kernel`, latency follows `depth`, and `colour` changes nothing."""
    rng = np.random.default_rng(seed)
    trials = []
    for number in range(count):
        kernel, depth, colour = (
            int(rng.choice([3, 5])),
            int(rng.choice([1, 2, 3])),
            str(rng.choice(["a", "b"])),
        )
        quality = 1.0 + 0.1 * (kernel == 5) + noise * float(rng.normal())
        decisions: dict[str, str | int | float] = {"kernel": kernel, "depth": depth, "colour": colour}
        trials.append(
            Trial(
                number, "completed", quality=quality, reward=quality, predicted_ms=float(depth),
                architecture_hash=str(number), decisions=decisions,
            )
        )  # fmt: skip
    return trials


def test_finds_what_was_put_in() -> None:
    found = {item.name: item for item in importances(_trials(200))}
    assert next(iter(found)) == "kernel"
    assert found["kernel"].quality > 0.95 and found["kernel"].best == "5"
    assert found["depth"].latency is not None and found["depth"].latency > 0.99
    assert found["depth"].quality < 0.05 and found["colour"].quality < 0.05


def test_too_few_networks_say_nothing() -> None:
    assert importances(_trials(LEAST_TRIALS - 1)) == ()
    twins = [Trial(i, "completed", quality=1.0, reward=1.0, architecture_hash="same") for i in range(50)]
    assert importances(twins) == ()


@given(st.integers(0, 60), st.integers(0, 5), st.floats(0.0, 10.0))
def test_shares_are_shares(count: int, seed: int, noise: float) -> None:
    for item in importances(_trials(count, seed, noise)):
        assert 0.0 <= item.quality <= 1.0
        assert item.latency is None or 0.0 <= item.latency <= 1.0
