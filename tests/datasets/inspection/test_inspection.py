"""Sound data raise no error, and each fault that is put into them is found and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgenas.datasets import load_dataset
from edgenas.datasets.inspection import ERROR, Finding, Sample, check_sample, take_sample

Arrays = dict[str, NDArray[Any]]
FRAMES = 6


@pytest.fixture(scope="module")
def rooms() -> Sample:
    return take_sample(load_dataset("rooms", "train", height=96, width=128, frames=FRAMES), "train", FRAMES)


@pytest.fixture(scope="module")
def streets() -> Sample:
    return take_sample(load_dataset("streets", "train", height=96, width=192, frames=FRAMES), "train", FRAMES)


def _changed(sample: Sample, change: Callable[[Arrays], Arrays], frames: set[int] | None = None) -> Sample:
    """A copy whose frames (all, or those) went through `change`."""
    new = [
        replace(f, arrays=change(dict(f.arrays))) if frames is None or f.index in frames else f
        for f in sample.frames
    ]
    return replace(sample, frames=tuple(new))


def _errors(sample: Sample) -> list[Finding]:
    return [f for f in check_sample(sample) if f.severity == ERROR]


def _mirrored(*keys: str) -> Callable[[Arrays], Arrays]:
    return lambda arrays: arrays | {key: np.ascontiguousarray(arrays[key][:, ::-1]) for key in keys}


@pytest.mark.parametrize("world", ["rooms", "streets"])
def test_sound_frames_have_no_errors(world: str, request: pytest.FixtureRequest) -> None:
    assert _errors(request.getfixturevalue(world)) == []


@pytest.mark.parametrize("world", ["rooms", "streets"])
@pytest.mark.parametrize("frames", [None, {2}])
@pytest.mark.parametrize("key", ["image", "segmentation"])
def test_a_mirrored_array_is_named(
    world: str, key: str, frames: set[int] | None, request: pytest.FixtureRequest
) -> None:
    (found,) = _errors(_changed(request.getfixturevalue(world), _mirrored(key), frames))
    assert found.check == "mirrored"
    assert found.numbers["arrays"] == [key]
    assert found.frames == tuple(str(i) for i in (range(FRAMES) if frames is None else sorted(frames)))


def test_an_array_upside_down_is_named(rooms: Sample) -> None:
    (found,) = _errors(_changed(rooms, lambda a: a | {"depth": a["depth"][::-1]}, {0, 3}))
    assert (found.check, found.numbers["arrays"]) == ("turned", ["depth"])
    assert found.frames == ("0", "3")


def test_whole_frames_mirrored_without_negating_x(rooms: Sample) -> None:
    found = _errors(_changed(rooms, _mirrored("image", "segmentation", "depth", "normals")))
    assert [f.check for f in found] == ["normal-axes"]
    assert found[0].numbers["signs"] == [-1, 1, 1]


def test_whole_frames_mirrored_with_x_negated_are_sound(rooms: Sample) -> None:
    def mirror(arrays: Arrays) -> Arrays:
        arrays = _mirrored("image", "segmentation", "depth", "normals")(arrays)
        return arrays | {"normals": arrays["normals"] * np.array([-1, 1, 1], np.float32)}

    assert _errors(_changed(rooms, mirror)) == []


@pytest.mark.parametrize("order", [(0, 2, 1), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("signs", [(1, 1, 1), (1, -1, 1)])
def test_exchanged_axes_are_undone(rooms: Sample, order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    def exchange(arrays: Arrays) -> Arrays:
        return arrays | {"normals": arrays["normals"][..., list(order)] * np.array(signs, np.float32)}

    found = [f for f in _errors(_changed(rooms, exchange)) if f.check == "normal-axes"]
    assert len(found) == 1
    back = found[0].numbers
    probe = np.arange(1, 4)
    stored = probe[list(order)] * signs
    assert [stored[o] * s for o, s in zip(back["order"], back["signs"], strict=True)] == probe.tolist()


def test_labels_of_another_frame_are_found(rooms: Sample) -> None:
    first, second = rooms.frames[1], rooms.frames[4]
    new = list(rooms.frames)
    new[1] = replace(first, arrays=dict(first.arrays) | {"segmentation": second.arrays["segmentation"]})
    new[4] = replace(second, arrays=dict(second.arrays) | {"segmentation": first.arrays["segmentation"]})
    (found,) = _errors(replace(rooms, frames=tuple(new)))
    assert (found.check, found.numbers["array"]) == ("exchanged", "segmentation")
    assert found.frames == ("1", "4")
    assert found.numbers["belongs_to"] == ["4", "1"]


def test_shifted_labels_are_found(rooms: Sample) -> None:
    (found,) = _errors(
        _changed(rooms, lambda a: a | {"segmentation": np.roll(a["segmentation"], (3, -5), (0, 1))})
    )
    assert (found.check, found.numbers["array"]) == ("shifted", "segmentation")
    assert (found.numbers["rows"], found.numbers["columns"]) == (3, -5)


@pytest.mark.parametrize("factor", [100.0, 1000.0])
def test_depth_in_smaller_units_is_found(rooms: Sample, factor: float) -> None:
    (found,) = _errors(_changed(rooms, lambda a: a | {"depth": a["depth"] * np.float32(factor)}))
    assert found.check == "depth-unit"
    assert ("centimetres" if factor == 100 else "millimetres") in found.what


@pytest.mark.parametrize("world", ["rooms", "streets"])
def test_depth_for_inverse_depth_is_found(world: str, request: pytest.FixtureRequest) -> None:
    def invert(arrays: Arrays) -> Arrays:
        depth = arrays["depth"]
        return arrays | {"depth": np.divide(1, depth, out=np.zeros_like(depth), where=depth > 0)}

    assert "depth-kind" in [f.check for f in _errors(_changed(request.getfixturevalue(world), invert))]


@pytest.mark.shared_data
def test_one_frame_of_nyuv2_is_mirrored(shared_data: Path) -> None:
    """Official frame 223 has its depth (and the normals made of it) mirrored; its neighbours are sound."""
    dataset = load_dataset(str(shared_data / "nyuv2" / "nyuv2_train_96x128.npz"), "all")
    everything = take_sample(dataset, "all", len(dataset))
    sample = replace(everything, frames=everything.frames[114:124])
    (found,) = _errors(sample)
    assert (found.check, found.frames, found.numbers["arrays"]) == (
        "mirrored",
        ("119",),
        ["depth", "normals"],
    )
