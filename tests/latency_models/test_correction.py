"""Corrections: what they say, about which networks, and their files."""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.errors import UsageError
from edgenas.latency_models.correction import Correction, kernel_matrix, read_correction, write_correction
from edgenas.latency_models.error_band import ErrorBand

SHAPE = "gate:input (1, 32, 32, 3) int8"


def made_up(networks: int = 40, seed: int = 0) -> Correction:
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 12, (networks, 3)).astype(np.float64)
    return Correction(
        kind="cells", keys=("op:ADD", "op:CONV_2D 3x3", "depth"), gates={SHAPE: 1.0}, mean=points.mean(0),
        scale=points.std(0), inverse_length=np.array([0.5, 0.2, 0.1]), points=points,
        weights=rng.normal(0, 1, networks), signal=0.7, slope=0.05, offset=0.02, spread=0.08,
        band=ErrorBand.from_residuals(rng.normal(0, 0.02, 200).tolist()),
        width_slopes=np.array([0.1, -0.05, 0.2]),
    )  # fmt: skip


def network(adds: float, convolutions: float, depth: float) -> dict[str, float]:
    return {"op:ADD": adds, "op:CONV_2D 3x3": convolutions, "depth": depth, SHAPE: 1.0}


SOME = [network(a, c, d) for a in (0, 3, 11) for c in (1, 7) for d in (0, 5, 30)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "correction-cells.npz"
    write_correction(made_up(), path)
    return path


def test_round_trip(file: Path) -> None:
    read, wrote = read_correction(file), made_up()
    assert (read.kind, read.keys, read.gates, read.band) == (wrote.kind, wrote.keys, wrote.gates, wrote.band)
    assert (read.signal, read.slope, read.offset, read.spread) == (0.7, 0.05, 0.02, 0.08)
    assert read.log_factors(SOME) == pytest.approx(wrote.log_factors(SOME), abs=1e-4)
    assert read.log_widening(SOME) == pytest.approx(wrote.log_widening(SOME))
    again = file.with_name("again.npz")
    write_correction(read, again)
    assert read_correction(again).log_factors(SOME).tolist() == read.log_factors(SOME).tolist()
    assert file.stat().st_size < 6_000


def test_factors_are_the_weighted_kernel() -> None:
    correction = made_up(5)
    x = (np.array([3.0, 7.0, 5.0]) - correction.mean) / correction.scale
    expected = 0.0
    for point, weight in zip(correction.points, correction.weights, strict=True):
        z = (point - correction.mean) / correction.scale
        distance = float((((x - z) * correction.inverse_length) ** 2).sum())
        expected += weight * (0.7 * math.exp(-distance / 2) + 0.05 * float(x @ z))
    assert correction.log_factors([network(3, 7, 5)])[0] == pytest.approx(0.02 + 0.08 * expected)


def test_many_networks_are_as_each_alone() -> None:
    correction = made_up()
    rng = np.random.default_rng(1)
    many = [network(*rng.integers(0, 12, 3)) for _ in range(9000)]
    factors = correction.log_factors(many)
    assert factors.shape == (9000,)
    for i in (0, 4095, 4096, 8191, 8192, 8999):
        assert factors[i] == pytest.approx(correction.log_factors([many[i]])[0])
    assert correction.log_factors([]).shape == correction.log_widening([]).shape == (0,)


def test_kernel_of_a_point_with_itself() -> None:
    x = np.array([[1.0, 2.0], [3.0, -1.0]])
    found = kernel_matrix(x, x, np.array([1e3, 1e3]), 2.0, 0.5)
    assert np.diag(found) == pytest.approx([2 + 0.5 * 5, 2 + 0.5 * 10])
    assert found[0, 1] == pytest.approx(0.5 * 1.0)


def test_accepts_networks_of_its_kind_only() -> None:
    correction = made_up()
    assert correction.accepts(network(1, 2, 3))
    assert correction.accepts({SHAPE: 1.0})  # None of an operator that it knows.
    assert not correction.accepts({**network(1, 2, 3), "op:GELU": 1.0})
    assert not correction.accepts({"op:ADD": 1.0})
    other_shape = network(1, 2, 3)
    del other_shape[SHAPE]
    assert not correction.accepts({**other_shape, "gate:input (1, 64, 64, 3) int8": 1.0})
    assert not correction.accepts({**network(1, 2, 3), SHAPE: 2.0})


def test_widening_is_clipped_to_three_times_either_way() -> None:
    correction = replace(made_up(), width_slopes=np.array([100.0, 0.0, 0.0]))
    most, least = correction.log_widening([network(12, 5, 5), network(0, 5, 5)])
    assert most == pytest.approx(math.log(3)) and least == pytest.approx(-math.log(3))
    mild = replace(made_up(), width_slopes=np.array([0.1, 0.0, 0.0]))
    (found,) = mild.log_widening([network(12, 5, 5)])
    assert found == pytest.approx(0.1 * (12 - mild.mean[0]) / mild.scale[0])


REFUSED = r"correction-cells\.npz is missing or damaged .*Copy the predictor again.*edgenas latency fit"


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=REFUSED):
        read_correction(tmp_path / "correction-cells.npz")


def test_file_cut_short_at_any_place(file: Path) -> None:
    whole = file.read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 40)):
        file.write_bytes(whole[:length])
        with pytest.raises(UsageError, match=REFUSED):
            read_correction(file)


def test_file_with_a_damaged_byte_is_refused_or_says_the_same(file: Path) -> None:
    whole = file.read_bytes()
    truth = read_correction(file)
    rng = np.random.default_rng(0)
    refused = 0
    for place in rng.permutation(len(whole))[:600]:
        spoiled = bytearray(whole)
        spoiled[place] ^= int(rng.integers(1, 256))
        file.write_bytes(bytes(spoiled))
        try:
            found = read_correction(file)
        except UsageError:
            refused += 1
        else:  # Times of the archive's members and the like.
            assert found.log_factors(SOME).tolist() == truth.log_factors(SOME).tolist()
    assert refused > 300


def parts(file: Path) -> dict[str, Any]:
    with np.load(file) as archive:
        return dict(archive)


@pytest.mark.parametrize(
    "changes",
    [
        {"points": None},
        {"keys": None},
        {"points": np.zeros((40, 2))},
        {"points": np.zeros(40)},
        {"weights": np.zeros(39)},
        {"mean": np.zeros(4)},
        {"width_slopes": np.zeros((3, 1))},
        {"scalars": np.zeros(3)},
        {"scalars": np.array([1.0, np.nan, 0.0, 1.0])},
        {"scale": np.zeros(3)},
        {"weights": np.full(40, np.inf)},
        {"log_widths": np.zeros(3)},
        {"log_widths": np.arange(15.0)[::-1]},
        {"gate_values": np.zeros(2)},
        {"gate_values": np.array(1.0)},
        {"mean": np.array(["a", "b", "c"])},
        {"weights": np.array([{"a": 1}] * 40, dtype=object)},
        {"keys": np.array([("a", 1), ("b", 2), ("c", 3)], dtype=object)},
    ],
    ids=lambda changes: "+".join(changes),
)
def test_other_arrays_are_refused(file: Path, changes: dict[str, Any]) -> None:
    merged = {k: v for k, v in {**parts(file), **changes}.items() if v is not None}
    np.savez(file, allow_pickle=True, **merged)
    with pytest.raises(UsageError, match=REFUSED):
        read_correction(file)


def _pickle_bomb() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([object], dtype=object), allow_pickle=True)
    return stream.getvalue()


def _array() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


def _empty_archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w"):
        pass
    return stream.getvalue()


def _archive_of_text() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in ("kind", "keys", "mean", "points"):
            archive.writestr(f"{name}.npy", "no array")
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"text", b"\x80\x04K\x01.", _pickle_bomb(), _array(), _empty_archive(), _archive_of_text()],
    ids=["text", "pickle", "array of objects", "one array", "empty archive", "archive of text"],
)
def test_files_of_another_kind(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(UsageError, match=REFUSED):
        read_correction(file)


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "correction-cells.npz").mkdir()
    with pytest.raises(UsageError, match=REFUSED):
        read_correction(tmp_path / "correction-cells.npz")
