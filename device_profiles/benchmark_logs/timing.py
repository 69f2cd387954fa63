"""Finds the timed runs among the lines of a benchmark tool, and confirms their figures by each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from edgenas.device_profiles.benchmark_logs.numbers import NUMBER, alike, milliseconds, number
from edgenas.device_profiles.benchmark_logs.run_facts import RunFacts
from edgenas.device_profiles.benchmark_logs.statistics_line import Statistics, contradictions, read_statistics
from edgenas.errors import UsageError

__all__ = ["Timing", "read_timing"]

_RUNNING = re.compile(
    rf"Running benchmark for (?:at least )?(\d+) iterations(?: and at least ({NUMBER}) seconds"
    rf"(?: but terminate if exceeding ({NUMBER}) seconds\.)?)?"
)
_SESSION = re.compile(rf"Initialized session in ({NUMBER})ms\.?")
_SUMMARY = re.compile(r"(?:.*\s)?(?:Average inference|Inference) timings in us: (.*)")
_LABELS = {
    "Init": "init",
    "First inference": "first",
    "Warmup (avg)": "warmup",
    "Warmup": "warmup",
    "Inference (avg)": "avg",
    "Inference": "avg",
    "no stats": "avg",
}
# Always two decimals, and the unit but for "std": a torn line of microseconds has neither.
_LITERT = re.compile(
    r"(Model initialization|Warmup \(first\)|Warmup \(avg\)|Inference \((?:avg|min|max|std|median|p5|p95)\)):\s+"
    r"(\d+[.,]\d\d)(?: ms)?(?: \((\d{1,9}) runs\))?"
)
_LITERT_LABELS = {"Model initialization": "init", "Warmup (first)": "first", "Warmup (avg)": "warmup"}
_ORPHAN = re.compile(
    rf"(?:{NUMBER})?(?: ?(?:count|first|curr|min|max|avg|std|p5|median|p95)=[^\s=]*)+|{NUMBER}|[eE][+-]\d\d"
)
_DELAYS = ("Inter-run delay (seconds)", "Number of prorated runs per second")
# What the tool announces of each series of runs are its options. Source: BenchmarkModel::Run in benchmark_model.cc.
_ANNOUNCED = (
    ("Min warmup runs", "Min warmup runs duration (seconds)", "Max runs duration (seconds)"),
    ("Min num runs", "Min runs duration (seconds)", "Max runs duration (seconds)"),
)
_LOOPS = "Number of GPU delegate invoke loop iterations"


@dataclass
class Timing:
    """Times of one run, milliseconds but for the statistics, which are microseconds as printed."""

    avg_ms: float = 0.0
    first_ms: float | None = None
    warmup_avg_ms: float | None = None
    init_ms: float | None = None
    runs: int | None = None
    warmup_runs: int | None = None
    timed: Statistics | None = None
    rounded_ms: dict[str, float] = field(default_factory=dict)
    is_litert: bool = False
    confirmed: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class _Found:
    statistics: list[tuple[int, str, Statistics]] = field(default_factory=list)
    running: list[tuple[int, str, tuple[float, ...]]] = field(default_factory=list)
    summaries: list[tuple[str, dict[str, float]]] = field(default_factory=list)
    sessions: list[float] = field(default_factory=list)
    litert: dict[str, float] = field(default_factory=dict)
    litert_runs: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


def read_timing(lines: Sequence[str], facts: RunFacts) -> Timing:
    """Reads the times of one run.

    Raises:
        UsageError: there is no time of the timed runs, or two sources of it contradict each other.
    """
    timing = Timing()
    found = _find(lines, timing)
    summary = _one_summary(found, timing)
    statistics = _without_repeats(found.statistics, timing)
    if len(statistics) > 2:
        raise UsageError(
            f"{len(statistics)} different lines 'count=...' are there: lines of several runs are mixed."
        )
    warmup, timed, announced = _choose(statistics, found, summary)
    timing.timed = timed
    _take_timed(timing, timed, summary, found)
    _take_warmup(timing, warmup, summary)
    _take_init(timing, summary, found)
    _check_options(timing, found, facts)
    if timed is not None:
        _check_runs(timing, timed, announced, facts)
    return timing


def _find(lines: Sequence[str], timing: Timing) -> _Found:
    found = _Found()
    for index, line in enumerate(lines):
        text = line.strip()
        whole = not text.endswith("\0")
        place = text.find("count=")
        running, session, summary, litert = (
            _RUNNING.fullmatch(text),
            _SESSION.fullmatch(text),
            _SUMMARY.fullmatch(text),
            _LITERT.fullmatch(text),
        )
        torn = False
        if place == 0 or (place > 0 and not text[place - 1].isalnum() and "first=" in text[place:]):
            statistics = read_statistics(text[place:]) if whole else None
            torn = statistics is None
            if statistics is not None:
                found.statistics.append((index, text, statistics))
        elif summary or "timings in us" in text:
            values = _summary(summary[1]) if summary and whole else None
            torn = values is None
            if values is not None:
                found.summaries.append((text, values))
        elif running and whole:
            parts = [number(part) for part in running.groups() if part]
            announced = tuple(part for part in parts if part is not None)
            torn = len(announced) < len(parts)
            if not torn:
                found.running.append((index, text, announced))
        elif session and whole:
            session_ms = number(session[1])
            torn = session_ms is None
            if session_ms is not None:
                found.sessions.append(session_ms)
        elif litert and whole and timing.is_litert and ("(std)" in text or text.endswith(("ms", "runs)"))):
            _take_litert(found, timing, litert)
        elif "BENCHMARK RESULTS" in text and not text.strip("= ").removeprefix("BENCHMARK RESULTS"):
            timing.is_litert = True
        elif text.startswith(
            ("Running benchmark", "Initialized session", "Inference (", "Model initialization", "Warmup (")
        ) or _ORPHAN.fullmatch(text):
            torn = True
        elif text.startswith(("ERROR", "FATAL", "Benchmarking failed")):
            found.errors.append(text)
        if torn:
            timing.broken.append(f"A line is torn: {text[:100]!r}.".replace("\\x00", ""))
    return found


def _summary(text: str) -> dict[str, float] | None:
    values: dict[str, float] = {}
    for part in text.split(", "):
        label, colon, figure = part.partition(": ")
        key = _LABELS.get(label.strip())
        if not colon or key is None or key in values:
            return None
        value = 0.0 if figure.strip() in ("nan", "-nan") else number(figure.strip())
        if value is None:
            return None
        values[key] = value
    return values if {"init", "warmup", "avg"} <= values.keys() else None


def _take_litert(found: _Found, timing: Timing, match: re.Match[str]) -> None:
    label = match[1]
    key = _LITERT_LABELS.get(label, label.removeprefix("Inference (").rstrip(")"))
    value = number(match[2])
    if value is None or found.litert.get(key, value) != value:
        raise UsageError(
            f"The line {label!r} is there twice, or is no number: lines of several runs are mixed."
        )
    found.litert[key] = value
    if match[3]:
        found.litert_runs[key] = int(match[3])


def _one_summary(found: _Found, timing: Timing) -> dict[str, float] | None:
    """The summary in microseconds; that of benchmark_litert_model is rounded to 10."""
    texts = {text for text, _ in found.summaries}
    if len(texts) > 1:
        raise UsageError("Two different summaries are there: lines of several runs are mixed.")
    if len(found.summaries) > 1:
        timing.broken.append("The summary is there twice.")
    if found.summaries:
        return found.summaries[0][1]
    if {"init", "warmup", "first", "avg"} <= found.litert.keys():
        return {key: 1000.0 * value for key, value in found.litert.items()}
    return None


def _without_repeats(
    statistics: Sequence[tuple[int, str, Statistics]], timing: Timing
) -> list[tuple[int, Statistics]]:
    if len(statistics) <= 2:
        return [(index, one) for index, _, one in statistics]
    unique: dict[str, tuple[int, Statistics]] = {}
    for index, text, one in statistics:
        unique.setdefault(text, (index, one))
    timing.broken.append("A line 'count=...' is there twice.")
    return list(unique.values())


def _choose(
    statistics: Sequence[tuple[int, Statistics]], found: _Found, summary: dict[str, float] | None
) -> tuple[Statistics | None, Statistics | None, tuple[float, ...] | None]:
    """(warm-up, timed runs, what was announced of the timed runs)."""
    announced = [values for _, _, values in found.running]
    if len({text for _, text, _ in found.running}) > 2 or len(announced) > 2:
        raise UsageError("More than two series of runs were begun: lines of several runs are mixed.")
    last = announced[1] if len(announced) == 2 else None
    if len(statistics) == 2:
        first, second = statistics[0][1], statistics[1][1]
        if summary is None and not (
            len(found.running) == 2
            and found.running[0][0] < statistics[0][0] < found.running[1][0] < statistics[1][0]
        ):
            raise UsageError("Which of the lines 'count=...' is the warm-up cannot be told.")
        return first, second, last
    if len(statistics) == 1:
        index, only = statistics[0]
        after_both = len(found.running) == 2 and index > found.running[1][0]
        fits = summary is not None and only.count > 0 and _same(only.values["avg"], summary["avg"], found)
        fits_warmup = (
            summary is not None and only.count > 0 and _same(only.values["avg"], summary["warmup"], found)
        )
        if after_both and (fits or summary is None):
            return None, only, last
        if fits and not fits_warmup:
            return None, only, last
        if fits_warmup and not fits and not after_both:
            return only, None, None
    if summary is not None and not statistics:
        return None, None, None
    reason = f" The tool said: {found.errors[-1]}" if found.errors else ""
    raise UsageError(f"The line of the timed runs is missing or contradicts the summary.{reason}")


def _same(a: float, b: float, found: _Found) -> bool:
    """Whether the figure of a "count=" line and that of the summary are one, in microseconds."""
    return alike(a, b) if found.summaries else abs(a - b) <= 5.01 + 1e-5 * abs(a)


def _take_timed(
    timing: Timing, timed: Statistics | None, summary: dict[str, float] | None, found: _Found
) -> None:
    if timed is not None and timed.count == 0:
        raise UsageError("No inference was timed (count=0), as with --dry_run.")
    if timed is None:
        if summary is None or summary["avg"] <= 0:
            raise UsageError("The log ends before the timed runs.")
        timing.avg_ms = milliseconds(summary["avg"])
        timing.runs = found.litert_runs.get("avg")
        timing.rounded_ms = dict(found.litert)
        timing.broken.append("The line 'count=...' of the timed runs is missing: the mean stands only once.")
        for key in ("min", "max"):
            if key in found.litert and (found.litert[key] > timing.avg_ms + 0.01) is (key == "min"):
                raise UsageError("The summary contradicts itself.")
        return
    timing.avg_ms = milliseconds(timed.values["avg"])
    timing.runs = timed.count
    impossible = contradictions(timed)
    if impossible:
        timing.broken.append(f"The line of the timed runs is impossible: {' '.join(impossible)}")
    if summary is None:
        timing.broken.append("The summary ('Inference timings in us') is missing: the mean stands only once.")
        return
    if not _same(timed.values["avg"], summary["avg"], found):
        raise UsageError(
            f"The mean is {timed.values['avg']:g} us in the line 'count=...' and {summary['avg']:g} us in the summary."
        )
    timing.confirmed.append("avg_ms")
    if found.summaries:
        return
    for key in ("min", "max", "std"):
        if key in found.litert:
            if abs(found.litert[key] - timed.values[key] / 1000.0) > 0.0051 + 1e-5 * found.litert[key]:
                timing.broken.append(f"{key} is {timed.values[key]:g} us and {found.litert[key]:g} ms.")
            else:
                timing.confirmed.append(f"{key}_ms")
    if found.litert_runs.get("avg", timed.count) != timed.count:
        timing.broken.append(f"{timed.count} runs are in one line and {found.litert_runs['avg']} in another.")


def _take_warmup(timing: Timing, warmup: Statistics | None, summary: dict[str, float] | None) -> None:
    if warmup is None:
        timing.broken.append("The line 'count=...' of the warm-up is missing.")
        if summary is not None:
            timing.warmup_avg_ms = milliseconds(summary["warmup"])
            timing.first_ms = milliseconds(summary["first"]) if "first" in summary else None
        return
    timing.warmup_runs = warmup.count
    if warmup.count == 0:
        return
    timing.warmup_avg_ms = milliseconds(warmup.values["avg"])
    timing.first_ms = milliseconds(warmup.values["first"])
    timing.broken.extend(f"The warm-up is impossible: {one}" for one in contradictions(warmup))
    if summary is None:
        return
    rounding = 5.01 if timing.is_litert else 0.0
    pairs = [("warmup_avg_ms", "avg", "warmup"), ("first_ms", "first", "first")]
    for name, key, other in pairs:
        if other not in summary:
            continue
        if alike(warmup.values[key], summary[other], least=rounding):
            timing.confirmed.append(name)
        else:
            timing.broken.append(
                f"The warm-up's {key} is {warmup.values[key]:g} us in its line and {summary[other]:g} us in the "
                "summary."
            )
            setattr(timing, name, None)


def _take_init(timing: Timing, summary: dict[str, float] | None, found: _Found) -> None:
    sessions = set(found.sessions)
    stated_ms = milliseconds(summary["init"]) if summary and "init" in summary else None
    if len(sessions) > 1:
        timing.broken.append("The session was initialized twice: lines of two runs are mixed.")
    elif sessions and stated_ms is not None:
        session_ms = sessions.pop()
        if not alike(
            session_ms, stated_ms, least=0.0051 if timing.is_litert and not found.summaries else 0.0
        ):
            timing.broken.append(f"The initialization took {session_ms:g} ms and {stated_ms:g} ms.")
        else:
            timing.confirmed.append("init_ms")
            timing.init_ms = session_ms if not found.summaries else stated_ms
    elif stated_ms is not None or sessions:
        timing.init_ms = stated_ms if stated_ms is not None else sessions.pop()
        timing.broken.append("The time of initialization stands only once.")


def _check_options(timing: Timing, found: _Found, facts: RunFacts) -> None:
    """The options against the runs: the head of one log may stand before the times of another."""
    if len(found.running) != len(_ANNOUNCED):
        return
    for labels, (_, text, announced) in zip(_ANNOUNCED, found.running, strict=True):
        for label, value in zip(labels, announced, strict=False):
            option = number(facts.options.get(label, ""))
            if option is not None and not alike(option, value):
                timing.broken.append(
                    f"The option {label!r} is {option:g}, but the tool begins: {text[:60]!r}..."
                )


def _check_runs(
    timing: Timing, timed: Statistics, announced: tuple[float, ...] | None, facts: RunFacts
) -> None:
    """The number of runs against what the tool announced: at least N runs and S seconds, at most M seconds."""
    if announced is None:
        timing.broken.append("The line 'Running benchmark for ...' of the timed runs is missing.")
        return
    least_runs = announced[0]
    least_seconds = announced[1] if len(announced) > 1 else 0.0
    most_seconds = announced[2] if len(announced) > 2 else None
    if _LOOPS in facts.options:
        timing.notes.append("Times are divided by a number of loops: the number of runs cannot be checked.")
        return
    sum_s = timed.count * timed.values["avg"] / 1e6
    before_last_s = (sum_s - timed.values["curr"] / 1e6) * (1 - 1e-5)
    stopped = most_seconds is not None and sum_s > 0.2 * most_seconds
    delayed = any(
        label in facts.options
        for label in ("Inter-run delay (seconds)", "Number of prorated runs per second")
    )
    if timed.count < least_runs and not stopped and not delayed:
        timing.broken.append(f"{timed.count} runs are fewer than the {least_runs:g} that were begun.")
    if timed.count > least_runs and before_last_s > least_seconds and len(announced) > 1:
        timing.broken.append(
            f"{timed.count} runs take longer than the {least_seconds:g} s that were asked for."
        )
    if most_seconds is not None and before_last_s > most_seconds:
        timing.broken.append(
            f"{timed.count} runs take longer than the {most_seconds:g} s after which the tool stops."
        )
    # The rest of the loop costs some microseconds per run, so that only slow networks are checked.
    slow = timed.values["avg"] > 100.0
    if slow and sum_s < 0.25 * least_seconds and not stopped and not delayed:
        timing.broken.append(
            f"{timed.count} runs take less than the {least_seconds:g} s that were asked for."
        )
