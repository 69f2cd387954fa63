"""`edgenas compare`: from stored evaluations to the paper's table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edgenas.device_profiles.host_facts import file_sha256
from edgenas.errors import UsageError
from edgenas.evaluation.store import store_evaluation
from edgenas.space import load_space

# Table 9 of the paper: mIoU, PAcc, AbsE, RelE, and dT_S, dT_D, dT.
_SINGLE = {"segmentation": (40.04, 88.68), "depth": (0.0157, 0.340)}
_TABLE9 = {
    "l1": ((38.64, 88.49), (0.0171, 0.354), (-1.9, -6.3, -4.1)),
    "re001": ((46.78, 90.62), (0.0149, 0.323), (9.5, 5.1, 7.3)),
    "re010": ((46.83, 90.56), (0.0144, 0.304), (9.5, 9.5, 9.5)),
    "re050": ((46.11, 90.47), (0.0143, 0.281), (8.6, 13.3, 10.9)),
    "re100": ((46.41, 90.56), (0.0146, 0.300), (9.0, 9.5, 9.3)),
}


def _run(
    root: Path,
    name: str,
    *,
    seed: int = 0,
    weights: str = "ce",
    split: str = "validation",
    data: str = "city",
    content: Mapping[str, str] | None = None,
    **tasks: Any,
) -> Path:
    """A folder as train and evaluate leave it."""
    folder = root / name
    folder.mkdir(parents=True)
    space = load_space("demo", tuple(sorted(tasks)))
    heads = {"segmentation": 19, "depth": 1}
    network = space.architecture(
        space.default(), input_shape=(32, 64), head_channels={t: heads[t] for t in tasks}
    )
    (folder / "model.keras").write_bytes(f"{name} {seed}".encode())
    config = {"seed": seed, "loss_weights": weights}
    identity = {"architecture": network.to_dict(), "config": config, "data": "fingerprint"}
    (folder / "metrics.json").write_text(json.dumps({"identity": identity, "metrics": {}, "seconds": {}}))
    metrics: dict[str, Any] = {}
    if "segmentation" in tasks:
        metrics["segmentation"] = {
            "miou": tasks["segmentation"][0] / 100,
            "pixel_accuracy": tasks["segmentation"][1] / 100,
        }
    if "depth" in tasks:
        metrics["depth"] = {"abs_error": tasks["depth"][0], "rel_error": tasks["depth"][1]}
    store_evaluation(
        folder,
        {
            **metrics, "parameters": 1000, "model": str(folder / "model.keras"),
            "model_sha256": file_sha256(folder / "model.keras"), "data": data, "data_fingerprint": f"of {data}",
            "split": split, "frames": 500, "tasks": sorted(tasks), "kind": "keras", "dtype": "float32",
            "architecture_hash": network.hash, "training": {"config": config, "data": "fingerprint"},
            "compat": {"adashare": {}}, "seconds": 1.0,
            **({"content": dict(content)} if content else {}),
        },
    )  # fmt: skip
    return folder


@pytest.fixture
def compare_command() -> Callable[..., str]:
    from edgenas.cli.compare import command

    def run(*arguments: object) -> str:
        result = CliRunner().invoke(
            command, [str(a) for a in arguments], catch_exceptions=False, standalone_mode=False
        )
        if result.exception is not None:
            raise result.exception
        return result.stdout

    return run


def _table9(root: Path) -> list[Path]:
    singles = [
        _run(root, f"single-{task}", weights=task, **{task: values}) for task, values in _SINGLE.items()
    ]
    return singles + [
        _run(root, name, weights=name, segmentation=s, depth=d) for name, (s, d, _) in _TABLE9.items()
    ]


def test_table_9(tmp_path: Path, compare_command: Callable[..., str]) -> None:
    found = json.loads(compare_command(*_table9(tmp_path), "--json"))
    assert found["references"] == {"segmentation": "single-segmentation", "depth": "single-depth"}
    rows = {row["model"]: row for row in found["rows"]}
    for name, (_, _, expected) in _TABLE9.items():
        got = [rows[name]["delta"][task]["percent"] for task in ("segmentation", "depth")]
        assert [*got, rows[name]["delta_total"]["percent"]] == pytest.approx(expected, abs=0.25), name
    assert rows["single-depth"]["delta"] == {} and rows["single-depth"]["delta_total"]["percent"] is None


def test_the_formats(tmp_path: Path, compare_command: Callable[..., str]) -> None:
    runs = _table9(tmp_path)
    markdown = compare_command(*runs, "--format", "markdown").splitlines()
    assert markdown[0].startswith(
        "| Model | Seeds | Params | mIoU ↑ | PAcc ↑ | AbsE ↓ | RelE ↓ | dT_S | dT_D | dT |"
    )
    assert "| re050 | 1 | 1,000 | 46.11 | 90.47 | 0.0143 | 0.281 | +8.6 | +13.1 | +10.9 |" in markdown
    latex = compare_command(*runs, "--format", "latex")
    assert latex.count(r" \\") == 8 and r"mIoU $\uparrow$" in latex and r"dT\_S" in latex
    records = {r["model"]: r for r in csv.DictReader(io.StringIO(compare_command(*runs, "--format", "csv")))}
    assert (
        float(records["l1"]["segmentation.miou"]) == 0.3864
        and records["single-depth"]["segmentation.miou"] == ""
    )
    text = compare_command(*runs)
    assert "500 frames, validation of city." in text and "+10.9" in text


def test_seeds_become_one_row(tmp_path: Path, compare_command: Callable[..., str]) -> None:
    for seed, error in enumerate((0.010, 0.012, 0.014)):
        _run(
            tmp_path / "jared",
            f"seed-{seed}",
            seed=seed,
            weights="re",
            depth=(error, 0.3),
            segmentation=(40.0, 90.0),
        )
    _run(tmp_path, "depth-a", seed=0, weights="d", depth=(0.012, 0.3))
    _run(tmp_path, "depth-b", seed=1, weights="d", depth=(0.016, 0.3))
    _run(tmp_path, "seg", weights="s", segmentation=(40.0, 90.0))
    singles = (
        "--single",
        f"depth={tmp_path / 'depth-a'},{tmp_path / 'depth-b'}",
        "--single",
        f"segmentation={tmp_path / 'seg'}",
    )
    found = json.loads(compare_command(tmp_path / "jared", *singles, "--json"))
    rows = {row["model"]: row for row in found["rows"]}
    assert set(rows) == {"jared", "depth-a", "seg"} - {"depth-a"} | {"depth"} or set(rows) == {
        "jared",
        "depth",
        "seg",
    }
    spread = rows["jared"]["metrics"]["depth"]["abs_error"]
    assert (
        rows["jared"]["seeds"] == 3
        and spread["mean"] == pytest.approx(0.012)
        and spread["sd"] == pytest.approx(0.002)
    )
    assert 0.010 <= spread["low"] < 0.012 < spread["high"] <= 0.014
    delta = rows["jared"]["delta"]["depth"]
    assert delta["percent"] == pytest.approx((100 * 2 / 14 + 0) / 2)
    assert delta["interval"][0] < delta["percent"] < delta["interval"][1]
    assert compare_command(tmp_path / "jared", *singles, "--json") == compare_command(
        tmp_path / "jared", *singles, "--json"
    )
    assert "0.0120 ± 0.0020" in compare_command(tmp_path / "jared", *singles, "--format", "markdown")


def test_other_frames_are_refused(tmp_path: Path, compare_command: Callable[..., str]) -> None:
    ours = _run(tmp_path, "ours", depth=(0.01, 0.3))
    with pytest.raises(UsageError, match="different frames: split validation against test"):
        compare_command(ours, _run(tmp_path, "tested", weights="b", split="test", depth=(0.01, 0.3)))
    with pytest.raises(
        UsageError, match=r"data city against rooms.*edgenas evaluate .*--data city --split validation"
    ):
        compare_command(ours, _run(tmp_path, "indoors", weights="c", data="rooms", depth=(0.01, 0.3)))
    with pytest.raises(UsageError, match="no stored evaluation on the test split"):
        compare_command(ours, "--split", "test")


def test_the_same_frames_with_other_label_sets(tmp_path: Path, compare_command: Callable[..., str]) -> None:
    """A depth-only network opens the first label set of an archive, which has nothing to do with depth."""

    def run(name: str, data: str, content: Mapping[str, str], **tasks: Any) -> Path:
        return _run(tmp_path, name, weights=name, data=data, content=content, **tasks)

    joint = run(
        "joint", "a#seg40", {"image": "i", "depth": "d", "segmentation": "40"},
        depth=(0.01, 0.3), segmentation=(20, 50),
    )  # fmt: skip
    labels = run("labels", "a#seg40", {"image": "i", "segmentation": "40"}, segmentation=(20, 40))
    depth = run("depth", "a", {"image": "i", "depth": "d"}, depth=(0.02, 0.3))
    single = ("--single", f"depth={depth}", "--single", f"segmentation={labels}")
    rows = json.loads(compare_command(joint, *single, "--json"))["rows"]
    [delta] = [row["delta"] for row in rows if row["model"] == "joint"]
    assert [delta[task]["percent"] for task in ("segmentation", "depth")] == pytest.approx([12.5, 25.0])
    fewer = run("fewer", "a", {"image": "i", "segmentation": "13"}, segmentation=(40, 50))
    with pytest.raises(
        UsageError, match=r"joint and fewer .*truth of segmentation .*differs \(a#seg40 and a\)"
    ):
        compare_command(joint, fewer)
    mirrored = run("mirrored", "a", {"image": "m", "depth": "d"}, depth=(0.02, 0.3))
    with pytest.raises(UsageError, match="different frames"):
        compare_command(joint, mirrored)


def test_results_of_other_weights_do_not_count(tmp_path: Path, compare_command: Callable[..., str]) -> None:
    ours = _run(tmp_path, "ours", depth=(0.01, 0.3))
    (ours / "model.keras").write_bytes(b"trained again")
    with pytest.raises(UsageError, match=r"has no stored evaluation. Make one with: edgenas evaluate"):
        compare_command(ours)
    (ours / "evaluation.json").write_text("[]")
    with pytest.raises(UsageError, match="holds no evaluations"):
        compare_command(ours)


def test_ambiguous_baselines(tmp_path: Path, compare_command: Callable[..., str]) -> None:
    runs = [
        _run(tmp_path, "both", weights="0", depth=(0.01, 0.3), segmentation=(40.0, 90.0)),
        _run(tmp_path, "one", weights="1", depth=(0.01, 0.3)),
        _run(tmp_path, "two", weights="2", depth=(0.01, 0.3)),
    ]
    with pytest.raises(
        UsageError, match=r"Two single-task baselines for depth: one and two.*--single depth=FOLDER"
    ):
        compare_command(*runs)
    with pytest.raises(UsageError, match=r"Expected one network for depth alone.*both: depth, segmentation"):
        compare_command(runs[0], "--single", f"depth={runs[0]}")
    with pytest.raises(UsageError, match="Expected TASK=FOLDER"):
        compare_command(runs[0], "--single", "depth")
    found = json.loads(compare_command(*runs, "--baseline", runs[0], "--json"))
    rows = {row["model"]: row["delta"] for row in found["rows"]}
    assert rows["one"]["depth"]["percent"] == 0.0 and rows["both"] == {}
