from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from edgenas.device_profiles import load_device
from edgenas.device_profiles.edgetpu import EdgeTpuRunner
from edgenas.errors import EdgenasError


class FakeMachine:
    """A file system root with an Edge TPU's traces in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "lib").mkdir()
        (root / "bin").mkdir()

    def library(self) -> None:
        (self.root / "lib" / "libedgetpu.so.1").touch()

    def compiler(self) -> None:
        (self.root / "bin" / "edgetpu_compiler").write_text("#!/bin/sh\n", encoding="utf-8")
        (self.root / "bin" / "edgetpu_compiler").chmod(0o755)

    def usb(self, port: str, vendor: str, product: str, speed: str = "5000") -> None:
        folder = self.root / "sys/bus/usb/devices" / port
        folder.mkdir(parents=True)
        values = {"idVendor": vendor, "idProduct": product, "speed": speed, "busnum": "2", "devnum": "7"}
        for name, value in values.items():
            (folder / name).write_text(value + "\n", encoding="ascii")

    def apex(self) -> None:
        (self.root / "dev").mkdir(exist_ok=True)
        (self.root / "dev/apex_0").touch()

    def runner(self, configuration: str = "usb3", **options: Any) -> EdgeTpuRunner:
        profile = load_device("edgetpu")
        return EdgeTpuRunner(
            profile,
            profile.configuration(configuration),
            root=self.root,
            library_folders=(self.root / "lib",),
            search_path=str(self.root / "bin"),
            **options,
        )


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    (tmp_path / "machine").mkdir()
    return FakeMachine(tmp_path / "machine")


def test_nothing_there_is_explained(machine: FakeMachine) -> None:
    detection = machine.runner().probe()
    assert not detection.available
    text = detection.explain()
    for expected in (
        "libedgetpu.so.1",
        "1a6e:089a",
        "18d1:9302",
        "dev/apex_*",
        "edgetpu_compiler",
        "an Edge TPU on the USB bus",
    ):
        assert expected in text
    assert detection.next_command.startswith("sudo apt-get install libedgetpu1-std")


@pytest.mark.parametrize(
    ("vendor", "product", "when"), [("1a6e", "089a", "before"), ("18d1", "9302", "after")]
)
def test_usb_accelerator_in_both_identities(
    machine: FakeMachine, vendor: str, product: str, when: str
) -> None:
    machine.library()
    machine.usb("2-1", vendor, product)
    machine.usb("2-2", "046d", "c52b")
    detection = machine.runner().probe()
    assert detection.available
    assert any(
        f"USB Accelerator at 2-1 ({when} its first use, 5000 Mbit/s)" in item for item in detection.found
    )
    assert not any("2-2" in item for item in detection.found)
    assert detection.next_command.startswith("sudo apt-get install edgetpu-compiler")
    machine.compiler()
    assert machine.runner().probe().next_command == ""


def test_the_link_must_have_the_speed_of_the_configuration(machine: FakeMachine) -> None:
    machine.library()
    machine.usb("1-4", "18d1", "9302", speed="480")
    slow = machine.runner("usb3").probe()
    assert not slow.available and any(
        "runs at 480 Mbit/s" in item and "'usb2'" in item for item in slow.missing
    )
    assert machine.runner("usb2").probe().available


def test_a_device_without_a_library_is_not_enough(machine: FakeMachine) -> None:
    machine.usb("2-1", "18d1", "9302")
    detection = machine.runner().probe()
    assert not detection.available and any("libedgetpu.so.1" in item for item in detection.missing)


def test_pcie(machine: FakeMachine) -> None:
    machine.library()
    absent = machine.runner("pcie").probe()
    assert not absent.available and absent.next_command.startswith("lspci")
    machine.apex()
    assert machine.runner("pcie").probe().available
    assert not machine.runner("usb3").probe().available


def test_missing_right_to_write_is_told(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.library()
    machine.apex()
    monkeypatch.setattr("os.access", lambda *_: False)
    detection = machine.runner("pcie").probe()
    assert not detection.available and any("the right to write" in item for item in detection.missing)


def test_an_uncompiled_model_is_refused_even_without_a_device(machine: FakeMachine, fake_worker: Any) -> None:
    model = fake_worker.model("a")
    (result,) = machine.runner().measure([model])
    assert not result.ok and result.device == "edgetpu" and result.configuration == "usb3"
    assert f"Compile it first: edgetpu_compiler -s {model}" in result.error


def test_a_compiled_model_without_a_device_is_an_honest_error(machine: FakeMachine, fake_worker: Any) -> None:
    with pytest.raises(
        EdgenasError, match=r"(?s)No usable Edge TPU \(usb3\); nothing was measured.*looked for: .*libedgetpu"
    ):
        list(machine.runner().measure([_compiled(fake_worker)]))


def test_with_a_device_the_delegate_is_handed_to_the_worker(machine: FakeMachine, fake_worker: Any) -> None:
    machine.library()
    machine.apex()
    models = [fake_worker.model("plain"), _compiled(fake_worker)]
    refused, measured = machine.runner("pcie", command=fake_worker.command).measure(models)
    assert not refused.ok and measured.ok and measured.delegate == "libedgetpu.so.1"
    assert {line.split()[1] for line in fake_worker.jobs()} == {"compiled"}


def test_a_library_that_does_not_load_fails_in_the_real_worker(
    machine: FakeMachine, fake_worker: Any
) -> None:
    machine.library()
    machine.apex()
    (result,) = machine.runner("pcie").measure([_compiled(fake_worker)])
    assert not result.ok and "libedgetpu.so.1" in result.error


def test_unplugged_in_the_middle_is_no_failure_of_the_models(
    machine: FakeMachine, fake_worker: Any, tmp_path: Path
) -> None:
    """What was measured is handed out, then the user is told; a model that fails with the device there is a value."""
    machine.library()
    machine.usb("2-1", "18d1", "9302")
    good, bad = _compiled(fake_worker), _compiled(fake_worker, "crash")
    runner = machine.runner(command=fake_worker.command)
    first, second = runner.measure([good, bad])
    assert first.ok and not second.ok and "SIGSEGV" in second.error and "newer libedgetpu" in second.error
    found = []
    with pytest.raises(EdgenasError, match=r"(?s)Edge TPU \(usb3\) is gone: .*plug it in again.*looked for"):
        for measurement in runner.measure([good, bad]):
            found.append(measurement)
            shutil.rmtree(machine.root / "sys")
    assert [m.ok for m in found] == [True]


def test_models_are_compiled_once_where_there_is_a_compiler(
    machine: FakeMachine, fake_worker: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "made of"
    folder.mkdir()
    plain, compiled = fake_worker.model("plain"), _compiled(fake_worker)
    assert machine.runner().prepare(compiled, folder) == compiled
    with pytest.raises(
        EdgenasError, match=r"must be compiled.*\nInstall it: sudo apt-get install edgetpu-compiler"
    ):
        machine.runner().prepare(plain, folder)
    script = machine.root / "bin" / "edgetpu_compiler"
    script.write_text(
        f"#!{sys.executable} -S\n"
        "import pathlib, sys\n"
        "with open(pathlib.Path(__file__).with_name('runs'), 'a') as log: log.write('x')\n"
        "source, out = pathlib.Path(sys.argv[-1]), pathlib.Path(sys.argv[sys.argv.index('--out_dir') + 1])\n"
        "if b'crash' in source.read_bytes(): sys.exit('Compilation failed: no')\n"
        "(out / (source.stem + '_edgetpu.tflite')).write_bytes(source.read_bytes() + b'....edgetpu-custom-op')\n",
        encoding="utf-8",
    )
    script.chmod(0o755)
    made = machine.runner().prepare(plain, folder)
    assert made.parent == folder and made.name.startswith("plain_") and made.name.endswith("_edgetpu.tflite")
    assert made.read_bytes() == plain.read_bytes() + b"....edgetpu-custom-op"
    assert machine.runner().prepare(plain, folder) == made
    assert (machine.root / "bin" / "runs").read_text() == "x", "the second time it was there already"
    with pytest.raises(EdgenasError, match=r"compiles no model from crash.tflite: .*\nSee: edgenas check"):
        machine.runner().prepare(fake_worker.model("crash"), folder)
    failed = machine.runner().measure_one(fake_worker.model("crash"), folder)
    assert not failed.ok and "compiles no model" in failed.error


def test_this_machine_gets_an_answer() -> None:
    profile = load_device("edgetpu")
    detection = EdgeTpuRunner(profile, profile.configuration()).probe()
    assert detection.looked_for and (detection.available or detection.missing)


def _compiled(fake_worker: Any, name: str = "compiled") -> Path:
    path: Path = fake_worker.model(name)
    path.write_bytes(path.read_bytes() + b"....edgetpu-custom-op....")
    return path
