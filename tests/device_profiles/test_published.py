from __future__ import annotations

from pathlib import Path

import pytest

from edgenas.device_profiles import load_device, runner_for
from edgenas.errors import EdgenasError


def test_a_phone_says_what_to_type_instead() -> None:
    detection = runner_for(load_device("pixel4"), "4small-float32").probe()
    assert not detection.available
    assert detection.found == ("published measurements mobile-ml-benchmark:pixel4|4small|float",)
    text = detection.explain()
    assert "Google Pixel 4" in text and "4small-float32" in text
    assert "edgenas latency adapt --from pixel4 --samples FILE" in text
    assert "edgenas profile --device host" in text


def test_the_device_of_a_lab_is_not_measured_on_another() -> None:
    detection = runner_for(load_device("edgetpu"), "lab-hwnasbench").probe()
    assert not detection.available
    assert "HW-NAS-Bench's own device" in detection.explain()
    assert detection.next_command.startswith("edgenas profile --device edgetpu ")


def test_measuring_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(
        EdgenasError, match=r"(?s)Cannot measure on Apple iPhone 7.*nothing was measured.*adapt"
    ):
        runner_for(load_device("iphone7")).measure([tmp_path / "model.tflite"])
