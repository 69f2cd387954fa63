"""Finding a runtime that works, in whatever Python this is."""

from __future__ import annotations

import base64
import importlib
import sys
from typing import Any

from .machine import cpu_model

__all__ = ["RUNTIMES", "load_runtime", "one_line"]

RUNTIMES = (("ai-edge-litert", "ai_edge_litert"), ("tflite-runtime", "tflite_runtime"))
"""Package and module of the runtimes, the first that works is taken."""

# The smallest model there is, one empty subgraph. Runtimes find out that they do not fit NumPy when a file is read.
_EMPTY_MODEL = base64.b64decode(
    "GAAAAFRGTDMAAA4AFAAQAAwACAAAAAQADgAAADgAAAAMAAAAMAAAAAMAAAABAAAAEAAAAAwAFAAQAAwACAAEAAwAAAAQAAAADAAAAAgAAAAE"
    "AAAAAAAAAA=="
)


def load_runtime(wanted: str = "") -> tuple[Any, dict[str, str]]:
    """The runtime's module with `Interpreter`, and the facts about it.

    Args:
        wanted: package, "ai-edge-litert" or "tflite-runtime"; empty for the first that works.

    Raises:
        ImportError: there is none; the text says what each lacks.
    """
    try:
        import numpy
    except ImportError as error:
        raise ImportError("no NumPy (%s)" % error) from error
    lacks = []
    for package, module in RUNTIMES:
        if wanted not in ("", package):
            continue
        try:
            runtime = importlib.import_module(module + ".interpreter")
            runtime.Interpreter(model_content=_EMPTY_MODEL)
        except ModuleNotFoundError as error:
            lacks.append("no %s" % package if (error.name or "").split(".")[0] == module else one_line(error))
        except Exception as error:
            if isinstance(error, (SystemError, ImportError)) and int(numpy.__version__.split(".")[0]) >= 2:
                version = getattr(sys.modules.get(module), "__version__", "")
                lacks.append("%s %s does not work with NumPy 2: pip install 'numpy<2'" % (package, version))
            else:
                lacks.append("%s does not work: %s" % (package, one_line(error)))
        else:
            version = str(getattr(sys.modules[module], "__version__", ""))
            python = "%d.%d.%d" % sys.version_info[:3]
            return runtime, {"runtime": package, "runtime_version": version, "python": python,
                             "numpy": numpy.__version__, "machine": cpu_model()}  # fmt: skip
    raise ImportError("; ".join(lacks) or "no runtime called %r" % wanted)


def one_line(error: BaseException) -> str:
    """An error as "Type: text" on one line."""
    text = " ".join(str(error).split())
    return "%s: %s" % (type(error).__name__, text) if text else type(error).__name__
