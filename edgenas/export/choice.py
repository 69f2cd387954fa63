"""Which engine's file is taken: both are run on real frames, and the one that errs less wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.errors import EdgenasError
from edgenas.export.candidate import Candidate
from edgenas.export.engines.convert import convert
from edgenas.export.engines.litert_quantizer import is_installed
from edgenas.export.litert_model import LitertModel
from edgenas.export.verify import HeadError, Predict, compare_heads
from edgenas.graph import parse_tflite
from edgenas.storage import write_bytes_atomic

__all__ = ["Bench", "Compared", "best_of", "convert_best", "describe", "mean_sqnr_db"]

_PERFECT_DB = 200.0
_ALIKE_DB = 0.1
"""Candidates nearer than this are alike; the one with fewer operators is quicker, or as quick."""


@dataclass(frozen=True)
class Compared:
    """A candidate that was run beside Keras.

    Attributes:
        candidate: the file and how it was made.
        path: where it stands while the export works.
        run: it, ready to be asked.
        errors: difference from Keras per head on real frames.
    """

    candidate: Candidate
    path: Path
    run: LitertModel
    errors: Mapping[str, HeadError]


class Bench:
    """Where candidates are run beside Keras on the same real frames.

    Args:
        folder: receives their files.
        name: stem of the files.
        reference: the Keras model.
        images: frames, uint8 [N, H, W, 3].
    """

    def __init__(self, folder: Path, name: str, reference: Predict, images: np.ndarray) -> None:
        self.folder, self.name, self.reference, self.images = folder, name, reference, images
        self._count = 0

    def compare(self, candidate: Candidate) -> Compared:
        """Writes and runs a candidate.

        Raises:
            EdgenasError: it cannot run, lacks an output, or is an int8 file with a float tensor inside.
        """
        self._count += 1
        path = self.folder / str(self._count) / f"{self.name}_{candidate.format}.tflite"
        write_bytes_atomic(path, candidate.data)
        run = LitertModel(path)
        if candidate.format == "int8":
            _require_no_float_tensor(run)
        errors = compare_heads(self.reference, {candidate.format: run}, self.images)[candidate.format]
        return Compared(candidate, path, run, errors)


def _require_no_float_tensor(run: LitertModel) -> None:
    """Refuses an int8 file with floats elsewhere than at ends that were asked for as floats."""
    left = run.float_tensors()
    if len(left) > sum(end.is_float for end in (run.input_detail, *run.output_details.values())):
        raise EdgenasError(
            f"The int8 file still holds {len(left)} float tensor(s): {', '.join(left[:3])}. It would not run fully "
            "on an integer-only device; nothing was written."
        )


def mean_sqnr_db(errors: Mapping[str, HeadError]) -> float:
    """Mean over the heads of the signal to quantisation noise ratio in dB: every head counts alike."""
    ratios = [
        _PERFECT_DB if e.sqnr_db is None and e.noise == 0 else e.sqnr_db or 0.0 for e in errors.values()
    ]
    return sum(ratios) / max(1, len(ratios))


def best_of(compared: Sequence[Compared]) -> Compared:
    """The candidate of least error; of those that are alike the one with the fewest operators, then the first."""
    most = max(mean_sqnr_db(one.errors) for one in compared)
    alike = [one for one in compared if mean_sqnr_db(one.errors) >= most - _ALIKE_DB]
    return min(alike, key=lambda one: len(parse_tflite(one.candidate.data).operators))


def convert_best(
    model: Any,
    format: str,
    *,
    engine: str,
    bench: Bench,
    images: Sequence[np.ndarray] = (),
    float_file: bytes | None = None,
) -> tuple[Compared, dict[str, Any]]:
    """What the engines make of one format, run on real frames: the best, and what the card says of all.

    Args:
        model: Keras model.
        format: one of `FORMATS`.
        engine: the engine that was asked for, or "auto".
        bench: where they are compared.
        images: calibration frames, see `convert`.
        float_file: the float32 file of the same model, where it is at hand.

    Raises:
        MissingDependencyError: the engine that was asked for is not installed.
        EdgenasError: no engine made a file that runs.
    """
    engines, failures = [engine], {}
    if format == "float32" or engine == "auto":
        engines = ["tensorflow"]
        if format != "float32" and is_installed():
            engines.append("litert-quantizer")
        elif format != "float32":
            failures["litert-quantizer"] = "it is not installed: pip install 'edgenas[quant]'"
    compared = []
    for each in engines:
        try:
            made = convert(model, format=format, engine=each, images=images, float_file=float_file)
            compared.append(bench.compare(made))
        except EdgenasError as error:
            if len(engines) == 1:
                raise
            failures[each] = str(error)
    if not compared:
        raise EdgenasError(" ".join(failures.values()))
    chosen = best_of(compared)
    return chosen, describe(compared, chosen, failures, engine)


def describe(
    compared: Sequence[Compared], chosen: Compared, failures: Mapping[str, str], wanted: str
) -> dict[str, Any]:
    """What the card says of the engines of one format, JSON-ready.

    Args:
        compared: what was made.
        chosen: what is taken.
        failures: {engine: why it made nothing}.
        wanted: the engine that was asked for.
    """
    tried: dict[str, Any] = {
        one.candidate.engine: {
            "bytes": len(one.candidate.data),
            "mean_sqnr_db": round(mean_sqnr_db(one.errors), 3),
            "heads": {
                head: {"max_abs": error.max_abs, "sqnr_db": error.sqnr_db}
                for head, error in one.errors.items()
            },
            "recipe": dict(one.candidate.recipe),
        }
        for one in compared
    }
    return {
        "asked_for": wanted,
        "chosen": chosen.candidate.engine,
        "tried": tried | {engine: {"failed": reason} for engine, reason in failures.items()},
    }
