"""Fixtures that several rooms share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest


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
