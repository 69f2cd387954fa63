"""Measures on a board that is reached over ssh: its CPU, or the Edge TPU on it."""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgenas.compatibility.compiler import find_compiler
from edgenas.device_profiles.catalogue import user_folder
from edgenas.device_profiles.edgetpu import compiled_for_edgetpu, not_compiled
from edgenas.device_profiles.host_facts import not_tflite
from edgenas.device_profiles.measurement import Measurement
from edgenas.device_profiles.profile import EDGETPU, Configuration, DeviceProfile
from edgenas.device_profiles.protocol import Protocol
from edgenas.device_profiles.rounds import Worker
from edgenas.device_profiles.runner import Detection
from edgenas.device_profiles.ssh_board import GIVE_UP_SECONDS, RemoteBoard, RemoteWorker, job_key
from edgenas.device_profiles.ssh_connection import bundle
from edgenas.device_profiles.ssh_edgetpu import choose_edgetpu
from edgenas.device_profiles.ssh_session import ClientSession
from edgenas.device_profiles.worker_runner import WorkerRunner
from edgenas.errors import EdgenasError

__all__ = ["SshRunner"]


class SshRunner(WorkerRunner):
    """Measures .tflite files on a board.

    One connection serves all models; it is made when it is first needed and made again when it breaks. Nothing is lost
    or measured twice then: see `agent.board.Board` for the board's side and `ssh_session.ClientSession` for this one.

    Args:
        profile: the device; its connection says how the board is reached.
        configuration: the configuration of it that is measured.
        chunk: models that share a round.
        timeout_seconds: longest time for one model in one process, None to derive it from the protocol.
        give_up_seconds: how long a board that was lost is looked for.
        ssh: the OpenSSH client.
        tell: is told what a waiting user should know, by default the logger "edgenas.devices".
    """

    def __init__(
        self,
        profile: DeviceProfile,
        configuration: Configuration,
        *,
        chunk: int = 16,
        timeout_seconds: float | None = None,
        give_up_seconds: float = GIVE_UP_SECONDS,
        ssh: str = "ssh",
        tell: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(profile, configuration, chunk=chunk, timeout_seconds=timeout_seconds)
        self._edgetpu = profile.kind == EDGETPU
        self._board = RemoteBoard(
            profile.connection, edgetpu=self._edgetpu, give_up_seconds=give_up_seconds, ssh=ssh, tell=tell
        )
        self._session: ClientSession | None = None
        self._kinds: dict[str, str] = {}
        weakref.finalize(self, self._board.close)

    def probe(self) -> Detection:
        """Connects, and looks for a Python that can run models and, where the device is one, for the Edge TPU."""
        target = self.profile.connection.target
        looked_for = (
            "the OpenSSH client",
            f"{target} over ssh",
            "a Python on it that has NumPy and ai-edge-litert or tflite-runtime",
            *(
                ("libedgetpu.so.1 on it", f"an Edge TPU on its bus ({self.configuration.bus})")
                if self._edgetpu
                else ()
            ),
        )
        try:
            hello = self._board.hello()
        except EdgenasError as error:
            text, _, command = str(error).partition("\nNext: ")
            return Detection(False, looked_for, (), tuple(text.splitlines()), command)
        facts = hello["facts"]
        found = [
            f"{target}: {facts['machine']} (connected in {hello['connect_seconds']:.1f} s once, "
            f"{hello['exchange_ms']:.1f} ms per model)",
            f"Python {facts['python']} at {facts['executable']}, NumPy {facts['numpy']}",
            f"{facts['runtime']} {facts['runtime_version']}",
        ]
        if not self._edgetpu:
            return Detection(True, looked_for, tuple(found), ())
        choice = choose_edgetpu(hello["edgetpu"], self.configuration.bus)
        return Detection(
            not choice.missing, looked_for, (*found, *choice.found), choice.missing, choice.next_command
        )

    def prepare(self, model: Path, folder: Path) -> Path:
        """The model, compiled on this machine where the board's Edge TPU needs it; see `Runner.prepare`."""
        return compiled_for_edgetpu(model, folder, find_compiler()) if self._edgetpu else model

    def measure(
        self, models: Sequence[Path], protocol: Protocol | None = None, *, operators: bool = False
    ) -> Iterator[Measurement]:
        """Measures .tflite files, one measurement per model in order; see `Runner.measure`.

        Raises:
            EdgenasError: the board is lost, or its Edge TPU was unplugged in the middle. A model that fails while
                that is there is a failed measurement instead.
        """
        for model, measurement in zip(
            models, super().measure(models, protocol, operators=operators), strict=True
        ):
            if self._edgetpu and not measurement.ok and model.is_file() and not self._refusal(model):
                self._board.forget()
                detection = self.probe()
                if not detection.available:
                    raise EdgenasError(
                        f"The Edge TPU of {self.profile.connection.target} is gone: {measurement.error}. What was "
                        "measured before is kept; plug it in again and give the same command.\n"
                        f"{detection.explain()}"
                    )
            yield measurement

    def identity(self) -> dict[str, str]:
        """Machine and runtime of the board; see `Runner.identity`."""
        facts = self._board.hello()["facts"]
        return {"machine": facts["machine"], "runtime": f"{facts['runtime']} {facts['runtime_version']}"}

    def close(self) -> None:
        """Ends the connection."""
        self._board.close()
        if self._session is not None:
            self._session.close()
            self._session = None

    @property
    def _delegate_name(self) -> str:
        return "libedgetpu.so.1" if self._edgetpu else "XNNPACK"

    def _blank(self, protocol: Protocol) -> Measurement:
        facts = self._board.hello()["facts"]
        return replace(
            super()._blank(protocol),
            runtime=facts["runtime"],
            runtime_version=facts["runtime_version"],
            machine=facts["machine"],
        )

    def _refusal(self, model: Path) -> str:
        return not_tflite(model) or (not_compiled(model) if self._edgetpu else "")

    def _prepare(self) -> dict[str, Any] | None:
        hello = self._board.hello()
        if not self._edgetpu:
            return None
        choice = choose_edgetpu(hello["edgetpu"], self.configuration.bus)
        if choice.missing:
            raise EdgenasError(
                f"No usable Edge TPU ({self.configuration.name}); nothing was measured.\n{self.probe().explain()}"
            )
        return choice.delegate

    def _starter(
        self, sha256: Sequence[str], protocol: Protocol, delegate: dict[str, Any] | None, operators: bool
    ) -> Callable[[], Worker]:
        if self._session is None:
            self._session = ClientSession(self.profile.connection, user_folder().parent / "boards")
        session = self._session
        session.forget_waiting()
        # Whatever could make another time belongs into the name: what the board has under it is not measured.
        common = {
            "agent": hashlib.sha256(bundle()).hexdigest(),
            "protocol": protocol.to_dict(),
            "delegate": delegate,
            "operators": operators,
            "cpus": list(self.configuration.cpus),
            "board": self._board.hello()["facts"],
        }
        kinds = [job_key({**common, "model": digest}) for digest in sha256]
        numbers = [session.number(kind) for kind in kinds]
        self._kinds = dict(zip(sha256, kinds, strict=True))

        def key_of(job: dict[str, Any]) -> tuple[str, str]:
            place = job["id"]
            facts = {
                "client": session.name,
                "kind": kinds[place],
                "number": numbers[place],
                "turn": job["turn"],
            }
            key = job_key({**facts, "operators": job["operators"]})
            return key, sha256[place]

        return lambda: RemoteWorker(self._board, session.name, self.configuration.cpus, key_of)

    def _hand_out(self, measurement: Measurement) -> None:
        kind = self._kinds.get(measurement.model_sha256)
        if kind is not None and self._session is not None:
            self._session.hand_out(kind)
