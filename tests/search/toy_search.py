"""A toy problem for the tests of the search room: real networks, synthetic metrics and latency, no training."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgenas.search import Evaluation, Halving, Part, SearchConfig, run_search
from edgenas.space import Architecture, SearchSpace, load_space

TASKS = ("depth", "segmentation")
HEAD_CHANNELS = {"depth": 1, "segmentation": 13}
INPUT_SHAPE = (64, 64)


@dataclass(frozen=True)
class ToyEstimate:
    latency_ms: float
    interval_ms: tuple[float, float]

    def upper_ms(self, risk: float) -> float:
        return self.latency_ms * (2.0 - risk)


def toy_space(tasks: tuple[str, ...] = TASKS) -> SearchSpace:
    return load_space("demo", tasks)


def toy_latency_ms(architecture: Architecture) -> float:
    cost = architecture.fusion_width * architecture.fusion_repeats / 100
    for depth, stage in enumerate(architecture.stages):
        cost += sum(stage.width * b.kernel * b.expansion / (300 * 2**depth) for b in stage.blocks)
    return cost


def toy_estimator(architecture: Architecture) -> ToyEstimate:
    latency = toy_latency_ms(architecture)
    return ToyEstimate(latency, (0.9 * latency, 1.1 * latency))


def toy_score(architecture: Architecture) -> float:
    """Grows with fused early blocks, wide late stages and kernels of 5; at most about 1."""
    score = 0.1
    for index, stage in enumerate(architecture.stages):
        score += 0.1 * stage.width / (96 if index else 24)
        score += 0.02 * sum(b.kernel == 5 for b in stage.blocks)
        score += 0.02 * sum((b.type == "fused_ibn") == (index < 2) for b in stage.blocks)
        score += 0.005 * sum(b.expansion for b in stage.blocks)
    return score


def toy_evaluator(architecture: Architecture, seed: int) -> Evaluation:
    score = toy_score(architecture)
    return Evaluation(
        metrics={
            "depth": {"abs_error": 1.0 / score, "rel_error": 0.3 / score, "rmse": None},
            "segmentation": {"miou": score, "pixel_accuracy": 0.5 + 0.3 * score},
        },
        seconds={"train": 0.01},
    )


TOY_ITERATIONS = 80


def toy_part_evaluator(architecture: Architecture, seed: int, part: Part | None = None) -> Evaluation:
    """`toy_evaluator` for searches that prune: scores grow with the steps, and early ones deceive a little."""
    before = 0 if part is None or part.state is None else _steps_of(part.state, architecture)
    step = TOY_ITERATIONS if part is None or part.until_step is None else part.until_step
    if not before < step <= TOY_ITERATIONS:
        raise RuntimeError(f"{step} steps were asked for after {before}")
    left = 1.0 - step / TOY_ITERATIONS
    score = (
        toy_score(architecture)
        * (1.0 - 0.5 * left)
        * (1.0 + 0.1 * left * (int(architecture.hash[:8], 16) % 3))
    )
    state = None if left == 0.0 else f"{architecture.hash} {step}".encode()
    seconds = {"total": float(step - before), "steps": float(step - before)}
    metrics = {"segmentation": {"miou": score}, "depth": {"abs_error": 1.0 / score}}
    return Evaluation(metrics, seconds, state=state)


def _steps_of(state: bytes, architecture: Architecture) -> int:
    name, step = state.decode().split()
    if name != architecture.hash:
        raise RuntimeError("this is the state of another network")
    return int(step)


def toy_config(**changes: Any) -> SearchConfig:
    values: dict[str, Any] = {
        "trials": 12,
        "seed": 3,
        "population": 5,
        "tournament": 3,
        "target_ms": 6.0,
        "input_shape": INPUT_SHAPE,
        "head_channels": HEAD_CHANNELS,
        "data": {"source": "rooms", "fingerprint": "abc", "height": 64, "width": 64},
        "device": "host",
        "proxy": {"iterations": 10},
        "command": ("edgenas", "search", "--out", "my run"),
    }
    return SearchConfig(**{**values, **changes})


def fragile_evaluator(architecture: Architecture, seed: int) -> Evaluation:
    """Fails, diverges or completes, decided by the network."""
    fate = int(architecture.hash, 16) % 7
    if fate == 0:
        raise MemoryError("no memory left")
    if fate == 1:
        return Evaluation(status="diverged", reason="loss is not finite at step 3")
    return toy_evaluator(architecture, seed)


if __name__ == "__main__":  # the process that the kill tests kill
    folder, trials, mode, name = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    storage = sys.argv[5] if len(sys.argv) > 5 else None
    halving = None
    # TPE proposes what failed again and again, as it learns from completed trials only.
    evaluator: Any = toy_evaluator if name == "tpe" else fragile_evaluator
    if name == "halving":
        halving, evaluator = Halving.of_schedule(TOY_ITERATIONS, first_step=10), toy_part_evaluator
    run_search(
        toy_config(
            trials=trials,
            tournament=3,
            algorithm="evolution" if halving else name,
            halving=halving,
            storage=storage,
        ),
        toy_space(),
        evaluator,
        toy_estimator,
        folder,
        resume=mode == "resume",
        on_event=lambda event: print(type(event).__name__, flush=True),
    )
