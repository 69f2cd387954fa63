"""Exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgenas.api.data import request_of
from edgenas.errors import UsageError

if TYPE_CHECKING:
    from edgenas.workflow.data import DataRequest
    from edgenas.workflow.export import ExportResult

__all__ = ["export"]


def export(
    network: str | Path,
    *,
    architecture: str | Path | None = None,
    data: str | Path | DataRequest | None = None,
    formats: Sequence[str] = ("int8",),
    engine: str = "auto",
    input_type: str = "int8",
    output_type: str = "int8",
    heads: Mapping[str, str] | None = None,
    compare_outputs: bool = False,
    height: int | None = None,
    width: int | None = None,
    calibration_frames: int = 128,
    repair: bool = False,
    allow_mixed: bool = False,
    keep: bool = False,
    max_drop_percent: float = 1.0,
    device: str | None = None,
    configuration: str | None = None,
    predictor: str | Path | None = None,
    name: str | None = None,
    out: str | Path | None = None,
) -> ExportResult:
    """Writes verified .tflite files with a model card; float32 always, the others as asked for.

    `edgenas export --help` explains every argument; here only what differs from the flags.

    Args:
        network: a run folder, whose trained winner is exported on the run's data; a folder of `train`; a .keras file,
            or a .weights.h5 file with its architecture.
        architecture: .json file that says what the weights of a file are.
        data: name or path, or a `DataRequest`, for what is no run; the embedded rooms without it.
        formats: of "float16", "dynamic", "int8" and "int16x8", beside float32.
        heads: {task: what the device returns of it}, such as {"segmentation": "argmax-low"}.
        device: device to predict and measure on, "none" for none; without it the run's, else this machine.
        name: stem of the file names; edgenas_HASH without it.
        out: folder of the files; RUN/export, or the network's own folder.

    Returns:
        The model card as `card` with its path, what a user should see as `warnings`, and with `keep` as `failed` why
        the int8 file is not good enough.

    Raises:
        UsageError: there is no such network, or an argument does not exist or fit.
        EdgenasError: conversion or verification failed; nothing stands under a final name then.

    Example:
        >>> import edgenas
        >>> result = edgenas.export("net", data="tiny.npz", device="none", name="small")
        >>> sorted(result.card["files"]), result.card_path.name
        (['float32', 'int8'], 'small.json')
    """
    from edgenas.export.request import ExportRequest
    from edgenas.workflow.export import export_trained
    from edgenas.workflow.export_source import ExportSource

    place = Path(network)
    of_train = (place / "metrics.json").exists()
    found = ExportSource.find(
        None if of_train else place,
        trained=place if of_train else None,
        architecture=None if architecture is None else Path(architecture),
    )
    if found.run is not None and data is not None:
        raise UsageError(
            f"A run brings its own data. Received the run {network} and `data` {data!r}. Leave `data` out."
        )
    wanted = found.device if device is None else device
    request = ExportRequest(
        out_dir=found.folder if out is None else Path(out),
        name=name or found.at(height, width).name,
        formats=tuple(formats),
        engine=engine,
        input_type=input_type,
        output_type=output_type,
        heads=dict(heads or {}),
        compare_outputs=compare_outputs,
        height=height,
        width=width,
        calibration_frames=calibration_frames,
        repair=repair,
        allow_mixed=allow_mixed,
        keep=keep,
        max_drop_percent=max_drop_percent,
        device=None if wanted.lower() == "none" else wanted,
        configuration=configuration,
        predictor_dir=None if predictor is None else Path(predictor),
    )
    return export_trained(
        found, found.training_data(replace(request_of(data), height=height, width=width)), request
    )
