"""What a board runs: old Pythons, what the machine tells, the journal, tidying up."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
import types
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from edgenas.device_profiles.agent import journal as journal_module
from edgenas.device_profiles.agent.journal import Journal, clean_up
from edgenas.device_profiles.agent.machine import cpu_model, edgetpu_facts, governor, temperature_c
from edgenas.device_profiles.agent.pythons import find_python
from edgenas.device_profiles.agent.runtime import load_runtime
from edgenas.device_profiles.ssh_connection import _AGENT_FILES, bundle

_FILES = sorted(
    path
    for path in (resources.files("edgenas.device_profiles") / "agent").iterdir()
    if path.name.endswith(".py")
)


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    path = tmp_path / "agent-test.pyz"
    path.write_bytes(bundle())
    return path


def _write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.name)
def test_every_file_is_python_3_7_and_imports_nothing_of_edgenas_at_its_top(path: Any) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 7))
    known = set(sys.stdlib_module_names) | {"__future__"}
    for node in tree.body:
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= known
        if isinstance(node, ast.ImportFrom):
            assert node.level == 1 or str(node.module).split(".")[0] in known


def test_the_bundle_holds_all_of_it() -> None:
    assert {path.name for path in _FILES} == {f"{name}.py" for name in _AGENT_FILES} | {"unpack.py"}
    assert bundle() is bundle() and len(bundle()) < 64 * 1024


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"proc__cpuinfo": "processor : 0\nmodel name : Intel(R) Xeon(R) Processor\n"},
            "Intel(R) Xeon(R) Processor",
        ),
        (
            {
                "proc__cpuinfo": "model name : ARMv7 Processor rev 3 (v7l)\nCPU part : 0xd08\nHardware : BCM2711\n"
                "Model : Raspberry Pi 4 Model B Rev 1.1\n"
            },
            "Raspberry Pi 4 Model B Rev 1.1",
        ),
        (
            {
                "proc__cpuinfo": "CPU part : 0xd03\n",
                "proc__device-tree__model": "Freescale i.MX8MQ Phanbell\0",
            },
            "Freescale i.MX8MQ Phanbell",
        ),
        ({"proc__cpuinfo": "CPU implementer : 0x41\nCPU part : 0xd0c\n"}, "CPU 0x41/0xd0c"),
        ({}, os.uname().machine),
    ],
)
def test_machine(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    name, _, cores = cpu_model(str(_write(tmp_path, **files))).rpartition(", ")
    assert name.endswith(expected) and cores.split()[0] == str(os.cpu_count())


def test_governor_and_temperature(tmp_path: Path) -> None:
    assert governor(str(tmp_path)) == "" and temperature_c(str(tmp_path)) == []
    cpu = min(os.sched_getaffinity(0))
    _write(tmp_path, **{f"sys__devices__system__cpu__cpu{cpu}__cpufreq__scaling_governor": "ondemand\n"})
    zones = {
        0: ("wifi", "71000"),
        1: ("cpu-thermal", "48312"),
        2: ("cpu-thermal", "-274000"),
        3: ("battery", "x"),
    }
    for number, (kind, value) in zones.items():
        _write(tmp_path, **{f"sys__class__thermal__thermal_zone{number}__temp": value})
        _write(tmp_path, **{f"sys__class__thermal__thermal_zone{number}__type": kind})
    assert governor(str(tmp_path)) == "ondemand" and temperature_c(str(tmp_path)) == [48.3]


def test_edge_tpu(tmp_path: Path) -> None:
    nothing = edgetpu_facts(str(tmp_path))
    assert nothing["devices"] == []
    _write(tmp_path, **{"usr__lib__aarch64-linux-gnu__libedgetpu.so.1": "", "dev__apex_0": ""})
    usb = "sys__bus__usb__devices__2-1__"
    values = {"idVendor": "18d1", "idProduct": "9302", "speed": "5000", "busnum": "2", "devnum": "4"}
    _write(tmp_path, **{usb + name: value + "\n" for name, value in values.items()})
    _write(tmp_path, **{"sys__bus__usb__devices__1-1__idVendor": "1d6b"})
    found = edgetpu_facts(str(tmp_path))
    assert found["library"].endswith("usr/lib/aarch64-linux-gnu/libedgetpu.so.1")
    assert [(d["bus"], d["mbit_per_s"], d["writable"]) for d in found["devices"]] == [
        ("pci", 0, True),
        ("usb", 5000, True),
    ]
    assert found["devices"][1]["node"].endswith("dev/bus/usb/002/004")


def test_the_journal_answers_what_it_has_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal-a.jsonl"
    Journal(str(path)).add("first", {"answers": [1]})
    with path.open("ab") as file:
        file.write(b'{"key": "torn", "time": 1, "resu')
    again = Journal(str(path))
    assert again.find("torn") is None
    again.add("second", {"answers": [2]})
    third = Journal(str(path))
    assert [third.find(key)["result"] for key in ("first", "second")] == [{"answers": [1]}, {"answers": [2]}]  # type: ignore[index]
    now = time.time()
    for later in (journal_module.REUSABLE_SECONDS + 5, -3600):
        monkeypatch.setattr(time, "time", lambda later=later: now + later)
        assert third.find("first") is None and Journal(str(path)).find("second") is None


def test_a_long_journal_is_shortened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal-a.jsonl"
    journal = Journal(str(path))
    for number in range(5):
        journal.add(str(number), {"answers": ["x" * 1000]})
    old = json.dumps({"key": "old", "time": 1.0, "result": {"answers": ["x" * 1000]}}) + "\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(old)
    monkeypatch.setattr(journal_module, "_LONG_BYTES", 2000)
    again = Journal(str(path))
    assert again.find("4") is not None and "old" not in path.read_text(encoding="utf-8")


def test_old_files_are_deleted_and_the_folder_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "_KEPT_BYTES", 250)
    (tmp_path / "models").mkdir()
    week = 8 * 24 * 3600
    old = dict.fromkeys(("journal-old.jsonl", "agent-old.pyz", "agent-me.pyz", "lock", "mine.txt"), week)
    ages = {"models/a": 7200, "models/b": 10800, "models/c": 5, "journal-new.jsonl": 60, **old}
    for name, age in ages.items():
        (tmp_path / name).write_bytes(b"x" * 100)
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    for place in (tmp_path, tmp_path / "models"):  # As of a file that another agent deletes in this moment.
        (place / ".incoming-0").symlink_to("nowhere")
    clean_up(str(tmp_path), str(tmp_path / "agent-me.pyz"))
    left = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert left == {"models/a", "models/c", "journal-new.jsonl", "agent-me.pyz", "lock", "mine.txt"}


def test_a_runtime_that_does_not_fit_numpy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interpreter:
        def __init__(self, model_content: bytes) -> None:
            raise SystemError("returned a result with an exception set")

    package, module = types.ModuleType("tflite_runtime"), types.ModuleType("tflite_runtime.interpreter")
    package.__version__, module.Interpreter = "2.14.0", Interpreter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tflite_runtime", package)
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", module)
    with pytest.raises(
        ImportError, match=r"tflite-runtime 2\.14\.0 does not work with NumPy 2: pip install 'numpy<2'"
    ):
        load_runtime("tflite-runtime")
    assert load_runtime()[1]["runtime"] == "ai-edge-litert"
    monkeypatch.setattr("numpy.__version__", "1.26.4")
    with pytest.raises(ImportError, match="tflite-runtime does not work: SystemError"):
        load_runtime("tflite-runtime")


def test_the_first_python_with_a_runtime_is_found(agent: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    names = ["no-such-python", str(bare / "bin/python"), "/bin/false", sys.executable]
    facts, lacks = find_python(str(agent), names, "")
    assert (
        facts is not None and facts["executable"] == sys.executable and facts["runtime"] == "ai-edge-litert"
    )
    assert len(lacks) == 2 and "no NumPy" in lacks[0] and "exit code 1" in lacks[1]
    shim = tmp_path / "python3.13"  # As pyenv makes them.
    shim.write_text(
        "#!/bin/sh\necho 'pyenv: python3.13: command not found' >&2\nexit 127\n", encoding="utf-8"
    )
    shim.chmod(0o755)
    assert find_python(str(agent), [str(shim), "/bin/false"], "")[1] == [
        "/bin/false: it ended with exit code 1 "
    ]
    facts, lacks = find_python(str(agent), names[:1], "")
    assert facts is None and lacks == ["no-such-python: not there"]
    facts, lacks = find_python(str(agent), [sys.executable], "tflite-runtime")
    assert facts is None and lacks[0].endswith("no tflite-runtime")
