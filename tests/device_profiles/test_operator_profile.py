from __future__ import annotations

from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from edgenas.device_profiles.agent.measure import random_input
from edgenas.device_profiles.operator_profile import ProfileUnavailableError, profile_operators, reduce_events


def test_the_middle_half_is_averaged_and_the_counter_corrected() -> None:
    runs = [3, 4, 3, 90, 4, 3, 4, 0]
    events = [event for us in runs for event in (("Add (ND)", us), ("TILE [1]", 7))]
    (add, tile) = reduce_events(events, len(runs))
    assert add == ("Add (ND)", pytest.approx(0.0040))
    assert tile == ("TILE [1]", pytest.approx(0.0075))


@pytest.mark.parametrize("events", [[], [("a", 1)], [("a", 1), ("b", 1), ("b", 1), ("a", 1)]])
def test_runs_that_differ_are_refused(events: list[tuple[str, int]]) -> None:
    with pytest.raises(ProfileUnavailableError, match="do not show the same sequence"):
        reduce_events(events, 2)


def test_another_version_of_the_runtime_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(metadata, "version", lambda _: "3.0.0")
    with pytest.raises(ProfileUnavailableError, match=r"known for versions 2\.3\.x; installed is 3\.0\.0"):
        profile_operators(tmp_path / "m.tflite", threads=1, rng=np.random.RandomState(0))


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "uint8", "int16", "int32", "int64", "bool"])
def test_random_inputs_are_seeded_and_of_the_type(dtype: str) -> None:
    first, second = (random_input((2, 64), dtype, np.random.RandomState(5)) for _ in range(2))
    assert first.dtype == dtype and first.shape == (2, 64)
    np.testing.assert_array_equal(first, second)
    assert len(np.unique(first)) > 1


def test_inputs_without_values_are_refused() -> None:
    with pytest.raises(ValueError, match="dynamic"):
        random_input((-1, 3), "float32", np.random.RandomState(0))
    with pytest.raises(ValueError, match="no random values"):
        random_input((1,), "V", np.random.RandomState(0))
