"""Kills `edgenas search` with signal 9 at random moments, resumes it each time, and looks at what became of the study.

    python experiments/kill_search.py FOLDER [--kills 20] [--trials 60] [--whole] -- --device none --iterations 2

What stands behind `--` goes to `edgenas search`. The moments are uniform between 1 and `--longest` seconds after the
start of each session; a session that ends before its moment ends the series early. `--whole` runs the same search once
more without a kill and compares the two trial by trial, everything but the wall times: with one worker they are equal.
Always looked at: every trial number is finished once, and what was finished before a kill is not touched afterwards
(its wall times are the same to the last digit). Prints one JSON value; exits with 1 where something does not hold.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from edgenas.errors import EdgenasError
from edgenas.search import read_trials


def command(folder: Path, trials: int, options: list[str]) -> list[str]:
    """The line that begins the run, or goes on with it."""
    edgenas = str(Path(sys.executable).with_name("edgenas"))
    if (folder / "config.json").exists():
        return [edgenas, "search", "--resume", str(folder)]
    return [edgenas, "search", "--out", str(folder), "--trials", str(trials), *options]


def finished(folder: Path) -> dict[int, dict[str, Any]]:
    """Everything stored of every finished trial."""
    try:
        return {r.number: {**r.to_attrs(), "ended_at": r.ended_at} for r in read_trials(folder)}
    except EdgenasError:
        return {}  # killed before there was a study


def without_times(trials: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """The same without what a clock decides."""
    return {
        n: {k: v for k, v in attrs.items() if k not in ("seconds", "ended_at")} for n, attrs in trials.items()
    }


def main() -> None:
    """Kills, resumes, compares, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--longest", type=float, default=25.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--whole", action="store_true")
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    given, options = parser.parse_args(sys.argv[1:end]), sys.argv[end + 1 :]
    moments, run = random.Random(given.seed), given.folder / "killed"
    kills, counts, touched = 0, [], set[int]()
    before: dict[int, dict[str, Any]] = {}
    while kills < given.kills:
        process = subprocess.Popen(command(run, given.trials, options), stdout=subprocess.DEVNULL)
        try:
            process.wait(moments.uniform(1.0, given.longest))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
        now = finished(run)
        touched |= {n for n, attrs in before.items() if now.get(n) != attrs}
        before = now
        counts.append(len(now))
        print(f"kill {kills}: {len(now)} trials finished", file=sys.stderr)
    started = time.monotonic()
    subprocess.run(command(run, given.trials, options), check=True, stdout=subprocess.DEVNULL)
    now = finished(run)
    touched |= {n for n, attrs in before.items() if now.get(n) != attrs}
    found: dict[str, Any] = {
        "kills": kills,
        "finished_at_each_kill": counts,
        "last_session_seconds": round(time.monotonic() - started, 1),
        "every_number_once": sorted(now) == list(range(given.trials)),
        "finished_trials_touched": sorted(touched),
    }
    if given.whole:
        whole = given.folder / "whole"
        subprocess.run(command(whole, given.trials, options), check=True, stdout=subprocess.DEVNULL)
        found["equal_to_the_uninterrupted"] = without_times(now) == without_times(finished(whole))
        found["best_is_equal"] = (run / "best.json").read_bytes() == (whole / "best.json").read_bytes()
    print(json.dumps(found, indent=1))
    held = found["every_number_once"] and not touched
    sys.exit(0 if held and found.get("equal_to_the_uninterrupted", True) else 1)


if __name__ == "__main__":
    main()
