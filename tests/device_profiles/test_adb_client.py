"""What is typed to adb, word for word, and what is made of its answers; no phone and no adb needed."""

from __future__ import annotations

import json
import struct
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edgenas.device_profiles import Protocol, load_device
from edgenas.device_profiles.adb_benchmark_model import find_benchmark_model, program_abi
from edgenas.device_profiles.adb_client import AdbClient, AdbError, AttachedDevice, parse_devices
from edgenas.device_profiles.adb_phone import parse_state
from edgenas.device_profiles.adb_round import benchmark_words, operator_events, process_latency_ms
from edgenas.device_profiles.adb_runner import AdbRunner
from edgenas.device_profiles.benchmark_logs import BenchmarkLog, OperatorTime
from edgenas.device_profiles.host_facts import file_sha256

# Writes down its arguments and answers as a phone would. What the benchmark prints was recorded with TFLite 2.7.
_FAKE_ADB = """
import json, pathlib, sys
folder = pathlib.Path(__file__).parent
words = sys.argv[1:]
with (folder / "calls").open("a") as log:
    log.write(json.dumps(words) + "\\n")
answers = json.loads((folder / "answers").read_text())
line = words[-1]
if words == ["devices", "-l"]:
    print("List of devices attached\\nSERIAL1 device usb:1-1 product:flame model:Pixel_4 transport_id:3\\n")
elif line == "getprop":
    print("[ro.product.model]: [Pixel 4]\\n[ro.product.cpu.abi]: [arm64-v8a]")
elif line.startswith("sha256sum"):
    pushed = '"push"' in (folder / "calls").read_text()
    print(answers["sha256"] + "  x" if pushed else "", file=sys.stdout)
    sys.exit(0 if pushed else 1)
elif "--graph" in line:
    print(answers["benchmark"])
else:
    print("ok")
"""
_BENCHMARK = """STARTING!
Log parameter values verbosely: [0]
Min num runs: [1000]
Num threads: [2]
Min warmup runs: [1]
Graph: [/data/local/tmp/model.tflite]
#threads used for CPU inference: [2]
Loaded model /data/local/tmp/model.tflite
The input model file size (MB): 1.41812
Initialized session in 17.851ms.
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
count=478 first=2104 curr=1017 min=1012 max=2104 avg=1041.15 std=63

Running benchmark for at least 1000 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
count=1000 first=1040 curr=1018 min=1012 max=1190 avg=1039.66 std=22

Inference timings in us: Init: 17851, First inference: 2104, Warmup (avg): 1041.15, Inference (avg): 1039.66"""


@pytest.fixture
def fake_adb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "adb.py").write_text(_FAKE_ADB, encoding="utf-8")
    program = folder / "adb"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -S {folder / "adb.py"} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)
    return folder


def test_every_word_that_is_typed(fake_adb: Path, tmp_path: Path) -> None:
    program = _elf(tmp_path / "my program", 183)
    model = tmp_path / "a model.tflite"
    model.write_bytes(b"\x1c\0\0\0TFL3" + bytes(100))
    answers = {"sha256": file_sha256(program), "benchmark": _BENCHMARK}
    (fake_adb / "answers").write_text(json.dumps(answers), encoding="utf-8")
    profile = load_device(f"adb://SERIAL1?benchmark_model={str(program).replace(' ', '%20')}")
    configuration = replace(profile.configuration("int8-2t"), cpus=(4, 5, 6, 7))
    protocol = replace(profile.protocol_for("int8-2t"), processes=1, max_processes=1)
    [measurement] = AdbRunner(profile, configuration).measure([model], protocol)
    assert measurement.ok, measurement.error
    assert measurement.repeats_ms == ((1.03966,),)
    assert measurement.threads == 2

    calls = [json.loads(line) for line in (fake_adb / "calls").read_text(encoding="utf-8").splitlines()]
    there = f"/data/local/tmp/edgenas/benchmark_model-{file_sha256(program)[:16]}"
    graph = f"/data/local/tmp/edgenas/model-{file_sha256(model)[:16]}.tflite"
    run = (
        f"taskset f0 {there} --graph={graph} --num_threads=2 --warmup_runs=5 --warmup_min_secs=0.05 --num_runs=30 "
        "--min_secs=0.3 --max_secs=3 --use_xnnpack=true"
    )
    state = next(call for call in calls if "dumpsys battery" in call[-1])
    on = ["-s", "SERIAL1"]
    assert calls == [
        ["devices", "-l"],
        [*on, "shell", "getprop"],
        [*on, "shell", f"sha256sum {there}"],
        ["devices", "-l"],
        [*on, "shell", "mkdir -p /data/local/tmp/edgenas"],
        [*on, "push", str(program), there],
        [*on, "shell", f"sha256sum {there}"],
        [*on, "shell", f"chmod 755 {there}"],
        [*on, "shell", "find /data/local/tmp/edgenas -name 'model-*' -mmin +60 -delete"],
        state,
        [*on, "push", str(model), graph],
        state,
        [*on, "shell", run],
        state,
        [*on, "shell", f"rm -f {graph}"],
    ]
    assert state[:3] == [*on, "shell"] and state[3].startswith("sh -c 'grep -s -H . /proc/loadavg ")


def test_a_folder_of_strange_name_is_quoted() -> None:
    client = AdbClient("S", program="/bin/echo")
    client._chosen = "S"
    reply = client.shell(["rm", "-f", "/data/local/tmp/it's $HOME; reboot"])
    assert reply.stdout == "-s S shell rm -f '/data/local/tmp/it'\"'\"'s $HOME; reboot'\n"


def test_the_mask_names_the_cpus() -> None:
    protocol = Protocol(warmup_seconds=0.25, max_seconds=10)
    assert benchmark_words("b", "m", protocol)[0] == "b"
    assert benchmark_words("b", "m", protocol, (7,))[:2] == ["taskset", "80"]
    assert benchmark_words("b", "m", protocol, (0, 10, 0))[:2] == ["taskset", "401"]
    assert "--warmup_min_secs=0.25" in benchmark_words("b", "m", protocol)


def test_without_adb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for variable in ("ANDROID_HOME", "ANDROID_SDK_ROOT"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(AdbError, match="sudo apt-get install adb"):
        AdbClient().choose()
    tools = tmp_path / "sdk" / "platform-tools"
    tools.mkdir(parents=True)
    (tools / "adb").write_text("#!/bin/sh\n", encoding="utf-8")
    (tools / "adb").chmod(0o755)
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path / "sdk"))
    assert AdbClient().program == str(tools / "adb")


def test_lists_of_devices() -> None:
    # Lines of adb 28 to 34, from public bug reports.
    text = (
        "* daemon not running; starting now at tcp:5037\n* daemon started successfully\n"
        "List of devices attached\n"
        "0A041FDD4003EH         device usb:1-2 product:flame model:Pixel_4 device:flame transport_id:1\n"
        "192.168.1.5:5555\toffline\n"
        "ZY22\tunauthorized usb:3-1 transport_id:4\n"
        "????????????\tno permissions (user in plugdev group; are your udev rules wrong?); see "
        "[http://developer.android.com/tools/device.html]\n\n"
    )
    assert parse_devices(text) == (
        AttachedDevice("0A041FDD4003EH", "device", "Pixel_4"),
        AttachedDevice("192.168.1.5:5555", "offline"),
        AttachedDevice("ZY22", "unauthorized"),
        AttachedDevice("????????????", "no permissions"),
    )
    assert parse_devices("List of devices attached\r\nABC\tdevice\r\n\r\n") == (
        AttachedDevice("ABC", "device"),
    )


def test_state_of_a_phone() -> None:
    # Two clusters with different governors; zones in thousandths, in whole degrees, switched off, of one name.
    state = parse_state(
        "/proc/loadavg:4.21 3.90 3.80 2/2400 9999\n"
        "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor:schedutil\n"
        "/sys/devices/system/cpu/cpu7/cpufreq/scaling_governor:performance\n"
        "/sys/devices/system/cpu/cpu7/cpufreq/scaling_cur_freq:2841600\n"
        "/sys/class/thermal/thermal_zone0/type:cpu-0-0\n/sys/class/thermal/thermal_zone0/temp:45300\n"
        "/sys/class/thermal/thermal_zone1/type:battery\n/sys/class/thermal/thermal_zone1/temp:31\n"
        "/sys/class/thermal/thermal_zone2/type:modem\n/sys/class/thermal/thermal_zone2/temp:-273000\n"
        "/sys/class/thermal/thermal_zone3/type:cpu-0-0\n/sys/class/thermal/thermal_zone3/temp:46000\n"
        "Current Battery Service state:\n  level: 40\n  scale: 50\n  temperature: 325\n  Capacity level: -1\n"
    )
    assert state.to_dict() == {
        "battery_c": 32.5,
        "battery_percent": 80.0,
        "governor": "performance/schedutil",
        "load_average": 4.21,
        "frequencies_khz": {"cpu7": 2841600},
        "thermal_c": {"cpu-0-0": 45.3, "battery": 31.0, "cpu-0-0 (thermal_zone3)": 46.0},
    }
    assert parse_state("Permission denied\n").to_dict() == {}
    assert parse_state("  temperature: 99999\n").battery_c is None


def test_programs_for_other_processors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGENAS_BENCHMARK_MODEL", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    phone = ("arm64-v8a", "armeabi-v7a")
    arm64 = _elf(tmp_path / "arm64", 183)
    assert find_benchmark_model(str(arm64), phone).abi == "arm64-v8a"
    assert find_benchmark_model(str(_elf(tmp_path / "arm32", 40, wide=False)), phone).abi == "armeabi-v7a"
    intel = _elf(tmp_path / "benchmark_model", 62)
    with pytest.raises(AdbError, match="was built for x86_64; the phone runs arm64-v8a, armeabi-v7a"):
        find_benchmark_model(str(intel), phone)
    with pytest.raises(AdbError, match=r"built for desktop Linux \(/lib/ld-linux-aarch64.so.1\)"):
        find_benchmark_model(str(_elf(tmp_path / "linux", 183, loader=b"/lib/ld-linux-aarch64.so.1")), phone)
    with pytest.raises(AdbError, match="no little-endian ELF file"):
        program_abi(_written(tmp_path / "page.html", b"<html>404</html>" * 8))
    with pytest.raises(AdbError, match="which is no file"):
        find_benchmark_model(str(tmp_path / "nowhere"), phone)
    # On the PATH stands one for another processor: it is passed over, and told.
    with pytest.raises(
        AdbError, match=r"arm64-v8a: curl .*android_aarch64_benchmark_model(?s:.*)Passed over"
    ):
        find_benchmark_model("", phone)
    _elf(tmp_path / "android_aarch64_benchmark_model", 183)
    assert find_benchmark_model("", phone).path.name == "android_aarch64_benchmark_model"


def test_one_number_per_process() -> None:
    log = BenchmarkLog("benchmark_model stdout", avg_ms=1.5, median_ms=1.25)
    assert process_latency_ms(log) == (1.25, "")
    assert process_latency_ms(replace(log, median_ms=None))[0] == 1.5
    value_ms, note = process_latency_ms(replace(log, median_ms=0.010))
    assert value_ms == 0.010 and note.endswith("10 us may be off by 5%")


def test_operator_events() -> None:
    delegate = OperatorTime("TfLiteXNNPackDelegate", "[out]:7", 2.0, 1)
    resize = OperatorTime("RESIZE_NEAREST_NEIGHBOR", "[up;x,y]:3", 0.5, 1)
    setup = OperatorTime("AllocateTensors", "AllocateTensors/0", 9.0, 0)
    conv = OperatorTime(
        "Convolution (NHWC, QC8) IGEMM", "Delegate/Convolution (NHWC, QC8) IGEMM:0", 1.5, 1, "delegate"
    )
    assert operator_events([setup, delegate, resize, conv]) == (
        [("Convolution (NHWC, QC8) IGEMM", 1.5), ("RESIZE_NEAREST_NEIGHBOR [3]", 0.5)],
        "",
    )
    assert operator_events([resize])[0] == [("RESIZE_NEAREST_NEIGHBOR [3]", 0.5)]
    for operators, reason in (
        ([], "printed none"),
        ([delegate, resize, delegate, conv], "2 parts"),
        ([delegate], "does not tell"),
        ([replace(resize, name="up")], "has no number"),
    ):
        events, note = operator_events(operators)
        assert events is None and reason in note


def _elf(path: Path, machine: int, *, wide: bool = True, loader: bytes = b"/system/bin/linker64") -> Path:
    """A file with a program's header for a processor, and the dynamic loader that it asks for."""
    start, size = (64, 56) if wide else (52, 32)
    head = struct.pack("<4sBBB9xHHI", b"\x7fELF", 2 if wide else 1, 1, 1, 3, machine, 1)
    if wide:
        head += struct.pack("<QQQIHHHHHH", 0, start, 0, 0, 64, size, 1, 0, 0, 0)
        segment = struct.pack("<IIQQQQQQ", 3, 4, start + size, 0, 0, len(loader) + 1, len(loader) + 1, 1)
    else:
        head += struct.pack("<IIIIHHHHHH", 0, start, 0, 0, 52, size, 1, 0, 0, 0)
        segment = struct.pack("<IIIIIIII", 3, start + size, 0, 0, len(loader) + 1, len(loader) + 1, 4, 1)
    _written(path, head + segment + loader + b"\0" + bytes(64))
    path.chmod(0o755)
    return path


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
