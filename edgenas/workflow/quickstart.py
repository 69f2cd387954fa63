"""`edgenas quickstart`: the demo as steps, each with its command, why it is done and what it found."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgenas.errors import UsageError
from edgenas.storage import read_json
from edgenas.workflow.runs import RunFolder

__all__ = ["Step", "quickstart_steps"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command of the demo.

    Attributes:
        title: what it does, in a few words.
        why: what it is good for.
        command: its words behind `edgenas`.
        done: whether it was done before.
        found: what it found, in a sentence or two; asked when it is done.
        minutes: how long it takes on two idle cores, about: those of `make demo`, rounded up.
    """

    title: str
    why: str
    command: tuple[str, ...]
    done: Callable[[], bool]
    found: Callable[[], str]
    minutes: float

    @property
    def line(self) -> str:
        """What to type."""
        return shlex.join(["edgenas", *self.command])


def quickstart_steps(folder: Path, *, small: bool = False) -> list[Step]:
    """The steps of the demo on the embedded rooms.

    Args:
        folder: its run folder.
        small: so little of everything that the networks learn next to nothing; to see the way only.
    """
    run = RunFolder(folder)
    where = str(folder)
    trials, steps, frames, longer = ("2", "30", "100", "60") if small else ("12", "220", "800", "900")
    search = ("search", "--out", where, "--data", "rooms", "--device", "host")
    size = ("--trials", trials, "--iterations", steps, "--frames", frames)
    return [
        Step(
            title="Measure this machine",
            why="A search needs to know what a network costs without running it. This measures some networks and "
            "operators here and fits a latency predictor to them.",
            command=("profile", "--device", "host", "--seconds", "60" if small else "150"),
            done=_is_profiled,
            found=_predictor,
            minutes=1.5 if small else 2.5,
        ),
        Step(
            title="Search",
            why="Each trial draws or mutates an architecture, prices it with the predictor, trains it for a short time "
            "on procedural rooms (segmentation, depth, normals), and scores quality against latency.",
            command=("search", "--resume", where) if run.config.exists() else (*search, *size),
            done=lambda: run.best.exists() and _finished(folder),
            found=lambda: _searched(run),
            minutes=1.5 if small else 4.0,
        ),
        Step(
            title="Train the winner",
            why="A trial is trained just long enough to be compared. The winner now gets a longer schedule.",
            command=("train", where, "--iterations", longer, "--allow-infeasible"),
            done=lambda: (run.train / "metrics.json").exists(),
            found=lambda: _trained(run),
            minutes=0.5 if small else 1.5,
        ),
        Step(
            title="Export",
            why="The network becomes .tflite files, float32 and int8; both are run on real frames and compared with "
            "Keras, and the int8 file is measured on this machine.",
            command=("export", "--int8", where),
            done=lambda: bool(_cards(run)),
            found=lambda: _exported(run),
            minutes=0.5,
        ),
        Step(
            title="Report",
            why="One page with everything: the front of quality against latency, the network, the pictures.",
            command=("report", where),
            done=lambda: (folder / "report.html").exists(),
            found=lambda: f"Open {folder / 'report.html'} in a browser.",
            minutes=0.1,
        ),
    ]


def _is_profiled() -> bool:
    return _card() is not None


def _card() -> dict[str, Any] | None:
    from edgenas.device_profiles import load_device
    from edgenas.latency_models.registry import card_of

    profile = load_device("host")
    return card_of(profile, profile.default_configuration)


def _predictor() -> str:
    card = _card() or {}
    mape, rows = card.get("mape_percent"), card.get("rows")
    if not isinstance(mape, int | float):
        return "This machine has a latency predictor."
    return (
        f"This machine has a latency predictor: on {rows} networks that it was not fitted on it is off by {mape:.1f}% "
        "on average. Every latency from it is called predicted, with an interval."
    )


def _finished(folder: Path) -> bool:
    from edgenas.search.config import read_config
    from edgenas.search.study import read_trials

    try:
        return len(read_trials(folder)) >= int(read_config(folder)["trials"])
    except UsageError:
        return False


def _searched(run: RunFolder) -> str:
    best = read_json(run.best, "recommendation")
    target = best.get("target_ms")
    if best.get("architecture") is None:
        return (
            f"No network met the target of {target:.3g} ms; the nearest one goes on. More trials would find one: "
            f"edgenas search --resume {shlex.quote(str(run.root))} --trials 24"
        )
    words = f"The best network is predicted at {best['predicted_ms']:.3g} ms (target {target:.3g} ms)"
    measured = best.get("measured_ms")
    if isinstance(measured, int | float):
        words += f" and was {best.get('measured_source') or 'measured'} at {measured:.3g} ms"
    return (
        f"{words}. Its quality is {best['quality']:.3f}, where the baseline of the space has 1: above 1 is better at "
        "the same training."
    )


def _trained(run: RunFolder) -> str:
    from edgenas.workflow.train import load_trained

    metrics = load_trained(run.train).metrics
    parts = [
        f"{name} {values[key]:.3f}{unit}"
        for task, key, name, unit in (
            ("segmentation", "miou", "mIoU", ""),
            ("depth", "abs_error", "error of depth", " m"),
            ("normals", "mean_angle_deg", "error of normals", " degrees"),
        )
        if isinstance((values := metrics.get(task, {})).get(key), int | float)
    ]
    return f"On frames that it did not learn from: {', '.join(parts)}."


def _cards(run: RunFolder) -> list[dict[str, Any]]:
    if not run.export.is_dir():
        return []
    cards = [read_json(path, "model card") for path in sorted(run.export.glob("*.json"))]
    return [card for card in cards if isinstance(card, dict) and "files" in card and "latency" in card]


def _exported(run: RunFolder) -> str:
    card = _cards(run)[-1]
    names = ", ".join(str(run.export / file["path"]) for file in card["files"].values())
    latency = card["latency"]
    words = f"Written: {names}, and a model card beside them."
    if isinstance(latency.get("predicted_ms"), int | float):
        words += f" {latency['file']} is predicted at {latency['predicted_ms']:.3g} ms"
        if isinstance(latency.get("measured_ms"), int | float):
            words += f" and was {latency['measured_source']} at {latency['measured_ms']:.3g} ms"
        words += "."
    return words
