"""Measurements of single files kept in a .jsonl file, so that a benchmark that was stopped goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgenas.device_profiles.host_facts import file_sha256
from edgenas.device_profiles.measurement import Measurement
from edgenas.device_profiles.protocol import Protocol
from edgenas.device_profiles.runner import Runner
from edgenas.storage import append_jsonl, read_jsonl

__all__ = ["StoredMeasurements"]


class StoredMeasurements:
    """Measurements by one runner; lines of other devices, machines and runtimes in the same file do not count.

    Args:
        path: the file; it need not exist.
        runner: what measures.

    Attributes:
        path: the file.

    Raises:
        UsageError: a line of the file is a damaged measurement.
    """

    def __init__(self, path: Path, runner: Runner) -> None:
        self.path = path
        self._key = {
            "device": runner.profile.name,
            "configuration": runner.configuration.name,
            **runner.identity(),
        }
        self._known: dict[tuple[str, str], Measurement] = {}
        for number, record in enumerate(read_jsonl(path), start=1):
            if record.get("key") == self._key:
                measurement = Measurement.from_dict(record.get("measurement", {}), f"{path}, record {number}")
                if measurement.ok and not measurement.unstable:
                    self._known[measurement.model_sha256, _written(record.get("protocol"))] = measurement

    def find(self, model: Path, protocol: Protocol) -> Measurement | None:
        """The measurement of a file by this protocol; None where there is none that can be trusted.

        Raises:
            OSError: the file cannot be read.
        """
        return self._known.get((file_sha256(model), _written(protocol.to_dict())))

    def add(self, model: Path, protocol: Protocol, measurement: Measurement) -> None:
        """Stores a measurement; on the disk when this returns.

        Raises:
            EdgenasError: the file cannot be written.
        """
        record: dict[str, Any] = {
            "file": str(model),
            "key": self._key,
            "protocol": protocol.to_dict(),
            "measurement": measurement.to_dict(),
        }
        append_jsonl(self.path, record)


def _written(protocol: Any) -> str:
    return json.dumps(protocol, sort_keys=True)
