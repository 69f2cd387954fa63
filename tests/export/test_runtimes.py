"""One file, several runtimes: what is compared, what counts as agreement, what is said where one is missing."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.datasets import Dataset
from edgenas.export import runtimes
from edgenas.export.litert_model import LitertModel
from edgenas.export.runtimes import OtherPython, compare_runtimes, other_pythons


@pytest.fixture(scope="module")
def section(int8_file: Path, frames: Dataset) -> dict[str, Any]:
    here = OtherPython("itself", (sys.executable,), "ai_edge_litert", "")
    return compare_runtimes(int8_file, frames, macs=1, others=(here,))


def test_builtin_and_reference_kernels_are_compared(section: dict[str, Any], frames: Dataset) -> None:
    assert section["frames"] == min(len(frames), 128)
    for kernels in ("builtin", "reference"):
        entry = section["runtimes"][kernels]
        assert entry["kernels"] == kernels and entry["runtime"] == "ai-edge-litert"
        assert 0.9 < entry["share_within_steps"] <= 1
        assert set(entry["heads"]) == {"depth", "normals", "segmentation"}
        assert entry["heads"]["segmentation"]["metric"] == "miou"
    # They are other kernels: were XNNPACK compared with itself, every number would be equal.
    assert any(head["max_steps"] > 0 for head in section["runtimes"]["builtin"]["heads"].values())


def test_the_same_runtime_in_another_process_gives_the_same_numbers(section: dict[str, Any]) -> None:
    entry = section["runtimes"]["itself"]
    assert entry["agrees"] and entry["share_within_steps"] == 1 and entry["runtime_version"]
    assert [head["max_steps"] for head in entry["heads"].values()] == [0, 0, 0]
    assert all(head["relative_change"] in (0, None) for head in entry["heads"].values())


def test_numbers_that_differ_are_found(
    int8_file: Path, frames: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = runtimes._in_process

    def shifted(model: Path, images: np.ndarray, kernels: str) -> tuple[Any, dict[str, str]]:
        outputs, facts = real(model, images, "default")
        scale = LitertModel(model).output_details["depth"].scale
        return {**outputs, "depth": outputs["depth"] + 3 * scale}, facts

    monkeypatch.setattr(runtimes, "_in_process", shifted)
    found = compare_runtimes(int8_file, frames, macs=1, others=())
    entry = found["runtimes"]["builtin"]
    assert not found["agree"] and not entry["agrees"]
    assert entry["share_within_steps"] == pytest.approx(16 / 17)
    assert entry["heads"]["depth"]["share_within_steps"] == 0 and entry["heads"]["depth"]["max_steps"] == 3
    assert entry["heads"]["normals"]["share_within_steps"] == 1


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ((), "no Python with it: set it up"),
        (("/nowhere/python",), "cannot be started"),
        ((sys.executable, "-c", "import no_such_runtime"), "No module named 'no_such_runtime'"),
    ],
)
def test_a_runtime_that_is_missing_is_said_and_does_not_disagree(
    int8_file: Path, frames: Dataset, command: tuple[str, ...], reason: str
) -> None:
    other = OtherPython("tflite-runtime", command, "tflite_runtime", "set it up")
    base = LitertModel(int8_file)
    with pytest.raises(runtimes._NotAvailableError, match=reason):
        runtimes._elsewhere(int8_file, base, frames.arrays([0])["image"], other)


def test_labels_agree_only_where_they_are_equal(int8_file: Path) -> None:
    base = LitertModel(int8_file)
    base.output_details = {"segmentation": replace(base.output_details["segmentation"], scale=0.0)}
    labels = np.array([[[1, 2], [3, 4]]])
    [head] = runtimes._heads(
        base, {"segmentation": labels}, {"segmentation": np.array([[[1, 2], [3, 5]]])}
    ).values()
    assert head == {"within": 3, "share_within_steps": 0.75, "max_steps": None}


def test_the_environment_names_other_pythons() -> None:
    named = other_pythons(
        {"EDGENAS_TFLITE_PYTHON": "/venv/bin/python", "EDGENAS_ARM_PYTHON": "qemu -L '/a b' py"}
    )
    assert [(o.name, o.command, o.module) for o in named] == [
        ("tflite-runtime", ("/venv/bin/python",), "tflite_runtime"),
        ("arm64", ("qemu", "-L", "/a b", "py"), "ai_edge_litert"),
    ]
    [only] = other_pythons({})
    assert only.command == () and "EDGENAS_TFLITE_PYTHON" in only.hint


def test_floats_of_a_quantised_network_may_differ_by_its_steps(int8_file: Path) -> None:
    base = LitertModel(int8_file)
    base.output_details = {"depth": replace(base.output_details["depth"], dtype="float32", scale=0.0)}
    first = np.linspace(0.0, 2.55, 8).reshape(1, 2, 4, 1)
    for difference, floats, share in (
        (0.015, False, 1),
        (0.03, False, 0),
        (0.0002, True, 1),
        (0.015, True, 0),
    ):
        [head] = runtimes._heads(
            base, {"depth": first}, {"depth": first + difference}, floats=floats
        ).values()
        assert head["share_within_steps"] == share, (difference, floats)


def test_tflite_runtime_of_another_environment(int8_file: Path, frames: Dataset, board_python: str) -> None:
    other = OtherPython("tflite-runtime", (board_python,), "tflite_runtime", "")
    found = compare_runtimes(int8_file, frames, macs=1, others=(other,))["runtimes"]
    entry = found["tflite-runtime"]
    assert entry["available"] and entry["runtime_version"] == "2.14.0" and entry["numpy"] == "1.26.4"
    # It has XNNPACK for floats only: its int8 kernels are TensorFlow Lite's own.
    assert abs(entry["share_within_steps"] - found["builtin"]["share_within_steps"]) < 0.01
    assert entry["share_within_steps"] > 0.9
