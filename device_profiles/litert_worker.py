"""The process that measures: reads jobs as JSON lines on stdin, answers with JSON lines on stdout.

Run as `python -P -m edgenas.device_profiles.litert_worker [--cpus 0,1]`. A model that crashes the runtime takes
only this process down. Answers carry the job's "id" and a "kind": "ready" (once), then per job "latency" (sent
before anything riskier starts), "operators" if asked for, and "done"; or "error".
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from edgenas.device_profiles.host_facts import load_average
from edgenas.device_profiles.measurement import MAX_STORED_REPEATS
from edgenas.device_profiles.protocol import Protocol
from edgenas.device_profiles.random_inputs import random_input

__all__ = ["main", "thin", "timed_repeats_ms"]

_SEED = 20240


def timed_repeats_ms(
    invoke: Callable[[], object], protocol: Protocol, *, drop_first: bool = False
) -> list[float]:
    """Latencies of repeated calls, in order.

    Args:
        invoke: what is timed; nothing else is inside the clock.
        protocol: warm-up and repeats.
        drop_first: whether one more call goes before the warm-up whatever the protocol says, for accelerators
            that load the weights then.
    """
    if drop_first:
        invoke()
    clock = time.perf_counter_ns
    began, runs = clock(), 0
    while runs < protocol.warmup_runs or (clock() - began) * 1e-9 < protocol.warmup_seconds:
        if runs and (clock() - began) * 1e-9 >= protocol.max_seconds:
            break
        invoke()
        runs += 1
    repeats_ns: list[int] = []
    gc.collect()
    gc.disable()
    try:
        began = clock()
        while True:
            before = clock()
            invoke()
            after = clock()
            repeats_ns.append(after - before)
            seconds = (after - began) * 1e-9
            if seconds >= protocol.max_seconds:
                break
            if len(repeats_ns) >= protocol.min_runs and seconds >= protocol.min_seconds:
                break
    finally:
        gc.enable()
    return [round(ns * 1e-6, 6) for ns in repeats_ns]


def thin(repeats: list[float], most: int = MAX_STORED_REPEATS) -> list[float]:
    """At most `most` evenly spaced values of a series, in order."""
    if len(repeats) <= most:
        return repeats
    return [repeats[i] for i in np.linspace(0, len(repeats) - 1, most).round().astype(int)]


def main() -> int:
    """Serves jobs until stdin ends."""
    parser = argparse.ArgumentParser(prog="litert_worker")
    parser.add_argument("--cpus", default="", help="CPUs to stay on, comma-separated")
    options = parser.parse_args()
    # Native libraries print to descriptor 1 as they like: answers get a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with contextlib.suppress(OSError):
        # A hostile model that eats the memory should cost this process, not the user's.
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    notes = _stay_on(options.cpus)
    from ai_edge_litert import interpreter  # Here, so that its loading time is not part of any job's timeout.

    _send(answers, kind="ready", load_average=load_average(), notes=notes)
    for line in sys.stdin:
        job = json.loads(line)
        try:
            _serve(job, interpreter, answers)
        except Exception as error:
            _send(answers, id=job["id"], kind="error", error=_one_line(error))
    return 0


def _serve(job: dict[str, Any], runtime: Any, answers: IO[str]) -> None:
    protocol = Protocol.from_dict(job["protocol"])
    delegates = []
    if job.get("delegate"):
        delegates.append(runtime.load_delegate(job["delegate"]["library"], job["delegate"]["options"]))
    interpreter = runtime.Interpreter(
        model_path=job["model"], num_threads=protocol.threads, experimental_delegates=delegates or None
    )
    interpreter.allocate_tensors()
    rng = np.random.default_rng(_SEED)
    notes = []
    for detail in interpreter.get_input_details():
        shape = tuple(int(size) for size in detail["shape"])
        if any(size < 0 for size in detail["shape_signature"]):
            notes.append(f"input {detail['name']!r} has a dynamic shape; measured at {shape}")
        interpreter.set_tensor(detail["index"], random_input(shape, np.dtype(detail["dtype"]).name, rng))
    repeats_ms = timed_repeats_ms(interpreter.invoke, protocol, drop_first=bool(delegates))
    _send(answers, id=job["id"], kind="latency", repeats_ms=thin(repeats_ms), notes=notes)
    if job.get("operators"):
        del interpreter
        _send_operators(job, protocol, rng, answers)
    _send(answers, id=job["id"], kind="done")


def _send_operators(
    job: dict[str, Any], protocol: Protocol, rng: np.random.Generator, answers: IO[str]
) -> None:
    from edgenas.device_profiles.operator_profile import ProfileUnavailableError, profile_operators

    try:
        profile = profile_operators(
            Path(job["model"]), threads=protocol.threads, rng=rng, seconds=protocol.min_seconds
        )
    except ProfileUnavailableError as error:
        _send(answers, id=job["id"], kind="operators", events=None, note=f"no operator times: {error}")
    else:
        _send(answers, id=job["id"], kind="operators", events=profile.events, note="")


def _stay_on(cpus: str) -> list[str]:
    if not cpus:
        return []
    try:
        os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})
    except (AttributeError, OSError, ValueError) as error:
        return [f"CPU affinity {cpus} could not be set: {error}"]
    return []


def _send(answers: IO[str], **answer: Any) -> None:
    answers.write(json.dumps(answer, allow_nan=False) + "\n")
    answers.flush()


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
