"""`edgenas reproduce synergy`: the searches, then the trainings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from edgenas.cli.output import format_seconds, print_json, say
from edgenas.cli.reproduce import cost_line, run_trainings, show_study
from edgenas.cli.search_view import search_view

if TYPE_CHECKING:
    from edgenas.studies.plan import Planned, StudySetup
    from edgenas.studies.synergy import SynergySetup

__all__ = ["run_synergy"]


def run_synergy(options: dict[str, Any], study: StudySetup) -> None:
    """Estimate, searches, trainings, result."""
    from edgenas.search.study import read_trials
    from edgenas.studies.cost import estimate_cost, estimate_searches
    from edgenas.studies.plan import unique
    from edgenas.studies.synergy import (
        SynergySetup,
        plan_final_trainings,
        plan_searches,
        synergy,
    )
    from edgenas.studies.trainings import TrainingStore
    from edgenas.studies.winners import Target, pick_winner, run_study_search
    from edgenas.workflow.devices import DeviceRequest

    data = study.open(None)
    request = None
    if options["device"] != "none":
        request = DeviceRequest(
            device=options["device"],
            configuration=options["configuration"],
            predictor_dir=options["predictor"],
            target_ms=options["target_ms"],
        )
    changes = {} if options["proxy_iterations"] is None else {"iterations": options["proxy_iterations"]}
    setup = SynergySetup(
        study=study,
        tasks=data.tasks,
        target=Target.of(request, study.network(data)),
        trials=options["trials"],
        search_seed=options["search_seed"],
        proxy=options["proxy"],
        proxy_changes=changes,
    )
    store = TrainingStore(options["out"])
    searches = plan_searches(setup)
    folders = [plan.folder(options["out"], study, setup.target) for plan in searches]
    known = plan_final_trainings(setup, [])
    searching = estimate_searches(folders, searches, lambda: _candidate(setup))
    training = estimate_cost(store, known, further=study.seeds * len(searches))
    if options["estimate_only"]:
        seconds = searching.seconds_left + training.seconds_left
        if options["as_json"]:
            costs = {"searches": searching.to_dict(), "trainings": training.to_dict()}
            print_json({**costs, "seconds_left": round(seconds)})
        else:
            click.echo(
                f"{cost_line(searching)}\n{cost_line(training)}\nTogether about {format_seconds(seconds)}."
            )
        return
    say(f"{len(searches)} searches, {cost_line(searching)}\nThen {cost_line(training)}")
    winners = []
    for plan, folder in zip(searches, folders, strict=True):
        say(f"{plan.label}: {folder}")
        with search_view() as on_event:
            run_study_search(plan, study, setup.target, folder, on_event)
        winners.append(pick_winner(plan, setup.target, read_trials(folder)))
    plans = plan_final_trainings(setup, winners)
    left = len(store.missing(plans))
    cost = replace(training, total=len(unique(plans)), done=len(unique(plans)) - left)
    say(cost_line(cost))
    show_study(options, synergy(setup, winners, plans, run_trainings(store, plans, cost)))


def _candidate(setup: SynergySetup) -> Planned:
    """The training of one candidate of the joint search: the baseline under the proxy schedule."""
    from edgenas.training.config import default_loss_weights
    from edgenas.training.schedule_file import resolve_schedule

    info = setup.study.open(setup.tasks).train.info
    fitting = default_loss_weights(setup.tasks, info.depth_unit)
    proxy = resolve_schedule(setup.proxy, setup.tasks, fitting=fitting, changes=setup.proxy_changes)
    study = replace(setup.study, config=proxy)
    return study.plan("a candidate", setup.tasks, proxy.loss_weights, 0, setup.target.baseline)
