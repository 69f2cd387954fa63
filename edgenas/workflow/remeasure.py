"""`--remeasure K`: the best networks of a search on the devices themselves, and the recommendation that follows."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from edgenas.device_profiles import Measurement, load_device, runner_for
from edgenas.device_profiles.measurement import FAILED, MEASURED, OK
from edgenas.errors import EdgenasError, UsageError
from edgenas.search import Event, SearchConfig, SearchInterrupted, SearchResult, TrialRecord, read_trials
from edgenas.search.baseline import BASELINE_FILE
from edgenas.search.evaluation import describe
from edgenas.search.events import Remark
from edgenas.search.hypervolume import Hypervolume
from edgenas.search.lock import run_lock
from edgenas.search.objective import Latency, judge_of
from edgenas.search.remeasured import MeasuredRow, Remeasured, ranking, read_remeasured, write_remeasured
from edgenas.search.result import best_of, summarise, write_best
from edgenas.space import Architecture
from edgenas.storage import read_json
from edgenas.workflow.runs import RunFolder

__all__ = ["candidates", "remeasure"]

Measure = Callable[[Architecture, str, str | None], Measurement | None]


def candidates(records: Sequence[TrialRecord], config: SearchConfig, count: int) -> list[TrialRecord]:
    """The networks to measure: the best by reward, among them the one that is recommended.

    A network over a target is one of them only where its interval straddles the target: it may meet it.
    """
    judge = judge_of(config)

    def may_meet(record: TrialRecord) -> bool:
        low = replace(record.latency, bound_ms=record.latency.low_ms)
        others = {label: replace(o, bound_ms=o.low_ms) for label, o in record.latency.others.items()}
        return record.feasible or judge.feasible(replace(low, others=others))

    able = [r for r in ranking(records) if r.latency.predicted_ms is not None and may_meet(r)]
    by_reward = sorted(able, key=lambda r: (-(r.reward or 0.0), r.number))[:count]
    best = best_of(records)
    if best is not None and all(r.architecture.hash != best.architecture.hash for r in by_reward):
        by_reward = [best, *by_reward[: count - 1]]
    return by_reward


def remeasure(
    result: SearchResult,
    config: SearchConfig,
    run: RunFolder,
    count: int,
    measure: Measure,
    *,
    on_event: Callable[[Event], None] | None = None,
) -> SearchResult:
    """Measures the `count` best networks, corrects the predictors by them and recommends anew.

    Where the correction brings another network to the top, that one is measured too, at most `count` further ones; if
    yet another one is at the top then, it is recommended by its corrected prediction. Each measurement is stored at
    once; what was measured well before is not measured again.

    Args:
        result: outcome of the search.
        config: its configuration.
        run: its folder.
        count: how many networks.
        measure: measures one on a device, None where that cannot be reached; see `measure_architecture`.
        on_event: is told what goes on.

    Returns:
        The result with the new recommendation; best.json and remeasured.json hold it.

    Raises:
        UsageError: remeasured.json is damaged, or another process works in the folder.
        SearchInterrupted: Ctrl-C; what was measured is stored.
    """
    say = on_event or (lambda _: None)
    with run_lock(run.root):
        records = read_trials(run.root)
        state = replace(read_remeasured(run.root) or Remeasured(count), asked=count, absent=_absent(config))
        for label, why in state.absent.items():
            say(Remark(f"No latency of {label} here: {why}"))
        chosen, tried = candidates(records, config, count), set[str]()
        try:
            while chosen:
                for position, record in enumerate(chosen, 1):
                    tried.add(record.architecture.hash)
                    text = f"Network {record.architecture.hash} (trial {record.number}, {position} of {len(chosen)})"
                    state = _measure(state, record, config, run, records, measure, say, text)
                best = best_of(state.corrected(records, config))
                fresh = best is not None and best.architecture.hash not in tried and len(tried) < 2 * count
                chosen = [r for r in records if best is not None and r.number == best.number] if fresh else []
        except KeyboardInterrupt as error:
            raise SearchInterrupted(
                f"Interrupted while measuring; {len(state.rows)} measurements are stored in {run.root}. Go on with: "
                f"{shlex.join(['edgenas', 'search', '--resume', str(run.root)])}"
            ) from error
        write_remeasured(run.root, state, records, config)
        for text in _default_targets(state, config, run):
            say(Remark(text))
        found = summarise(records, run.root, config, result.hypervolume or Hypervolume(None))
        write_best(found)
    return found


def _default_targets(state: Remeasured, config: SearchConfig, run: RunFolder) -> list[str]:
    """Says so where a target is what was predicted for the baseline, and the corrected predictor says more of that.

    The target stays: it is part of the search. But what it stands for, "no slower than the baseline", is another number
    now, and nothing may be left that meets the old one.
    """
    try:
        baseline = read_json(run.root / BASELINE_FILE, "baseline evaluation")
        predicted = {config.device_labels[0]: baseline["predicted_ms"]}
        others = baseline.get("other_devices", {})
        predicted.update({label: values["predicted_ms"] for label, values in others.items()})
    except (UsageError, LookupError, TypeError, AttributeError):
        return []
    targets: dict[str, float | None] = {d.label: d.target_ms for d in config.devices}
    targets = targets or {config.device_labels[0]: config.target_ms}
    texts = []
    for label, target_ms in targets.items():
        found = state.recalibration(label)
        if target_ms is None or predicted.get(label) != target_ms or found.ms(target_ms) <= 1.01 * target_ms:
            continue
        now, typed = found.ms(target_ms), f"{label}=" if config.devices else ""
        texts.append(
            f"The target on {label} is what was predicted for the MT edge baseline, {target_ms:.4g} ms; the corrected "
            f"predictor says {now:.4g} ms of it. A search that asks for no more than that: --target-ms {typed}{now:.4g}"
        )
    return texts


def _absent(config: SearchConfig) -> dict[str, str]:
    """Why a device cannot be measured here and now, by its label."""
    found = {}
    for label, device, configuration in config.named_devices:
        detection = runner_for(load_device(device), configuration).probe()
        if not detection.available:
            found[label] = "; ".join(detection.missing) or "it is not available"
    return found


def _measure(
    state: Remeasured,
    record: TrialRecord,
    config: SearchConfig,
    run: RunFolder,
    records: Sequence[TrialRecord],
    measure: Measure,
    say: Callable[[Event], None],
    text: str,
) -> Remeasured:
    """Measures a network on every device that can be reached, and stores each row."""
    for label, device, configuration in config.named_devices:
        known = state.row(record.architecture.hash, label)
        latency = record.latency if label == config.device_labels[0] else record.latency.others.get(label)
        if label in state.absent or latency is None or (known is not None and known.settled):
            continue
        say(Remark(f"{text}: its latency on {label}"))
        row = _row(record, label, latency, _attempt(measure, record.architecture, device, configuration))
        if row is None:
            state = replace(state, absent={**state.absent, label: "it is not available any more"})
            continue
        state = state.with_row(_better(known, row))
        write_remeasured(run.root, state, records, config)
    return state


def _attempt(
    measure: Measure, architecture: Architecture, device: str, configuration: str | None
) -> Measurement | str | None:
    """A measurement, None where the device is gone, or why it failed: one odd network does not end the others."""
    try:
        return measure(architecture, device, configuration)
    except EdgenasError as error:
        return str(error)
    except Exception as error:
        return describe(error)


def _row(
    record: TrialRecord, label: str, latency: Latency, found: Measurement | str | None
) -> MeasuredRow | None:
    if found is None:
        return None
    row = MeasuredRow(
        hash=record.architecture.hash,
        trial=record.number,
        device=label,
        predicted_ms=latency.predicted_ms or 0.0,
        low_ms=latency.low_ms or 0.0,
        high_ms=latency.high_ms or 0.0,
        status=FAILED,
        source=MEASURED if isinstance(found, str) else found.source,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    if isinstance(found, str):
        return replace(row, error=found)
    row = replace(row, machine=found.machine, runtime=f"{found.runtime} {found.runtime_version}".strip())
    if not found.ok:
        return replace(row, error=found.error)
    return replace(
        row,
        status=OK,
        measured_ms=found.latency_ms,
        unstable=found.unstable,
        disagreement=found.disagreement,
    )


def _better(known: MeasuredRow | None, row: MeasuredRow) -> MeasuredRow:
    """The row to keep: a further attempt that failed, or that is no steadier and slower, tells nothing new."""
    if known is None or known.measured_ms is None or row.settled:
        return row
    return known if row.measured_ms is None or row.measured_ms >= known.measured_ms else row
