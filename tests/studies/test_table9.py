"""Table 9 of the paper from its own metrics; the file's numbers are those of paper.md."""

from __future__ import annotations

import pytest
from made_up import by_label, outcome, setup

from edgenas.studies.bootstrap import Estimate
from edgenas.studies.table9 import MULTI_TASK_WEIGHTS, plan_table9, table9, weights_label

PAPER = (
    ((38.64, 88.49, 0.0171, 0.354), (-1.9, -6.3, -4.1)),
    ((46.78, 90.62, 0.0149, 0.323), (9.5, 5.1, 7.3)),
    ((46.83, 90.56, 0.0144, 0.304), (9.5, 9.5, 9.5)),
    ((46.11, 90.47, 0.0143, 0.281), (8.6, 13.3, 10.9)),
    ((46.41, 90.56, 0.0146, 0.300), (9.0, 9.5, 9.3)),
)


def both(
    miou: float, accuracy: float, abs_error: float, rel_error: float
) -> dict[str, dict[str, float | None]]:
    return {
        "segmentation": {"miou": miou, "pixel_accuracy": accuracy},
        "depth": {"abs_error": abs_error, "rel_error": rel_error},
    }


def paper_metrics() -> dict[str, dict[str, dict[str, float | None]]]:
    single = both(40.04, 88.68, 0.0157, 0.340)
    rows = {f"{task} alone": {task: single[task]} for task in single}
    return rows | {weights_label(w): both(*m) for w, (m, _) in zip(MULTI_TASK_WEIGHTS, PAPER, strict=True)}


def test_the_deltas_are_those_of_the_paper() -> None:
    study = setup(3)
    plans = plan_table9(study)
    result = table9(study, plans, by_label(plans, paper_metrics()))
    columns = result.table.columns
    first = columns.index("dT_S %")
    for row, (_, expected) in zip(result.table.rows[2:], PAPER, strict=True):
        found = [cell.value for cell in row[first : first + 3] if isinstance(cell, Estimate)]
        # The paper's metrics are rounded, which is what 0.25 points allow for.
        assert found == pytest.approx(expected, abs=0.25)
    assert all(row[first] is None for row in result.table.rows[:2])


def test_what_it_says_and_writes() -> None:
    study = setup(3)
    plans = plan_table9(study)
    result = table9(study, plans, by_label(plans, paper_metrics()))
    said = "\n".join(result.findings)
    assert "trained with RE 0.1: the paper's Table 9 prints 0.010" in said
    assert (
        "dT without the relative error: -4." in said
        and "Above zero by its whole interval: CE 0.5, L1 0.999" in said
    )
    assert "too narrow to be trusted" in said  # three seeds
    markdown = result.to_markdown()
    assert markdown.count("\n| ") == 9 and "| 0.5 | 0.9 | 0.1 |" in markdown
    lines = result.table.to_csv().splitlines()
    assert len(lines) == 8 and {line.count(",") for line in lines} == {lines[0].count(",")}
    assert result.figure.startswith('<svg xmlns="http://www.w3.org/2000/svg"') and "nan" not in result.figure


def test_no_gain_is_called_no_gain() -> None:
    study = setup(3)
    plans = plan_table9(study)
    metrics = paper_metrics()
    plain = metrics[weights_label(MULTI_TASK_WEIGHTS[0])]
    metrics |= {weights_label(w): plain for w in MULTI_TASK_WEIGHTS}
    said = "\n".join(table9(study, plans, by_label(plans, metrics)).findings)
    assert "None of the 4 intervals lies above zero: the paper's gain by JAReD does not show here." in said


def test_a_diverged_training_is_left_out_and_told() -> None:
    study = setup(4)
    plans = plan_table9(study)
    outcomes = by_label(plans, paper_metrics())
    label = weights_label(MULTI_TASK_WEIGHTS[1])
    bad = [plan for plan in plans if plan.label == label]
    outcomes[bad[0].key] = outcome({}, failure="loss nan")
    result = table9(study, plans, outcomes)
    assert result.table.rows[3][-1] == 3
    assert f"1 of the trainings of {label} diverged and are left out." in result.findings
    for plan in bad:
        outcomes[plan.key] = outcome({}, failure="loss nan")
    result = table9(study, plans, outcomes)
    assert result.table.rows[3][-1] == 0 and "4 of the trainings" in result.findings[-1]


def test_an_undefined_metric_is_a_dash() -> None:
    study = setup(3)
    plans = plan_table9(study)
    metrics = paper_metrics()
    metrics["depth alone"] = {"depth": {"abs_error": None, "rel_error": 0.34}}
    result = table9(study, plans, by_label(plans, metrics))
    assert result.table.text_rows()[1][5] == "-"
    assert "NaN" not in result.to_markdown()
