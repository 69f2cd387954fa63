from __future__ import annotations

from edgenas.workflow.execution import Execution


def test_another_executor_keeps_what_belongs_to_none() -> None:
    stored = Execution(executor="ray", address="auto", workers=9, gpus_per_trial=0.5, pause_seconds=60.0)
    now = Execution.from_dict(stored.to_dict(), {"executor": "local", "workers": 2})
    assert now == Execution(workers=2, pause_seconds=60.0)
    back = Execution.from_dict(now.to_dict(), {"executor": "ray"})
    assert back == Execution(executor="ray", pause_seconds=60.0)


def test_the_same_executor_keeps_everything() -> None:
    stored = Execution(executor="ray", address="auto", workers=9, gpus_per_trial=0.5, pause_seconds=60.0)
    assert Execution.from_dict(stored.to_dict(), {"workers": 3}).to_dict() == {
        **stored.to_dict(),
        "workers": 3,
    }
    assert Execution.from_dict({}, {}) == Execution()
