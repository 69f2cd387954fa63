"""The ssh runner on a real sshd and a real tflite-runtime; connections are cut for real."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgenas.device_profiles import Measurement, Protocol, load_device, ssh_connection
from edgenas.device_profiles.host_facts import cpu_model, file_sha256
from edgenas.device_profiles.ssh_edgetpu import EdgeTpuChoice
from edgenas.device_profiles.ssh_runner import SshRunner
from edgenas.errors import EdgenasError
from edgenas.graph import graph_of
from edgenas.profiling import profile_device
from edgenas.space import load_space

_QUICK = Protocol(warmup_runs=1, warmup_seconds=0, min_runs=3, min_seconds=0.05, processes=1, max_processes=1)
_SLOW = replace(_QUICK, min_seconds=0.5, max_seconds=0.5)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def runner(board: Any, told: list[str]) -> Iterator[Callable[..., SshRunner]]:
    made: list[SshRunner] = []

    def make(address: str = "", **options: Any) -> SshRunner:
        profile = load_device(address or board.address())
        options = {"tell": told.append, "give_up_seconds": 20.0, **options}
        made.append(SshRunner(profile, profile.configuration(), **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def models(tiny_models: Any, tmp_path: Path) -> list[Path]:
    """Five files that differ, the last two only in bytes that no runtime reads."""
    found = [*tiny_models.delegated.values(), tiny_models.partitioned["int8"]]
    for number in range(2):
        found.append(tmp_path / f"{number}.tflite")
        found[-1].write_bytes(found[2].read_bytes() + bytes([number]))
    return found


def _measured_once(board: Any, count: int) -> None:
    keys = [entry["key"] for entry in board.journal()]
    assert len(keys) == len(set(keys)) == count


def test_every_model_is_measured_with_the_facts_of_the_board(
    board: Any, runner: Callable[..., SshRunner], models: list[Path]
) -> None:
    measured = list(runner().measure(models, replace(_QUICK, processes=2, max_processes=2), operators=True))
    assert [m.model_sha256 for m in measured] == [file_sha256(model) for model in models]
    for result in measured:
        assert result.ok and len(result.repeats_ms) == 2 and result.latency_ms > 0, result.error
        assert (result.runtime, result.runtime_version, result.machine) == (
            "tflite-runtime",
            "2.14.0",
            cpu_model(),
        )
        assert any("no operator times" in note for note in result.notes) and result.operator_ms is None
        assert len(result.load_average) == 2
    # XNNPACK of that runtime takes no int8 operators unless it is built to.
    assert [m.delegate for m in measured] == ["XNNPACK", *["built-in kernels"] * 4]
    _measured_once(board, 2 * len(models))
    assert {p.stem for p in (board.folder / "board/models").iterdir()} == {m.model_sha256 for m in measured}


def test_one_connection_serves_all(board: Any, runner: Callable[..., SshRunner], models: list[Path]) -> None:
    device = runner()
    assert device.probe().available and device.identity()["runtime"] == "tflite-runtime 2.14.0"
    for _ in device.measure(models, _QUICK):
        pass
    list(device.measure(models[:1], _QUICK))
    log = (board.folder / "sshd.log").read_text(encoding="utf-8")
    assert board.connections() == 1, log


@pytest.mark.parametrize("end", ["server", "client"])
def test_a_cut_connection_loses_nothing_and_measures_nothing_twice(
    board: Any, runner: Callable[..., SshRunner], models: list[Path], told: list[str], end: str
) -> None:
    found, cut = _cut_while_measuring(board, runner(), models, after=2, number=signal.SIGKILL, end=end)
    assert cut and all(m.ok for m in found), [m.error for m in found]
    _measured_once(board, len(models))
    journal = {tuple(e["result"]["answers"][0]["repeats_ms"]) for e in board.journal()}
    assert {m.repeats_ms[0] for m in found} == journal, "what is handed out is what was measured"
    assert any("Connecting again" in text for text in told)
    kept = [m for m in found if any("the connection had broken" in note for note in m.notes)]
    assert len(kept) == 1, "the job that was running was finished and fetched"


def test_a_stalled_connection_is_left(
    board: Any, runner: Callable[..., SshRunner], models: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session stops answering without an end: nobody is told, and the agent there goes on holding its round."""
    monkeypatch.setattr(ssh_connection, "ALIVE_SECONDS", 1)
    monkeypatch.setattr(ssh_connection, "ALIVE_COUNT", 2)
    found, cut = _cut_while_measuring(board, runner(), models, after=1, number=signal.SIGSTOP)
    assert cut and all(m.ok for m in found)
    _measured_once(board, len(models))


def test_a_killed_client_goes_on_where_it_stopped_and_then_measures_anew(
    board: Any, runner: Callable[..., SshRunner], models: list[Path], tmp_path: Path
) -> None:
    program = tmp_path / "client.py"
    program.write_text(
        "import json, pathlib, sys\n"
        "from edgenas.device_profiles import Protocol, load_device, runner_for\n"
        "address, protocol, *models = sys.argv[1:]\n"
        "runner = runner_for(load_device(address))\n"
        "for result in runner.measure([pathlib.Path(m) for m in models], Protocol(**json.loads(protocol))):\n"
        "    print(result.latency_ms, flush=True)\n",
        encoding="utf-8",
    )
    twice = replace(_SLOW, processes=2, max_processes=2, min_seconds=0.3)
    arguments = [board.address(), json.dumps(twice.to_dict()), *map(str, models)]
    client = subprocess.Popen([sys.executable, str(program), *arguments], stdout=subprocess.PIPE)
    board.wait_for(lambda: len(board.journal()) == 2, "nothing is measured")
    client.kill()
    assert client.communicate()[0] == b"", "rounds are handed out together"
    board.wait_for(lambda: not board.agents(), "the agent does not end")
    before = len(board.journal())
    assert before in (2, 3)
    again = list(runner().measure(models, twice))
    assert sum("connection had broken" in " ".join(m.notes) for m in again) == before
    _measured_once(board, 2 * len(models))
    anew = list(runner().measure(models, twice))
    assert not any("connection had broken" in " ".join(m.notes) for m in anew)
    _measured_once(board, 4 * len(models))
    assert not {m.repeats_ms for m in again} & {m.repeats_ms for m in anew}


def test_what_was_not_handed_out_is_fetched_and_what_was_is_measured_anew(
    board: Any, runner: Callable[..., SshRunner], models: list[Path]
) -> None:
    device = runner()
    protocol = replace(_QUICK, processes=2, max_processes=2)
    results = device.measure(models[:3], protocol)
    first = next(results)
    results.close()
    after = list(device.measure(models[:3], protocol))
    assert after[0].repeats_ms != first.repeats_ms
    assert ["connection had broken" in " ".join(m.notes) for m in after] == [False, True, True]
    _measured_once(board, 8)
    twice = list(device.measure([models[0], models[0]], protocol))
    assert twice[0].repeats_ms != twice[1].repeats_ms
    other = list(device.measure(models[:1], replace(protocol, min_runs=4)))
    assert other[0].ok
    _measured_once(board, 14)


def test_one_process_per_model_is_handed_on_at_once(
    board: Any, runner: Callable[..., SshRunner], models: list[Path]
) -> None:
    device = runner()
    results = device.measure(models, _QUICK)
    assert next(results).ok
    _measured_once(board, 1)
    results.close()  # type: ignore[attr-defined]
    # The round is over: another client need not wait.
    assert next(iter(runner().measure(models[:1], replace(_QUICK, min_runs=4)))).ok


def test_two_clients_take_turns(
    board: Any, runner: Callable[..., SshRunner], models: list[Path], told: list[str]
) -> None:
    results: dict[int, list[Measurement]] = {}
    clients = [runner(), runner()]
    assert all(client.probe().available for client in clients)

    def measure(number: int) -> None:
        results[number] = list(clients[number].measure(models[:3], replace(_QUICK, min_seconds=0.5)))

    threads = [threading.Thread(target=measure, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(m.ok for n in range(2) for m in results[n])
    _measured_once(board, 6)
    assert any("Another edgenas measures" in text for text in told)
    order = [entry["client"] for entry in _by_client(board)]
    assert order in ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0]), "one round after the other"


def test_a_board_that_does_not_come_back(
    board: Any, runner: Callable[..., SshRunner], models: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_connection, "CONNECT_SECONDS", 1)
    device = runner(give_up_seconds=1.5)
    began = time.monotonic()
    board.wait_for(lambda: device.probe().available, "no board")
    (board.folder / "authorized_keys").rename(board.folder / "away")
    try:
        board.cut()
        with pytest.raises(
            EdgenasError, match=r"(?s)did not come back.*the same command goes on.*ssh-copy-id"
        ):
            list(device.measure(models, _QUICK))
    finally:
        (board.folder / "away").rename(board.folder / "authorized_keys")
    with pytest.raises(EdgenasError, match=r"(?s)did not come back for [2-4] s: .*goes on"):
        _lost_for_good(board, device, models)
    assert time.monotonic() - began < 15
    assert all(m.ok for m in device.measure(models, _QUICK)), (
        "the same runner goes on when the board is there again"
    )


def test_files_that_crash_or_are_none_cost_only_themselves(
    board: Any, runner: Callable[..., SshRunner], models: list[Path], tmp_path: Path
) -> None:
    none, broken = tmp_path / "none.tflite", tmp_path / "broken.tflite"
    none.write_bytes(b"no model at all")
    data = bytearray(models[0].read_bytes())
    data[8:400] = b"\xff" * 392
    broken.write_bytes(bytes(data))
    found = list(runner().measure([none, broken, tmp_path / "missing.tflite", models[0]], _QUICK))
    assert [m.ok for m in found] == [False, False, False, True]
    assert "TFL3 is missing" in found[0].error and "cannot be read" in found[2].error


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("crash", "was killed by SIGSEGV"),
        ("hang", "no answer within 1.5 s"),
        ("garbage", "answered nonsense"),
    ],
)
def test_a_worker_that_fails_on_the_board_costs_only_its_model(
    board: Any, runner: Callable[..., SshRunner], fake_worker: Any, tmp_path: Path, name: str, message: str
) -> None:
    python = tmp_path / "python"
    real = board.python
    python.write_text(
        f'#!/bin/sh\nif [ "$2" = worker ]; then exec {sys.executable} -S {fake_worker.folder}/worker.py; fi\n'
        f'exec {real} "$@"\n',
        encoding="utf-8",
    )
    python.chmod(0o755)
    files = [fake_worker.model("first"), fake_worker.model(name), fake_worker.model("last")]
    device = runner(board.address(python=str(python)), timeout_seconds=1.5)
    first, failed, last = device.measure(files, _QUICK)
    assert first.ok and last.ok and not failed.ok and message in failed.error
    assert len(fake_worker.starts()) == 2


def test_cuts_at_any_moment(
    board: Any, runner: Callable[..., SshRunner], models: list[Path], told: list[str]
) -> None:
    """While it connects, looks for a Python, sends files or measures; big files take a while to send."""
    for number, model in enumerate(models[3:]):
        model.write_bytes(model.read_bytes() + bytes([number]) * 3_000_000)
    rng, done = random.Random(20), threading.Event()

    def cut() -> None:
        for _ in range(4):
            if not done.wait(rng.uniform(0.3, 2.0)):
                board.cut()

    thread = threading.Thread(target=cut)
    thread.start()
    try:
        found = list(
            runner(give_up_seconds=60).measure(models, replace(_QUICK, processes=2, max_processes=2))
        )
    finally:
        done.set()
        thread.join()
    assert all(m.ok and len(m.repeats_ms) == 2 for m in found), [m.error for m in found]
    _measured_once(board, 2 * len(models))


def test_operator_times_come_from_a_board_that_has_edgenas(
    board: Any, runner: Callable[..., SshRunner], models: list[Path]
) -> None:
    (result,) = runner(board.address(python=sys.executable)).measure(models[:1], _QUICK, operators=True)
    assert result.runtime == "ai-edge-litert" and result.operator_ms is not None, result.notes
    assert result.details["python"] == ".".join(map(str, sys.version_info[:3]))


def test_affinity_is_set_on_the_board(
    board: Any, runner: Callable[..., SshRunner], models: list[Path]
) -> None:
    profile = load_device(board.address())
    for cpu, expected in ((min(os.sched_getaffinity(0)), False), (4000, True)):
        device = SshRunner(profile, replace(profile.configuration(), cpus=(cpu,)))
        (result,) = device.measure(models[:1], _QUICK)
        device.close()
        assert result.ok and ("CPU affinity 4000 could not be set" in " ".join(result.notes)) == expected


def test_the_edge_tpu_of_a_board(
    board: Any,
    runner: Callable[..., SshRunner],
    models: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    address = board.address().replace("ssh://board?", "ssh://board/edgetpu?")
    device = runner(address)
    detection = device.probe()
    assert not detection.available and "an Edge TPU on the USB bus" in detection.missing
    assert "libedgetpu" in detection.next_command and detection.found[2] == "tflite-runtime 2.14.0"
    compiled = tmp_path / "compiled.tflite"
    compiled.write_bytes(models[0].read_bytes() + b"edgetpu-custom-op")
    with pytest.raises(EdgenasError, match=r"No usable Edge TPU \(usb3\); nothing was measured"):
        list(device.measure([compiled], _QUICK))
    library = EdgeTpuChoice((), (), "", {"library": "/nowhere/libedgetpu.so.1", "options": {"device": "usb"}})
    monkeypatch.setattr("edgenas.device_profiles.ssh_runner.choose_edgetpu", lambda *_: library)
    plain, tried = device.measure([models[0], compiled], _QUICK)
    assert "edgetpu_compiler -s" in plain.error
    assert "/nowhere/libedgetpu.so.1" in tried.error and tried.delegate == "libedgetpu.so.1"
    unplugged = EdgeTpuChoice((), ("an Edge TPU on the USB bus",), "lsusb", {})
    choices = iter([library])
    monkeypatch.setattr(
        "edgenas.device_profiles.ssh_runner.choose_edgetpu", lambda *_: next(choices, unplugged)
    )
    with pytest.raises(EdgenasError, match=r"(?s)is gone: .*plug it in again.*missing: .*on the USB bus"):
        list(device.measure([compiled], _QUICK))


def _cut_while_measuring(
    board: Any, device: SshRunner, models: list[Path], *, after: int, number: int, end: str = "server"
) -> tuple[list[Measurement], int]:
    """Cuts all connections when `after` jobs are in the journal and the next one is being measured."""
    cut: list[int] = []

    def watch() -> None:
        board.wait_for(lambda: len(board.journal()) >= after, "nothing is measured")
        time.sleep(0.25)
        cut.append(board.cut(number) if end == "server" else board.kill_clients())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        return list(device.measure(models, _SLOW)), cut[0] if cut else 0
    finally:
        thread.join()


def _lost_for_good(board: Any, device: SshRunner, models: list[Path]) -> None:
    """The network is gone in the middle: as far as this client can tell, for good."""
    board.wait_for(lambda: device.probe().available, "no board")
    listener = board.sshd.pid
    os.kill(listener, signal.SIGSTOP)
    try:
        board.cut()
        list(device.measure(models, _QUICK))
    finally:
        os.kill(listener, signal.SIGCONT)


def _by_client(board: Any) -> list[dict[str, Any]]:
    entries = []
    for number, path in enumerate((board.folder / "board").glob("journal-*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            entries.append({"client": number, "time": json.loads(line)["time"]})
    return sorted(entries, key=lambda entry: entry["time"])


def test_a_profile_that_is_cut_once_measures_fits_and_predicts(board: Any, tmp_path: Path) -> None:
    """Show 1 of the issue, with few networks."""
    profile = replace(load_device(board.address()), protocol=replace(_QUICK, processes=2, max_processes=2))
    device = SshRunner(profile, profile.configuration("float32-1t"), tell=lambda text: None)
    cut: list[int] = []

    def watch() -> None:
        board.wait_for(lambda: len(board.journal()) >= 5, "nothing is measured", seconds=120)
        cut.append(board.cut())

    thread = threading.Thread(target=watch)
    thread.start()
    space = load_space("demo", ("depth",))
    try:
        result = profile_device(
            profile, space, tmp_path / "profile", input_shape=(32, 32), head_channels={"depth": 1},
            configuration="float32-1t", budget_seconds=120, networks=10, runner=device,
        )  # fmt: skip
    finally:
        thread.join()
        device.close()
    assert cut == [1]
    records = [json.loads(line) for line in (tmp_path / "profile/measurements.jsonl").open(encoding="utf-8")]
    assert len({(record["name"], record["round"]) for record in records}) == len(records)
    _measured_once(board, len(records))
    journal = {tuple(entry["result"]["answers"][0]["repeats_ms"]) for entry in board.journal()}
    assert {tuple(record["measurement"]["repeats_ms"][0]) for record in records} == journal
    assert not result.failed and result.card["runtime"].startswith("tflite-runtime 2.14.0")
    architecture = space.architecture(space.default(), input_shape=(32, 32), head_channels={"depth": 1})
    assert result.predictor.predict(graph_of(architecture, "float32")).latency_ms > 0
