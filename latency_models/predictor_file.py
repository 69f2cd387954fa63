"""Predictor folders: `predictor.json` (all that predicting needs) and `card.json` (how good, from what)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgenas.errors import UsageError
from edgenas.latency_models.correction import Correction, read_correction, write_correction
from edgenas.latency_models.domain import Domain, Range
from edgenas.latency_models.error_band import LEVELS, ErrorBand
from edgenas.latency_models.feature_sets import FEATURE_SETS, feature_set
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.storage import read_json, write_json

__all__ = [
    "CARD_FILE",
    "FORMAT",
    "PREDICTOR_FILE",
    "VERSION",
    "read_card",
    "read_predictor",
    "write_predictor",
]

FORMAT = "edgenas.latency_predictor"
VERSION = 2
PREDICTOR_FILE = "predictor.json"
CARD_FILE = "card.json"
_AGAIN = "Make it again with `edgenas profile` or copy it again from where it came."


def write_predictor(predictor: LatencyPredictor, folder: Path, card: Mapping[str, Any] | None = None) -> None:
    """Writes a predictor, the card first, so that a predictor never stands beside the card of another.

    Raises:
        EdgenasError: the folder cannot be written.
    """
    if card is not None:
        write_json(folder / CARD_FILE, dict(card))
    for correction in predictor.corrections:
        write_correction(correction, folder / _correction_file(correction.kind))
    write_json(folder / PREDICTOR_FILE, _to_dict(predictor))


def read_predictor(folder: Path) -> LatencyPredictor:
    """Reads what `write_predictor` wrote.

    Raises:
        UsageError: no predictor there, or its file is cut short, damaged or from a newer edgenas.
    """
    path = folder / PREDICTOR_FILE
    if not folder.is_dir():
        raise UsageError(f"No predictor folder at {folder}. Expected a folder that holds {PREDICTOR_FILE}.")
    try:
        data = read_json(path, "latency predictor")
    except UsageError as error:
        raise UsageError(f"{error} {_AGAIN}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise UsageError(f'{path} is not a latency predictor. Expected "format": "{FORMAT}".')
    _check_version(path, "version", data.get("version"), VERSION)
    features = data.get("feature_set")
    if not isinstance(features, dict) or str(features.get("name")) not in FEATURE_SETS:
        raise UsageError(
            f"{path} uses the feature set {features!r}, which this edgenas does not know. Update edgenas: "
            "pip install --upgrade edgenas"
        )
    version = FEATURE_SETS[str(features["name"])].version
    _check_version(path, "feature_set version", features.get("version"), version)
    try:
        corrections = tuple(
            read_correction(folder / _correction_file(str(kind))) for kind in data["corrections"]
        )
        return _from_dict(data, corrections)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path} is damaged: {type(error).__name__}: {error}. {_AGAIN}") from error


def _check_version(path: Path, key: str, found: Any, supported: int) -> None:
    if isinstance(found, int) and found > supported:
        raise UsageError(
            f"{path} was written by a newer edgenas ({key} {found}; this one reads {supported}). Update edgenas: "
            "pip install --upgrade edgenas"
        )
    if found != supported:
        raise UsageError(f"{path} has {key} {found!r}, which this edgenas no longer reads. {_AGAIN}")


def _correction_file(kind: str) -> str:
    if not re.fullmatch(r"[a-z0-9_-]+", kind):
        raise ValueError(f"{kind!r} is no name of a correction")
    return f"correction-{kind}.npz"


def read_card(folder: Path) -> dict[str, Any]:
    """The card beside a predictor, empty where there is none.

    Raises:
        UsageError: the card is damaged.
    """
    path = folder / CARD_FILE
    if not path.exists():
        return {}
    card = read_json(path, "card of the latency predictor")
    if not isinstance(card, dict):
        raise UsageError(f"{path} is not a card. Expected a JSON object. {_AGAIN}")
    return card


def _to_dict(predictor: LatencyPredictor) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "feature_set": {"name": predictor.features.name, "version": predictor.features.version},
        "name": predictor.name,
        "device": predictor.device,
        "configuration": predictor.configuration,
        "dtype": predictor.dtype,
        "confidence": predictor.confidence,
        "coefficients_ms": {name: dict(values) for name, values in predictor.coefficients.items()},
        "bands": {
            "levels": list(LEVELS),
            "log_widths": {dtype: list(band.log_widths) for dtype, band in predictor.bands.items()},
        },
        "domain": {
            "classes": {
                name: {quantity: list(seen) for quantity, seen in ranges.items()}
                for name, ranges in predictor.domain.classes.items()
            },
            "latency_ms": list(predictor.domain.latency_ms),
        },
        "operator_offsets_ms": {name: float(f"{ms:.7g}") for name, ms in predictor.offsets_ms.items()},
        "corrections": [correction.kind for correction in predictor.corrections],
    }


def _from_dict(data: dict[str, Any], corrections: tuple[Correction, ...]) -> LatencyPredictor:
    if data["bands"]["levels"] != list(LEVELS):
        raise ValueError("the levels of its error bands are others")
    bands = {
        str(dtype): ErrorBand(tuple(_number(width) for width in widths))
        for dtype, widths in data["bands"]["log_widths"].items()
    }
    if not bands:
        raise ValueError("it has no error band")
    confidence = _number(data["confidence"])
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence}")
    return LatencyPredictor(
        name=str(data["name"]),
        device=str(data["device"]),
        configuration=str(data["configuration"]),
        dtype=str(data["dtype"]),
        confidence=confidence,
        coefficients={
            str(name): {str(quantity): _at_least_zero(value) for quantity, value in values.items()}
            for name, values in data["coefficients_ms"].items()
        },
        bands=bands,
        domain=Domain(
            {
                str(name): {str(quantity): _range(seen) for quantity, seen in ranges.items()}
                for name, ranges in data["domain"]["classes"].items()
            },
            _range(data["domain"]["latency_ms"]),
        ),
        features=feature_set(str(data["feature_set"]["name"])),
        corrections=corrections,
        offsets_ms={str(name): _number(ms) for name, ms in data["operator_offsets_ms"].items()},
    )


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"expected a finite number, received {value!r}")
    return float(value)


def _at_least_zero(value: Any) -> float:
    number = _number(value)
    if number < 0:
        raise ValueError(f"expected a coefficient of at least 0, received {value!r}")
    return number


def _range(value: Any) -> Range:
    low, high = (_number(v) for v in value)
    if low > high:
        raise ValueError(f"expected (least, most), received {value!r}")
    return low, high
