"""What a compiler would make of a model: operator rules and the compilers' own verdicts."""

from edgenas.compatibility.compiler import CompilerVerdict, find_compiler, run_compiler
from edgenas.compatibility.edgetpu import check_edgetpu, check_graph
from edgenas.compatibility.partition import obstacle, obstacle_count
from edgenas.compatibility.report import CompatibilityReport, OperatorVerdict
from edgenas.compatibility.twin import left_outside

__all__ = [
    "CompatibilityReport",
    "CompilerVerdict",
    "OperatorVerdict",
    "check_edgetpu",
    "check_graph",
    "find_compiler",
    "left_outside",
    "obstacle",
    "obstacle_count",
    "run_compiler",
]
