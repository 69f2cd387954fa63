"""`edgenas devices`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgenas.latency_models import LatencyPredictor, user_predictors
from edgenas.storage import write_json

# As if edgenas shipped no predictors: what is said then, and what one of the user adds.
pytestmark = pytest.mark.usefixtures("nothing_shipped")


def test_list_without_any_predictor(edgenas: Callable[..., Any]) -> None:
    outcome = edgenas("devices")
    assert outcome.code == 0
    assert "host: This machine" in outcome.out and "edgetpu: Coral Edge TPU, not attached" in outcome.out


def test_list_as_json(edgenas: Callable[..., Any]) -> None:
    rows = {row["name"]: row for row in edgenas("devices", "--json").value}
    assert rows["host"].keys() >= {"name", "title", "aliases", "configurations", "available", "predictor"}
    assert rows["host"]["available"] is True
    assert rows["edgetpu"]["available"] is False
    assert "int8-1t" in rows["host"]["configurations"]
    (details,) = rows["raspi4"]["configuration_details"]
    assert details["predictor"] is None and "fbnet:raspi4" in details["columns"]
    assert rows["pixel4"]["alias_meanings"].keys() == {"mobile-cpu"}
    assert edgenas("devices", "list", "--json").value == list(rows.values())


def test_what_the_predictor_knows(edgenas: Callable[..., Any], host_predictor: Path) -> None:
    LatencyPredictor.load(host_predictor).save(
        user_predictors() / "host" / "int8-1t", {"mape_percent": 1.25, "rows": 40}
    )
    assert "MAPE 1.2% on 40 networks held out" in edgenas("devices", "show", "host").out


@pytest.fixture
def phone_cards() -> None:
    """Cards of predictors of two of the Pixel 4's configurations; `edgenas devices` opens nothing else."""
    for configuration, mape in (("1large-int8", 5.25), ("4small-float32", 7.0)):
        folder = user_predictors() / "pixel4" / configuration
        write_json(folder / "card.json", {
            "rows": 61, "mape_percent": mape, "within_10_percent": 87.6, "spearman": 0.99, "coverage_percent": 90.1,
            "split": "a CNN family at a time",
            "sources": [{"source": "mobile-ml-benchmark, https://example.org", "licence": "MIT", "commit": ""}],
        })  # fmt: skip
        (folder / "predictor.json").write_text("not opened")


def test_cards_in_the_list(edgenas: Callable[..., Any], phone_cards: None) -> None:
    out = edgenas("devices").out
    assert (
        "predictor of 1large-int8 (2 of 18 have one): MAPE 5.2%, 88% within 10%, intervals hold 90% on 61 networks "
        "held out; mobile-ml-benchmark (MIT)" in out
    )
    assert "pixel4 (mobile-cpu): Google Pixel 4" in out and "18, see: edgenas devices show pixel4" in out
    assert len(out.splitlines()) == 3 * len(edgenas("devices", "--json").value)
    rows = {row["name"]: row for row in edgenas("devices", "--json").value}
    details = {row["name"]: row["predictor"] for row in rows["pixel4"]["configuration_details"]}
    assert details["4small-float32"]["mape_percent"] == 7.0
    assert details["4small-float32"]["split"] == "a CNN family at a time"
    assert details["4small-float32"]["sources"][0]["licence"] == "MIT"
    assert details["4small-int8"] is None


def test_one_line_per_configuration(edgenas: Callable[..., Any], phone_cards: None) -> None:
    lines = edgenas("devices", "show", "mobile-cpu").out.splitlines()
    (line,) = [text for text in lines if text.startswith("4small-float32 ")]
    assert "cores: 4 small  " in line
    assert line.endswith("  MAPE 7.0%, 88% within 10%, intervals hold 90% on 61 networks held out")
    assert any(text.startswith("4small-int8 ") and text.endswith("none yet") for text in lines)
    assert "'mobile-cpu' means a Google Pixel 4" in lines[1]
    assert any("edgenas latency adapt --from pixel4" in text for text in lines)


def test_a_damaged_card_disturbs_no_other(edgenas: Callable[..., Any], phone_cards: None) -> None:
    (user_predictors() / "pixel4" / "1large-int8" / "card.json").write_text("{")
    outcome = edgenas("devices")
    assert outcome.code == 0 and "card.json" in outcome.out and "raspi4" in outcome.out
    assert "MAPE 7.0%" in edgenas("devices", "show", "pixel4").out


def test_nothing_heavy_is_imported(phone_cards: None) -> None:
    code = (
        "import sys\nfrom edgenas.cli.main import main\ntry:\n    main(['devices', '--json'])\nfinally:\n"
        "    heavy = ('scipy', 'sklearn', 'pandas', 'tensorflow', 'keras', 'ai_edge_litert')\n"
        "    print([m for m in heavy if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]" and json.loads(done.stdout)


def test_show_edgetpu_says_what_was_looked_for(edgenas: Callable[..., Any]) -> None:
    value = edgenas("devices", "show", "coral", "--json").value
    assert value["name"] == "edgetpu" and value["predictor"] == "none yet"
    assert value["hardware"] and value["source"]
    assert value["detection"]["available"] is False
    assert any("libedgetpu" in text for text in value["detection"]["looked_for"])
    assert "libedgetpu" in edgenas("devices", "show", "edgetpu").out


@pytest.mark.parametrize("arguments", [("devices", "lst"), ("devices", "show")])
def test_wrong_use(edgenas: Callable[..., Any], arguments: tuple[str, ...]) -> None:
    assert edgenas(*arguments).code == 2


def test_new_device_from_address_to_profile(edgenas: Callable[..., Any], tmp_path: Path) -> None:
    from edgenas.device_profiles import user_folder

    made = edgenas("devices", "new", "desk-pi", "--over", "ssh://pi@raspberrypi:2222")
    path = user_folder() / "desk-pi.toml"
    assert made.code == 0 and str(path) in made.out and path.is_file()
    shown = edgenas("devices", "show", "desk-pi", "--json").value
    assert (shown["connection"]["host"], shown["connection"]["port"]) == ("raspberrypi", 2222)
    assert "desk-pi" in {row["name"] for row in edgenas("devices", "--json").value}
    again = edgenas("devices", "new", "desk-pi")
    assert again.code == 2 and "exists already" in again.err
    path.write_text(path.read_text().replace("threads = 1", "thread = 1"))
    wrong = edgenas("devices", "show", "desk-pi")
    assert (
        wrong.code == 2
        and "line 3" in wrong.err
        and "Did you mean 'configurations.int8-1t.threads'" in wrong.err
    )
    report = {f["title"]: f for f in edgenas("devices", "doctor", "--json").value}
    assert "threads" in report["device file desk-pi.toml"]["missing"][0]


def test_doctor_says_what_is_missing_and_how_to_get_it(edgenas: Callable[..., Any]) -> None:
    outcome = edgenas("devices", "doctor", "--json")
    assert outcome.code == 0
    found = {finding["title"]: finding for finding in outcome.value}
    assert found["this machine's CPU"]["available"] is True
    chip = found["Edge TPU on USB"]
    assert chip["available"] is False and "libedgetpu1-std" in chip["next_command"]
    assert any("edgetpu_compiler" in line for line in chip["missing"])
    for finding in outcome.value:
        assert finding["available"] or finding["next_command"], finding["title"]
    one = edgenas("devices", "doctor", "edgetpu")
    assert one.code == 1 and "MISSING  edgetpu (usb3)" in one.out
    assert edgenas("devices", "doctor", "host").code == 0
