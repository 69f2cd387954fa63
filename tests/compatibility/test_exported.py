"""What this project exports, as files: every fact of them passes, not only their operators."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgenas.compatibility import check_edgetpu
from edgenas.space import load_space


@pytest.mark.parametrize("preset", ["edgetpu"])
def test_exported_networks_run_on_the_chip_as_a_whole(tmp_path: Path, preset: str) -> None:
    from edgenas.export.engines.tensorflow import to_tflite
    from edgenas.networks import build_model

    space = load_space(preset)
    rng = np.random.default_rng(5)
    network = space.architecture(
        space.sample(rng), input_shape=(64, 96), head_channels={"depth": 1, "normals": 3, "segmentation": 13}
    )
    model = build_model(network)
    path = tmp_path / "network.tflite"
    images = rng.uniform(-1, 1, (2, 1, 64, 96, 3)).astype(np.float32)
    path.write_bytes(to_tflite(model, format="int8", representative=images))
    report = check_edgetpu(path)
    assert report.fully_mapped, [o for o in report.operators if not o.mapped]
    assert report.input_bytes == 64 * 96 * 3
    assert report.output_bytes == 64 * 96 * (1 + 3 + 13)
    path.write_bytes(to_tflite(model, format="float32"))
    report = check_edgetpu(path)
    assert "not quantised" in report.failure and report.mapped_count == 0
