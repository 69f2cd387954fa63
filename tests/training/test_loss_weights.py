from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.errors import UsageError
from edgenas.tasks import TASKS
from edgenas.tasks.plugins import load_task_module
from edgenas.training.loss_weights import LOSS_WEIGHTS, LossWeights, load_loss_weights, total_loss

# Table 8 of the paper, typed a second time: CE, L1, RE, ICS.
TABLE_8 = {
    "cityscapes/baseline": (0.4, 1.0, 0.0, 0.0),
    "cityscapes/ednas": (0.4, 1.0, 0.0, 0.0),
    "cityscapes/ednas+jared": (0.5, 0.95, 0.05, 0.0),
    "nyuv2/baseline": (1.0, 1.0, 0.0, 40.0),
    "nyuv2/ednas": (1.0, 1.0, 0.0, 50.0),
    "nyuv2/ednas+jared": (1.0, 0.999, 0.001, 60.0),
}


@dataclass(frozen=True)
class ToyInfo:
    class_names: tuple[str, ...] = ("floor", "wall", "chair")
    depth_unit: str = "m"


def make_batch(seed: int = 0) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    normals = rng.normal(size=(2, 4, 6, 3)).astype(np.float32)
    targets = {
        "segmentation": rng.integers(0, 3, (2, 4, 6)).astype(np.int32),
        "depth": rng.uniform(0.01, 5, (2, 4, 6, 1)).astype(np.float32),
        "normals": normals / np.linalg.norm(normals, axis=-1, keepdims=True),
    }
    channels = {"segmentation": 3, "depth": 1, "normals": 3}
    return targets, {t: rng.normal(size=(2, 4, 6, c)).astype(np.float32) for t, c in channels.items()}


def test_presets_are_table_8() -> None:
    published = {name: w for name, w in LOSS_WEIGHTS.items() if name != "nyuv2/modern"}  # that one is ours
    assert {name: (w.ce, w.l1, w.re, w.ics) for name, w in published.items()} == TABLE_8
    for name, weights in LOSS_WEIGHTS.items():
        assert load_loss_weights(name) is weights
        if name.endswith("jared"):  # Eq. 8: (1 - lambda) L1 + lambda RE
            assert weights.l1 + weights.re == pytest.approx(1.0)


def test_every_loss_of_every_task_has_a_weight() -> None:
    assert set(LOSS_WEIGHTS["nyuv2/baseline"].by_loss()) == {
        name for t in TASKS.values() for name in t.losses
    }


def test_unknown_preset() -> None:
    with pytest.raises(UsageError, match=r"Unknown loss-weight preset 'nyuv2/jared'.*nyuv2/ednas\+jared"):
        load_loss_weights("nyuv2/jared")


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_invalid_weight(value: float) -> None:
    with pytest.raises(UsageError, match=r"argument `re`.*0 or more"):
        LossWeights(ce=1.0, l1=1.0, re=value)


def test_weights_that_leave_a_task_untrained() -> None:
    weights = load_loss_weights("cityscapes/ednas")
    weights.check_tasks(["depth", "segmentation"])
    with pytest.raises(UsageError, match=r"do not train the task 'normals'.*positive weight of ICS"):
        weights.check_tasks(["depth", "normals"])
    replace(weights, l1=0.0, re=0.1).check_tasks(["depth"])


def test_total_is_the_weighted_sum_and_reports_unweighted_terms() -> None:
    tf = pytest.importorskip("tensorflow")
    targets, outputs = make_batch()
    weights = LossWeights(ce=0.5, l1=0.95, re=0.05, ics=3.0)

    @tf.function
    def compute(truth: Any, prediction: Any) -> Any:
        return total_loss(("depth", "normals", "segmentation"), truth, prediction, weights, info=ToyInfo())

    total, terms = compute(targets, outputs)
    assert set(terms) == {"CE", "L1", "RE", "ICS"}
    expected = sum(weights.by_loss()[name] * float(term) for name, term in terms.items())
    assert float(total) == pytest.approx(expected, rel=1e-6)
    depth, guess = targets["depth"].astype(float), outputs["depth"].astype(float)
    assert float(terms["RE"]) == pytest.approx(
        np.mean(np.abs(depth - guess) / np.maximum(depth, 0.1)), rel=1e-5
    )


def test_term_of_weight_zero_gives_no_gradient_even_where_it_overflows() -> None:
    tf = pytest.importorskip("tensorflow")
    target = tf.constant(np.full((1, 1, 1, 1), 1e-3, np.float32))
    output = tf.constant(np.full((1, 1, 1, 1), 1e37, np.float32))  # RE overflows to infinity
    with tf.GradientTape() as tape:
        tape.watch(output)
        total, terms = total_loss(
            ["depth"], {"depth": target}, {"depth": output}, LossWeights(ce=1.0, l1=1.0)
        )
    assert np.isinf(terms["RE"]) and np.isfinite(total)
    assert tape.gradient(total, output).numpy().item() == 1.0


@pytest.mark.parametrize("missing", ["targets", "outputs"])
def test_missing_tensor(missing: str) -> None:
    targets, outputs = make_batch()
    del (targets if missing == "targets" else outputs)["depth"]
    with pytest.raises(UsageError, match=f"argument `{missing}`.*'depth'.*Received tensors for"):
        total_loss(["depth"], targets, outputs, load_loss_weights("nyuv2/ednas"))


def test_no_task() -> None:
    with pytest.raises(UsageError, match="at least one task"):
        total_loss([], {}, {}, load_loss_weights("nyuv2/ednas"))


def test_all_invalid_batch_gives_zero_loss_and_zero_gradients() -> None:
    tf = pytest.importorskip("tensorflow")
    targets, outputs = make_batch()
    targets = {
        "segmentation": np.full_like(targets["segmentation"], 255),
        "depth": targets["depth"] * np.float32(np.nan),
        "normals": targets["normals"] * 0,
    }
    predictions = {name: tf.constant(value) for name, value in outputs.items()}
    with tf.GradientTape() as tape:
        tape.watch(predictions)
        total, _ = total_loss(
            sorted(predictions), targets_to_tensors(targets), predictions, LOSS_WEIGHTS["nyuv2/ednas+jared"]
        )
    assert float(total) == 0.0
    for gradient in tape.gradient(total, predictions).values():
        assert not gradient.numpy().any()


def targets_to_tensors(targets: dict[str, np.ndarray]) -> dict[str, Any]:
    import tensorflow as tf

    return {name: tf.constant(value) for name, value in targets.items()}


def test_weights_by_hand() -> None:
    assert load_loss_weights("ce=1, l1=0.95,RE=0.05") == LossWeights(ce=1.0, l1=0.95, re=0.05)
    weights = load_loss_weights("edges.BCE=2,ce=1")
    assert weights.to_dict() == {"ce": 1.0, "l1": 0.0, "re": 0.0, "ics": 0.0, "edges.BCE": 2.0}
    assert LossWeights.from_dict(weights.to_dict()) == weights and hash(weights) != hash(LossWeights(ce=1.0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ce=x", r"Invalid loss weight 'ce=x'. Expected NAME=NUMBER"),
        ("ce=1,l1", r"Invalid loss weight 'l1'"),
        ("ce=1,ce=2", r"'ce' is given twice"),
        ("ce=-1", r"`ce`. Expected a finite loss weight of 0 or more"),
        ("ce=nan", r"Expected a finite loss weight"),
        ("cee=1", r"Unknown loss weight 'cee'. Did you mean 'ce'"),
    ],
)
def test_weights_by_hand_that_are_wrong(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_loss_weights(text)


def test_terms_of_further_tasks(own_tasks: Path) -> None:
    load_task_module(own_tasks)
    weights = LossWeights(ce=1.0)
    assert weights.of_tasks(["edges", "segmentation"]) == {"edges.BCE": 1.0, "CE": 1.0}, "its own weight"
    heavier = load_loss_weights("ce=1,edges.BCE=3")
    assert heavier.of_tasks(["edges"]) == {"edges.BCE": 3.0}
    heavier.check_tasks(["edges", "segmentation"])
    with pytest.raises(UsageError, match=r"do not train the task 'edges'.*positive weight of edges.BCE"):
        load_loss_weights("ce=1,edges.BCE=0").check_tasks(["edges"])
    with pytest.raises(UsageError, match=r"Unknown loss term 'edges.BCF'. Did you mean 'edges.BCE'"):
        load_loss_weights("edges.BCF=1").check_tasks(["edges"])
    with pytest.raises(UsageError, match=r"Unknown task 'edgy'"):
        load_loss_weights("edgy.BCE=1").check_tasks(["edges"])


def test_total_of_a_further_task(own_tasks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tf = pytest.importorskip("tensorflow")
    load_task_module(own_tasks)
    targets = {"edges": tf.constant([[[1, 0, 255]]])}
    outputs = {"edges": tf.constant([[[[2.0], [-1.0], [9.0]]]])}
    total, terms = total_loss(["edges"], targets, outputs, load_loss_weights("edges.BCE=4"))
    expected = 0.5 * (np.log1p(np.exp(-2.0)) + np.log1p(np.exp(-1.0)))
    assert set(terms) == {"edges.BCE"} and float(terms["edges.BCE"]) == pytest.approx(expected, rel=1e-6)
    assert float(total) == pytest.approx(4 * expected, rel=1e-6)
    monkeypatch.setattr(type(TASKS["edges"]), "loss_terms", lambda *_: {"BCF": tf.constant(1.0)})
    with pytest.raises(UsageError, match=r"Edges.loss_terms: expected the terms BCE. Received BCF"):
        total_loss(["edges"], targets, outputs, LossWeights())
