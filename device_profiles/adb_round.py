"""One pass over the models on a phone, seen from `rounds` as one worker: each job is one benchmark_model process."""

from __future__ import annotations

import contextlib
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgenas.device_profiles.adb_client import AdbClient, AdbError, AdbTimeoutError, Reply
from edgenas.device_profiles.adb_phone import PhoneState, read_state
from edgenas.device_profiles.benchmark_logs.record import BenchmarkLog, OperatorTime
from edgenas.device_profiles.host_facts import file_sha256
from edgenas.device_profiles.protocol import Protocol
from edgenas.errors import UsageError

__all__ = ["AdbRound", "ProcessRecord", "benchmark_words", "operator_events", "process_latency_ms"]

_CANNOT_START = (126, 127)  # POSIX: found but not executable, not found.
_LINKER = "CANNOT LINK EXECUTABLE"
_SIGNAL_BASE = 128
_LOOK_AGAIN_SECONDS = 10.0
_DELEGATE_NODE = "Delegate"
_COARSE_US = 50.0  # Below, half a microsecond is more than 1%.


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """What is kept of one benchmark_model process.

    Attributes:
        log: everything that it printed, read.
        before: the phone before it.
        after: the phone after it.
        words: the command line on the phone.
        waited_seconds: how long the phone cooled down before.
    """

    log: BenchmarkLog
    before: PhoneState
    after: PhoneState
    words: tuple[str, ...]
    waited_seconds: float


def benchmark_words(
    program: str, graph: str, protocol: Protocol, cpus: Sequence[int] = (), *, profile_csv: str = ""
) -> list[str]:
    """Command line of one process on the phone.

    Args:
        program: benchmark_model on the phone.
        graph: the model on the phone.
        protocol: how to measure.
        cpus: CPUs to stay on, empty for any.
        profile_csv: file on the phone for operator times; empty for none, since profiling disturbs the latency.
    """
    pinned = ["taskset", f"{sum(1 << cpu for cpu in set(cpus)):x}"] if cpus else []
    profiling = [
        "--enable_op_profiling=true",
        "--op_profiling_output_mode=csv",
        f"--op_profiling_output_file={profile_csv}",
    ]
    return [
        *pinned,
        program,
        f"--graph={graph}",
        f"--num_threads={protocol.threads}",
        f"--warmup_runs={protocol.warmup_runs}",
        f"--warmup_min_secs={protocol.warmup_seconds:g}",
        f"--num_runs={protocol.min_runs}",
        f"--min_secs={protocol.min_seconds:g}",
        f"--max_secs={protocol.max_seconds:g}",
        "--use_xnnpack=true",
        *(profiling if profile_csv else []),
    ]


def process_latency_ms(log: BenchmarkLog) -> tuple[float, str]:
    """The one number that a process gives: its median where it prints one, else its mean; and a remark on that."""
    if log.median_ms is not None:
        median_us = log.median_ms * 1000
        if 0 < median_us < _COARSE_US:
            note = f"benchmark_model counts whole microseconds: {median_us:g} us may be off by {50 / median_us:.0f}%"
            return log.median_ms, note
        return log.median_ms, ""
    if log.avg_ms is None:
        raise UsageError("benchmark_model printed no latency")
    return log.avg_ms, "this benchmark_model prints no median: each process counts by its mean"


def operator_events(operators: Sequence[OperatorTime]) -> tuple[list[tuple[str, float]] | None, str]:
    """Operator times as (event tag, ms) in order of execution, as `align_operators` takes them.

    What a delegate ran takes the place of its node; what ran outside is called "TYPE [number in the file]".

    Returns:
        The events and "", or None and why there are none.
    """
    called = [o for o in operators if o.times_called]
    inside = [o for o in called if o.graph == "delegate"]
    primary = [o for o in called if o.graph == "primary"]
    nodes = [o for o in primary if _DELEGATE_NODE in o.tag]
    if not primary:
        return None, "no operator times: benchmark_model printed none"
    if len(nodes) > 1:
        return None, f"no operator times: they are not told apart among {len(nodes)} parts of the delegate"
    if nodes and not inside:
        return None, "no operator times: this benchmark_model does not tell what the delegate runs"
    events: list[tuple[str, float]] = []
    for operator in primary:
        if operator in nodes:
            events += [(o.tag.removeprefix("Delegate/"), o.avg_ms) for o in inside]
            continue
        number = operator.name.rpartition(":")[2]
        if not number.isdigit():
            return None, f"no operator times: {operator.name!r} has no number"
        events.append((f"{operator.tag} [{int(number)}]", operator.avg_ms))
    return events, ""


class AdbRound:
    """A worker for `measure_in_rounds` that measures on a phone.

    Args:
        client: the phone.
        program: path of benchmark_model on it.
        folder: folder on it for models and operator times.
        cpus: CPUs to stay on.
        keep: called with the number of the job and what is kept of its process, when it has ended.
        tell: called with what the user should know while it happens.

    Attributes:
        greeting: "load_average" and "notes", as of `WorkerProcess`.
    """

    def __init__(
        self,
        client: AdbClient,
        program: str,
        folder: str,
        cpus: Sequence[int],
        keep: Callable[[int, ProcessRecord], None],
        tell: Callable[[str], None],
    ) -> None:
        self._client = client
        self._program = program
        self._folder = folder
        self._cpus = tuple(cpus)
        self._keep = keep
        self._tell = tell
        self.greeting: dict[str, Any] = {"kind": "ready", "load_average": None, "notes": []}

    def close(self) -> None:
        """Nothing stays: each process has ended and its model is removed."""

    def answers(self, job: dict[str, Any], timeout_seconds: float) -> Iterator[dict[str, Any]]:
        """Measures one model; yields what `WorkerProcess.answers` would.

        Raises:
            AdbError: the phone is gone, or benchmark_model does not start on it.
        """
        model, protocol = Path(job["model"]), Protocol.from_dict(job["protocol"])
        graph = f"{self._folder}/model-{file_sha256(model)[:16]}.tflite"
        notes: list[str] = []
        waited_seconds = self._cool_down(protocol, notes)
        self._client.push(model, graph)
        try:
            yield from self._process(job, graph, protocol, waited_seconds, notes, timeout_seconds)
        finally:
            self._remove(graph)

    def _process(
        self,
        job: dict[str, Any],
        graph: str,
        protocol: Protocol,
        waited_seconds: float,
        notes: list[str],
        timeout_seconds: float,
    ) -> Iterator[dict[str, Any]]:
        words = benchmark_words(self._program, graph, protocol, self._cpus)
        before = read_state(self._client)
        try:
            log = self._run(words, timeout_seconds)
            value_ms, note = process_latency_ms(log)
        except UsageError as error:
            yield {"id": job["id"], "kind": "error", "error": str(error)}
            return
        record = ProcessRecord(log, before, read_state(self._client), tuple(words), waited_seconds)
        self._keep(job["id"], record)
        facts = {
            "load_average": record.before.load_average,
            "governor": record.before.governor,
            "temperature_c": [s.battery_c for s in (record.before, record.after) if s.battery_c is not None],
        }
        yield {
            "id": job["id"],
            "kind": "latency",
            "repeats_ms": [value_ms],
            "facts": facts,
            "notes": list(filter(None, [*notes, note, *log.problems])),
        }
        if job.get("operators"):
            events, note = self._operators(graph, protocol, timeout_seconds)
            yield {"id": job["id"], "kind": "operators", "events": events, "note": note}
        yield {"id": job["id"], "kind": "done"}

    def _run(self, words: Sequence[str], timeout_seconds: float) -> BenchmarkLog:
        """One process, read.

        Raises:
            UsageError: it crashed, hung, or printed nothing that can be relied on.
        """
        from edgenas.device_profiles.benchmark_logs.stdout import parse_benchmark_stdout

        reply = self._reply(words, timeout_seconds)
        text = "".join(
            part if part.endswith("\n") else part + "\n" for part in (reply.stdout, reply.stderr) if part
        )
        try:
            if reply.code:
                raise UsageError(f"benchmark_model {_ending(reply.code)}")
            log = parse_benchmark_stdout(text)
        except UsageError as error:
            self._client.require_attached()
            raise UsageError(f"{error}; it printed last: {reply.complaint or 'nothing'}") from error
        if log.partial:
            self._client.require_attached()
            raise UsageError(f"what benchmark_model printed cannot be relied on: {'; '.join(log.problems)}")
        return log

    def _reply(self, words: Sequence[str], timeout_seconds: float) -> Reply:
        try:
            reply = self._client.shell(words, timeout_seconds)
        except AdbTimeoutError:
            # Closing the connection does not end the process on every Android.
            self._client.shell(["pkill", "-9", "-f", self._program])
            self._client.require_attached()
            raise UsageError(f"benchmark_model did not end within {timeout_seconds:g} s") from None
        if reply.code in _CANNOT_START or _LINKER in reply.stderr + reply.stdout:
            raise AdbError(
                f"benchmark_model does not start on the phone {self._client.serial}: {reply.last_line}\n"
                "See: edgenas devices doctor"
            )
        return reply

    def _operators(
        self, graph: str, protocol: Protocol, timeout_seconds: float
    ) -> tuple[list[tuple[str, float]] | None, str]:
        """Operator times of a second process: from its CSV file, or from what it prints where it writes none."""
        from edgenas.device_profiles.benchmark_logs.csv_profile import parse_benchmark_csv

        remote = graph.removesuffix(".tflite") + ".csv"
        words = benchmark_words(self._program, graph, protocol, self._cpus, profile_csv=remote)
        try:
            log = self._run(words, timeout_seconds)
            with tempfile.TemporaryDirectory() as folder:
                local = Path(folder) / "operators.csv"
                if self._client.shell(["ls", remote]).code == 0:
                    self._client.pull(remote, local)
                    log = parse_benchmark_csv(local.read_text(encoding="utf-8", errors="replace"))
            if log.partial:
                return None, f"no operator times: {'; '.join(log.problems)}"
            return operator_events(log.operators)
        except UsageError as error:
            return None, f"no operator times: {error}"
        finally:
            self._remove(remote)

    def _cool_down(self, protocol: Protocol, notes: list[str]) -> float:
        """Waits while the battery is too hot, at most `cooling_seconds`; returns how long."""
        began = time.monotonic()
        told = False
        while True:
            battery_c = read_state(self._client).battery_c
            waited = time.monotonic() - began
            if battery_c is None or battery_c <= protocol.battery_limit_c:
                return round(waited, 1)
            if waited >= protocol.cooling_seconds:
                notes.append(
                    f"the battery was still at {battery_c:g} degrees C after {protocol.cooling_seconds:g} s of cooling "
                    f"(limit {protocol.battery_limit_c:g}): the clock may have been lowered"
                )
                return round(waited, 1)
            if not told:
                self._tell(
                    f"The battery of {self._client.serial} is at {battery_c:g} degrees C; waiting until it is below "
                    f"{protocol.battery_limit_c:g}, at most {protocol.cooling_seconds:g} s."
                )
                told = True
            time.sleep(min(_LOOK_AGAIN_SECONDS, max(protocol.cooling_seconds - waited, 0.01)))

    def _remove(self, remote: str) -> None:
        # Where the phone is gone, `AdbRunner` removes what is left over when it is back.
        with contextlib.suppress(AdbError):
            self._client.shell(["rm", "-f", remote])


def _ending(code: int) -> str:
    if code > _SIGNAL_BASE:
        try:
            return f"was killed by {signal.Signals(code - _SIGNAL_BASE).name}"
        except ValueError:
            pass
    return f"ended with exit code {code}"
