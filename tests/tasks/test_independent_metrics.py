"""Every metric against references that share no code with it: scikit-learn, and sums written out pixel by pixel.

Random and adversarial frames: all void, one class, a class never seen or never predicted, ties, depth of zero, denormal
and huge depth, normals without length, opposite normals, one pixel.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgenas.tasks import get_task
from edgenas.tasks.depth import DEPTH_MIN
from edgenas.tasks.normals import MIN_TARGET_LENGTH

Found = dict[str, float | None]
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5))
TOLERANCE = 1e-6


class Info:
    """What tasks read of a data set."""

    def __init__(self, classes: int = 2) -> None:
        self.class_names = tuple(f"class {k}" for k in range(classes))
        self.depth_unit = "m"


def measured(task: str, target: np.ndarray, output: np.ndarray, classes: int = 2) -> Found:
    metrics = get_task(task).new_metrics(Info(classes))
    metrics.update(target, output)
    return metrics.result()


def agree(found: Found, expected: Found) -> None:
    assert set(found) == set(expected)
    for name, value in expected.items():
        if value is None:
            assert found[name] is None, name
        else:
            # Degrees: an arc cosine in float64 is good to 2e-8 rad, 1.2e-6 degrees, where the vectors nearly agree.
            smallest = math.degrees(1e-7) if name.endswith("_deg") else TOLERANCE
            assert found[name] == pytest.approx(value, rel=TOLERANCE, abs=smallest), name


# Segmentation: scikit-learn on the pixels that are not void.


def segmentation_reference(target: np.ndarray, output: np.ndarray) -> Found:
    from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score

    classes = output.shape[-1]
    truth, said = target.ravel(), output.reshape(-1, classes).argmax(-1)
    truth, said = truth[truth != 255], said[target.ravel() != 255]
    if truth.size == 0:
        return {"miou": None, "pixel_accuracy": None}
    # "macro" over the classes that occur on either side: those whose row or column of the matrix is not empty.
    matrix = confusion_matrix(truth, said, labels=range(classes))
    seen = np.flatnonzero(matrix.sum(0) + matrix.sum(1))
    return {
        "miou": float(jaccard_score(truth, said, labels=seen, average="macro")),
        "pixel_accuracy": float(accuracy_score(truth, said)),
    }


@st.composite
def labelled(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(SHAPES)
    classes = draw(st.sampled_from([2, 3, 5, 13, 254]))
    allowed = draw(st.lists(st.integers(0, classes - 1), min_size=1, max_size=3))
    target = draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([*allowed, 255])))
    # Few levels: ties are common.
    output = draw(
        hnp.arrays(np.float32, (*shape, classes), elements=st.sampled_from([-1e30, -1.0, 0.0, 1.0, 1e30]))
    )
    return target, output


@settings(max_examples=60, deadline=None)
@given(labelled())
def test_segmentation(frames: tuple[np.ndarray, np.ndarray]) -> None:
    target, output = frames
    agree(measured("segmentation", target, output, output.shape[-1]), segmentation_reference(target, output))


def logits(said: Sequence[int], classes: int) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[np.array(said)][None, None]


@pytest.mark.parametrize(
    ("truth", "said", "miou", "accuracy"),
    [
        ([255, 255, 255], [0, 1, 2], None, None),  # all void
        ([1, 1, 1], [1, 1, 1], 1.0, 1.0),  # one class, the others nowhere: they do not count
        ([1, 1, 1], [2, 2, 2], 0.0, 0.0),  # a class that is never predicted and one that is never there
        ([0, 0, 1], [0, 0, 0], (2 / 3 + 0) / 2, 2 / 3),  # class 1 is never right: it counts as 0
        ([0, 255, 1], [0, 2, 1], 1.0, 1.0),  # what is predicted on void is nobody's mistake
        ([2], [2], 1.0, 1.0),  # one pixel
    ],
)
def test_segmentation_by_hand(
    truth: list[int], said: list[int], miou: float | None, accuracy: float | None
) -> None:
    target, output = np.array([[truth]], np.uint8), logits(said, 3)
    found = measured("segmentation", target, output, 3)
    agree(found, {"miou": miou, "pixel_accuracy": accuracy})
    agree(found, segmentation_reference(target, output))


# Depth: sums of Python floats over valid pixels.


def depth_reference(target: np.ndarray, output: np.ndarray) -> Found:
    names = ("abs_error", "rel_error", "rmse", "delta1", "delta2", "delta3")
    pairs = [
        (float(d), max(float(p), DEPTH_MIN))
        for d, p in zip(target.ravel(), output.ravel(), strict=True)
        if math.isfinite(d) and float(d) > DEPTH_MIN
    ]
    if not pairs:
        return dict.fromkeys(names)
    count = len(pairs)
    ratios = [max(d / p, p / d) for d, p in pairs]
    return {
        "abs_error": math.fsum(abs(d - p) for d, p in pairs) / count,
        "rel_error": math.fsum(abs(d - p) / d for d, p in pairs) / count,
        "rmse": math.sqrt(math.fsum((d - p) ** 2 for d, p in pairs) / count),
        **{f"delta{k}": sum(r < 1.25**k for r in ratios) / count for k in (1, 2, 3)},
    }


ODD_DEPTHS = [
    0.0,
    -1.0,
    1e-45,
    1e-38,
    DEPTH_MIN,
    3.1e-5,
    0.1,
    1.0,
    1.25,
    1e6,
    3e38,
    math.inf,
    -math.inf,
    math.nan,
]
DEPTHS = st.one_of(st.sampled_from(ODD_DEPTHS), st.floats(0, 10, width=32))
PREDICTED = st.one_of(
    st.sampled_from([v for v in ODD_DEPTHS if math.isfinite(v)]), st.floats(-5, 10, width=32)
)


@st.composite
def depths(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(SHAPES)
    return (
        draw(hnp.arrays(np.float32, shape, elements=DEPTHS.map(np.float32))),
        draw(hnp.arrays(np.float32, (*shape, 1), elements=PREDICTED.map(np.float32))),
    )


@settings(max_examples=100, deadline=None)
@given(depths())
def test_depth(frames: tuple[np.ndarray, np.ndarray]) -> None:
    target, output = frames
    agree(measured("depth", target, output), depth_reference(target, output))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_depth_of_every_stored_type(dtype: type) -> None:
    rng = np.random.default_rng(0)
    target = rng.uniform(0, 10, (3, 7, 9)).astype(dtype)
    target[:, 0] = 0
    output = rng.normal(3, 2, (3, 7, 9, 1)).astype(np.float32)
    agree(measured("depth", target, output), depth_reference(target, output))


# Normals: angles by the arc tangent of cross and dot product, another formula than the metric's.


LIMITS = {"within_11_25": 11.25, "within_22_5": 22.5, "within_30": 30.0}


def angles_of(target: np.ndarray, output: np.ndarray) -> list[float]:
    angles = []
    for n, p in zip(target.reshape(-1, 3).astype(float), output.reshape(-1, 3).astype(float), strict=True):
        if not np.isfinite(n).all() or math.hypot(*n) < MIN_TARGET_LENGTH:
            continue
        scale = max(abs(p))  # its length may be denormal, its direction is not
        p = p / scale if scale > 0 else np.array([0.0, 0.0, 1.0])
        angles.append(math.degrees(math.atan2(math.hypot(*np.cross(n, p)), float(n @ p))))
    return angles


def normals_reference(target: np.ndarray, output: np.ndarray) -> Found:
    angles = angles_of(target, output)
    if not angles:
        return dict.fromkeys(("mean_angle_deg", "median_angle_deg", *LIMITS))
    return {
        "mean_angle_deg": math.fsum(angles) / len(angles),
        "median_angle_deg": statistics.median(angles),
        **{name: sum(a < limit for a in angles) / len(angles) for name, limit in LIMITS.items()},
    }


COMPONENT = st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(-1, 1, width=32))
SCALES = st.sampled_from([0.0, 1e-30, 1e-3, 1.0, 1e3, 1e30])


@st.composite
def vectors(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = (*draw(SHAPES), 3)
    target = draw(hnp.arrays(np.float32, shape, elements=COMPONENT.map(np.float32)))
    length = np.linalg.norm(target, axis=-1, keepdims=True)
    target = np.divide(target, length, out=np.zeros_like(target), where=length > 0.1)
    kind = draw(st.sampled_from(["free", "opposite", "same"]))
    if kind == "free":
        output = draw(hnp.arrays(np.float32, shape, elements=COMPONENT.map(np.float32)))
    else:
        output = target if kind == "same" else -target
    return target, (output * draw(SCALES)).astype(np.float32)


@settings(max_examples=100, deadline=None)
@given(vectors())
def test_normals(frames: tuple[np.ndarray, np.ndarray]) -> None:
    target, output = frames
    # Rounding may put an angle just on a threshold to either side of it; nothing is wrong then.
    assume(all(abs(angle - limit) > 1e-5 for angle in angles_of(target, output) for limit in LIMITS.values()))
    agree(measured("normals", target, output), normals_reference(target, output))


@pytest.mark.parametrize(
    ("truth", "said", "angle"),
    [
        ((0, 0, 1), (0, 0, -1), 180.0),  # opposite
        ((0, 0, 1), (0, 0, 5e-39), 0.0),  # a denormal length still has a direction
        ((0, 0, 1), (0, 0, 0), 0.0),  # no direction: facing the camera
        ((1, 0, 0), (0, 0, 0), 90.0),
        ((0, 1, 0), (0, 3e38, 0), 0.0),
        ((0, 0, 0), (0, 0, 1), None),  # no truth
        ((math.nan, 0, 1), (0, 0, 1), None),
    ],
)
def test_normals_by_hand(truth: tuple[float, ...], said: tuple[float, ...], angle: float | None) -> None:
    target = np.array([[[truth]]], np.float32)
    output = np.array([[[said]]], np.float32)
    found = measured("normals", target, output)
    assert found["mean_angle_deg"] == (None if angle is None else pytest.approx(angle, abs=1e-5))
    agree(found, normals_reference(target, output))
