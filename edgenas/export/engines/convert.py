"""`convert`: a Keras model to a `Candidate`, by either engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgenas.errors import unknown_name
from edgenas.export.candidate import Candidate, IoTypes
from edgenas.export.engines.ends import with_ends
from edgenas.export.engines.formats import ENGINES, INTEGER_FORMATS
from edgenas.export.engines.labels import with_labels
from edgenas.export.engines.litert_quantizer import Recipe, quantise, recipe_for
from edgenas.export.engines.tensorflow import to_tflite

__all__ = ["convert", "finished"]


def convert(
    model: Any,
    *,
    format: str,
    engine: str,
    images: Sequence[np.ndarray] | None = None,
    recipe: Recipe | None = None,
    float_file: bytes | None = None,
) -> Candidate:
    """Converts a model.

    Args:
        model: Keras model from images [B, H, W, 3] to a dictionary of outputs.
        format: one of `FORMATS`.
        engine: "tensorflow" or "litert-quantizer"; float32 files are TensorFlow's in both.
        images: for integer formats, calibration frames [1, H, W, 3] float32 as the network will see them.
        recipe: for "litert-quantizer", instead of the one of the format.
        float_file: the float32 file of the same model, where it is at hand.

    Returns:
        The candidate; integer files have integer ends, see `finished`.

    Raises:
        UsageError: there is no such engine.
        MissingDependencyError: the engine is not installed.
        EdgenasError: the conversion failed.
    """
    shown = images if format in INTEGER_FORMATS else None
    if engine == "litert-quantizer" and format != "float32":
        source = float_file or to_tflite(model, format="float32")
        used = recipe or recipe_for(format)
        clip = format == "int8" and recipe is None
        data = quantise(source, used, shown, clip=clip)
        told: dict[str, Any] = {"rules": list(used), **({"ranges": "least squared error"} if clip else {})}
    elif engine in ENGINES and engine != "auto":
        engine = "tensorflow"
        ready = float_file if format == "float32" else None
        data = ready or to_tflite(model, format=format, representative=shown)
        told = {}
    else:
        raise unknown_name("engine", engine, [name for name in ENGINES if name != "auto"])
    return Candidate(data, format, engine, told)


def finished(candidate: Candidate, io: IoTypes, labels: Mapping[str, int]) -> Candidate:
    """The candidate as devices get it: labels where they were asked for, and other element types of its ends.

    Args:
        candidate: what `convert` or a repair made.
        io: of int8 files; others keep what they have.
        labels: see `with_labels`.
    """
    data = with_labels(candidate.data, labels)
    if candidate.format == "int8":
        data = with_ends(data, io)
    return replace(candidate, data=data)
