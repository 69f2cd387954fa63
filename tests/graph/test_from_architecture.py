"""The load-bearing equality: the graph of an architecture is the graph of its exported file."""

from __future__ import annotations

import numpy as np
import pytest

from edgenas.errors import UsageError
from edgenas.graph import fragments_of, graph_of, parse_tflite
from edgenas.runtime import start_tensorflow
from edgenas.space import Architecture, load_space

HEADS = {"depth": 1, "normals": 3, "segmentation": 13}
SUBSETS = (("depth", "normals", "segmentation"), ("segmentation",), ("depth", "segmentation"))


def sample(index: int) -> Architecture:
    space = load_space(("demo", "declared", "edgetpu")[index % 3], SUBSETS[index // 3 % 3])
    decisions = space.sample(np.random.default_rng(index))
    return space.architecture(decisions, input_shape=(64, 96), head_channels=HEADS)


@pytest.mark.parametrize("index", range(12))
def test_both_readers_agree_operator_by_operator(index: int) -> None:
    start_tensorflow()
    from edgenas.export.engines.tensorflow import to_tflite
    from edgenas.networks import build_model

    arch = sample(index)
    rng = np.random.default_rng(index)
    model = build_model(arch)
    for layer in model.layers:
        if layer.name.endswith("_fuse"):  # trained fusion weights are never equal
            layer.weight.assign(rng.uniform(0.2, 1.5, layer.weight.shape))
    images = [rng.uniform(-1, 1, (1, 64, 96, 3)).astype("float32") for _ in range(2)]
    for dtype in ("float32", "int8"):
        file = to_tflite(model, format=dtype, representative=images if dtype == "int8" else None)
        ours, theirs = graph_of(arch, dtype), parse_tflite(file)
        assert ours.operators == theirs.operators
        assert ours.peak_activation_bytes == theirs.peak_activation_bytes
        assert ours.output_names == theirs.output_names == arch.tasks
        assert [theirs.tensors[t].shape for t in theirs.outputs] == [
            ours.tensors[t].shape for t in ours.outputs
        ]
        if dtype == "int8":
            assert {t.dtype for t in theirs.tensors.values()} == {"int8"}


def test_fragments_hold_the_operators_of_the_graph_and_are_shared() -> None:
    arch = sample(0)
    fragments = fragments_of(arch)
    assert tuple(op for f in fragments for op in f.operators) == graph_of(arch).operators
    assert all(a is b for a, b in zip(fragments, fragments_of(arch), strict=True))


def test_unknown_element_type() -> None:
    with pytest.raises(UsageError, match=r"Unknown element type 'int9'\. Did you mean 'int8'"):
        graph_of(sample(0), "int9")
