"""Finding the board's Python that can run models."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

__all__ = ["find_python"]

_ANSWER_SECONDS = 90
_NOT_FOUND = 127  # What pyenv and asdf put on the PATH ends with it where there is no such Python behind it.


def find_python(agent: str, names: Sequence[str], runtime: str) -> tuple[dict[str, Any] | None, list[str]]:
    """The first Python that has NumPy and a runtime.

    Args:
        agent: the agent's file.
        names: programs to try, as names on the PATH or as paths from the home folder.
        runtime: package that must run the models, empty for any.

    Returns:
        Facts with "executable", None where there is none; and what those before it lack, one text each.
    """
    lacks: list[str] = []
    tried: set[str] = set()
    for name in names:
        path = shutil.which(name) or shutil.which(os.path.join(os.path.expanduser("~"), name))
        # Links of one Python are one Python; a virtual environment is told from the Python that made it by its folder.
        place = path and os.path.join(
            os.path.realpath(os.path.dirname(path)), os.path.basename(os.path.realpath(path))
        )
        if not path or not place or place in tried:
            if len(names) == 1:
                lacks.append("%s: not there" % name)
            continue
        tried.add(place)
        facts = _facts([path, agent, "facts", "--runtime", runtime])
        if "lacks" not in facts:
            return dict(facts, executable=path), lacks
        if facts["lacks"]:
            lacks.append("%s: %s" % (path, facts["lacks"]))
    return None, lacks or ["no Python of %s" % ", ".join(names)]


def _facts(command: list[str]) -> dict[str, Any]:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=_ANSWER_SECONDS,
        )
        answer = json.loads(done.stdout.decode(errors="replace").strip().splitlines()[-1])
        return dict(answer)
    except subprocess.TimeoutExpired:
        return {"lacks": "no answer within %d s" % _ANSWER_SECONDS}
    except OSError as error:
        return {"lacks": str(error.strerror or error)}
    except (IndexError, ValueError, TypeError):
        printed = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        if done.returncode == _NOT_FOUND:
            return {"lacks": ""}
        if any("SyntaxError" in line for line in printed):
            return {"lacks": "older than Python 3.7"}
        return {"lacks": "it ended with exit code %d %s" % (done.returncode, "".join(printed)[:200])}
