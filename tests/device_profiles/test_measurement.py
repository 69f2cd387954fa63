from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenas.device_profiles import Measurement
from edgenas.device_profiles.measurement import quantile, relative_gap
from edgenas.errors import EdgenasError, UsageError

_GOOD = Measurement(
    device="host",
    configuration="int8-1t",
    model_sha256="ab" * 32,
    status="ok",
    repeats_ms=((3.0, 3.1, 3.2), (2.0, 2.1, 2.6), (9.0,)),
    operator_ms=(("Add (ND)", 0.5), ("TILE [1]", 1.5)),
    runtime="ai-edge-litert",
    runtime_version="2.3.0",
    delegate="XNNPACK",
    machine="a CPU, 2 cores",
    load_average=(0.1, 0.2),
    started_at="2026-01-01T00:00:00+00:00",
    notes=("a note",),
)


def test_latency_is_the_lowest_per_process_median() -> None:
    assert _GOOD.process_medians_ms == (3.1, 2.1, 9.0)
    assert _GOOD.latency_ms == 2.1
    assert _GOOD.spread == pytest.approx((2.35 - 2.05) / 2.1)
    assert _GOOD.disagreement == pytest.approx(3.1 / 2.1 - 1)


def test_one_process_has_no_disagreement() -> None:
    assert replace(_GOOD, repeats_ms=((1.0,),)).disagreement is None


def test_a_failed_measurement_is_a_value_without_latency() -> None:
    failed = Measurement("host", "int8-1t", "cd" * 32, "failed", "it crashed")
    assert not failed.ok and failed.spread == 0.0 and failed.disagreement is None
    assert Measurement.from_dict(json.loads(json.dumps(failed.to_dict()))) == failed
    with pytest.raises(EdgenasError, match="cdcdcdcdcdcd failed: it crashed"):
        _ = failed.latency_ms


def test_round_trip_through_json() -> None:
    assert Measurement.from_dict(json.loads(json.dumps(_GOOD.to_dict(), allow_nan=False))) == _GOOD


@pytest.mark.parametrize(
    "change",
    [
        {"status": "perhaps"},
        {"repeats_ms": []},
        {"repeats_ms": [[]]},
        {"repeats_ms": [["x"]]},
        {"operator_ms": [[1]]},
    ],
)
def test_malformed_records_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"line 3 is not a complete measurement"):
        Measurement.from_dict({**_GOOD.to_dict(), **change}, source="line 3")
    with pytest.raises(UsageError, match="measurement is not a complete measurement: KeyError"):
        Measurement.from_dict({})


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=50),
    st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
)
def test_quantile_is_numpys(values: list[float], fraction: float) -> None:
    assert quantile(values, fraction) == pytest.approx(
        float(np.quantile(values, fraction)), rel=1e-9, abs=1e-9
    )


def test_relative_gap_of_the_two_lowest() -> None:
    assert relative_gap([3.0, 1.0, 1.5]) == pytest.approx(0.5)
    assert relative_gap([3.0]) is None
