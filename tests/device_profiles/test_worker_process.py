from __future__ import annotations

from typing import Any

import pytest

from edgenas.device_profiles.worker_process import WorkerFailureError, WorkerProcess


def _job(worker: Any, name: str) -> dict[str, Any]:
    return {"id": 1, "model": str(worker.model(name)), "operators": False}


def test_answers_until_done(fake_worker: Any) -> None:
    with WorkerProcess((1, 3), fake_worker.command) as worker:
        assert worker.greeting["load_average"] == 0.5
        assert [a["kind"] for a in worker.answers(_job(fake_worker, "good"), 20)] == ["latency", "done"]
        assert [a["kind"] for a in worker.answers(_job(fake_worker, "error"), 20)] == ["error"]
    assert fake_worker.starts() == ["--cpus 1,3"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("crash", "was killed by SIGSEGV"),
        ("exit", "ended with exit code 3; it printed last: out of cheese"),
        ("hang", "no answer within 0.5 s"),
        ("garbage", "answered nonsense: b'Segmentation is fun'"),
        ("wrong_job", "answered another job"),
    ],
)
def test_every_way_to_fail_is_told(fake_worker: Any, name: str, message: str) -> None:
    worker = WorkerProcess((), fake_worker.command)
    with pytest.raises(WorkerFailureError, match=message):
        list(worker.answers(_job(fake_worker, name), 0.5 if name == "hang" else 20))


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(WorkerFailureError, match="does not start"):
        WorkerProcess((), ("/nonexistent/python",))
    with pytest.raises(WorkerFailureError, match="ended with exit code 1"):
        WorkerProcess((), ("/bin/false",))
