"""`--serve`: what it answers, to whom, and that a run that changes or breaks never ends it."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgenas.errors import UsageError
from edgenas.report.live import LiveReport
from edgenas.report.serve import ReportServer

RunMaker = Callable[..., Path]


@pytest.fixture
def folder(make_run: RunMaker) -> Path:
    return make_run(trials=4, parts=("baseline",))


@pytest.fixture
def server(folder: Path) -> Iterator[ReportServer]:
    made = ReportServer(LiveReport(folder))
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def _get(server: ReportServer, path: str, method: str = "GET", **headers: str) -> tuple[int, Any, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=30)
    connection.request(
        method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, body


def test_only_loopback_and_only_its_own_name(server: ReportServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    status, headers, body = _get(server, "/")
    assert status == 200 and "data-live" in body and "connect-src &#x27;self&#x27;" in body
    assert headers["Cache-Control"] == "no-store" and headers["X-Frame-Options"] == "DENY"
    port = server.server_address[1]
    assert _get(server, "/", Host=f"localhost:{port}")[0] == 200
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", ""):
        assert _get(server, "/", Host=host)[0] == 421
        assert _get(server, "/sections", Host=host)[0] == 421
    assert _get(server, "/config.json")[0] == 404 and _get(server, "/../../etc/passwd")[0] == 404
    assert _get(server, "/", "POST")[0] == 501
    assert _get(server, "/", "HEAD")[2] == ""


def test_what_is_known_is_not_sent_again(server: ReportServer) -> None:
    status, headers, body = _get(server, "/sections")
    parts = json.loads(body)["parts"]
    assert status == 200 and all(part["html"].startswith("<") for part in parts)
    assert _get(server, "/sections", If_None_Match=headers["ETag"])[0] == 304
    stamps = ",".join(part["stamp"] for part in parts[1:])
    again = json.loads(_get(server, f"/sections?have={stamps}")[2])["parts"]
    assert again[0]["html"] is not None and all(part["html"] is None for part in again[1:])


def test_a_run_that_changes_and_breaks(make_run: RunMaker) -> None:
    folder = make_run(trials=4, parts=())
    now = [0.0]
    report = LiveReport(folder, clock=lambda: now[0])
    tag, first = report.sections()
    assert report.sections() == (tag, first)
    whole = make_run(trials=4, name="whole", parts=("baseline",))
    shutil.copy(whole / "baseline.json", folder / "baseline.json")
    now[0] += 60.0
    changed = json.loads(report.sections()[1])
    before = {part["id"]: part["stamp"] for part in json.loads(first)["parts"]}
    differ = {part["id"] for part in changed["parts"] if part["stamp"] != before[part["id"]]}
    assert "part-front" in differ and "part-pictures" not in differ
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config[: len(config) // 2])
    now[0] += 60.0
    broken = json.loads(report.sections()[1])
    assert broken["state"].startswith("The run cannot be read now") and broken["parts"] == changed["parts"]
    (folder / "config.json").write_text(config)
    now[0] += 60.0
    assert json.loads(report.sections()[1])["state"].startswith("Following the search")


def test_a_port_in_use(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="--port"):
            ReportServer(LiveReport(folder), taken.getsockname()[1])


def test_the_command_ends_with_ctrl_c(folder: Path) -> None:
    code = "from edgenas.cli.main import main; main()"
    command = [sys.executable, "-c", code, "report", str(folder), "--serve", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        text = ""
        while not text.endswith("}\n"):
            line = process.stdout.readline()
            assert line, process.stderr.read()
            text += line
        url = json.loads(text)["url"]
        port = int(url.rstrip("/").rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()
        process.send_signal(2)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 0 and "Traceback" not in said
