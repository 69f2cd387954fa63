"""The head of the page: what was searched, the outcome in a few numbers, and how to repeat it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from edgenas.latency_models.fitted_to import simulated_by
from edgenas.report.coerce import as_list, as_number, as_source, as_text
from edgenas.report.devices_section import devices_table
from edgenas.report.growth_figures import growth
from edgenas.report.markup import Html, code, definitions, join, note, tag
from edgenas.report.remeasured_section import what_changed
from edgenas.report.run_data import Candidate, RunConfig, RunData
from edgenas.report.wording import duration, interval, ms, number, status_text

__all__ = ["header", "overview"]

_ALGORITHMS = {
    "evolution": "regularized evolution",
    "random": "random",
    "nsga2": "NSGA-II on quality and latency",
    "tpe": "TPE",
    "oneshot": "one-shot: regularized evolution over weights inherited from a supernet",
}
_SIZES = {
    "evolution": ("population", "tournament"),
    "oneshot": ("population", "tournament"),
    "nsga2": ("population",),
}


def header(run: RunData) -> Html:
    """Title and one sentence about the run."""
    config = run.config
    tasks = [as_text(task) for task in as_list(config.data.get("tasks"))]
    what = f"Search of a network for {_listed(tasks)}" if tasks else "Architecture search"
    devices = [as_text(device.get("label")) for device in config.devices] or [config.device]
    where = f" on {_listed(devices)}" if config.device else ""
    return join(
        (
            tag("p", "edgenas report", class_="kicker"),
            tag("h1", as_text(run.folder.resolve().name) or "run"),
            tag("p", f"{what}{where}. {_outcome(run)} {what_changed(run)}".strip(), class_="lead"),
        )
    )


def overview(run: RunData) -> Html:
    """Tiles with the outcome, the facts of the run and the command to repeat it."""
    tiles = tag("div", *_tiles(run), class_="tiles")
    return join((tiles, devices_table(run), _facts(run), _repeat(run.config)))


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _outcome(run: RunData) -> str:
    best = run.best
    target = run.config.target_ms
    if best is None:
        return "The search has not ended yet."
    if best.is_none:
        return "No trial completed, so there is no network to recommend."
    if run.config.devices:
        if not best.feasible:
            return "No network met the latency target of every device; the nearest one is shown and not recommended."
        return f"The recommended network is trial {best.trial}, within the target of every device."
    if not best.feasible:
        limit = f" of {ms(target)}" if target else ""
        return f"No network met the latency target{limit}; the nearest one is shown and not recommended."
    limit = f", within the target of {ms(target)}" if target else ""
    return f"The recommended network is trial {best.trial}{limit}."


def _tile(title: str, value: str, detail: str) -> Html:
    parts = (
        tag("p", title, class_="tile-title"),
        tag("p", value, class_="tile-value"),
        tag("p", detail, class_="tile-detail"),
    )
    return tag("div", *parts, class_="tile")


def _tiles(run: RunData) -> list[Html]:
    tiles = []
    best, target = run.best, run.config.target_ms
    if best and not best.is_none:
        whose = "" if best.feasible else ", nearest network"
        tiles.append(
            _tile(f"Quality{whose}", number(best.quality), "relative to the MT edge baseline, proxy schedule")
        )
        detail = f"90% interval {interval(*best.interval_ms)}" if best.interval_ms else ""
        if target:
            detail += f"{'; ' if detail else ''}target {ms(target)}"
        tiles.append(_tile(f"Predicted latency{whose}", ms(best.predicted_ms), detail))
        tiles.append(_measured_tile(run, best))
    counts = Counter(t.status for t in run.trials)
    feasible = sum(t.feasible for t in run.trials if t.completed)
    others = [
        f"{count} {status_text(status)}" for status, count in sorted(counts.items()) if status != "completed"
    ]
    detail = ", ".join([f"{counts['completed']} completed", f"{feasible} within the target", *others])
    tiles.append(_tile("Trials", str(len(run.trials)), detail))
    return tiles


def _measured_tile(run: RunData, best: Candidate) -> Html:
    exported = run.card.latency if run.card else None
    if exported and exported.measured_ms is not None:
        spread = f", spread {100 * exported.spread:.1f}%" if exported.spread is not None else ""
        return _tile(
            f"{as_source(exported.source).capitalize()} latency",
            ms(exported.measured_ms),
            f"exported {exported.kind} model on {exported.device}{spread}",
        )
    if best.measured_ms is not None:
        title = f"{as_source(best.source).capitalize()} latency"
        return _tile(title, ms(best.measured_ms), f"on {run.config.device}")
    return _tile(f"{run.source.capitalize()} latency", "—", f"not {run.source} yet")


def _facts(run: RunData) -> Html:
    config, settings, data = run.config, run.config.settings, run.config.data
    spent = sum(t.seconds or 0.0 for t in run.trials)
    size = f"{as_text(data.get('height'))}×{as_text(data.get('width'))}" if data.get("height") else ""
    space = " ".join(
        (
            as_text(config.space.get("name")),
            f"v{as_text(config.space.get('version'))}",
            as_text(config.space.get("hash")),
        )
    )
    device = [as_text(settings.get("device")), as_text(settings.get("configuration"))]
    predictor = [as_text(settings.get("predictor")), simulated_by(run.predictor_card)]
    versions = {
        "edgenas": as_text(settings.get("edgenas_version")),
        **(run.card.versions if run.card else {}),
    }
    budget = [f"{as_text(settings.get('trials')) or len(run.trials)} trials"]
    algorithm = as_text(settings.get("algorithm")) or "evolution"  # Runs of earlier versions knew no other.
    sizes = _SIZES.get(algorithm, ())
    budget += [f"{key} {as_text(settings[key])}" for key in sizes if key in settings]
    pairs = [
        ("Device", ", ".join(filter(None, device))),
        ("Latency target", f"{ms(config.target_ms)}{_risk(settings)}" if config.target_ms else ""),
        ("Predictor", ", ".join(filter(None, predictor))),
        ("Required", "; ".join(_required(settings))),
        ("Reward", as_text(settings.get("reward"))),
        ("Weights of metrics", ", ".join(f"{name} {weight:g}" for name, weight in config.weights.items())),
        ("Search space", space if config.space else ""),
        ("Data", ", ".join(filter(None, (as_text(data.get("source")), size)))),
        ("Data fingerprint", as_text(data.get("fingerprint"))),
        ("Algorithm", _ALGORITHMS.get(algorithm, algorithm)),
        ("Budget", ", ".join(budget)),
        ("Hypervolume", _hypervolume(run)),
        ("Proxy task", _proxy(config.proxy)),
        ("Time in trials", duration(spent) if spent else ""),
        ("Seed", as_text(settings.get("seed"))),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items() if version)),
    ]
    return definitions(pairs)


def _required(settings: dict[str, Any]) -> list[str]:
    words = []
    if require := as_text(settings.get("require")):
        words.append(f"every operator on {require}")
    if (parameters := as_number(settings.get("max_parameters"))) is not None:
        words.append(f"at most {parameters:,.0f} parameters")
    if (kib := as_number(settings.get("max_activation_kib"))) is not None:
        words.append(f"at most {kib:,.10g} KiB of activations")
    if (sram := as_number(settings.get("max_sram_kib"))) is not None:
        words.append(
            f"at most {sram:,.10g} KiB of SRAM on {as_text(settings.get('sram_device'))} (simulated)"
        )
    return words


def _hypervolume(run: RunData) -> str:
    """How the hypervolume grew; empty without predicted latencies."""
    found = growth(run)
    if found is None:
        return ""
    steps, reference_ms = found
    last = max(t.number for t in run.trials if t.scored)
    reached = [
        max((value for number_, value in steps if number_ <= share * last), default=0.0)
        for share in (0.25, 0.5, 1.0)
    ]
    return (
        f"{number(reached[0])} after a quarter of the trials, {number(reached[1])} after half, {number(reached[2])} at "
        f"the end; of quality above 0 and latency below {ms(reference_ms)}, twice the baseline's (which alone "
        "has 0.5)"
    )


def _risk(settings: dict[str, Any]) -> str:
    risk = as_number(settings.get("risk"))
    return f", kept with a predicted probability of {100 * (1 - risk):.0f}%" if risk and 0 < risk < 1 else ""


def _proxy(proxy: dict[str, Any]) -> str:
    plain = {
        key: value for key, value in proxy.items() if isinstance(value, str | int | float) and value != ""
    }
    return ", ".join(f"{key.replace('_', ' ')} {as_text(value)}" for key, value in list(plain.items())[:12])


def _repeat(config: RunConfig) -> Html:
    if not config.command:
        return note("The run folder does not say which command started it.")
    copy = tag("button", "Copy", type="button", class_="copy", hidden="hidden")
    return tag(
        "div",
        tag("h3", "Repeat this run"),
        tag("pre", code(config.command), tabindex=0),
        copy,
        class_="repeat",
    )
