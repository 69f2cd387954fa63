"""`litert-benchmark --result_json FILE` of the ai-edge-litert wheel (ai_edge_litert/tools/benchmark_litert_model.py).

The tool rounds to 0.01 ms: for a network of less than a millisecond that is more than one per cent, which is said.
"""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

from edgenas.device_profiles.benchmark_logs.record import BenchmarkLog, plain_text
from edgenas.errors import UsageError

__all__ = ["parse_litert_json"]

_ROUNDING_MS = 0.005
_LONGEST_MS, _LARGEST_MIB = 86400e3, 1e9  # A run of a day.
_MOST_RUNS, _MOST_THREADS = 10**9, 10**4
_LATENCIES = (
    "init_ms", "warmup_first_ms", "warmup_avg_ms", "avg_ms", "min_ms", "max_ms", "median_ms", "std_ms", "p5_ms",
    "p95_ms",
)  # fmt: skip
_ORDERED = ("min_ms", "p5_ms", "median_ms", "p95_ms", "max_ms")
_NEXT = "Write it again: litert-benchmark --model MODEL.tflite --result_json FILE"


def parse_litert_json(text: str) -> BenchmarkLog:
    """Reads the JSON of one run.

    Raises:
        UsageError: it is no JSON (or cut), or holds no latency.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"This is no JSON of litert-benchmark: {error}. {_NEXT}") from error
    latency = value.get("latency") if isinstance(value, dict) else None
    if not isinstance(latency, dict):
        raise UsageError(f"This is no JSON of litert-benchmark: expected an object with 'latency'. {_NEXT}")
    broken: list[str] = []
    times = {name: _time(latency, name, broken) for name in _LATENCIES}
    average = times["avg_ms"]
    if average is None or average <= 0:
        raise UsageError(f"The JSON holds no mean latency ('avg_ms'), got {latency.get('avg_ms')!r}. {_NEXT}")
    runs, warmup_runs = _count(latency, "num_runs", broken), _count(latency, "num_warmup_runs", broken)
    if runs is not None and runs < 1:
        broken.append("No run was timed.")
    ordered = [
        (name, v)
        for name in ("min_ms", "p5_ms", "median_ms", "p95_ms", "max_ms")
        if (v := times[name]) is not None
    ]
    broken.extend(
        f"{low} ({a:g}) is above {high} ({b:g})."
        for (low, a), (high, b) in itertools.pairwise(ordered)
        if a > b
    )
    low_ms, high_ms, spread_ms = times["min_ms"], times["max_ms"], times["std_ms"]
    if low_ms is not None and high_ms is not None:
        if not low_ms <= average <= high_ms:
            broken.append(f"avg_ms ({average:g}) is outside min to max ({low_ms:g} to {high_ms:g}).")
        # Sample standard deviation: at most half the range times sqrt(n / (n - 1)), which is at most sqrt(2).
        if spread_ms is not None and spread_ms > (high_ms - low_ms) / math.sqrt(2.0) + 2 * _ROUNDING_MS:
            broken.append(f"std_ms ({spread_ms:g}) is more than min and max allow.")
    _check_types(value, broken)
    threads = value.get("num_threads")
    accelerators = value.get("accelerators")
    names = [plain_text(str(name)) for name in accelerators] if isinstance(accelerators, list) else []
    accelerated = [name for name in names if name != "CPU"]
    fully = value.get("fully_accelerated")
    notes = []
    if 0.005 * average < _ROUNDING_MS:
        notes.append(
            f"The tool rounds to 0.01 ms, which is {100 * 2 * _ROUNDING_MS / average:.1f}% of this mean."
        )
    if accelerated and fully is not True:
        notes.append(
            f"The model is not wholly on {' and '.join(accelerated)}: a part of it, or all, ran on the CPU."
        )
    return BenchmarkLog(
        source="litert-benchmark json",
        model=plain_text(value["model"]) if isinstance(value.get("model"), str) else "",
        avg_ms=average,
        median_ms=times["median_ms"],
        min_ms=low_ms,
        max_ms=high_ms,
        std_ms=spread_ms,
        p5_ms=times["p5_ms"],
        p95_ms=times["p95_ms"],
        first_ms=times["warmup_first_ms"] if warmup_runs else None,
        warmup_avg_ms=times["warmup_avg_ms"] if warmup_runs else None,
        init_ms=times["init_ms"],
        runs=runs,
        warmup_runs=warmup_runs,
        threads=threads if type(threads) is int and 0 < threads <= _MOST_THREADS else None,
        cpu_fallback=False if accelerated and fully is True else None,
        model_size_bytes=_size(value.get("model_size_mb")),
        options={
            key: plain_text(str(value[key]))
            for key in ("accelerators", "signature", "fully_accelerated")
            if key in value
        },
        partial=bool(broken),
        problems=(*broken, *notes),
    )


def _check_types(value: dict[str, Any], broken: list[str]) -> None:
    """Notes what is there as something else than the tool writes; it may leave out what it does not know."""
    kinds = {"model": str, "num_threads": int, "fully_accelerated": bool, "accelerators": list}
    for name, kind in kinds.items():
        got = value.get(name)
        if got is not None and type(got) is not kind:
            broken.append(f"{name!r} is {ascii(got)[:40]}, which litert-benchmark does not write.")
    accelerators = value.get("accelerators")
    if isinstance(accelerators, list) and not all(isinstance(name, str) for name in accelerators):
        broken.append("The names of the accelerators are no texts.")
    size = value.get("model_size_mb")
    if size is not None and size != 0 and _size(size) is None:
        broken.append("'model_size_mb' is no size of a file.")
    threads = value.get("num_threads")
    if type(threads) is int and threads > _MOST_THREADS:
        broken.append("'num_threads' is more than any machine has.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("a key is there twice")
    return dict(pairs)


def _time(latency: dict[str, Any], name: str, broken: list[str]) -> float | None:
    value = latency.get(name)
    # NaN is not between them either.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST_MS:
        broken.append(f"{name!r} is {value!r} instead of a time in milliseconds.")
        return None
    if abs(value * 100 - round(value * 100)) > 1e-6 * max(value * 100, 1):
        broken.append(f"{name!r} is {value!r}: litert-benchmark writes two decimals.")
    return float(value)


def _count(latency: dict[str, Any], name: str, broken: list[str]) -> int | None:
    value = latency.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_RUNS:
        broken.append(f"{name!r} is {value!r} instead of a number of runs.")
        return None
    return value


def _size(mib: Any) -> tuple[int, int] | None:
    if isinstance(mib, bool) or not isinstance(mib, int | float) or not 0 < mib < _LARGEST_MIB:
        return None
    return max(0, int((mib - _ROUNDING_MS) * 2**20) - 1), int((mib + _ROUNDING_MS) * 2**20) + 1
