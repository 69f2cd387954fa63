"""The page: valid, self-contained, readable by everyone, safe against what a run folder may contain."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from edgenas.errors import EdgenasError, UsageError
from edgenas.report import write_report
from edgenas.report.page import render
from edgenas.report.run_data import read_run

RunMaker = Callable[..., Path]
PARTS = ("baseline", "best", "train", "export", "samples", "profile")
ATTACK = "</title></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"


class _Page(HTMLParser):
    """Checks nesting while it reads, and collects what the tests ask about."""

    void = frozenset({"br", "img", "link", "meta"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in self.void:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] not in ("style", "script"):
            self.words += data

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.elements if tag in tags]


def _read(path: Path) -> tuple[str, _Page]:
    text = path.read_text(encoding="utf-8")
    return text, _Page(text)


def test_the_full_page_is_valid_and_self_contained(make_run: RunMaker) -> None:
    folder = make_run()
    path = write_report(folder)
    assert path == folder / "report.html"
    text, page = _read(path)
    assert path.stat().st_size < 5_000_000
    assert "http://" not in text and "https://" not in text and "@import" not in text and "url(" not in text
    for attrs in (attrs for _, attrs in page.elements):
        for name in ("src", "href"):
            value = attrs.get(name)
            assert value is None or value.startswith(("data:", "#")), value
        assert "style" not in attrs and not any(name.startswith("on") for name in attrs)
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {attrs["href"] for attrs in page.all("a")}
    assert targets <= {f"#{id_}" for id_ in ids}


def test_the_full_page_has_no_missing_part(make_run: RunMaker) -> None:
    _, page = _read(write_report(make_run()))
    assert "Make it with" not in page.words and "cannot be read" not in page.words
    for words in ("Recommended network", "MT edge baseline", "The predictor's card", "mIoU", "final, int8"):
        assert words in page.words
    for words in (
        "Predicted latency",
        "Measured latency",
        "edgenas search --space demo",
        "tensorflow 2.21.0",
    ):
        assert words in page.words
    assert len(page.all("img")) == 3 * (1 + 3 * 3)
    assert [a["id"] for a in page.all("svg") if "id" in a] == []
    assert page.words.count("Frame ") == 3


def test_accessible_to_readers_of_all_kinds(make_run: RunMaker) -> None:
    _, page = _read(write_report(make_run()))
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1 and len(page.all("main")) == 1
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))
    assert all(attrs.get("alt") for attrs in page.all("img"))
    assert all(attrs.get("scope") in ("row", "col") for attrs in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    charts = [a for a in page.all("svg") if "chart" in str(a.get("class"))]
    ids = {attrs.get("id") for attrs in page.all("title", "desc")}
    assert len(charts) == 8
    for chart in charts:
        assert {chart["aria-labelledby"], chart["aria-describedby"]} <= ids
    marks = [a for a in page.all("g") if str(a.get("class")).startswith("mark ")]
    assert len(marks) > 150
    assert all(mark["tabindex"] == "0" and mark["role"] == "img" for mark in marks)


def test_only_our_own_script_and_style_may_run(make_run: RunMaker) -> None:
    text, page = _read(write_report(make_run(trials=5)))
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'")
    for element in ("script", "style"):
        found = re.findall(rf"<{element}>(.*?)</{element}>", text, flags=re.DOTALL)
        assert len(found) == 1
        digest = base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy


def _poison(value: object) -> object:
    """Every text of a JSON value replaced by an attack, also the keys that are free to choose."""
    if isinstance(value, dict):
        kept = {key: _poison(item) for key, item in value.items() if key not in ("format", "version")}
        return {**{k: value[k] for k in ("format", "version") if k in value}, **kept, ATTACK: ATTACK}
    if isinstance(value, list):
        return [_poison(item) for item in value]
    return ATTACK if isinstance(value, str) else value


@pytest.mark.parametrize("keep_architectures", [True, False])
def test_hostile_run_folders_inject_nothing(make_run: RunMaker, keep_architectures: bool) -> None:
    config: dict[str, object] = {
        "device": ATTACK,
        "command": [ATTACK],
        "configuration": ATTACK,
        "reward": "\ud800<script>",
    }
    config |= {"data": {"source": ATTACK, "tasks": [ATTACK], "class_names": [ATTACK], "depth_unit": ATTACK}}
    config |= {"space": {"name": ATTACK}, "proxy": {ATTACK: ATTACK}}
    folder = make_run(trials=12, name="<script>alert(1)<&'", config=config)
    for path in [*folder.glob("*.json"), *folder.glob("*/*.json")]:
        if path.name != "config.json":
            value = json.loads(path.read_text())
            poisoned = _poison(value)
            if keep_architectures and isinstance(poisoned, dict) and "architecture" in value:
                architecture = json.loads(json.dumps(value["architecture"]))
                for head in architecture["heads"]:
                    head["task"] = ATTACK + head["task"]
                poisoned["architecture"] = architecture
            path.write_text(json.dumps(poisoned))
    samples = folder / "export" / "samples.npz"
    with np.load(samples) as archive:
        arrays = {name: archive[name] for name in archive.files}
    np.savez(
        samples, **{name.replace("_depth", "_" + ATTACK.replace("/", "")): a for name, a in arrays.items()}
    )
    text, page = _read(write_report(folder))
    assert len(page.all("script")) == 1
    assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
    assert all(str(attrs.get("src", "data:")).startswith("data:") for _, attrs in page.elements)
    assert "alert(1)" in page.words and "<script>alert" not in text


@pytest.mark.parametrize("missing", PARTS)
def test_each_missing_part_names_its_command(make_run: RunMaker, missing: str) -> None:
    parts = tuple(part for part in PARTS if part != missing)
    _, page = _read(write_report(make_run(trials=8, parts=parts)))
    command = {"train": "edgenas train ", "profile": "edgenas profile --device host"}.get(missing)
    if missing in ("export", "samples"):
        command = "edgenas export --int8 "
    assert (command or "edgenas search --resume ") in page.words


def test_a_run_without_any_optional_part(make_run: RunMaker) -> None:
    _, page = _read(write_report(make_run(trials=8, parts=())))
    assert "The search has not ended" in page.words
    assert page.words.count("Make it with") >= 7


def test_a_run_without_any_trial(make_run: RunMaker) -> None:
    folder = make_run(trials=8, parts=())
    import optuna

    (folder / "study.db").unlink()
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder / 'study.db'}")
    optuna.create_study(study_name="edgenas", storage=storage, direction="maximize")
    _, page = _read(write_report(folder))
    assert "No trial has a score yet." in page.words


def test_an_infeasible_result_is_not_called_recommended(make_run: RunMaker) -> None:
    folder = make_run(trials=8)
    best = json.loads((folder / "best.json").read_text())
    (folder / "best.json").write_text(json.dumps({"feasible": False, "nearest": best}))
    _, page = _read(write_report(folder))
    assert "No network met the latency target" in page.words
    assert "Nearest network, over the target" in page.words
    assert "(recommended)" not in page.words and "Recommended" not in page.words


def test_no_network_is_announced_where_no_trial_completed(make_run: RunMaker) -> None:
    folder = make_run(trials=8)
    (folder / "best.json").write_text(json.dumps({"feasible": False, "nearest": None}))
    _, page = _read(write_report(folder))
    assert "No trial completed, so there is no network to recommend." in page.words
    assert "earest network" not in page.words and "nearest one" not in page.words


def test_with_several_devices_the_first_does_not_stand_for_all(make_run: RunMaker) -> None:
    devices = [
        {"label": name, "device": name, "configuration": "a", "predictor": f"{name}/a", "target_ms": 3.0}
        for name in ("host", "pixel4")
    ]
    folder = make_run(trials=8, config={"devices": devices})
    _, page = _read(write_report(folder))
    assert "on host and pixel4." in page.words and "within the target of every device" in page.words
    best = json.loads((folder / "best.json").read_text())
    (folder / "best.json").write_text(json.dumps({"feasible": False, "nearest": best}))
    _, page = _read(write_report(folder))
    assert "No network met the latency target of every device" in page.words


def test_measured_operator_times_are_never_called_predicted(make_run: RunMaker) -> None:
    folder = make_run(trials=8)
    path = folder / "export" / "rooms_winner.json"
    card = json.loads(path.read_text())
    for operator in card["operators_ms"]:
        operator["predicted_ms"] = None
    card["latency"] |= {"predicted_ms": None, "predicted_interval_ms": None, "predicted_in_domain": False}
    card["latency"] |= {"measured_ms": None, "measured_error": "the board went away"}
    path.write_text(json.dumps(card))
    _, page = _read(write_report(folder))
    assert "Share of the measured latency per operator type" in page.words
    assert "Percentages are shares of its measured latency." in page.words
    assert "The measurement failed: the board went away" in page.words
    assert "outside what the predictor was fitted on" in page.words


def test_the_card_of_the_predictor_is_readable(make_run: RunMaker) -> None:
    _, page = _read(write_report(make_run(trials=3)))
    assert "MAPE4.83%" in page.words and "412,345" in page.words


def test_a_search_without_a_device_still_has_its_page(make_run: RunMaker) -> None:
    import optuna

    folder = make_run(trials=3, parts=(), config={"device": None, "configuration": None, "target_ms": None})
    (folder / "study.db").unlink()
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder / 'study.db'}")
    study = optuna.create_study(study_name="edgenas", storage=storage, direction="maximize")
    attrs = {"status": "completed", "quality": 1.1, "reward": 1.1, "predicted_ms": None, "feasible": True}
    study.add_trial(optuna.trial.create_trial(value=1.1, user_attrs=attrs))
    _, page = _read(write_report(folder))
    assert "no target device" in page.words and "Reward over the search" in page.words


def test_five_hundred_trials_are_quick_and_small(make_run: RunMaker) -> None:
    folder = make_run(trials=500)
    started = time.perf_counter()
    path = write_report(folder)
    assert time.perf_counter() - started < 10.0  # about 1.7 s on an idle core
    assert path.stat().st_size < 2_000_000


def test_thirty_thousand_trials_still_fit(make_run: RunMaker) -> None:
    run = read_run(make_run(trials=60))
    many = tuple(replace(run.trials[i % 60], number=i) for i in range(30_000))
    page = render(replace(run, trials=many))
    _Page(page)
    assert len(page.encode()) < 3_000_000
    assert 'class="dots' in page and "The 1000 trials with the highest reward" in page


def test_large_pictures_keep_the_page_under_five_megabytes(make_run: RunMaker) -> None:
    folder = make_run(trials=5, tasks=("depth",))
    noise = np.random.default_rng(0).integers(0, 256, (8, 256, 512, 3)).astype(np.uint8)
    np.savez(
        folder / "export" / "samples.npz", image=noise, truth_depth=noise, float_depth=noise, int8_depth=noise
    )
    assert write_report(folder).stat().st_size < 5_000_000


def test_the_same_run_gives_the_same_page(make_run: RunMaker, tmp_path: Path) -> None:
    folder = make_run(trials=5)
    first = write_report(folder, tmp_path / "a.html").read_bytes()
    assert write_report(folder, tmp_path / "b.html").read_bytes() == first


def test_the_page_goes_where_it_is_asked_to(make_run: RunMaker, tmp_path: Path) -> None:
    folder = make_run(trials=3, parts=())
    assert write_report(folder, tmp_path / "new" / "page.html") == tmp_path / "new" / "page.html"
    assert write_report(folder, tmp_path) == tmp_path / "report.html"
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgenasError, match="Cannot write"):
        write_report(folder, tmp_path / "file" / "page.html")


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No run at .*nowhere.*\n.*edgenas search --out"):
        write_report(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_importing_the_room_imports_no_framework() -> None:
    code = "import sys, edgenas.report; print([m for m in ('tensorflow','keras','optuna','PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
