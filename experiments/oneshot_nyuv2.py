"""One-shot search against random search and the MT edge baseline: winners trained alike, compared by delta T.

    edgenas profile --device host --seconds 150 --classes 13 --height 96 --width 128
    edgenas search --algorithm oneshot --data NPZ --out ONESHOT
    edgenas search --algorithm random --trials N --data NPZ --out RANDOM
    python experiments/oneshot_nyuv2.py NPZ --oneshot ONESHOT [--random RANDOM [--random-trials N]] [--epochs 24]
        [--seeds 3] --store FILE.jsonl --out RESULT.json

Random search gets as much time as one-shot search took altogether (supernet, trials and ranking): only its trials
that were finished by then count; on a machine whose load varied give --random-trials, from processor times. Winners
meet the predicted latency of the baseline on the host. All networks are trained from fresh weights by the schedule
`modern` with the same seeds; delta T (Eq. 9 to 12) is relative to the baseline's mean over the seeds. What was
trained is stored line by line, so the script goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from edgenas.datasets import load_dataset
from edgenas.runtime import start_tensorflow
from edgenas.scoring import delta_task, delta_total
from edgenas.search import read_trials
from edgenas.search.result import best_of
from edgenas.space import Architecture, load_space
from edgenas.storage import append_jsonl, read_json, read_jsonl, write_json
from edgenas.training.config import TRAINING_PRESETS, TrainingConfig


def main() -> None:
    """Trains what is missing, writes and prints the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data")
    parser.add_argument("--oneshot", type=Path, required=True)
    parser.add_argument("--random", type=Path)
    parser.add_argument("--random-trials", type=int, help="Trials of random search that count.")
    parser.add_argument("--epochs", type=float, default=24.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    train, validation = load_dataset(options.data, "train"), load_dataset(options.data, "validation")
    networks, search = _networks(options.oneshot, options.random, options.random_trials)
    config = TRAINING_PRESETS["modern"].for_epochs(options.epochs, len(train))
    metrics = _trained(networks, config, options.seeds, options.store, train, validation)
    result = {"search": search, "schedule": config.to_dict(), "networks": _compared(networks, metrics)}
    write_json(options.out, result)
    for name, row in result["networks"].items():
        print(name, json.dumps({k: v for k, v in row.items() if k not in ("architecture", "metrics")}))


def _networks(
    oneshot: Path, random: Path | None, random_trials: int | None
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The networks to compare, and how long each search took."""
    config, best = (
        read_json(oneshot / "config.json", "configuration"),
        read_json(oneshot / "best.json", "best"),
    )
    tasks = tuple(config["data"]["tasks"])
    space = load_space(config["space"]["source"], tasks)
    shape, channels = tuple(config["input_shape"]), config["head_channels"]
    baseline = space.architecture(space.default(), input_shape=shape, head_channels=channels)
    supernet = read_json(oneshot / "supernet" / "supernet.json", "supernet")["seconds"]
    scoring = sum(t.evaluation.seconds["total"] for t in read_trials(oneshot))
    alone = sum(row["seconds"]["total"] for row in read_jsonl(oneshot / "supernet" / "alone.jsonl"))
    spent = supernet + scoring + alone
    search: dict[str, Any] = {
        "target_ms": config["target_ms"],
        "oneshot_seconds": {"supernet": supernet, "trials": scoring, "ranking": alone, "total": spent},
        "ranking": {k: best["ranking"][k] for k in ("kendall", "spearman", "count")}
        if "ranking" in best
        else None,
    }
    inherited = best_of(read_trials(oneshot))
    networks = {
        "baseline": {"architecture": baseline, "predicted_ms": config["target_ms"]},
        "oneshot": {
            "architecture": Architecture.from_dict(best["architecture"]),
            "predicted_ms": best["predicted_ms"],
        },
    }
    if inherited is not None and inherited.architecture.hash != best["hash"]:
        networks["oneshot, best by inherited weights"] = {
            "architecture": inherited.architecture, "predicted_ms": inherited.latency.predicted_ms,
        }  # fmt: skip
    if random is not None:
        within, clock = [], read_json(random / "baseline.json", "baseline")["seconds"]["total"]
        for trial in read_trials(random):
            clock += trial.evaluation.seconds["total"]
            if len(within) >= random_trials if random_trials is not None else clock > spent:
                break
            within.append(trial)
        search["random"] = {"trials": len(within), "seconds": clock}
        found = best_of(within)
        if found is not None:
            networks["random"] = {
                "architecture": found.architecture,
                "predicted_ms": found.latency.predicted_ms,
            }
    return networks, search


def _trained(
    networks: dict[str, dict[str, Any]],
    config: TrainingConfig,
    seeds: int,
    store: Path,
    train: Any,
    validation: Any,
) -> dict[tuple[str, int], Any]:
    """Metrics by (hash of the network, seed)."""
    schedule = {k: v for k, v in config.to_dict().items() if k != "seed"}
    found = {(r["hash"], r["seed"]): r["metrics"] for r in read_jsonl(store) if r["schedule"] == schedule}
    for seed in range(seeds):
        for name, network in networks.items():
            architecture = network["architecture"]
            if (architecture.hash, seed) in found:
                continue
            start_tensorflow()
            from edgenas.training.trainer import Trainer

            seeded = TrainingConfig.from_dict({**config.to_dict(), "seed": seed})
            outcome = Trainer(train, validation).train(architecture, seeded)
            if outcome.status != "completed":
                raise SystemExit(f"{name}, seed {seed}: {outcome.reason}")
            append_jsonl(
                store,
                {
                    "hash": architecture.hash, "seed": seed, "schedule": schedule,
                    "metrics": outcome.metrics, "seconds": outcome.seconds,
                },
            )  # fmt: skip
            found[architecture.hash, seed] = outcome.metrics
            print(f"{name}, seed {seed}: {outcome.metrics}", flush=True)
    return found


def _compared(
    networks: dict[str, dict[str, Any]], metrics: dict[tuple[str, int], Any]
) -> dict[str, dict[str, Any]]:
    def of(architecture: Architecture) -> list[Any]:
        return [metrics[key] for key in sorted(metrics) if key[0] == architecture.hash]

    reference = _mean(of(networks["baseline"]["architecture"]))
    rows = {}
    for name, network in networks.items():
        runs = of(network["architecture"])
        totals = [delta_total(run, reference) or 0.0 for run in runs]
        rows[name] = {
            "hash": network["architecture"].hash,
            "predicted_ms": network["predicted_ms"],
            "delta_total_percent": {
                "mean": statistics.fmean(totals),
                "sd": statistics.stdev(totals) if len(totals) > 1 else None,
                "seeds": totals,
            },
            "delta_task_percent": {t: delta_task(t, _mean(runs)[t], reference[t]) for t in reference},
            "metrics": _mean(runs),
            "architecture": network["architecture"].to_dict(),
        }
    return rows


def _mean(runs: list[Any]) -> dict[str, dict[str, float]]:
    return {
        task: {metric: statistics.fmean(run[task][metric] for run in runs) for metric in values}
        for task, values in runs[0].items()
    }


if __name__ == "__main__":
    main()
