"""Whatever goes wrong before or while a board is used: it is said what, and what to type next. All of it is real."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgenas.device_profiles import Detection, Protocol, load_device
from edgenas.device_profiles.connection import Connection
from edgenas.device_profiles.ssh_board import no_runtime
from edgenas.device_profiles.ssh_connection import ssh_command
from edgenas.device_profiles.ssh_errors import explain_failure
from edgenas.device_profiles.ssh_runner import SshRunner
from edgenas.errors import EdgenasError

_QUICK = Protocol(warmup_runs=1, warmup_seconds=0, min_runs=2, min_seconds=0, processes=1, max_processes=1)


def _probe(address: str, **options: Any) -> Detection:
    profile = load_device(address)
    runner = SshRunner(profile, profile.configuration(), **options)
    try:
        return runner.probe()
    finally:
        runner.close()


def _script(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_the_command_line_has_one_word_for_each_thing() -> None:
    connection = Connection(via="ssh", host="board", user="pi", port=2222, identity="/k e y", config="/c")
    assert ssh_command(connection, ["python3", "-c", "print('a b')"], ssh="/usr/bin/ssh") == [
        "/usr/bin/ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5",
        "-o", "ServerAliveCountMax=3", "-o", "RemoteCommand=none", "-o", "IdentitiesOnly=yes", "-F", "/c",
        "-i", "/k e y", "-p", "2222", "-l", "pi", "--", "board", "python3 -c 'print('\"'\"'a b'\"'\"')'",
    ]  # fmt: skip
    short = ssh_command(Connection(via="ssh", host="board"), ["true"])
    assert short[-3:] == ["--", "board", "true"] and "-p" not in short and "-l" not in short


@pytest.mark.parametrize(
    ("options", "missing", "command"),
    [
        (
            {"UserKnownHostsFile": "/dev/null"},
            "the host key of board is not known yet",
            "ssh -F {folder}/config",
        ),
        ({"IdentityFile": "{folder}/other_key"}, "board refuses the login", "ssh-copy-id -F"),
        ({"HostName": "no-such-board.invalid"}, "there is no host of that name", "ping HOST"),
        ({"Port": "1"}, "board is there but takes no ssh connections", "systemctl enable --now ssh"),
        ({"NoSuchOption": "yes"}, "ssh does not take its configuration", "ssh -G -F"),
    ],
)
def test_connections_that_do_not_come_about(
    board: Any, options: dict[str, str], missing: str, command: str
) -> None:
    config = board.config(**{key: value.format(folder=board.folder) for key, value in options.items()})
    detection = _probe(board.address(config=str(config)))
    assert not detection.available and missing in detection.missing[0].lower()
    assert command.format(folder=board.folder) in detection.next_command
    assert "ssh" in detection.looked_for[0].lower()


def test_settings_of_the_user_that_would_be_in_the_way(board: Any) -> None:
    config = board.config(RemoteCommand="tmux attach", RequestTTY="force")
    assert _probe(board.address(config=str(config))).available


def test_a_changed_host_key(board: Any, tmp_path: Path) -> None:
    other = " ".join((board.folder / "other_key.pub").read_text(encoding="utf-8").split()[:2])
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{board.port} {other}\n", encoding="utf-8")
    detection = _probe(board.address(config=str(board.config(UserKnownHostsFile=str(known)))))
    assert "another host key" in detection.missing[0] and "ssh-keygen -R" in detection.next_command


def test_no_ssh_client(board: Any) -> None:
    detection = _probe(board.address(), ssh="no-such-ssh")
    assert (
        "no-such-ssh" in detection.missing[0] and "apt-get install openssh-client" in detection.next_command
    )


def test_no_python(board: Any) -> None:
    detection = _probe(board.address(python="/nowhere/python3"))
    text = "\n".join(detection.missing)
    assert "has no Python 3.7 or newer" in text and "/nowhere/python3: not there" in text
    assert "apt-get install python3" in detection.next_command


def test_a_python_without_a_runtime(board: Any, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    detection = _probe(board.address(python=str(tmp_path / "bare/bin/python")))
    assert "bare/bin/python: no NumPy" in detection.missing[1]
    assert "pip install tflite-runtime 'numpy<2'" in detection.next_command
    numpy2 = "/opt/python: no ai-edge-litert; tflite-runtime 2.14.0 does not work with NumPy 2: pip install 'numpy<2'"
    assert "/opt/python -m pip install 'numpy<2'   # on the board" in no_runtime(
        Connection(via="ssh", host="b"), [numpy2]
    )
    wanted = _probe(board.address(runtime="ai-edge-litert"))
    assert wanted.missing[1].endswith("no ai-edge-litert")


def test_an_old_python(board: Any, tmp_path: Path) -> None:
    """Python 3.6 does not know `annotations` of `__future__`; Python 2 no `sys.stdin.buffer`."""
    messages = {"SyntaxError: future feature annotations is not defined": "older than Python 3.7",
                "AttributeError: 'file' object has no attribute 'buffer'": "Python 2"}  # fmt: skip
    for message, told in messages.items():
        python = _script(tmp_path / "old", f'read line\necho "{message}" >&2\nexit 1')
        assert told in "\n".join(_probe(board.address(python=python)).missing)


@pytest.mark.parametrize("greeting", ["Welcome!\\n{}\\n", "\\377\\376 no end of the line> "])
def test_greetings_of_the_login_shell_do_no_harm(board: Any, tmp_path: Path, greeting: str) -> None:
    python = _script(tmp_path / "python", f"printf '{greeting}'\nexec {board.python} \"$@\"")
    assert _probe(board.address(python=python)).available


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (None, "not there"),
        ('echo "sh: 1: $0: not found" >&2; exit 127', "not there"),
        ("echo \"fish: Unknown command: $0\" >&2; echo 'fish: ' >&2; exit 127", "not there"),
        (
            'echo "bash: line 1: $0: Permission denied" >&2; exit 126',
            "does not start: bash: .*Permission denied",
        ),
        (
            'echo "$0: error while loading shared libraries: libz.so.1: cannot open shared object file: No such file'
            ' or directory" >&2; exit 127',
            "does not start: .*error while loading shared libraries: libz.so.1",
        ),
    ],
)
def test_a_python_that_does_not_start(board: Any, tmp_path: Path, body: str | None, told: str) -> None:
    python = str(tmp_path / "python") if body is None else _script(tmp_path / "python", body)
    assert re.search(f"{python}: {told}", "\n".join(_probe(board.address(python=python)).missing))


def test_an_agent_that_is_there_needs_no_space(board: Any, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    assert _probe(board.address(folder=str(folder))).available
    [agent] = folder.glob("agent-*")
    about = agent.stat()
    assert _probe(board.address(folder=str(folder))).available
    assert agent.stat().st_ino == about.st_ino and agent.stat().st_mtime > about.st_mtime
    agent.write_bytes(b"damaged")
    assert _probe(board.address(folder=str(folder))).available and agent.stat().st_size == about.st_size


def test_a_folder_that_cannot_be_written(board: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    detection = _probe(board.address(folder=str(tmp_path / "file/folder")))
    assert "Not a directory" in detection.missing[0] and "folder=PATH" in detection.next_command


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small disk")
@pytest.mark.parametrize(("size_kib", "big"), [(16, False), (128, True), (96, False)])
def test_a_full_disk_is_an_error_and_not_a_hang(
    board: Any, tiny_models: Any, tmp_path: Path, size_kib: int, big: bool
) -> None:
    """The agent does not fit, the model does not, or the results do not."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk: {mounted.stderr.decode().strip()}")
    try:
        profile = load_device(board.address(folder=str(disk / "edgenas")))
        runner = SshRunner(profile, profile.configuration(), give_up_seconds=2)
        many = [tiny_models.partitioned["int8"]] * 16
        models = [tmp_path / "big.tflite"] if big else many
        (tmp_path / "big.tflite").write_bytes(many[0].read_bytes() + bytes(2**20))
        with pytest.raises(EdgenasError, match=r"(?s)No space left on device.*df -h"):
            list(runner.measure(models, Protocol(**{**_QUICK.to_dict(), "min_runs": 400})))
        runner.close()
        assert not list(disk.glob("edgenas/agent-*.pyz.*"))  # What does not fit leaves no half.
    finally:
        board.cut()
        board.wait_for(
            lambda: not subprocess.run(["umount", str(disk)], capture_output=True).returncode, "umount"
        )


def test_a_real_python_3_7(board: Any, python_for: Callable[[str], str], tiny_models: Any) -> None:
    """tflite-runtime 2.11 is the last that has wheels for it."""
    profile = load_device(board.address(python=python_for("3.7")))
    runner = SshRunner(profile, profile.configuration())
    measured = list(runner.measure(tiny_models.all(), _QUICK))
    runner.close()
    assert all(m.ok for m in measured), [m.error for m in measured]
    assert measured[0].runtime_version == "2.11.0" and "Python 3.7" in _python_of(runner)
    assert shutil.which("ssh") is not None


def _python_of(runner: SshRunner) -> str:
    return next(text for text in runner.probe().found if text.startswith("Python"))


@pytest.mark.parametrize(
    ("printed", "code", "text", "passing"),
    [
        ("ssh: connect to host board port 22: No route to host", 255, "board does not answer", True),
        ("Connection to 10.0.0.7 closed by remote host.", 255, "the connection to board broke off", True),
        ("client_loop: send disconnect: Broken pipe", 255, "the connection to board broke off", True),
        ("Timeout, server 10.0.0.7 not responding.", 255, "the connection to board broke off", True),
        ("Traceback ...\nMemoryError", 1, "the program on board ended with exit code 1: MemoryError", True),
        ("pi@board: Permission denied (publickey,password).", 255, "board refuses the login", False),
        ("", None, "the connection to board broke off", True),
    ],
)
def test_what_openssh_prints_is_explained(printed: str, code: int | None, text: str, passing: bool) -> None:
    failure = explain_failure(printed, code, Connection(via="ssh", host="board"))
    assert text in failure.text and failure.passing is passing
    assert "\n" not in failure.text
