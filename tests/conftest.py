"""Fixtures that several rooms share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for modules that several rooms share


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the project; tests that use it carry the mark `shared_data`."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        reason = f"real data are not at {folder}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(autouse=True)
def private_user_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's own predictors."""
    monkeypatch.setenv("EDGENAS_HOME", str(tmp_path_factory.mktemp("edgenas_home")))


@pytest.fixture
def own_tasks(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example of a task of one's own; what a test registers is forgotten after it."""
    from edgenas.tasks import plugins, registry

    monkeypatch.setattr(registry, "_REGISTERED", dict(registry._REGISTERED))
    monkeypatch.setattr(plugins, "_loaded", dict(plugins._loaded))
    monkeypatch.setattr(plugins, "_discovered", set(plugins._discovered))
    monkeypatch.setenv(plugins.VARIABLE, "")
    return Path(__file__).resolve().parents[1] / "examples" / "edge_task.py"


@pytest.fixture
def nothing_shipped(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no predictor came with edgenas."""
    empty = tmp_path_factory.mktemp("nothing_shipped")
    monkeypatch.setattr("edgenas.latency_models.registry._shipped", lambda: empty)


@pytest.fixture(scope="session")
def tiny_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An .npz archive in the layout of the NYUv2 one: 40 frames of 32x64 whose truth can be read off the colours."""
    rng = np.random.default_rng(0)
    frames, height, width = 40, 32, 64
    image = np.zeros((frames, height, width, 3), np.uint8)
    label = np.zeros((frames, height, width), np.uint8)
    for i in range(frames):
        split = int(rng.integers(16, 48))
        label[i, :, split:] = 1 + i % 3
        image[i, :, :split] = (200, 40, 40)
        image[i, :, split:] = ((20, 180, 60), (30, 60, 220), (230, 230, 20))[i % 3]
    image += rng.integers(0, 16, image.shape, dtype=np.uint8)
    label[:, :2] = 255
    depth = (1.0 + 0.25 * np.where(label == 255, 0, label)).astype(np.float16)
    depth[:, :2] = 0
    normal = np.zeros((frames, height, width, 3), np.int8)
    normal[..., 2] = np.where(label == 0, 127, 0)
    normal[..., 0] = np.where((label > 0) & (label < 255), 127, 0)
    normal[:, :2] = 0
    path = tmp_path_factory.mktemp("archive") / "tiny.npz"
    np.savez_compressed(
        path,
        image=image,
        seg13=label,
        seg40=label,
        depth=depth,
        normal=normal,
        index0=np.arange(frames, dtype=np.int16),
    )
    return path


@pytest.fixture(scope="session")
def host_predictor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a small predictor for the host, fitted to a made-up device; its times are no real ones."""
    from edgenas.graph import graph_of
    from edgenas.latency_models.design_matrix import Row
    from edgenas.latency_models.fit import fit
    from edgenas.space import load_space

    space = load_space("demo")
    rng = np.random.default_rng(0)
    heads = {"depth": 1, "normals": 3, "segmentation": 13}
    drawn = [space.default(), *(space.sample(rng) for _ in range(23))]
    rows = []
    for number, decisions in enumerate(drawn):
        shape = ((32, 64), (64, 96))[number % 2]
        architecture = space.architecture(decisions, input_shape=shape, head_channels=heads)
        graph = graph_of(architecture, "int8")
        times = tuple(1e-3 + 1e-7 * operator.macs for operator in graph.operators)
        noisy = (sum(times) + 0.02) * float(np.exp(rng.normal(0, 0.01)))
        rows.append(Row(f"network-{number}", architecture.hash, graph, noisy, times, disagreement=0.0))
    fitted = fit(rows, device="host", configuration="int8-1t", dtype="int8")
    folder = tmp_path_factory.mktemp("predictor")
    fitted.predictor.save(folder, fitted.card)
    return folder


@pytest.fixture(scope="session")
def random_cells() -> Callable[[int, int], list[str]]:
    """`random_cells(count, seed)`: different cells of NAS-Bench-201 whose network depends on its input."""
    from edgenas.latency_models.tables.nasbench201 import OPERATIONS, nasbench201_graph
    from edgenas.latency_models.usable import depends_on_input

    def draw(count: int, seed: int) -> list[str]:
        rng = np.random.default_rng(seed)
        found: dict[str, None] = {}
        while len(found) < count:
            a, b, c, d, e, f = rng.choice(OPERATIONS, 6).tolist()
            cell = f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
            if depends_on_input(nasbench201_graph(cell, dead="pruned")):
                found[cell] = None
        return list(found)

    return draw


@pytest.fixture(scope="session")
def additive_ms() -> Callable[..., Any]:
    """`additive_ms(graphs, speed=1.0, device=0)`: latencies [N] of a made-up CPU that is exactly additive.

    Its prices are those that are plausible for TFLite's built-in kernels, each up to 1.6 times more or less; another
    `device` has others. A multiply-accumulate takes some 0.1 ns.
    """
    from edgenas.latency_models.feature_sets import FEATURE_SETS
    from edgenas.latency_models.prices import quantity_matrix
    from edgenas.latency_models.ruy_features import PRIOR_RATIOS

    def latencies(graphs: Sequence[Any], speed: float = 1.0, device: int = 0) -> Any:
        matrix = quantity_matrix(graphs, FEATURE_SETS["ruy"])
        dtype = graphs[0].tensors[graphs[0].inputs[0]].dtype
        rng = np.random.default_rng(device)
        factors = {name: float(np.exp(rng.uniform(-0.47, 0.47))) for name in sorted(PRIOR_RATIOS[dtype])}
        prices = [
            PRIOR_RATIOS[dtype].get(name, 0.0) * factors.get(name, 1.0) + 5e5 * (name == "call")
            for _, name in matrix.columns
        ]
        return matrix.values @ np.array(prices) * 1e-7 / speed

    return latencies


@pytest.fixture
def read_curves(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], dict[str, list[tuple[int, float]]]]:
    """`read_curves(folder)`: {tag: [(step, value), ...]} as TensorBoard itself reads them."""
    # Where this module exists, TensorBoard reads with its own code instead of TensorFlow's, which takes seconds.
    monkeypatch.setitem(sys.modules, "tensorboard.compat.notf", ModuleType("tensorboard.compat.notf"))

    def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        reader = EventAccumulator(str(folder), size_guidance={"scalars": 0})
        reader.Reload()
        return {tag: [(e.step, e.value) for e in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}

    return read
