"""Predictor folders: round trip, and refusing what is damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.errors import EdgenasError, UsageError
from edgenas.latency_models.correction_fit import fit_correction
from edgenas.latency_models.fit import Fit
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.latency_models.predictor_file import read_card


def test_round_trip(fitted: Fit, tmp_path: Path) -> None:
    fitted.predictor.save(tmp_path / "p", fitted.card)
    assert LatencyPredictor.load(tmp_path / "p") == fitted.predictor
    assert read_card(tmp_path / "p") == json.loads(json.dumps(fitted.card))
    assert sorted(f.name for f in (tmp_path / "p").iterdir()) == ["card.json", "predictor.json"]
    assert (tmp_path / "p" / "predictor.json").stat().st_size < 60_000


def spoil(folder: Path, fitted: Fit, **changes: Any) -> Path:
    fitted.predictor.save(folder)
    path = folder / "predictor.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 3}, "newer edgenas .*version 3; this one reads 2.*pip install --upgrade"),
        ({"version": 1}, "version 1, which this edgenas no longer reads.*Make it again"),
        ({"version": None}, "version None, which this edgenas no longer reads"),
        (
            {"feature_set": {"name": "xnnpack", "version": 9}},
            "newer edgenas .feature_set version 9; this one reads 1.*pip install --upgrade",
        ),
        (
            {"feature_set": {"name": "mali", "version": 1}},
            "'mali'.*this edgenas does not know. Update edgenas",
        ),
        ({"feature_set": {"name": ["xnnpack"], "version": 1}}, "this edgenas does not know"),
        ({"feature_set": 9}, "feature set 9, which this edgenas does not know"),
        ({"feature_set": {"name": "xnnpack"}}, "feature_set version None, which this edgenas no longer"),
        ({"corrections": ["../elsewhere"]}, "'../elsewhere' is no name of a correction"),
        ({"corrections": ["/etc/passwd"]}, "is no name of a correction"),
        ({"corrections": ["Upper.case"]}, "is no name of a correction"),
        ({"corrections": 3}, "damaged"),
        ({"corrections": ["nasbench201"]}, r"correction-nasbench201\.npz is missing or damaged"),
        ({"format": "other"}, "not a latency predictor"),
        ({"confidence": 2.0}, "damaged: ValueError: confidence 2.0"),
        ({"confidence": float("nan")}, "expected a finite number, received nan"),
        ({"coefficients_ms": {"ADD/int8": {"call": float("inf")}}}, "finite number, received inf"),
        ({"coefficients_ms": {"ADD/int8": {"call": -1.0}}}, "coefficient of at least 0"),
        ({"coefficients_ms": []}, "damaged"),
        ({"coefficients_ms": {"ADD/int8": {"call": True}}}, "damaged"),
        ({"bands": {"levels": [0.5], "log_widths": {}}}, "levels of its error bands"),
        ({"domain": {"classes": {}, "latency_ms": [3, 1]}}, "expected .least, most."),
        ({"domain": None}, "damaged"),
    ],
)
def test_wrong_files_are_refused(fitted: Fit, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    folder = spoil(tmp_path, fitted, **changes)
    with pytest.raises(UsageError, match=message):
        LatencyPredictor.load(folder)


def test_a_predictor_without_a_list_of_corrections_is_refused(fitted: Fit, tmp_path: Path) -> None:
    fitted.predictor.save(tmp_path)
    path = tmp_path / "predictor.json"
    data = json.loads(path.read_text())
    del data["corrections"]
    path.write_text(json.dumps(data))
    with pytest.raises(UsageError, match="damaged: KeyError: 'corrections'"):
        LatencyPredictor.load(tmp_path)


def test_a_correction_whose_name_is_a_path_is_not_written(fitted: Fit, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    correction = fit_correction("../escaped", [{"a": 0.0}, {"a": 1.0}, {"a": 2.0}], np.array([0.0, 0.1, 0.2]))
    with pytest.raises(ValueError, match="is no name of a correction"):
        replace(fitted.predictor, corrections=(correction,)).save(tmp_path / "p" / "q")
    assert not list(tmp_path.rglob("*.npz"))


def test_file_cut_short_at_any_place_is_refused(fitted: Fit, tmp_path: Path) -> None:
    fitted.predictor.save(tmp_path)
    path = tmp_path / "predictor.json"
    whole = path.read_bytes().rstrip()
    for length in range(0, len(whole), len(whole) // 25):
        path.write_bytes(whole[:length])
        with pytest.raises(UsageError, match="edgenas profile"):
            LatencyPredictor.load(tmp_path)


def test_missing_folder_and_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No predictor folder at"):
        LatencyPredictor.load(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="the file does not exist"):
        LatencyPredictor.load(tmp_path)


def test_card_is_optional_but_must_be_a_card(fitted: Fit, tmp_path: Path) -> None:
    fitted.predictor.save(tmp_path)
    assert read_card(tmp_path) == {}
    (tmp_path / "card.json").write_text("[]")
    with pytest.raises(UsageError, match="not a card"):
        read_card(tmp_path)


def test_failed_write_keeps_the_old_predictor(fitted: Fit, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgenasError, match="Cannot write"):
        fitted.predictor.save(tmp_path / "file" / "p", fitted.card)
