"""Networks as operators: read from an architecture or from a .tflite file, without TensorFlow."""

from edgenas.graph.fragments import Fragment
from edgenas.graph.from_architecture import fragments_of, graph_of, parameter_count
from edgenas.graph.opgraph import Operator, OpGraph, Tensor
from edgenas.graph.tflite import parse_tflite, read_tflite

__all__ = [
    "Fragment",
    "OpGraph",
    "Operator",
    "Tensor",
    "fragments_of",
    "graph_of",
    "parameter_count",
    "parse_tflite",
    "read_tflite",
]
