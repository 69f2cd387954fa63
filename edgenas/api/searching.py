"""Searches, new ones and those that go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenas.api.data import request_of
from edgenas.errors import UsageError

if TYPE_CHECKING:
    from edgenas.search import Event, SearchResult
    from edgenas.workflow.data import DataRequest
    from edgenas.workflow.devices import DeviceRequest
    from edgenas.workflow.execution import Execution

__all__ = ["resume_search", "search"]


def search(
    space: str | Path = "demo",
    *,
    data: str | Path | DataRequest = "rooms",
    device: str | Sequence[DeviceRequest] | None = "host",
    configuration: str | None = None,
    predictor: str | Path | None = None,
    target_ms: float | None = None,
    risk: float | None = None,
    algorithm: str = "evolution",
    preset: str | None = None,
    trials: int | None = None,
    population: int | None = None,
    tournament: int | None = None,
    supernet_steps: int | None = None,
    rank_networks: int | None = None,
    seed: int = 0,
    reward: str = "paper",
    metric_weights: Mapping[str, float] | None = None,
    require: str | None = None,
    max_parameters: int | None = None,
    max_activation_kib: float | None = None,
    max_sram_kib: float | None = None,
    sram_device: str | None = None,
    proxy: str | Path = "proxy",
    iterations: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    loss_weights: str | None = None,
    pruner: str | None = None,
    first_rung: int | None = None,
    reduction_factor: int | None = None,
    trial_seconds: float | None = None,
    remeasure: int = 0,
    storage: str | None = None,
    execution: Execution | None = None,
    out: str | Path | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> SearchResult:
    """Finds networks that are accurate and meet a latency target; what is finished is stored trial by trial.

    `edgenas search --help` and docs/search.md explain every argument; here only what differs from the flags.

    Args:
        space: name or .toml file of the search space.
        data: name or path of the data, or a `DataRequest`.
        device: the device whose latency counts; several as `DeviceRequest`s, each with its own configuration,
            predictor and target; None for quality alone.
        metric_weights: {"TASK.METRIC" or "TASK": weight}.
        execution: where the candidates are trained; in this process without it.
        out: run folder; runs/001, runs/002, ... without it.
        on_event: is told about progress.

    Returns:
        The outcome: `best` (None where no network meets the targets), `pareto`, `measured_ms`, `run_dir`.

    Raises:
        UsageError: an argument is wrong, there is no predictor for the device, or the folder holds a run.
        edgenas.search.Unreachable: no network seems to meet the target; nothing was written.
        edgenas.search.SearchInterrupted: Ctrl-C; `resume_search` goes on.
        MissingDependencyError: Optuna or TensorFlow is not installed.

    Example:
        >>> import edgenas
        >>> data = edgenas.DataRequest("tiny.npz", tasks=("segmentation",))
        >>> found = edgenas.search("small.toml", data=data, device="pixel4", trials=1, iterations=2, out="runs/001")
        >>> found.finished, found.best is None or found.best.latency.predicted_ms <= found.target_ms
        (1, True)
    """
    from edgenas.workflow.execution import Execution
    from edgenas.workflow.runs import new_run_folder
    from edgenas.workflow.search import start_search
    from edgenas.workflow.search_request import search_request

    changes = {"iterations": iterations, "batch_size": batch_size, "learning_rate": learning_rate}
    request = search_request(
        _devices(device, configuration, predictor, target_ms),
        space=str(space),
        data=request_of(data),
        risk=risk,
        algorithm=algorithm,
        preset=preset,
        trials=trials,
        population=population,
        tournament=tournament,
        supernet_steps=supernet_steps,
        rank_networks=rank_networks,
        seed=seed,
        reward=reward,
        metric_weights=tuple(f"{name}={weight}" for name, weight in (metric_weights or {}).items()),
        require=require,
        max_parameters=max_parameters,
        max_activation_kib=max_activation_kib,
        max_sram_kib=max_sram_kib,
        sram_device=sram_device,
        proxy=str(proxy),
        schedule={name: value for name, value in changes.items() if value is not None},
        loss_weights=loss_weights,
        pruner=pruner,
        first_rung=first_rung,
        reduction_factor=reduction_factor,
        trial_seconds=trial_seconds,
        remeasure=remeasure,
        storage=storage,
        execution=Execution() if execution is None else execution,
    )
    return start_search(request, new_run_folder() if out is None else Path(out), on_event=on_event)


def resume_search(
    run: str | Path,
    *,
    trials: int | None = None,
    remeasure: int | None = None,
    trial_seconds: float | None = None,
    execution: Execution | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> SearchResult:
    """Goes on with a search, with the arguments that its run folder keeps; ends as an uninterrupted one would.

    Args:
        run: the run folder.
        trials: trials in total, where more are wanted than before.
        remeasure: another number of networks to measure at the end; of a finished run too.
        trial_seconds: another time limit of a trial.
        execution: where candidates are trained from now on; as in the last session without it.
        on_event: is told about progress.

    Raises:
        UsageError: there is no run, or its data or space are not the same any more.
        edgenas.search.SearchInterrupted: Ctrl-C.

    Example:
        >>> import edgenas
        >>> edgenas.resume_search("runs/001").finished
        1
    """
    from edgenas.workflow.search import resume_search as resume

    return resume(
        Path(run),
        trials=trials,
        remeasure=remeasure,
        trial_seconds=trial_seconds,
        execution=None if execution is None else asdict(execution),
        on_event=on_event,
    )


def _devices(
    device: str | Sequence[DeviceRequest] | None,
    configuration: str | None,
    predictor: str | Path | None,
    target_ms: float | None,
) -> Sequence[DeviceRequest]:
    from edgenas.workflow.devices import DeviceRequest

    folder = None if predictor is None else Path(predictor)
    if isinstance(device, str):
        return [
            DeviceRequest(
                device=device, configuration=configuration, predictor_dir=folder, target_ms=target_ms
            )
        ]
    given: dict[str, Any] = {
        "configuration": configuration, "predictor": predictor, "target_ms": target_ms,
    }  # fmt: skip
    wrong = [name for name, value in given.items() if value is not None]
    if wrong:
        names = ", ".join(field.name for field in fields(DeviceRequest))
        raise UsageError(
            f"Invalid argument `{wrong[0]}`. It goes with one device by name. Received `device` {device!r}. Put it "
            f"into the DeviceRequest ({names})."
        )
    return list(device or ())
