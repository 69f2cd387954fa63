"""--metric-weight: what is read, and what would change nothing or leave nothing is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from toy_search import toy_config, toy_estimator, toy_evaluator, toy_space

from edgenas.errors import UsageError
from edgenas.scoring import quality
from edgenas.search import read_trials, run_search
from edgenas.search.metric_weights import parse_metric_weights

TASKS = ("depth", "segmentation")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((), None),
        (("segmentation.miou=2",), {"segmentation": {"miou": 2.0}}),
        (("segmentation.miou=2", "segmentation.miou=0.5"), {"segmentation": {"miou": 0.5}}),
        (("depth=0",), {"depth": {"abs_error": 0.0, "rel_error": 0.0}}),
        (("depth=0", "depth.rmse=1"), {"depth": {"abs_error": 0.0, "rel_error": 0.0, "rmse": 1.0}}),
        (("depth.rmse=1", "depth=0"), {"depth": {"abs_error": 0.0, "rel_error": 0.0, "rmse": 0.0}}),
    ],
)
def test_what_is_read(texts: tuple[str, ...], expected: object) -> None:
    assert parse_metric_weights(texts, TASKS) == expected


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("segmentatio.miou=2",), "Unknown task of this search 'segmentatio'. Did you mean 'segmentation'"),
        (("normals.within_30=2",), "Unknown task of this search 'normals'"),
        (("segmentation.mio=2",), "Unknown segmentation metric 'mio'. Did you mean 'miou'"),
        (("segmentation.miou=-1",), "Expected TASK.METRIC=W with W a finite number of 0 or more"),
        (("segmentation.miou=nan",), "Received 'segmentation.miou=nan'"),
        (("segmentation.miou=inf",), "finite"),
        (("segmentation.miou",), "Received 'segmentation.miou'"),
        (("segmentation.miou=",), "Received 'segmentation.miou='"),
        (("depth=2",), "a whole task can only be left out, depth=0"),
        (("depth=0", "segmentation=0"), "Every metric has weight 0"),
        (("depth=0", "segmentation.miou=0", "segmentation.pixel_accuracy=0"), "Every metric has weight 0"),
    ],
)
def test_what_is_refused(texts: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_metric_weights(texts, TASKS)
    assert message in str(caught.value)


def test_the_search_uses_them(tmp_path: Path) -> None:
    weights = parse_metric_weights(("segmentation.miou=5", "depth=0"), TASKS)
    run_search(
        toy_config(trials=5, metric_weights=weights, target_ms=None),
        toy_space(), toy_evaluator, toy_estimator, tmp_path,
    )  # fmt: skip
    baseline = json.loads((tmp_path / "baseline.json").read_text())["metrics"]
    for record in read_trials(tmp_path):
        own = record.evaluation.metrics["segmentation"]
        ratios = {name: own[name] / baseline["segmentation"][name] for name in own}
        expected = (5 * ratios["miou"] + ratios["pixel_accuracy"]) / 6
        assert record.quality == pytest.approx(expected)
        assert record.quality != pytest.approx(quality(record.evaluation.metrics, baseline), rel=1e-6)
    with pytest.raises(UsageError, match=r"metric_weights"):
        run_search(
            toy_config(trials=5, target_ms=None),
            toy_space(), toy_evaluator, toy_estimator, tmp_path, resume=True,
        )  # fmt: skip
