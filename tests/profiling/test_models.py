"""Exported models hold what was planned (needs TensorFlow)."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("tensorflow")

from edgenas.graph import graph_of, read_tflite
from edgenas.profiling.models import export_models, model_path
from edgenas.profiling.plan import SINGLE_OPERATORS, planned_models
from edgenas.space import load_space


def test_files_hold_the_planned_operators_and_are_kept(tmp_path: Path) -> None:
    plan = planned_models(
        load_space("demo"),
        input_shape=(64, 64),
        head_channels={"depth": 1, "normals": 3, "segmentation": 13},
        dtype="int8",
        seed=0,
        networks=13,
    )
    singles = {m.operator.type: m for m in plan if m.operator}
    assert set(singles) == set(SINGLE_OPERATORS)
    chosen = (*singles.values(), plan[0])
    for model, path in export_models(chosen, tmp_path):
        operators = read_tflite(path).operators
        expected = (
            (model.operator,) if model.operator else graph_of(model.architecture, model.dtype).operators
        )
        assert operators == expected, model.name
    path = model_path(tmp_path, chosen[0])
    path.write_bytes(b"not made again")
    list(export_models(chosen, tmp_path))
    assert path.read_bytes() == b"not made again"
