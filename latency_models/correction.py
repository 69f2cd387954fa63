"""`Correction`: what the sum over operators misses on networks of a kind that many were measured of.

A Gaussian process over `edgenas.latency_models.descriptors` (squared-exponential kernel with a length scale per
descriptor, and a linear one) predicts the logarithm of measured over summed latency. It speaks only about networks
that consist of the same kinds of operators, wired in ways that it was fitted on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgenas.errors import UsageError
from edgenas.latency_models.descriptors import PATH
from edgenas.latency_models.error_band import ErrorBand
from edgenas.storage import atomic_path

__all__ = ["Correction", "read_correction", "write_correction"]

FloatArray = npt.NDArray[np.float64]
Descriptors = Mapping[str, float]

_ARRAYS = ("mean", "scale", "inverse_length", "points", "weights", "scalars", "log_widths", "width_slopes")
_CHUNK = 4096
_MOST_WIDENING = 3.0


@dataclass(frozen=True)
class Correction:
    """A fitted correction.

    Attributes:
        kind: name of the networks that it is about.
        keys: descriptors that it reads.
        gates: descriptors and values that a network must have exactly.
        mean: of the descriptors [D].
        scale: spread of the descriptors [D].
        inverse_length: inverse length scales of the standardised descriptors [D].
        points: descriptors of the fitted networks [N, D].
        weights: their weights [N].
        signal: variance of the squared-exponential part, relative.
        slope: variance of the linear part per descriptor, relative.
        offset: mean of the log ratios.
        spread: standard deviation of the log ratios.
        band: errors of corrected predictions on networks held out, for a network of typical error.
        width_slopes: how the logarithm of the error grows with the standardised descriptors [D].
    """

    kind: str
    keys: tuple[str, ...]
    gates: Mapping[str, float]
    mean: FloatArray
    scale: FloatArray
    inverse_length: FloatArray
    points: FloatArray
    weights: FloatArray
    signal: float
    slope: float
    offset: float
    spread: float
    band: ErrorBand
    width_slopes: FloatArray

    def accepts(self, described: Descriptors) -> bool:
        """Whether the network is of the kind that the correction was fitted on."""
        known = self._known
        return all(key in known or key.startswith(PATH) for key in described) and all(
            described.get(key, 0.0) == value for key, value in self.gates.items()
        )

    @property
    def paths(self) -> bool:
        """Whether it reads the counts of three operators in a row."""
        return any(key.startswith(PATH) for key in self.keys)

    def log_factors(self, described: Sequence[Descriptors]) -> FloatArray:
        """Logarithm of what to multiply the summed latency with, per network [N]."""
        x = self.standardised(described)
        trained = (self.points - self.mean) / self.scale
        found = np.empty(len(x))
        for start in range(0, len(x), _CHUNK):
            part = x[start : start + _CHUNK]
            kernel = kernel_matrix(part, trained, self.inverse_length, self.signal, self.slope)
            found[start : start + _CHUNK] = kernel @ self.weights
        return found * self.spread + self.offset

    def standardised(self, described: Sequence[Descriptors]) -> FloatArray:
        """Descriptors of networks relative to those of the fitted ones [N, D]."""
        values = np.array([[d.get(key, 0.0) for key in self.keys] for d in described], dtype=np.float64)
        return np.asarray(
            (values.reshape(len(described), len(self.keys)) - self.mean) / self.scale, dtype=np.float64
        )

    def log_widening(self, described: Sequence[Descriptors]) -> FloatArray:
        """Logarithm of how much wider than typical the band of each network is [N]; at most threefold either way."""
        most = np.log(_MOST_WIDENING)
        return np.clip(self.standardised(described) @ self.width_slopes, -most, most)

    @property
    def _known(self) -> frozenset[str]:
        cached = self.__dict__.get("_known_keys")
        if cached is None:
            cached = frozenset((*self.keys, *self.gates))
            object.__setattr__(self, "_known_keys", cached)
        return cached  # type: ignore[no-any-return]


def kernel_matrix(
    a: FloatArray, b: FloatArray, inverse_length: FloatArray, signal: float, slope: float
) -> FloatArray:
    """Kernel between standardised descriptors [N, D] and [M, D]."""
    aw, bw = a * inverse_length, b * inverse_length
    distance = np.maximum((aw**2).sum(1)[:, None] + (bw**2).sum(1)[None, :] - 2 * aw @ bw.T, 0.0)
    return np.asarray(signal * np.exp(-0.5 * distance) + slope * (a @ b.T), dtype=np.float64)


def write_correction(correction: Correction, path: Path) -> None:
    """Writes a correction as a compressed NumPy archive; descriptors are whole numbers and take little room."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            kind=np.array(correction.kind),
            keys=np.array(correction.keys),
            gate_keys=np.array(tuple(correction.gates), dtype=np.str_),
            gate_values=np.array(tuple(correction.gates.values()), dtype=np.float64),
            mean=correction.mean,
            scale=correction.scale,
            inverse_length=correction.inverse_length,
            points=correction.points.astype(np.float32),
            weights=correction.weights.astype(np.float32),
            scalars=np.array([correction.signal, correction.slope, correction.offset, correction.spread]),
            log_widths=np.array(correction.band.log_widths),
            width_slopes=correction.width_slopes,
        )


def read_correction(path: Path) -> Correction:
    """Reads what `write_correction` wrote; nothing is unpickled.

    Raises:
        UsageError: the file is missing, cut short or damaged.
    """
    import struct
    import zipfile
    import zlib

    try:
        with path.open("rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as archive:
            arrays = {name: archive[name].astype(np.float64) for name in _ARRAYS}
            keys = tuple(str(k) for k in archive["keys"])
            gates = dict(zip(map(str, archive["gate_keys"]), map(float, archive["gate_values"]), strict=True))
            kind = str(archive["kind"])
        if not all(np.isfinite(a).all() for a in arrays.values()):
            raise ValueError("a number is not finite")
        points = arrays["points"]
        if points.shape != (len(arrays["weights"]), len(keys)) or any(
            arrays[n].shape != (len(keys),) for n in ("mean", "scale", "inverse_length", "width_slopes")
        ):
            raise ValueError("its parts do not fit together")
        if not (arrays["scale"] > 0).all():
            raise ValueError("a scale is not above 0")
        signal, slope, offset, spread = arrays["scalars"].tolist()
        return Correction(
            kind=kind, keys=keys, gates=gates, mean=arrays["mean"], scale=arrays["scale"],
            inverse_length=arrays["inverse_length"], points=points, weights=arrays["weights"], signal=signal,
            slope=slope, offset=offset, spread=spread, band=ErrorBand(tuple(arrays["log_widths"].tolist())),
            width_slopes=arrays["width_slopes"],
        )  # fmt: skip
    except (
        OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, MemoryError, OverflowError, RuntimeError,
        struct.error, zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        raise UsageError(
            f"{path} is missing or damaged ({type(error).__name__}: {error}). Copy the predictor again from where it "
            "came, or make it again with `edgenas latency fit`."
        ) from error
