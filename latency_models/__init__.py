"""Latency predictors: additive over operators, with an interval and a domain check; predicting needs NumPy only."""

from edgenas.latency_models.estimate import LatencyEstimate
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.latency_models.registry import (
    find_predictor,
    find_predictor_folder,
    machine_warning,
    user_predictors,
)

__all__ = [
    "LatencyEstimate",
    "LatencyPredictor",
    "find_predictor",
    "find_predictor_folder",
    "machine_warning",
    "user_predictors",
]
