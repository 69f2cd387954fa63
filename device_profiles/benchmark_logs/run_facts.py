"""What a log says about the run beside its times: model, options, delegates, memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from edgenas.device_profiles.benchmark_logs.numbers import number, printed_bounds
from edgenas.device_profiles.benchmark_logs.record import DelegateUse

__all__ = ["RunFacts", "read_facts"]

_OPTION = re.compile(r"([A-Za-z#/][^\[\]:]{0,79}): \[(.*)\]")
_LOADED = re.compile(r"Loaded model (\S.*)")
_REPLACING = re.compile(
    r"Replacing (\d{1,9}) (?:out of (\d{1,9}) )?node\(s\) with delegate \((.+?)\) node, yielding (\d{1,9}) "
    r"partitions?.*"
)
_APPLIED = re.compile(
    r"(?:Explicitly applied|Applied) (\S+) delegate, and the model graph will be (completely|partially) executed .*"
)
_FALLBACK = re.compile(
    r"Though (\S+) delegate is (?:explicitly )?applied, the model(?: graph)? will not be executed by the delegate.*"
)
_FOOTPRINT = re.compile(
    r"(?:Memory footprint delta from the start of the tool|Peak memory footprint) \(MB\): init=(\S+) overall=(\S+)"
)
_PEAK = re.compile(r"Overall peak memory footprint \(MB\) via periodic monitoring: (\S+)")
_LITERT_MEMORY = re.compile(r"(Init footprint|Overall footprint|Peak memory):\s+(\S+) MB")
_SIZE = re.compile(r"The input model file size \(MB\): (\S+)")
_VERSION = re.compile(
    r"(?:TensorFlow Lite|TFLite|LiteRT|TensorFlow) (?:runtime )?version:? v?(\d\S*)", re.IGNORECASE
)
_ACCELERATORS = (
    "Use gpu",
    "Use NNAPI",
    "Use nnapi",
    "Use Hexagon",
    "Use hexagon",
    "Use CoreML",
    "Use xnnpack",
)
_EXTERNAL = "External delegate path"
_PROFILE_FILES = ("Op profiling output file", "CSV File to export profiling data to")


@dataclass
class RunFacts:
    """What a log says beside its times; see `BenchmarkLog` for the attributes."""

    model: str = ""
    threads: int | None = None
    options: dict[str, str] = field(default_factory=dict)
    delegates: tuple[DelegateUse, ...] = ()
    cpu_fallback: bool | None = None
    model_size_bytes: tuple[int, int] | None = None
    memory_init_mb: float | None = None
    memory_overall_mb: float | None = None
    memory_peak_mb: float | None = None
    version: str = ""
    profile_goes_elsewhere: bool = False
    confirmed: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_facts(lines: Sequence[str]) -> RunFacts:
    """Reads the lines of one run that are no table."""
    facts = RunFacts()
    refused: set[str] = set()
    loaded: list[str] = []
    delegates: list[DelegateUse] = []
    verdicts: list[bool] = []
    memory: dict[str, list[str]] = {}
    for line in lines:
        text = line.strip()
        if text.endswith("\0"):
            facts.broken.append(f"The log ends within the line {text[:80]!r}.".replace("\\x00", ""))
            continue
        option, replacing, size = _OPTION.fullmatch(text), _REPLACING.fullmatch(text), _SIZE.fullmatch(text)
        footprint, peak, litert = (
            _FOOTPRINT.fullmatch(text),
            _PEAK.fullmatch(text),
            _LITERT_MEMORY.fullmatch(text),
        )
        version = _VERSION.search(text)
        if option:
            _take_option(facts, refused, option[1].strip().rstrip("."), option[2])
        elif _LOADED.fullmatch(text):
            loaded.append(text.removeprefix("Loaded model "))
        elif replacing:
            taken, total, name, partitions = replacing.groups()
            use = DelegateUse(name, int(taken), int(total or taken), int(partitions))
            if use.nodes > use.total_nodes:
                facts.broken.append(f"More nodes are delegated than there are: {text[:100]!r}.")
            delegates.append(use)
        elif _APPLIED.fullmatch(text) or _FALLBACK.fullmatch(text):
            verdicts.append(bool(_FALLBACK.fullmatch(text)))
        elif size:
            memory.setdefault("size", []).append(size[1])
        elif footprint:
            memory.setdefault("init", []).append(footprint[1])
            memory.setdefault("overall", []).append(footprint[2])
        elif peak:
            memory.setdefault("peak", []).append(peak[1])
        elif litert:
            memory.setdefault(f"{litert[1].split()[0].lower()} litert", []).append(litert[2])
        elif version:
            facts.version = version[1].rstrip(".")
        elif text.startswith(
            ("Memory footprint delta", "Peak memory footprint", "Replacing ", "Overall peak memory")
        ):
            facts.broken.append(f"A line is torn: {text[:80]!r}.")
    facts.delegates = tuple(delegates)
    _set_model(facts, loaded)
    _set_threads(facts)
    _set_memory(facts, memory)
    _set_fallback(facts, verdicts)
    mode = facts.options.get("Op profiling output mode", "stdout")
    facts.profile_goes_elsewhere = mode == "proto" or any(
        facts.options.get(label) for label in _PROFILE_FILES
    )
    return facts


def _take_option(facts: RunFacts, refused: set[str], label: str, value: str) -> None:
    if label in refused:
        return
    if ": [" in value:
        facts.broken.append(f"Two lines have run together: {value[:80]!r}.")
        return
    if facts.options.get(label, value) != value:
        facts.broken.append(
            f"The option {label!r} is there as {facts.options[label]!r} and {value!r}: lines of two runs are mixed."
        )
        del facts.options[label]
        refused.add(label)
        return
    facts.options[label] = value


def _set_model(facts: RunFacts, loaded: Sequence[str]) -> None:
    named = {name for name in (facts.options.get("Graph"), *loaded) if name}
    if len(named) > 1:
        facts.broken.append(f"Several models are named: {', '.join(sorted(named))}.")
    elif named:
        facts.model = named.pop()
        if facts.options.get("Graph") and loaded:
            facts.confirmed.append("model")
        else:
            # The tool always prints both.
            facts.broken.append("Of the lines 'Graph: [...]' and 'Loaded model ...' one is missing.")


def _set_threads(facts: RunFacts) -> None:
    texts = {
        facts.options[label]
        for label in ("Num threads", "#threads used for CPU inference")
        if label in facts.options
    }
    numbers = {int(text) for text in texts if re.fullmatch(r"-?\d{1,9}", text)}
    if len(numbers) > 1 or len(numbers) != len(texts):
        facts.broken.append(f"The number of threads is unclear: {', '.join(sorted(texts))}.")
    elif numbers and min(numbers) > 0:
        facts.threads = numbers.pop()


def _set_memory(facts: RunFacts, texts: dict[str, list[str]]) -> None:
    for key, name in (
        ("init", "memory_init_mb"),
        ("overall", "memory_overall_mb"),
        ("peak", "memory_peak_mb"),
    ):
        values = {_kilobytes_mb(text) for text in texts.get(key, ())}
        values |= {_two_decimals(text) for text in texts.get(f"{key} litert", ())}
        if not values:
            continue
        if len(values) > 1 or None in values:
            facts.broken.append(f"The memory footprint ({key}) is torn, or there twice.")
            continue
        text = "".join(texts.get(key, ()))
        if key != "init" and text and len(re.sub(r"\D", "", text).lstrip("0")) < 6:
            facts.notes.append(
                f"The memory footprint ({key}: {text}) is left out: its last digits may be lost."
            )
            continue
        setattr(facts, name, values.pop())
    if "size" in texts:
        if len(set(texts["size"])) > 1:
            facts.broken.append("Two sizes of the model's file are given.")
        else:
            facts.model_size_bytes = printed_bounds(texts["size"][0], 1e6)


def _kilobytes_mb(text: str) -> float | None:
    """MiB as benchmark_model prints kilobytes / 1024, in six digits; None for any other number."""
    value = number(text)
    if value is None:
        return None
    return value if f"{round(value * 1024) / 1024:.6g}" == text.replace(",", ".") else None


def _two_decimals(text: str) -> float | None:
    """MiB as benchmark_litert_model prints them; None for any other number."""
    return number(text) if re.fullmatch(r"-?\d+[.,]\d\d", text) else None


def _set_fallback(facts: RunFacts, verdicts: Sequence[bool]) -> None:
    asked = [label for label in _ACCELERATORS if facts.options.get(label) == "1"]
    asked += [_EXTERNAL] if facts.options.get(_EXTERNAL) else []
    if verdicts:
        facts.cpu_fallback = any(verdicts)
        if facts.cpu_fallback:
            facts.notes.append(
                "A delegate was asked for and took nothing of the graph: these are times of the CPU alone."
            )
    elif asked:
        facts.notes.append(f"The log does not tell whether the delegate took the graph ({', '.join(asked)}).")
