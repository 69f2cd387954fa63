"""Data as the functions of the API take them: a name or path, or a `DataRequest` that says more."""

from __future__ import annotations

from pathlib import Path

from edgenas.workflow.data import DataRequest

__all__ = ["request_of"]


def request_of(data: str | Path | DataRequest | None) -> DataRequest:
    """The request that a name or a path stands for; the embedded rooms for None."""
    if data is None:
        return DataRequest()
    return data if isinstance(data, DataRequest) else DataRequest(str(data))
