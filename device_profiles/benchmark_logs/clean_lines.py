"""Takes the prefixes of logcat and of logging libraries off, and what other programs logged out.

Formats of logcat: https://developer.android.com/tools/logcat#outputFormat ("threadtime", "time", "brief", "tag").
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["clean_runs"]

_LOGCAT = (
    # 11-24 09:41:00.123  1234  1234 I tflite  : text
    re.compile(
        r"(?:\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,6}\s+(?:\S+\s+)??(?P<pid>\d+)\s+\d+\s+[VDIWEF]\s+"
        r"(?P<tag>[^:]*?)\s*: ?(?P<text>.*)"
    ),
    # 11-24 09:41:00.123 I/tflite  ( 1234): text
    re.compile(
        r"(?:(?:\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,6} )?[VDIWEF]/(?P<tag>[^(]*?)\s*"
        r"\(\s*(?P<pid>\d+)\): ?(?P<text>.*)"
    ),
    # I tflite  : text
    re.compile(r"[VDIWEF][ /](?P<tag>[A-Za-z_][\w.-]*)\s*: (?P<text>.*)(?P<pid>)"),
    # 2020-10-28 14:41:14.151361+0800 TFLiteBenchmark[3921:935759] text (iOS)
    re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+[+-]\d{4} (?P<tag>\S+)\[(?P<pid>\d+):\d+\] (?P<text>.*)"),
)
_TAGS = re.compile(r"tflite|tensorflow ?lite|litert", re.IGNORECASE)
_LEVEL = re.compile(r"(?:INFO|VERBOSE|WARNING|ERROR|FATAL): ?")
_PLACE = re.compile(r"\[[\w./-]+\.(?:h|cc|cpp):\d+\] ?")
_START = "STARTING!"
_FIRST_OPTION = (
    "Log parameter values verbosely:"  # The first line of the Android app, which prints no `_START`.
)


def clean_runs(text: str) -> list[list[str]]:
    """The lines of each run of a benchmark tool that the text holds, without their prefixes.

    Lines of logcat are told apart by their process; the first line of the tool begins another run. A line that may
    have been cut at the end of the text ends with "\\0".
    """
    rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if rows[-1]:
        rows[-1] += "\0"
    parsed = [_logcat(row) for row in rows]
    if any(one is not None for one in parsed):
        by_process: dict[str, list[str]] = {}
        for one in parsed:
            if one is not None and _TAGS.search(one[1]):
                by_process.setdefault(one[0], []).append(one[2])
        groups = list(by_process.values())
    else:
        groups = [rows]
    return [run for group in groups for run in _split(group)]


def _logcat(row: str) -> tuple[str, str, str] | None:
    for pattern in _LOGCAT:
        match = pattern.fullmatch(row.strip(" "))
        if match:
            return match["pid"], match["tag"], match["text"]
    return None


def _split(rows: Sequence[str]) -> list[list[str]]:
    runs: list[list[str]] = [[]]
    for row in rows:
        line = row.strip().removeprefix("> ").removeprefix(">")
        level = _LEVEL.match(line)
        message = line[level.end() :] if level else line
        place = _PLACE.match(message)
        message = message[place.end() :] if place else message
        begins = message.strip() == _START and any(one.strip() for one in runs[-1])
        if begins or (message.startswith(_FIRST_OPTION) and any(_FIRST_OPTION in one for one in runs[-1])):
            runs.append([])
        keeps_level = level is not None and level[0].startswith(("ERROR", "FATAL"))
        runs[-1].append(line if keeps_level else message)
    return [run for run in runs if any(line.strip() for line in run)]
