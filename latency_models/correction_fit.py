"""Fits a `Correction`: a Gaussian process with a length scale per descriptor, robust against bad measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgenas.errors import MissingDependencyError
from edgenas.latency_models.correction import Correction, kernel_matrix
from edgenas.latency_models.descriptors import GATE
from edgenas.latency_models.error_band import ErrorBand

__all__ = ["TUNED_ON", "fit_correction", "with_band"]

FloatArray = npt.NDArray[np.float64]

# Hyperparameters are found on some hundred networks; more change them little and cost with the third power.
TUNED_ON, _TUNING_STEPS, _ROUNDS = 600, 40, 4
# Errors are compared on a logarithmic scale, which very small ones must not rule; ridge of the slopes per network.
_LEAST_ERROR_SHARE, _WIDTH_RIDGE = 0.3, 0.1
_BAND_PARTS = 5
_STUDENT = 2.0  # Degrees of freedom of the noise: some measurements are far too slow, none too quick.
_LEAST_NOISE, _MOST_NOISE, _JITTER = 0.5, 100.0, 1e-8
# Priors of the logarithms: inverse length scales and noise variance.
_LENGTH_PRIOR, _NOISE_PRIOR = (-2.5, 1.5), (float(np.log(1e-2)), 2.0)


def fit_correction(
    kind: str,
    described: Sequence[Mapping[str, float]],
    log_ratios: FloatArray,
    *,
    seed: int = 0,
    most: int = 4000,
    tuned_on: int = TUNED_ON,
) -> Correction:
    """Fits the logarithm of measured over summed latency.

    Args:
        kind: name of the networks.
        described: their descriptors.
        log_ratios: [N].
        seed: seed of the subsets.
        most: networks that are kept; a random subset of more.
        tuned_on: networks that length scales are found on.

    Returns:
        A correction without a band: see `with_band`, which needs errors of networks held out.

    Raises:
        MissingDependencyError: SciPy is not installed.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(described))[:most])
    keys = tuple(sorted({key for d in described for key in d}))
    values = np.array([[described[i].get(key, 0.0) for key in keys] for i in chosen], dtype=np.float64)
    ratios = log_ratios[chosen]
    varies = (np.ptp(values, axis=0) > 0) & np.array([not key.startswith(GATE) for key in keys])
    gates = {key: float(values[0, i]) for i, key in enumerate(keys) if not varies[i]}
    keys = tuple(key for i, key in enumerate(keys) if varies[i])
    values = values[:, varies]
    mean, scale = values.mean(axis=0), values.std(axis=0)
    x = (values - mean) / scale
    offset, spread = float(ratios.mean()), max(float(ratios.std()), 1e-6)
    y = (ratios - offset) / spread
    subset = rng.permutation(len(x))[:tuned_on]
    parameters = _tune(x[subset], y[subset])
    d = x.shape[1]
    inverse_length = np.exp(parameters[:d])
    signal, slope, noise = (float(np.exp(p)) for p in parameters[d:])
    kernel = kernel_matrix(x, x, inverse_length, signal, slope)
    weights, _ = _solve_robustly(kernel, y, noise)
    return Correction(
        kind=kind, keys=keys, gates=gates, mean=mean, scale=scale, inverse_length=inverse_length, points=values,
        weights=weights, signal=signal, slope=slope, offset=offset, spread=spread,
        band=ErrorBand.from_residuals([0.0]), width_slopes=np.zeros(len(keys)),
    )  # fmt: skip


def with_band(
    correction: Correction, described: Sequence[Mapping[str, float]], log_ratios: FloatArray
) -> Correction:
    """Adds the errors of networks held out: how they grow with the descriptors, and the conformal band of the rest.

    Kinds of networks whose latency is less certain than that of others get wider intervals; what remains is as in
    split-conformal prediction with locally weighted residuals (Lei et al., 2018, section 5.2).

    Args:
        correction: the correction.
        described: descriptors of the networks.
        log_ratios: log(measured / predicted) by fits without the network [N].
    """
    x = correction.standardised(described)
    size = np.abs(log_ratios)
    target = np.log(size + _LEAST_ERROR_SHARE * float(np.median(size)) + 1e-9)
    sloped = replace(correction, width_slopes=_width_slopes(x, target))
    # Each network's error is compared with the width by slopes that do not know it: of a few hundred networks the
    # slopes would else follow the errors themselves, and the intervals cover 86% instead of 90.
    typical = log_ratios.copy()
    part = np.random.default_rng(0).permutation(len(x)) % _BAND_PARTS
    for held in range(_BAND_PARTS):
        out = np.flatnonzero(part == held)
        known = replace(correction, width_slopes=_width_slopes(x[part != held], target[part != held]))
        typical[out] /= np.exp(known.log_widening([described[int(i)] for i in out]))
    return replace(sloped, band=ErrorBand.from_residuals(typical.tolist()))


def _width_slopes(x: FloatArray, log_size: FloatArray) -> FloatArray:
    """Ridge regression of the logarithm of the error on the descriptors [D]."""
    if not len(x):
        return np.zeros(x.shape[1])
    ridge = _WIDTH_RIDGE * len(x) * np.eye(x.shape[1])
    return np.asarray(np.linalg.solve(x.T @ x + ridge, x.T @ (log_size - log_size.mean())), dtype=np.float64)


def _solve_robustly(kernel: FloatArray, y: FloatArray, noise: float) -> tuple[FloatArray, FloatArray]:
    """Weights [N] and the relative noise variance of each row [N], which grows with its leave-one-out error."""
    linalg = _linalg()
    relative = np.ones(len(y))
    weights = np.zeros(len(y))
    for round_number in range(_ROUNDS + 1):
        covariance = kernel + np.diag(noise * relative + _JITTER)
        factor = linalg.cho_factor(covariance, lower=True, check_finite=False)
        weights = linalg.cho_solve(factor, y, check_finite=False)
        if round_number < _ROUNDS:
            left_out = weights / np.diag(_inverse(factor[0]))
            relative = _student(left_out, noise)
    return weights, relative


def _student(left_out: FloatArray, noise: float) -> FloatArray:
    return np.clip((_STUDENT + left_out**2 / noise) / (_STUDENT + 1.0), _LEAST_NOISE, _MOST_NOISE)


def _tune(x: FloatArray, y: FloatArray) -> FloatArray:
    """Logarithms of the inverse lengths [D], signal, slope and noise that make the measurements likely."""
    from scipy.optimize import minimize

    d = x.shape[1]
    parameters = np.concatenate(
        [np.full(d, np.log(1 / np.sqrt(2 * max(d, 1)))), [0.0, np.log(0.3 / max(d, 1)), np.log(0.05)]]
    )
    relative = np.ones(len(y))
    for round_number in range(_ROUNDS):
        result = minimize(
            _negative_log_posterior,
            parameters,
            args=(x, y, relative),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": _TUNING_STEPS},
        )
        parameters = np.asarray(result.x, dtype=np.float64)
        if round_number < _ROUNDS - 1:
            signal, slope, noise = (float(np.exp(p)) for p in parameters[d:])
            kernel = kernel_matrix(x, x, np.exp(parameters[:d]), signal, slope)
            _, relative = _solve_robustly(kernel, y, noise)
    return parameters


def _negative_log_posterior(
    parameters: FloatArray, x: FloatArray, y: FloatArray, relative: FloatArray
) -> tuple[float, FloatArray]:
    """Value and gradient; Rasmussen and Williams, "Gaussian Processes for Machine Learning", Eq. 5.8 and 5.9."""
    linalg = _linalg()
    d = x.shape[1]
    log_lengths = parameters[:d]
    signal, slope, noise = np.exp(parameters[d:])
    smooth = kernel_matrix(x, x, np.exp(log_lengths), float(signal), 0.0)
    linear = slope * (x @ x.T)
    covariance = smooth + linear + np.diag(noise * relative + _JITTER)
    try:
        factor = linalg.cho_factor(covariance, lower=True, check_finite=False)
    except np.linalg.LinAlgError:
        return 1e10, np.zeros_like(parameters)
    weights = linalg.cho_solve(factor, y, check_finite=False)
    inverse = _inverse(factor[0])
    value = 0.5 * float(y @ weights) + float(np.log(np.diag(factor[0])).sum())
    residue = inverse - np.outer(weights, weights)
    pulled = residue * smooth
    moment = 2 * ((pulled.sum(axis=1)[:, None] * x**2).sum(axis=0) - np.einsum("ij,ij->j", x, pulled @ x))
    gradient = np.empty_like(parameters)
    gradient[:d] = -0.5 * np.exp(2 * log_lengths) * moment
    gradient[d] = 0.5 * pulled.sum()
    gradient[d + 1] = 0.5 * (residue * linear).sum()
    gradient[d + 2] = 0.5 * float(np.diag(residue) @ relative) * noise
    centre, width = _LENGTH_PRIOR
    value += 0.5 * float((((log_lengths - centre) / width) ** 2).sum())
    gradient[:d] += (log_lengths - centre) / width**2
    centre, width = _NOISE_PRIOR
    value += 0.5 * ((parameters[d + 2] - centre) / width) ** 2
    gradient[d + 2] += (parameters[d + 2] - centre) / width**2
    return value, gradient


def _inverse(lower: FloatArray) -> FloatArray:
    """Inverse of the matrix with that lower Cholesky factor, in a third of the time that solving for it takes."""
    found, _ = _linalg().lapack.dpotri(lower, lower=1)
    triangle = np.tril(found)
    return np.asarray(triangle + np.tril(found, -1).T, dtype=np.float64)


def _linalg() -> Any:
    try:
        from scipy import linalg
    except ImportError as error:
        raise MissingDependencyError("scipy", "fit", "Fitting a latency predictor") from error
    return linalg
