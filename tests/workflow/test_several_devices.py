"""`edgenas search` for two devices: predictors kept, each in its number format, resumed, shown, named when wrong."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from command_line import SEARCH, CommandLine, Outcome

from edgenas.errors import UsageError
from edgenas.graph import graph_of
from edgenas.latency_models import LatencyPredictor
from edgenas.space import Architecture
from edgenas.workflow.devices import DeviceRequest, open_devices

pytest.importorskip("tensorflow", reason="searching needs TensorFlow")

DEVICES = ("--device", "host", "--device", "cortex-a76", "--target-ms", "cortex-a76=30")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("several") / "run"


@pytest.fixture(scope="module")
def found(command_line: CommandLine, folder: Path, tiny_archive: Path) -> Outcome:
    weight = ("--metric-weight", "depth=0", "--metric-weight", "segmentation.miou=2")
    outcome = command_line.run("search", "--data", tiny_archive, *SEARCH, *DEVICES, *weight, "--out", folder)
    assert outcome.code == 0, outcome.err
    return outcome


def _json(path: Path) -> Any:
    return json.loads(path.read_text())


def test_each_device_has_its_predictor_and_number_format(found: Outcome, folder: Path) -> None:
    config, best = _json(folder / "config.json"), _json(folder / "best.json")
    host, other = config["devices"]
    assert (host["label"], host["device"], host["configuration"]) == ("host", "host", "int8-1t")
    assert (other["label"], other["configuration"], other["target_ms"]) == ("cortex-a76", "float32", 30.0)
    assert (config["device"], config["target_ms"]) == ("host", host["target_ms"])
    architecture = Architecture.from_dict(best["architecture"])
    for name, dtype, ms in (
        ("predictor", "int8", best["predicted_ms"]),
        ("predictor-2", "float32", best["other_devices"]["cortex-a76"]["predicted_ms"]),
    ):
        predictor = LatencyPredictor.load(folder / name)
        assert predictor.predict(graph_of(architecture, dtype)).latency_ms == pytest.approx(ms)
    baseline = _json(folder / "baseline.json")
    assert baseline["predicted_ms"] == pytest.approx(host["target_ms"])  # Nothing was asked for the host.
    assert re.search(r"  on cortex-a76: predicted [\d.]+ ms, target 30 ms", found.out)
    assert config["metric_weights"]["segmentation"] == {"miou": 2.0}


def test_it_is_resumed_with_the_predictors_of_the_run(
    found: Outcome, folder: Path, command_line: CommandLine
) -> None:
    outcome = command_line.run("search", "--resume", folder, "--trials", "4", "--json")
    assert outcome.code == 0, outcome.err
    value = outcome.value
    assert value["trials"]["finished"] == 4 and set(value["other_devices"]) == {"cortex-a76"}


def test_the_page_shows_every_device(found: Outcome, folder: Path, command_line: CommandLine) -> None:
    assert command_line.run("report", folder).code == 0
    page = re.sub(r"<(style|script)>.*?</\1>", "", (folder / "report.html").read_text(), flags=re.DOTALL)
    words = html.unescape(re.sub(r"<[^>]*>", "|", page))
    assert "|cortex-a76|" in words and "cortex-a76, float32" in words and "|30.0 ms|" in words
    assert "segmentation.miou 2" in words


def test_the_same_device_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="the same device in the same configuration"):
        open_devices([DeviceRequest(device="edgetpu"), DeviceRequest(device="coral-usb")])
    names = [
        d.configuration
        for d in open_devices([DeviceRequest(device=f"edgetpu-{c}") for c in ("usb3", "usb2")])
    ]
    assert names == ["usb3", "usb2"]
