"""`worker`: serves jobs on stdin. `facts`: which runtime this Python has. (`serve`: see `board`.)"""

from __future__ import annotations

import argparse
import json
import sys

from .measure import work
from .runtime import load_runtime

__all__ = ["main"]


def main() -> int:
    """Runs one of the modes."""
    parser = argparse.ArgumentParser(prog="edgenas-agent")
    parser.add_argument("mode", choices=("worker", "facts"))
    parser.add_argument("--cpus", default="", help="CPUs to stay on, comma-separated")
    parser.add_argument("--runtime", default="", help="package that must run the models")
    options = parser.parse_args()
    if options.mode == "worker":
        return work(options.cpus, options.runtime)
    try:
        facts = load_runtime(options.runtime)[1]
    except ImportError as error:
        facts = {"lacks": str(error)}
    print("\n" + json.dumps(facts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
