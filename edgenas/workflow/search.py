"""`edgenas search`: data, space, predictor and trainer put together, and the best measured at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgenas.device_profiles import Measurement, load_device, runner_for
from edgenas.device_profiles.connection import is_address
from edgenas.errors import UsageError
from edgenas.search import (
    Event,
    Halving,
    Requirement,
    SearchConfig,
    SearchResult,
    activation_limit,
    parameter_limit,
    read_config,
    run_search,
    store_measurement,
)
from edgenas.search.config import DEFAULT_ALGORITHM
from edgenas.search.metric_weights import parse_metric_weights
from edgenas.search.scalars import with_scalars
from edgenas.space import Architecture, SearchSpace, load_space
from edgenas.training.config import TrainingConfig, default_loss_weights
from edgenas.training.schedule_file import load_schedule, resolve_schedule
from edgenas.workflow.data import OpenData
from edgenas.workflow.devices import (
    DeviceRequest,
    OpenDevice,
    keep_predictors,
    open_devices,
    reopen_devices,
    reopened,
    search_devices,
)
from edgenas.workflow.execution import Execution
from edgenas.workflow.fresh_export import export_fresh
from edgenas.workflow.oneshot_search import OneShotSearch, oneshot_options
from edgenas.workflow.proxy_training import ProxyTraining
from edgenas.workflow.remeasure import remeasure as remeasure_best
from edgenas.workflow.requirements import edgetpu_requirement
from edgenas.workflow.runs import RunFolder
from edgenas.workflow.search_request import SearchRequest
from edgenas.workflow.vela_memory import VelaMemory, sram_device, sram_requirement

__all__ = ["resume_search", "start_search"]


def start_search(
    request: SearchRequest, run_dir: Path, *, on_event: Callable[[Event], None] | None = None
) -> SearchResult:
    """Starts a new run in `run_dir`.

    Raises:
        Unreachable: no network seems to meet the target and the limits; nothing was written.
        UsageError: an option is wrong, there is no predictor for the device, or the folder holds a run.
        SearchInterrupted: Ctrl-C.
    """
    run = RunFolder(run_dir)
    if run.config.exists():
        raise UsageError(f"{run_dir} already holds a run. Go on with: edgenas search --resume {run_dir}")
    data = request.data.open()
    space = load_space(request.space, data.tasks)
    weights = parse_metric_weights(request.metric_weights, data.tasks)
    devices = open_devices(_asked(request))
    names = [f"{d.device}-{d.configuration}" for d in devices if not is_address(d.device)]
    shape = (data.train.info.height, data.train.info.width)
    channels = data.train.info.head_channels
    # Made even when nothing is predicted: it says now whether the space fits the size of the frames.
    baseline = space.architecture(space.default(), input_shape=shape, head_channels=channels)
    several = search_devices(devices, baseline, request.risk)
    main = several[0] if several else None
    proxy = _proxy(request, data)
    config = SearchConfig(
        trials=request.trials,
        seed=request.seed,
        algorithm=request.algorithm,
        oneshot=_oneshot(request, data),
        population=request.population,
        tournament=request.tournament,
        reward=request.reward,
        target_ms=request.target_ms if main is None else main.target_ms,
        risk=request.risk,
        input_shape=shape,
        head_channels=channels,
        data=data.describe(),
        proxy=proxy.to_dict(),
        halving=_halving(request, proxy),
        space_source=request.space,
        device=None if main is None else main.device,
        configuration=None if main is None else main.configuration,
        predictor=None if main is None else main.predictor,
        devices=several if len(several) > 1 else (),
        metric_weights=weights,
        require=request.require,
        max_parameters=request.max_parameters,
        max_activation_kib=request.max_activation_kib,
        max_sram_kib=request.max_sram_kib,
        sram_device=None if request.max_sram_kib is None else sram_device(request.sram_device, names),
        trial_seconds=request.trial_seconds,
        execution=request.execution.to_dict(),
        remeasure=request.remeasure,
        storage=request.storage,
        command=request.command,
    )

    return _run(
        config,
        space,
        data,
        devices,
        run,
        resume=False,
        on_event=on_event,
        before_begin=lambda: keep_predictors(devices, run),
    )


def resume_search(
    run_dir: Path,
    *,
    trials: int | None = None,
    remeasure: int | None = None,
    trial_seconds: float | None = None,
    execution: Mapping[str, Any] | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> SearchResult:
    """Goes on with the run in `run_dir`, with its stored options.

    Args:
        run_dir: the run folder.
        trials: trials in total, when more than were asked for before.
        remeasure: another number of networks to measure at the end; None keeps the stored one.
        trial_seconds: another time limit of a trial; None keeps the stored one.
        execution: fields of `Execution` that are to differ from those of the last session.
        on_event: is told about progress.

    Raises:
        UsageError: there is no run, or its data or space are not the same any more.
        SearchInterrupted: Ctrl-C.
    """
    stored = read_config(run_dir)
    run = RunFolder(run_dir)
    data = OpenData.reopen(stored["data"])
    space = load_space(stored["space"]["source"], data.tasks)
    devices = reopen_devices(stored, run)
    config = SearchConfig(
        trials=max(trials or 0, stored["trials"]),
        seed=stored["seed"],
        algorithm=stored.get("algorithm", DEFAULT_ALGORITHM),  # Runs of earlier versions do not have it,
        oneshot=stored.get("oneshot"),
        population=stored["population"],
        tournament=stored["tournament"],
        reward=stored["reward"],
        target_ms=stored["target_ms"],
        risk=stored["risk"],
        input_shape=tuple(stored["input_shape"]),
        head_channels=data.train.info.head_channels,
        data={**stored["data"], **data.describe()},
        proxy=stored["proxy"],
        space_source=stored["space"]["source"],
        device=stored["device"],
        configuration=stored["configuration"],
        predictor=devices[0].predictor.name if devices else None,
        devices=reopened(stored, devices),
        metric_weights=stored["metric_weights"],
        require=stored.get("require"),  # nor any of these.
        max_parameters=stored.get("max_parameters"),
        max_activation_kib=stored.get("max_activation_kib"),
        halving=None if stored.get("halving") is None else Halving.from_dict(stored["halving"]),
        max_sram_kib=stored.get("max_sram_kib"),
        sram_device=stored.get("sram_device"),
        trial_seconds=trial_seconds or stored.get("trial_seconds"),
        execution=Execution.from_dict(stored.get("execution") or {}, execution or {}).to_dict(),
        remeasure=stored.get("remeasure", 0) if remeasure is None else remeasure,
        storage=stored.get("storage"),
        command=tuple(stored["command"]),
    )
    return _run(config, space, data, devices, run, resume=True, on_event=on_event)


def _proxy(request: SearchRequest, data: OpenData) -> TrainingConfig:
    info = data.train.info
    preset, _ = load_schedule(request.proxy)
    return resolve_schedule(
        request.proxy,
        info.tasks,
        fitting=default_loss_weights(info.tasks, info.depth_unit, preset),
        loss_weights=request.loss_weights,
        changes=request.schedule,
    )


def _halving(request: SearchRequest, proxy: TrainingConfig) -> Halving | None:
    if request.pruner is None:
        given = {"--first-rung": request.first_rung, "--reduction-factor": request.reduction_factor}
        for flag, value in given.items():
            if value is not None:
                raise UsageError(f"{flag} {value} belongs to pruning. Add --pruner halving, or leave it out.")
        return None
    return Halving.of_schedule(
        proxy.iterations, first_step=request.first_rung, factor=request.reduction_factor
    )


def _oneshot(request: SearchRequest, data: OpenData) -> dict[str, Any] | None:
    if request.algorithm != "oneshot":
        return None
    if request.pruner is not None:
        raise UsageError(
            "--pruner ends trainings early, and --algorithm oneshot trains no candidate. Leave --pruner out."
        )
    proxy = replace(_proxy(request, data), seed=request.seed)
    steps, networks = request.supernet_steps, request.rank_networks
    return oneshot_options(proxy, steps=steps, rank_networks=networks).to_dict()


def _asked(request: SearchRequest) -> list[DeviceRequest]:
    """Every device of the request, the main one first."""
    if request.device is None:
        return []
    main = DeviceRequest(
        device=request.device,
        configuration=request.configuration,
        predictor_dir=request.predictor_dir,
        target_ms=request.target_ms,
    )
    return [main, *request.further]


def _run(
    config: SearchConfig,
    space: SearchSpace,
    data: OpenData,
    devices: Sequence[OpenDevice],
    run: RunFolder,
    *,
    resume: bool,
    on_event: Callable[[Event], None] | None,
    before_begin: Callable[[], None] | None = None,
) -> SearchResult:
    if config.oneshot is not None and config.remeasure and config.oneshot["rank_networks"]:
        raise UsageError(
            "--remeasure recommends by the qualities of the search, a one-shot search with --rank-networks by those of "
            "stand-alone training. Leave --remeasure out (the best is measured anyway), or add --rank-networks 0."
        )
    estimators = [device.estimate for device in devices]
    # What fits in the widest number format of the devices fits on each.
    dtype = "float32" if any(device.dtype == "float32" for device in devices) else "int8"
    execution = Execution(**config.execution)
    requirements = _requirements(config, dtype, run)
    alone = ProxyTraining(data.train, data.validation, config.proxy)
    with with_scalars(run.root, on_event) as handler:
        oneshot = OneShotSearch.of(config, space, data, estimators, requirements, run.root, handler)
        result = run_search(
            config,
            space,
            alone if oneshot is None else oneshot.evaluator,
            estimators[0] if estimators else None,
            run.root,
            resume=resume,
            on_event=handler,
            requirements=requirements,
            before_begin=before_begin,
            other_estimators=estimators[1:],
            executor=execution.make if oneshot is None else oneshot.after_supernet(execution.make),
            patience_seconds=execution.pause_seconds,
        )
        if oneshot is not None:
            result = oneshot.judged(result, alone, execution.make)
    if config.remeasure and config.device is not None:
        return remeasure_best(result, config, run, config.remeasure, measure_architecture, on_event=on_event)
    if result.best is None or config.device is None or result.measured_ms is not None:
        return result
    measurement = measure_architecture(result.best.architecture, config.device, config.configuration)
    if measurement is None:
        return result
    if not measurement.ok:
        return result.with_failed_measurement(measurement.error, measurement.source)
    store_measurement(run.root, measurement.latency_ms, measurement.source)
    return result.with_measurement(measurement.latency_ms, measurement.source)


def _requirements(config: SearchConfig, dtype: str, run: RunFolder) -> list[Requirement]:
    """What the configuration asks of every candidate, the cheapest to check first."""
    found = []
    if config.max_parameters is not None:
        found.append(parameter_limit(config.max_parameters))
    if config.max_activation_kib is not None:
        found.append(activation_limit(config.max_activation_kib, dtype))
    if config.require is not None:
        found.append(edgetpu_requirement())
    if config.max_sram_kib is not None and config.sram_device is not None:
        found.append(sram_requirement(config.max_sram_kib, VelaMemory(config.sram_device, run.root)))
    return found


def measure_architecture(
    architecture: Architecture, device: str, configuration: str | None
) -> Measurement | None:
    """Latency of a network on a device, measured or simulated; None where that is not possible here and now.

    Latency does not depend on the weights, so fresh ones do. A measurement that failed says why.
    """
    runner = runner_for(load_device(device), configuration)
    if not runner.probe().available:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        export_fresh(architecture, runner.configuration.dtype, path)
        return runner.measure_one(path, Path(folder))
