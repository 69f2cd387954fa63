"""`SearchRequest`: what a search is asked for, and what stands where the user says nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edgenas.errors import UsageError, unknown_name
from edgenas.workflow.data import DataRequest
from edgenas.workflow.devices import DeviceRequest
from edgenas.workflow.execution import Execution

__all__ = ["PRESETS", "SearchRequest", "search_request"]

PRESETS: Mapping[str, Mapping[str, int]] = {"paper": {"trials": 2000, "population": 50, "tournament": 10}}
"""The controller of the paper: population 50, tournament sample 10, about 2,000 generations of one child."""

_READ_BY = {
    "population": ("evolution", "oneshot", "nsga2"),
    "tournament": ("evolution", "oneshot"),
    "supernet_steps": ("oneshot",),
    "rank_networks": ("oneshot",),
}

# A network with weights of the supernet is scored in about a second.
_ONESHOT_TRIALS = 500


@dataclass(frozen=True, kw_only=True)
class SearchRequest:
    """What the user asked for.

    Attributes:
        space: name or path of the search space.
        data: which data to open.
        device: device whose latency counts; None searches for quality alone.
        configuration: configuration of the device; None for its default.
        predictor_dir: folder of a predictor to use instead of the user's or the shipped one.
        target_ms: latency target; None takes the predicted latency of the MT edge baseline.
        further: further devices whose latency counts too.
        metric_weights: weights of metrics, see `parse_metric_weights`.
        reward: preset of Eq. 5.
        risk: probability with which the device may exceed the latency held against the target.
        trials: evaluated children.
        algorithm: "evolution", "random", "nsga2", "tpe" or "oneshot".
        supernet_steps: steps of the supernet of algorithm "oneshot"; None for the default.
        rank_networks: networks that it trains alone afterwards; None for the default.
        population: population of regularized evolution and of NSGA-II.
        tournament: tournament size of regularized evolution.
        seed: seed of evolution and training.
        require: accelerator that must run every operator of a candidate, "edgetpu"; None for none.
        max_parameters: most trainable parameters of a candidate; None for any number.
        max_activation_kib: most KiB of feature maps of a candidate at once; None for any.
        max_sram_kib: most KiB of SRAM on an Ethos-U, as Vela simulates it; None for any.
        sram_device: the Ethos-U; None takes the first one among the devices.
        storage: where the study is kept, see `edgenas.search.storages.location`; None for the run folder.
        loss_weights: preset of Table 8; None takes the one that fits the data.
        proxy: schedule of every candidate: a preset of `training.config`, or a path that ends in .toml.
        schedule: what differs from `proxy`.
        pruner: "halving" ends the training of what is behind; None trains every candidate to the end.
        first_rung: steps after which candidates are compared first; None for a part of the schedule.
        reduction_factor: one of so many goes on at each rung; None for the default.
        trial_seconds: time limit of a trial; None for a generous one, see `SearchConfig.trial_seconds`.
        execution: where the candidates are trained.
        remeasure: how many of the best networks are measured at the end; 0 measures the best alone.
        command: argument vector, for the record.
    """

    space: str = "demo"
    data: DataRequest = field(default_factory=DataRequest)
    device: str | None = "host"
    configuration: str | None = None
    predictor_dir: Path | None = None
    target_ms: float | None = None
    further: tuple[DeviceRequest, ...] = ()
    metric_weights: tuple[str, ...] = ()
    reward: str = "paper"
    risk: float | None = None
    trials: int = 50
    algorithm: str = "evolution"
    supernet_steps: int | None = None
    rank_networks: int | None = None
    population: int = 50
    tournament: int = 10
    seed: int = 0
    require: str | None = None
    max_parameters: int | None = None
    max_activation_kib: float | None = None
    max_sram_kib: float | None = None
    sram_device: str | None = None
    remeasure: int = 0
    storage: str | None = None
    loss_weights: str | None = None
    proxy: str = "proxy"
    schedule: Mapping[str, Any] = field(default_factory=dict)
    pruner: str | None = None
    first_rung: int | None = None
    reduction_factor: int | None = None
    trial_seconds: float | None = None
    execution: Execution = field(default_factory=Execution)
    command: tuple[str, ...] = ()


def search_request(
    devices: Sequence[DeviceRequest],
    *,
    algorithm: str = "evolution",
    preset: str | None = None,
    trials: int | None = None,
    population: int | None = None,
    tournament: int | None = None,
    supernet_steps: int | None = None,
    rank_networks: int | None = None,
    **rest: Any,
) -> SearchRequest:
    """A request with everything filled in that the user leaves to edgenas.

    Args:
        devices: every device whose latency counts, the main one first; none for quality alone.
        algorithm: see `SearchRequest`.
        preset: one of `PRESETS`; what is given beside it counts.
        trials: networks to score; 50 by default, 500 of oneshot.
        population: a quarter of the trials by default, 4 to 50.
        tournament: a fifth of the population by default, at least 2.
        supernet_steps: see `SearchRequest`.
        rank_networks: see `SearchRequest`.
        **rest: further fields of `SearchRequest`.

    Raises:
        UsageError: an argument has no meaning for the algorithm, or there is no such preset.
    """
    given = {
        "population": population,
        "tournament": tournament,
        "supernet_steps": supernet_steps,
        "rank_networks": rank_networks,
    }
    for name, algorithms in _READ_BY.items():
        if given[name] is not None and algorithm not in algorithms:
            raise UsageError(
                f"--{name.replace('_', '-')} has no meaning for --algorithm {algorithm}. Leave it out, or take "
                f"--algorithm {' or '.join(algorithms)}."
            )
    if preset is not None and preset not in PRESETS:
        raise unknown_name("preset", preset, PRESETS, "edgenas search --help")
    fixed = PRESETS[preset] if preset is not None else {}
    trials = trials or fixed.get("trials", _ONESHOT_TRIALS if algorithm == "oneshot" else 50)
    population = population or fixed.get("population", max(4, min(50, trials // 4)))
    usual = fixed.get("tournament", max(2, population // 5))
    main, *further = devices or (None,)
    return SearchRequest(
        **({"device": None} if main is None else asdict(main)),
        further=tuple(device for device in further if device is not None),
        algorithm=algorithm,
        trials=trials,
        population=population,
        tournament=tournament or min(population, usual),
        supernet_steps=supernet_steps,
        rank_networks=rank_networks,
        **rest,
    )
