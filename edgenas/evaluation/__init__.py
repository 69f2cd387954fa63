"""What a trained network is worth: metrics over a data set, stored results, comparisons. No TensorFlow at import."""

from __future__ import annotations

from edgenas.evaluation.outputs import Metrics, Observer, Predict, evaluate_outputs, observe

__all__ = ["Metrics", "Observer", "Predict", "evaluate_outputs", "observe"]
