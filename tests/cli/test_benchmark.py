"""`edgenas benchmark` on this machine's CPU, for real, and what it says where it cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

QUICK = ("--processes", "1", "--runs", "3", "--seconds", "0.01")
Edgenas = Callable[..., Any]


def test_measures_every_model(edgenas: Edgenas, tflite_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "with a space.tflite"
    other.write_bytes(tflite_file.read_bytes())
    outcome = edgenas("benchmark", tflite_file, other, *QUICK, "--operators")
    assert outcome.code == 0
    assert "measured with ai-edge-litert" in outcome.out and "with a space.tflite" in outcome.out
    assert outcome.out.count("0   CONV_2D") == 2
    assert "benchmark: 2/2" in outcome.err


def test_json_has_the_raw_repeats(edgenas: Edgenas, tflite_file: Path) -> None:
    (record,) = edgenas(
        "benchmark", tflite_file, "--processes", 2, "--runs", 3, "--seconds", 0, "--json"
    ).value
    assert record["file"] == str(tflite_file) and record["source"] == "measured"
    assert len(record["repeats_ms"]) >= 2 and record["latency_ms"] > 0
    assert min(map(min, record["repeats_ms"])) <= record["latency_ms"] <= max(map(max, record["repeats_ms"]))
    assert (
        record["unstable"] == "" or "differ by" in record["unstable"] or "took the CPU" in record["unstable"]
    )


def test_what_was_measured_is_not_measured_again(
    edgenas: Edgenas, tflite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What others disturbed is measured again on purpose, and the machine of a test may be busy.
    monkeypatch.setattr("edgenas.device_profiles.rounds._FEW", 1.0)
    out = tmp_path / "stored.jsonl"
    first = edgenas("benchmark", tflite_file, *QUICK, "--out", out, "--json").value
    lines = out.read_text().splitlines()
    with out.open("a") as file:
        file.write(lines[0][:100])  # as a kill leaves it
    again = edgenas("benchmark", tflite_file, *QUICK, "--out", out, "--json")
    assert again.value == first and "measured before" in again.err
    assert edgenas("benchmark", tflite_file, "--processes", 1, "--runs", 4, "--out", out).code == 0
    records = [json.loads(line) for line in out.read_text().splitlines() if line.endswith("}")]
    assert len(records) == 2, "another protocol is another measurement"


def test_a_model_that_fails_takes_no_other_with_it(
    edgenas: Edgenas, tflite_file: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(tflite_file.read_bytes()[:200])
    outcome = edgenas("benchmark", broken, tflite_file, *QUICK, "--json")
    assert outcome.code == 1
    bad, good = outcome.value
    assert bad["status"] == "failed" and bad["error"] and bad["latency_ms"] is None
    assert good["latency_ms"] > 0


def test_bad_requests(edgenas: Edgenas, tflite_file: Path, tmp_path: Path) -> None:
    missing = edgenas("benchmark", tmp_path / "absent.tflite")
    assert missing.code == 2 and "No such file" in missing.err
    absent = edgenas("benchmark", tflite_file, "--device", "edgetpu")
    assert absent.code == 1 and "next:" in absent.err and absent.out == ""
    published = edgenas("benchmark", tflite_file, "--device", "iphonexs")
    assert published.code == 1 and "not available" in published.err
    unknown = edgenas("benchmark", tflite_file, "--device", "hots")
    assert unknown.code == 2 and "Did you mean 'host'" in unknown.err
    full = edgenas("benchmark", tflite_file, *QUICK, "--out", "/dev/full/x.jsonl")
    assert full.code == 1 and "Cannot write" in full.err


def test_a_device_file_comes_first(edgenas: Edgenas, tflite_file: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    assert edgenas("devices", "new", "mine", "--out", own).code == 0
    (record,) = edgenas("benchmark", tflite_file, *QUICK, "--device-file", own, "--json").value
    assert (record["device"], record["configuration"]) == ("mine", "int8-1t")


@pytest.mark.shared_data
def test_a_real_model_with_operators(edgenas: Edgenas, shared_data: Path) -> None:
    model = shared_data / "coral_models" / "mobilenet_v1_0.25_128_quant.tflite"
    outcome = edgenas("benchmark", model, *QUICK, "--operators")
    assert outcome.code == 0 and "30  SOFTMAX" in outcome.out


def test_what_others_disturbed_is_measured_again(
    edgenas: Edgenas, tflite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgenas.device_profiles.rounds._FEW", -1.0)  # Every process counts as disturbed.
    out = tmp_path / "stored.jsonl"
    for _ in range(2):
        (record,) = edgenas("benchmark", tflite_file, *QUICK, "--out", out, "--json").value
        assert "took the CPU" in record["unstable"]
    assert len(out.read_text().splitlines()) == 2
