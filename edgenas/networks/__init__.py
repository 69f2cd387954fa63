"""Networks in Keras 3 on TensorFlow; imports TensorFlow."""

from edgenas.networks.builder import build_model

__all__ = ["build_model"]
