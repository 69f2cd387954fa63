"""The real adb client against an adb server of our own, whose phones are folders of this machine."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgenas.device_profiles import Protocol, align_operators, load_device, runner_for
from edgenas.device_profiles.adb_client import AdbClient, AdbError
from edgenas.device_profiles.adb_runner import AdbRunner
from edgenas.graph import read_tflite

sys.path.insert(0, str(Path(__file__).parent))
from adb_server import AdbServer, FakePhone

_STAND_IN = Path(__file__).with_name("stand_in_benchmark_model.py")
_QUICK = Protocol(
    warmup_runs=2, warmup_seconds=0, min_runs=5, min_seconds=0.02, max_seconds=1, processes=2, max_processes=2
)


@pytest.fixture
def phone(tmp_path: Path) -> FakePhone:
    return FakePhone(tmp_path / "phone")


@pytest.fixture
def server(phone: FakePhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AdbServer]:
    if shutil.which("adb") is None:
        reason = "the program adb is not here: apt-get install adb"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    running = AdbServer([phone])
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(running.port))
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    program = tmp_path / "benchmark_model"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(_STAND_IN.parent)!r})\n"
        f"from {_STAND_IN.stem} import main\nsys.exit(main())\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("EDGENAS_BENCHMARK_MODEL", str(program))
    yield running
    running.close()


@pytest.fixture
def model(tiny_models: object) -> Path:
    return tiny_models.delegated["int8"]  # type: ignore[attr-defined, no-any-return]


def _runner(cpus: tuple[int, ...] = (), **options: object) -> AdbRunner:
    profile = load_device("adb://")
    configuration = replace(profile.configuration("int8-1t"), cpus=cpus)
    return AdbRunner(profile, configuration, **options)  # type: ignore[arg-type]


def test_measures_on_the_phone(server: AdbServer, phone: FakePhone, model: Path) -> None:
    [measurement] = _runner(cpus=(0,)).measure([model], _QUICK, operators=True)
    assert measurement.ok, measurement.error
    assert len(measurement.repeats_ms) == 2 and all(len(values) == 1 for values in measurement.repeats_ms)
    assert 0.005 < measurement.latency_ms < 100
    assert measurement.machine == "Google Pixel 4, QTI SM8150, Android 13 TP1A.221005.002.B2"
    assert (measurement.runtime, measurement.delegate) == ("benchmark_model", "XNNPACK")
    assert measurement.temperature_c == (31.4,) * 4
    first = measurement.details["processes"][0]
    assert first["printed"]["median_ms"] == measurement.repeats_ms[0][0]
    assert first["before"]["battery_percent"] == 87
    graph = read_tflite(model)
    times = align_operators([o.type for o in graph.operators], measurement.operator_ms or (), graph.wiring)
    assert times is not None and sum(ms or 0 for ms in times) > 0
    program = next(line for line in phone.files() if "benchmark_model-" in line)
    digest = measurement.model_sha256[:16]
    base = "/data/local/tmp/edgenas"
    timed = (
        f"taskset 1 /data/local/tmp/{program} --graph={base}/model-{digest}.tflite --num_threads=1 --warmup_runs=2 "
        "--warmup_min_secs=0 --num_runs=5 --min_secs=0.02 --max_secs=1 --use_xnnpack=true"
    )
    profiled = (
        f"{timed} --enable_op_profiling=true --op_profiling_output_mode=csv "
        f"--op_profiling_output_file={base}/model-{digest}.csv"
    )
    # Profiling has a process of its own, behind the one whose latency counts.
    assert [line for line in phone.lines if "--graph" in line] == [timed, profiled, timed, profiled]


def test_the_same_file_twice_is_two_measurements(server: AdbServer, phone: FakePhone, model: Path) -> None:
    both = list(_runner().measure([model, model], _QUICK))
    assert [len(each.details["processes"]) for each in both] == [2, 2]
    assert both[0].repeats_ms[0] == (both[0].details["processes"][0]["printed"]["median_ms"],)


def test_one_process_is_handed_on_before_the_next_begins(
    server: AdbServer, phone: FakePhone, model: Path
) -> None:
    measuring = _runner().measure([model] * 3, replace(_QUICK, processes=1, max_processes=1))
    assert next(measuring).ok and sum("--graph" in line for line in phone.lines) == 1


def test_the_program_is_pushed_once_and_models_are_removed(
    server: AdbServer, phone: FakePhone, model: Path
) -> None:
    for _ in range(2):
        assert next(iter(_runner().measure([model], _QUICK))).ok
    assert [name.rpartition("-")[0] for name in phone.received] == ["benchmark_model", *["model"] * 4]
    assert len(phone.files()) == 1
    # A damaged copy is noticed by its checksum, and replaced.
    (phone.root / "tmp" / phone.files()[0]).write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    assert next(iter(_runner().measure([model], _QUICK))).ok
    assert phone.received[5].startswith("benchmark_model-")


def test_older_versions_count_by_their_mean(server: AdbServer, phone: FakePhone, model: Path) -> None:
    _behave(phone, "old")
    [measurement] = _runner().measure([model], _QUICK)
    printed = [process["printed"] for process in measurement.details["processes"]]
    assert [p["median_ms"] for p in printed] == [None, None]
    assert measurement.repeats_ms == tuple((p["avg_ms"],) for p in printed)
    assert any("no median" in note for note in measurement.notes)


def test_a_crash_fails_that_model_only(
    server: AdbServer, phone: FakePhone, model: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"\x1c\0\0\0TFL3" + bytes(40))
    other = tmp_path / "picture.tflite"
    other.write_bytes(b"\x89PNG\r\n\x1a\n")
    good, bad, refused, missing = _runner().measure([model, broken, other, tmp_path / "no.tflite"], _QUICK)
    assert good.ok
    assert bad.error.startswith("benchmark_model ended with exit code 1; it printed last: ERROR: ")
    assert "TFL3" in refused.error and "cannot be read" in missing.error
    _behave(phone, "crash")
    [crashed] = _runner().measure([model], _QUICK)
    assert crashed.error.startswith(
        "benchmark_model was killed by SIGSEGV; it printed last: Segmentation fault"
    )
    assert len(phone.files()) == 2, "models of failed processes stay on the phone"


def test_unplugged_in_the_middle(server: AdbServer, phone: FakePhone, model: Path) -> None:
    once = replace(_QUICK, processes=1, max_processes=1)
    measurements = _runner().measure([model, model], once)
    assert next(measurements).ok
    phone.unplug_at = "--graph"
    with pytest.raises(AdbError, match=r"0A041FDD4003EH went away .* the same command goes on from there"):
        next(measurements)
    phone.unplug_at, phone.state = "", "device"
    assert next(iter(_runner().measure([model], once))).ok


def test_cut_off_while_the_program_runs(server: AdbServer, phone: FakePhone, model: Path) -> None:
    _behave(phone, "hang")
    import threading

    def cut() -> None:
        while not phone.running or "--graph" not in phone.lines[-1]:
            threading.Event().wait(0.02)
        phone.unplug()

    threading.Thread(target=cut, daemon=True).start()
    with pytest.raises(AdbError, match="went away"):
        list(_runner().measure([model], _QUICK))


def test_cools_down_within_bounds(server: AdbServer, phone: FakePhone, model: Path) -> None:
    phone.set_battery(45.2)
    told: list[str] = []
    protocol = replace(_QUICK, processes=1, max_processes=1, cooling_seconds=0.1)
    [measurement] = _runner(tell=told.append).measure([model], protocol)
    assert told == [
        "The battery of 0A041FDD4003EH is at 45.2 degrees C; waiting until it is below 40, at most 0.1 s."
    ]
    assert any("still at 45.2" in note for note in measurement.notes)
    assert measurement.details["processes"][0]["cooled_down_seconds"] >= 0.1


def test_a_program_for_another_processor_is_refused(
    server: AdbServer, phone: FakePhone, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGENAS_BENCHMARK_MODEL", "/bin/true")
    with pytest.raises(AdbError, match=r"/bin/true was built for desktop Linux \(/lib"):
        list(_runner().measure([model], _QUICK))
    assert not phone.received


def test_probe_and_identity(server: AdbServer, phone: FakePhone, monkeypatch: pytest.MonkeyPatch) -> None:
    detection = _runner().probe()
    assert detection.available, detection.explain()
    identity = _runner().identity()
    assert identity["machine"].startswith("Google Pixel 4")
    assert identity["runtime"].startswith("benchmark_model sha256:")
    monkeypatch.setenv("EDGENAS_BENCHMARK_MODEL", "")
    monkeypatch.setenv("PATH", str(Path(shutil.which("adb") or "").parent))
    text = _runner().probe().explain()
    assert "android_aarch64_benchmark_model" in text and "arm64-v8a" in text
    for state, advice in (
        ("unauthorized", "confirm the dialogue"),
        ("offline", "adb reconnect offline"),
        ("no permissions (user in plugdev group; are your udev rules wrong?)", "udev"),
        ("", "No Android phone is attached"),
    ):
        phone.state = state
        assert advice in _runner().probe().explain()


def test_several_phones_must_be_told_apart(server: AdbServer, phone: FakePhone, tmp_path: Path) -> None:
    second = FakePhone(tmp_path / "second", serial="192.168.1.5:5555")
    server.phones.append(second)
    with pytest.raises(AdbError, match=r"2 phones are attached: .*Pixel 4.*--device adb://0A041FDD4003EH"):
        AdbClient().choose()
    assert AdbClient("192.168.1.5:5555").shell(["echo", "a b;c"]).stdout == "a b;c\n"
    assert second.lines == ["echo 'a b;c'"]
    with pytest.raises(AdbError, match=r"The phone nobody is not attached. adb sees: 0A041"):
        AdbClient("nobody").choose()
    second.state = "unauthorized"
    assert AdbClient().choose().serial == phone.serial


def test_a_process_that_hangs(server: AdbServer, phone: FakePhone, model: Path) -> None:
    from edgenas.device_profiles.adb_benchmark_model import find_benchmark_model, install
    from edgenas.device_profiles.adb_round import AdbRound

    _behave(phone, "hang")
    client = AdbClient()
    remote = install(client, find_benchmark_model("", ("arm64-v8a",)), "/data/local/tmp/edgenas")
    worker = AdbRound(client, remote, "/data/local/tmp/edgenas", (), lambda *_: None, lambda _: None)
    job = {"id": 0, "model": str(model), "protocol": _QUICK.to_dict()}
    [answer] = worker.answers(job, 1.0)
    assert "did not end within 1 s" in answer["error"]
    assert any(line.startswith("pkill -9 -f") for line in phone.lines)


def test_addresses_lead_here(server: AdbServer) -> None:
    runner = runner_for(load_device("adb://0A041FDD4003EH?folder=/data/local/tmp/x"))
    assert isinstance(runner, AdbRunner)
    assert runner.probe().available


def _behave(phone: FakePhone, how: str) -> None:
    folder = phone.root / "tmp" / "edgenas"
    folder.mkdir(exist_ok=True)
    (folder / "behaviour").write_text(how, encoding="utf-8")


def test_benchmark_goes_on_behind_an_unplugged_phone(
    server: AdbServer,
    phone: FakePhone,
    tiny_models: object,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    from edgenas.cli.main import main

    files = [str(path) for path in tiny_models.delegated.values()]  # type: ignore[attr-defined]
    stored = tmp_path / "phone.jsonl"
    command = [
        "benchmark",
        *files,
        "--device",
        "adb://",
        "--processes",
        "2",
        "--runs",
        "5",
        "--out",
        str(stored),
    ]
    # Every model is measured by two processes in two rounds; the phone leaves in the first process of the second call.
    with pytest.raises(SystemExit) as stop:
        main([*command[:2], *command[3:]])
    assert stop.value.code in (0, None)
    phone.unplug_at = "--graph"
    with pytest.raises(SystemExit) as stop:
        main(command)
    assert stop.value.code == 1 and "the same command goes on from there" in capfd.readouterr().err
    phone.unplug_at, phone.state, phone.lines = "", "device", []
    with pytest.raises(SystemExit) as stop:
        main([*command, "--json"])
    captured = capfd.readouterr()
    assert stop.value.code in (0, None), captured.err
    assert len(json.loads(captured.out)) == 2
    # The first model was not measured again.
    graphs = {word for line in phone.lines for word in line.split() if word.startswith("--graph=")}
    assert len(graphs) == 1


def test_cores_without_cpus_are_told(server: AdbServer, model: Path) -> None:
    profile = load_device("adb://0A041FDD4003EH/pixel4")
    runner = AdbRunner(profile, profile.configuration("1large-int8"))
    [measurement] = runner.measure([model], _QUICK)
    assert any(note.startswith("not kept on 1 large: ") for note in measurement.notes)
