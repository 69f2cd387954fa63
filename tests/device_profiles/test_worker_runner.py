"""Rounds, failures and what ends up in the record, with a fake worker process."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib import util
from pathlib import Path
from typing import Any

import pytest

from edgenas.device_profiles import Protocol, load_device
from edgenas.device_profiles.litert_runner import LiteRtRunner
from edgenas.errors import EdgenasError

_PROTOCOL = Protocol(processes=2, max_processes=2)


def _runner(worker: Any, **options: Any) -> LiteRtRunner:
    profile = load_device("host")
    return LiteRtRunner(profile, profile.configuration(), command=worker.command, **options)


def test_rounds_interleave_and_turn_round(fake_worker: Any) -> None:
    models = [fake_worker.model(name) for name in ("a", "b", "c")]
    results = list(_runner(fake_worker).measure(models, _PROTOCOL))
    assert fake_worker.jobs() == ["1 a", "1 b", "1 c", "2 c", "2 b", "2 a"]
    assert [r.status for r in results] == ["ok"] * 3
    assert [len(r.repeats_ms) for r in results] == [2] * 3
    assert len({r.model_sha256 for r in results}) == 3
    first = results[0]
    assert first.latency_ms == pytest.approx(10.101)
    assert (first.device, first.configuration, first.runtime) == ("host", "int8-1t", "ai-edge-litert")
    assert first.notes == ("a note",) and first.load_average == (0.5, 0.5) and first.operator_ms is None
    assert first.machine.endswith(("core", "cores")) and first.started_at.endswith("+00:00")


def test_chunks_are_measured_one_after_the_other(fake_worker: Any) -> None:
    models = [fake_worker.model(name) for name in ("a", "b", "c")]
    measuring = _runner(fake_worker, chunk=2).measure(models, _PROTOCOL)
    next(measuring)
    assert len(fake_worker.jobs()) == 4
    assert len(list(measuring)) == 2
    assert fake_worker.jobs()[4:] == ["3 c", "4 c"]


def test_one_process_per_model_is_handed_on_at_once(fake_worker: Any) -> None:
    models = [fake_worker.model(name) for name in ("a", "crash", "b", "c")]
    once = replace(_PROTOCOL, processes=1, max_processes=1)
    measuring = _runner(fake_worker).measure(models, once)
    assert [next(measuring).status for _ in range(3)] == ["ok", "failed", "ok"]
    assert fake_worker.jobs() == ["1 a", "1 crash", "2 b"]
    measuring.close()  # type: ignore[attr-defined]
    [pid] = {int(line) for line in fake_worker.pids()[1:]}
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("crash", "killed by SIGSEGV"),
        ("hang", "no answer within 1 s"),
        ("garbage", "nonsense"),
        ("error", "ValueError: no"),
    ],
)
def test_one_bad_model_takes_no_other_with_it(fake_worker: Any, name: str, message: str) -> None:
    models = [fake_worker.model(n) for n in ("a", name, "b")]
    results = list(_runner(fake_worker, timeout_seconds=1.0).measure(models, _PROTOCOL))
    assert [r.status for r in results] == ["ok", "failed", "ok"]
    assert message in results[1].error and results[1].repeats_ms == ()
    assert sum(line.endswith(f" {name}") for line in fake_worker.jobs()) == 1
    assert [len(r.repeats_ms) for r in results] == [2, 0, 2]


def test_a_later_failure_keeps_what_was_measured(fake_worker: Any) -> None:
    (result,) = _runner(fake_worker).measure([fake_worker.model("crash_later")], _PROTOCOL)
    assert result.ok and len(result.repeats_ms) == 1
    assert any("a further process failed" in note and "SIGSEGV" in note for note in result.notes)


def test_a_crashing_profile_keeps_the_latency(fake_worker: Any) -> None:
    models = [fake_worker.model(name) for name in ("profile_crash", "a")]
    crashed, good = _runner(fake_worker).measure(models, _PROTOCOL, operators=True)
    assert crashed.ok and len(crashed.repeats_ms) == 2 and crashed.operator_ms is None
    assert any("no operator times from one process" in note for note in crashed.notes)
    assert good.operator_ms is not None and len(good.repeats_ms) == 2


def test_operator_times_are_those_of_the_lowest_total(fake_worker: Any) -> None:
    (result,) = _runner(fake_worker).measure(
        [fake_worker.model("a")], replace(_PROTOCOL, processes=3), operators=True
    )
    assert result.operator_ms == (("Add (ND)", pytest.approx(10.7)),)


def test_processes_that_disagree_get_company(fake_worker: Any) -> None:
    protocol = Protocol(processes=2, max_processes=5, agreement=0.01)
    quiet, noisy = _runner(fake_worker).measure([fake_worker.model(n) for n in ("quiet", "noisy")], protocol)
    assert len(quiet.repeats_ms) == 2 and len(noisy.repeats_ms) == 5
    assert noisy.latency_ms == min(noisy.process_medians_ms)


def test_unreadable_files_are_failed_measurements(fake_worker: Any, tmp_path: Path) -> None:
    text = tmp_path / "text.tflite"
    text.write_text("hello", encoding="utf-8")
    results = list(
        _runner(fake_worker).measure([tmp_path / "absent.tflite", text, fake_worker.model("a")], _PROTOCOL)
    )
    assert [r.status for r in results] == ["failed", "failed", "ok"]
    assert "cannot be read: No such file" in results[0].error
    assert "is not a .tflite file: the identifier TFL3 is missing" in results[1].error


def test_a_worker_that_never_starts_is_an_error(fake_worker: Any) -> None:
    profile = load_device("host")
    runner = LiteRtRunner(profile, profile.configuration(), command=("/nonexistent/python",))
    with pytest.raises(EdgenasError, match=r"Cannot measure on This machine.*does not start"):
        list(runner.measure([fake_worker.model("a")], _PROTOCOL))


def test_no_models_start_no_process(fake_worker: Any) -> None:
    assert list(_runner(fake_worker).measure([], _PROTOCOL)) == []
    assert not (fake_worker.folder / "starts").exists()


def test_facts_of_the_processes_are_kept_and_a_busy_cpu_is_told(fake_worker: Any) -> None:
    busy, noisy = _runner(fake_worker).measure([fake_worker.model(n) for n in ("busy", "noisy")], _PROTOCOL)
    assert (busy.governor, busy.temperature_c) == ("ondemand", (50.0, 51.5) * 2)
    assert (busy.runtime, busy.delegate) == ("tflite-runtime", "XNNPACK")
    assert busy.unstable == "others took the CPU in 60% of the fastest process's repeats"
    assert noisy.unstable.startswith("the two fastest of 2 processes differ by 9.0%")
    (again,) = _runner(fake_worker).measure([fake_worker.model("busy")], replace(_PROTOCOL, max_processes=4))
    assert len(again.repeats_ms) == 4, "what is unstable is measured again"


def test_the_wanted_runtime_goes_to_the_worker(fake_worker: Any) -> None:
    profile = load_device("host")
    wanted = replace(profile, connection=replace(profile.connection, runtime="ai-edge-litert"))
    runner = LiteRtRunner(wanted, wanted.configuration(), command=fake_worker.command)
    list(runner.measure([fake_worker.model("a")], _PROTOCOL))
    assert fake_worker.starts() == ["--runtime ai-edge-litert"] * 2
    other = replace(profile, connection=replace(profile.connection, runtime="tflite-runtime"))
    detection = LiteRtRunner(other, other.configuration()).probe()
    assert detection.available is (util.find_spec("tflite_runtime") is not None)
