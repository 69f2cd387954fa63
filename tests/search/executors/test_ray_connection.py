from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from toy_search import toy_evaluator

from edgenas.errors import EdgenasError, MissingDependencyError, UsageError
from edgenas.search.executors.ray_connection import connect, import_ray
from edgenas.search.executors.ray_executor import RayExecutor
from edgenas.search.executors.ray_nodes import Need

ray = pytest.importorskip("ray")

SCRIPT = Path(__file__).parent / "toy_ray.py"


@pytest.fixture
def listener() -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers whatever it is sent with what is in the list, and says nothing while it is empty."""
    server = socket.create_server(("127.0.0.1", 0))
    answer: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            connection.recv(100)
            for data in answer:
                connection.sendall(data)
            if answer:
                connection.close()

    threading.Thread(target=serve, daemon=True).start()
    yield f"127.0.0.1:{server.getsockname()[1]}", answer
    server.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_where_nothing_listens_is_told_at_once(scheme: str) -> None:
    begun = time.monotonic()
    address = f"{scheme}127.0.0.1:{free_port()}"
    with pytest.raises(
        EdgenasError,
        match=rf"at {re.escape(address)}: Connection refused\.\nStart one .*with: ray start --head",
    ):
        connect(address)
    assert time.monotonic() - begun < 20 and not ray.is_initialized()


def test_a_server_that_is_not_ray_is_told_from_it(listener: Any) -> None:
    address, answer = listener
    answer.append(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(EdgenasError, match="something else than Ray listens there"):
        connect(address)


def test_a_server_that_never_answers_is_not_waited_for(listener: Any) -> None:
    begun = time.monotonic()
    with pytest.raises(EdgenasError, match="timed out"):
        connect(listener[0])
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("address", ["here", "host:", "host:port", "ray://host", ":6379", "host:70000"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match=r"is no address of a Ray cluster\. Expected local, auto, HOST:PORT"):
        connect(address)


def test_auto_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(EdgenasError, match=f"at {address}"):
        connect("auto")


def test_without_ray_the_install_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'edgenas\[ray\]'"):
        import_ray()


def test_amounts_that_mean_nothing_are_refused() -> None:
    for wrong in ({"cpus_per_trial": 0.0}, {"gpus_per_trial": -1.0}, {"memory_mb": -5.0}, {"workers": 0}):
        with pytest.raises(UsageError, match="Expected"):
            RayExecutor(toy_evaluator, address="local", **wrong)  # type: ignore[arg-type]
    assert not ray.is_initialized()


def test_trials_fit_on_a_node_as_its_scarcest_resource_allows() -> None:
    resources = {"CPU": 8.0, "GPU": 1.0, "memory": 10.0 * 2**30}
    assert Need().slots(resources) == 8
    assert Need(cpus=0.1).slots({"CPU": 1.0}) == 10
    assert Need(cpus=3).slots(resources) == 2
    assert Need(gpus=0.5).slots(resources) == 2
    assert Need(memory_bytes=3 * 2**30).slots(resources) == 3
    assert Need().slots({"memory": 1.0}) == Need(gpus=1).slots({"CPU": 4.0}) == 0


@pytest.fixture(autouse=True)
def private_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray leaves the token of a new cluster in the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))


def environment(**more: str) -> dict[str, str]:
    folders = os.pathsep.join(map(str, (SCRIPT.parent, SCRIPT.parents[1])))
    return {**os.environ, "PYTHONPATH": folders, "RAY_USAGE_STATS_ENABLED": "0", **more}


def test_a_trial_that_runs_out_of_memory_has_failed_and_is_not_repeated(tmp_path: Path) -> None:
    """Ray's memory monitor, told that one percent of the memory is too much, ends each trial."""
    code = (
        "from pathlib import Path; from toy_ray import Toy, some_job; "
        "from edgenas.search.executors.ray_executor import RayExecutor\n"
        f"executor = RayExecutor(Toy(Path({str(tmp_path)!r}), seconds=60.0), address='local')\n"
        "executor.submit(some_job()); (done,) = executor.wait(); executor.close()\n"
        "print(done.evaluation.status, '|', done.evaluation.reason)"
    )
    limits = environment(RAY_memory_usage_threshold="0.01", RAY_memory_monitor_refresh_ms="100")
    limits["RAY_ADDRESS"] = "127.0.0.1:9"  # `local` is not led astray by it
    done = subprocess.run(
        [sys.executable, "-c", code], env=limits, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    status, _, reason = done.stdout.strip().partition(" | ")
    assert status == "failed" and re.fullmatch(
        r"memory ran out on node \S+, and Ray's memory monitor ended the trial", reason
    )
    assert done.stderr == ""


@pytest.fixture(scope="module")
def foreign_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A cluster on whose only node Ray is installed but edgenas is not; also reached by Ray Client."""
    root = tmp_path_factory.mktemp("foreign")
    venv.create(root / "venv", with_pip=False)
    packages = Path(ray.__file__).parents[1]
    (next((root / "venv" / "lib").glob("python*")) / "site-packages" / "ray.pth").write_text(f"{packages}\n")
    python, port, client = str(root / "venv" / "bin" / "python"), free_port(), free_port()
    command = [
        python, "-m", "ray.scripts.scripts", "start", "--head", "--port", str(port), "--num-cpus", "1",
        "--object-store-memory", str(100 * 2**20), "--include-dashboard", "false",
        "--ray-client-server-port", str(client), "--min-worker-port", "0", "--max-worker-port", "0",
        "--temp-dir", f"/tmp/edgenas-{os.getpid()}", "--block",
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "HOME": str(root)},
        cwd=root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"127.0.0.1:{wait_for(port)} ray://127.0.0.1:{wait_for(client)}"
    finally:
        process.terminate()
        process.wait(30)


def wait_for(port: int) -> int:
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return port
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


@pytest.mark.parametrize("kind", [0, 1])
def test_a_node_without_edgenas_is_named_before_a_trial_is_spent(
    foreign_cluster: str, kind: int, tmp_path: Path
) -> None:
    address = foreign_cluster.split()[kind]
    code = (
        "import sys; from toy_search import toy_evaluator; from edgenas.errors import EdgenasError\n"
        "from edgenas.search.executors.ray_executor import RayExecutor\n"
        f"try: RayExecutor(toy_evaluator, address={address!r})\n"
        "except EdgenasError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(),
        cwd=tmp_path,  # Ray would let the node look for modules in the driver's
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert "1 of 1 nodes of the Ray cluster cannot evaluate trials as this machine would" in done.stdout
    assert "edgenas is missing (expected 0." in done.stdout and "TensorFlow" not in done.stdout
    assert "pip install 'edgenas[search,train,ray]'" in done.stdout
    assert done.stderr == "" and done.returncode == 0
