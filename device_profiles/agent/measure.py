"""The process that measures: reads jobs as JSON lines on stdin, answers with JSON lines on stdout."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .machine import governor, load_average, temperature_c
from .runtime import load_runtime, one_line

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["MAX_STORED_REPEATS", "random_input", "thin", "timed_repeats_ms", "work"]

MAX_STORED_REPEATS = 400
"""Raw repeats stored per process: beyond that, evenly spaced ones of the series (it stays ordered in time)."""

_SEED = 20240
_BUSY_SHARE = 0.9


def random_input(shape: tuple[int, ...], dtype: str, rng: np.random.RandomState) -> npt.NDArray[Any]:
    """An array of shape `shape`: floats in [-1, 1), 8-bit integers over their range, other integers 0 or 1.

    What the values are must not matter to the time, so zeros and NaN are avoided. Other integers are often indices, for
    which 0 and 1 are the safest guess. `rng` is of the old kind because Debian 10, which Coral's boards run, has
    NumPy 1.16, older than `numpy.random.Generator`.

    Raises:
        ValueError: a dimension is not positive or the type is not numeric.
    """
    import numpy as np

    if any(size < 0 for size in shape):
        raise ValueError("the shape %r is dynamic" % (shape,))
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return rng.uniform(-1.0, 1.0, shape).astype(kind)
    if kind in (np.dtype(np.int8), np.dtype(np.uint8)):
        return rng.randint(int(np.iinfo(kind).min), int(np.iinfo(kind).max) + 1, shape).astype(kind)
    if kind.kind in "iub":
        return rng.randint(0, 2, shape).astype(kind)
    raise ValueError("there are no random values of type %s" % dtype)


def timed_repeats_ms(
    invoke: Callable[[], object], protocol: dict[str, Any], *, drop_first: bool = False
) -> tuple[list[float], float]:
    """Latencies of repeated calls, in order, and the share of them in which others had the CPU for a while.

    Args:
        invoke: what is timed; nothing else is inside the clock.
        protocol: warm-up and repeats, `Protocol.to_dict()`.
        drop_first: whether one more call goes before the warm-up whatever the protocol says, for accelerators
            that load the weights then.
    """
    if drop_first:
        invoke()
    clock, cpu_clock = time.perf_counter_ns, time.process_time_ns
    longest_ns = protocol["max_seconds"] * 1e9
    began, runs = clock(), 0
    while runs < protocol["warmup_runs"] or clock() - began < protocol["warmup_seconds"] * 1e9:
        if runs and clock() - began >= longest_ns:
            break
        invoke()
        runs += 1
    repeats_ns: list[int] = []
    interrupted = 0
    gc.collect()
    gc.disable()
    try:
        began = clock()
        while True:
            cpu_ns = cpu_clock()
            before = clock()
            invoke()
            after = clock()
            repeats_ns.append(after - before)
            interrupted += cpu_clock() - cpu_ns < _BUSY_SHARE * (after - before)
            if after - began >= longest_ns:
                break
            if len(repeats_ns) >= protocol["min_runs"] and after - began >= protocol["min_seconds"] * 1e9:
                break
    finally:
        gc.enable()
    return [round(ns * 1e-6, 6) for ns in repeats_ns], round(interrupted / len(repeats_ns), 3)


def thin(repeats: list[float], most: int = MAX_STORED_REPEATS) -> list[float]:
    """At most `most` evenly spaced values of a series, in order."""
    if len(repeats) <= most:
        return repeats
    return [repeats[round(i * (len(repeats) - 1) / (most - 1))] for i in range(most)]


def _measure(job: dict[str, Any], runtime: Any, facts: dict[str, Any], say: Callable[..., None]) -> None:
    import numpy as np

    protocol, wanted = job["protocol"], job.get("delegate")
    delegates = [runtime.load_delegate(wanted["library"], wanted["options"])] if wanted else []
    state: dict[str, Any] = {"governor": governor(), "load_average": load_average()}
    before_c = temperature_c()
    interpreter = runtime.Interpreter(
        model_path=job["model"], num_threads=protocol["threads"], experimental_delegates=delegates or None
    )
    interpreter.allocate_tensors()
    rng = np.random.RandomState(_SEED)
    notes = []
    for detail in interpreter.get_input_details():
        shape = tuple(int(size) for size in detail["shape"])
        if any(size < 0 for size in detail.get("shape_signature", ())):
            notes.append("input %r has a dynamic shape; measured at %r" % (detail["name"], shape))
        interpreter.set_tensor(detail["index"], random_input(shape, np.dtype(detail["dtype"]).name, rng))
    repeats_ms, interrupted = timed_repeats_ms(interpreter.invoke, protocol, drop_first=bool(delegates))
    # One thread that computes has a whole CPU, unless others take it away; threads and accelerators are waited for.
    state["interrupted"] = interrupted if protocol["threads"] == 1 and not wanted else None
    state["temperature_c"] = before_c + temperature_c()
    state["kernels"] = "" if wanted else _kernels(interpreter)
    say(id=job["id"], kind="latency", repeats_ms=thin(repeats_ms), notes=notes, facts=dict(facts, **state))
    if job.get("operators"):
        del interpreter
        events, note = _operators(job["model"], protocol, rng)
        say(id=job["id"], kind="operators", events=events, note=note)
    say(id=job["id"], kind="done")


def _kernels(interpreter: Any) -> str:
    """Whether XNNPACK has operators of the model or TFLite's own kernels have all; "" where it is not told."""
    try:
        names = [detail["op_name"] for detail in interpreter._get_ops_details()]
    except Exception:
        return ""
    return "XNNPACK" if "DELEGATE" in names else "built-in kernels"


def _operators(model: str, protocol: dict[str, Any], rng: np.random.RandomState) -> tuple[Any, str]:
    try:
        from edgenas.device_profiles.operator_profile import ProfileUnavailableError, profile_operators
    except (ImportError, SyntaxError):
        return None, "no operator times: they need edgenas in the Python that runs the models"
    try:
        found = profile_operators(
            model, threads=protocol["threads"], rng=rng, seconds=protocol["min_seconds"]
        )
    except ProfileUnavailableError as error:
        return None, "no operator times: %s" % error
    return found.events, ""


def work(cpus: str, wanted: str) -> int:
    """Serves jobs until stdin ends."""
    # Native libraries print to descriptor 1 as they like: answers get a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(**answer: Any) -> None:
        answers.write(json.dumps(answer, allow_nan=False) + "\n")
        answers.flush()

    notes = []
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")  # A hostile model that eats the memory should cost this process, not the user's.
    try:
        if cpus:
            os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})
    except (AttributeError, OSError, ValueError) as error:
        notes.append("CPU affinity %s could not be set: %s" % (cpus, error))
    try:
        runtime, facts = load_runtime(
            wanted
        )  # Here, so that its loading time is not part of any job's timeout.
    except ImportError as error:
        sys.exit("%s cannot run models: %s" % (sys.executable, error))
    say(kind="ready", load_average=load_average(), notes=notes, facts=facts)
    for line in sys.stdin:
        job = json.loads(line)
        try:
            _measure(job, runtime, facts, say)
        except Exception as error:
            say(id=job["id"], kind="error", error=one_line(error))
    return 0
