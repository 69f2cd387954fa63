"""The comparison of spreads on made-up metrics whose noise is known."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from made_up import outcome, setup

from edgenas.studies.jared_noise import jared_noise, plan_jared_noise
from edgenas.studies.result import StudyResult
from edgenas.studies.trainings import Metrics

SEEDS = 10


@cache
def study_with_noise(jared: float, plain: float, *, seeds: int = SEEDS) -> StudyResult:
    """Depth errors of mean 0.8 whose noise is `jared` under JAReD of any lambda and `plain` under L1."""
    rng = np.random.default_rng(5)

    def metrics(sigma: float, step: int) -> Metrics:
        depth = {
            name: 0.8 - 0.01 * step + rng.normal(0, sigma) for name in ("abs_error", "rel_error", "rmse")
        }
        return {"depth": depth, "segmentation": {"miou": 0.2, "pixel_accuracy": 0.5 + rng.normal(0, 0.01)}}

    study = setup(seeds)
    plans = plan_jared_noise(study)
    outcomes = {}
    for plan in plans:
        late = [metrics(jared if plan.config.loss_weights.re else plain, step) for step in range(5)]
        outcomes[plan.key] = outcome(late[-1], late)
    return jared_noise(study, plans, outcomes)


def comparison(result: StudyResult, metric: str, kind: str) -> dict[str, object]:
    first = next(c for c in result.record["comparisons"] if c["metric"] == metric)
    assert first["lambda"] == 0.001
    spread: dict[str, object] = first["spread"][kind]
    return spread


@pytest.mark.parametrize("kind", ["seeds", "late"])
def test_less_noise_is_found(kind: str) -> None:
    result = study_with_noise(0.01, 0.08)
    spread = comparison(result, "AbsE", kind)
    assert spread["verdict"] == "less"
    assert spread["jared"] == pytest.approx(0.01, rel=0.5) and spread["l1"] == pytest.approx(0.08, rel=0.5)
    words = {"seeds": "over seeds", "late": "over late steps"}[kind]
    said = [finding for finding in result.findings if finding.startswith("Lambda 0.001") and words in finding]
    assert len(said) == 1 and "The claim shows for AbsE, RelE, RMSE." in said[0]
    assert f"Of all 12 comparisons of depth metrics {words}, 12 show less noise" in "\n".join(result.findings)


@pytest.mark.parametrize("kind", ["seeds", "late"])
def test_equal_noise_and_more_noise_are_called_so(kind: str) -> None:
    assert comparison(study_with_noise(0.05, 0.05), "AbsE", kind)["verdict"] == "not told apart"
    more = study_with_noise(0.08, 0.01)
    assert comparison(more, "AbsE", kind)["verdict"] == "more"
    assert "The claim shows" not in "\n".join(more.findings)


def test_a_constant_metric_and_few_seeds_are_undefined() -> None:
    assert comparison(study_with_noise(0.01, 0.08), "mIoU", "seeds")["verdict"] == "undefined"
    few = study_with_noise(0.01, 0.08, seeds=2)
    assert comparison(few, "AbsE", "seeds")["verdict"] == "undefined"
    assert "Nothing can be said" in "\n".join(few.findings)
    assert "nan" not in few.figure.lower()


def test_the_range_of_chance_is_told() -> None:
    said = "\n".join(study_with_noise(0.05, 0.05, seeds=5).findings)
    assert "With 5 seeds, two equal spreads have a ratio over seeds between 0.32 and 3.1" in said
