"""Where predictors are looked for."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from edgenas.device_profiles.host_facts import cpu_model
from edgenas.errors import UsageError
from edgenas.latency_models.fit import Fit
from edgenas.latency_models.registry import (
    card_figures,
    card_of,
    find_predictor,
    machine_warning,
    predictor_folders,
    user_predictors,
)

# As if edgenas shipped no predictors: what is said then, and what one of the user adds.
pytestmark = pytest.mark.usefixtures("nothing_shipped")


def test_user_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGENAS_HOME", str(tmp_path))
    assert user_predictors() == tmp_path / "predictors"
    monkeypatch.delenv("EDGENAS_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert user_predictors() == tmp_path / "data" / "edgenas" / "predictors"


def test_none_yet_says_how_to_make_one() -> None:
    with pytest.raises(
        UsageError, match=r"No latency predictor for 'host' yet.*edgenas profile --device host$"
    ):
        find_predictor("host")
    with pytest.raises(UsageError, match=r"--configuration float32-1t$"):
        find_predictor("host", configuration="float32-1t")
    with pytest.raises(UsageError, match=r"'edgetpu' yet.*invents no numbers.*--predictor"):
        find_predictor("edgetpu")
    for device, configuration in (("mobile-cpu", None), ("edgetpu", "lab-eagle")):
        with pytest.raises(
            UsageError, match=r"yet.*invents no numbers: adapt the predictor of a similar device"
        ):
            find_predictor(device, configuration=configuration)


def test_a_card_is_read_without_its_predictor() -> None:
    assert card_of("edgetpu", "usb2") is None and predictor_folders("edgetpu").get("usb2") is None
    folder = user_predictors() / "edgetpu" / "usb2"
    folder.mkdir(parents=True)
    (folder / "card.json").write_text('{"rows": 7, "seed": 0}')
    assert card_of("edgetpu", "usb2") is None
    (folder / "predictor.json").write_text("not opened")
    assert card_of("edgetpu", "usb2") == {"rows": 7, "seed": 0}
    assert predictor_folders("edgetpu")["usb2"] == folder
    figures = card_figures({"rows": 7, "seed": 0})
    assert figures["rows"] == 7 and figures["mape_percent"] is None and "seed" not in figures
    (folder / "card.json").write_text("[]")
    with pytest.raises(UsageError, match=r"card\.json is not a card"):
        card_of("edgetpu", "usb2")


def test_order_and_configurations(fitted: Fit, tmp_path: Path) -> None:
    home = Path(os.environ["EDGENAS_HOME"]) / "predictors" / "host"
    replace(fitted.predictor, name="two threads").save(home / "int8-2t")
    assert find_predictor("host").name == "two threads"
    replace(fitted.predictor, name="one thread").save(home / "int8-1t")
    assert find_predictor("host").name == "one thread"
    assert find_predictor("host", configuration="int8-2t").name == "two threads"
    with pytest.raises(
        UsageError, match=r"'float32-1t' yet \(only int8-1t, int8-2t\).*--configuration float32-1t$"
    ):
        find_predictor("host", configuration="float32-1t")
    replace(fitted.predictor, name="given").save(tmp_path)
    assert find_predictor("host", tmp_path).name == "given"


def test_a_predictor_from_another_machine_is_pointed_out(fitted: Fit) -> None:
    folder = Path(os.environ["EDGENAS_HOME"]) / "predictors" / "host" / "int8-1t"
    fitted.predictor.save(folder, {**fitted.card, "machine": cpu_model()})
    assert machine_warning("host") == ""
    fitted.predictor.save(folder, {**fitted.card, "machine": "Cray-1, 1 core"})
    assert "measured on Cray-1, 1 core; this machine is" in machine_warning("host")
