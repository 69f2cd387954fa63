"""The proof of the importers: networks written in Keras from the papers and converted give the same graphs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edgenas.graph import OpGraph, parse_tflite
from edgenas.latency_models.tables.fbnet import fbnet_graph
from edgenas.latency_models.tables.nasbench201 import nasbench201_graph
from edgenas.runtime import start_tensorflow


def _bn(x: Any, seed: int = 0) -> Any:
    import keras

    return keras.layers.BatchNormalization(
        gamma_initializer=keras.initializers.RandomUniform(0.5, 1.5, seed=seed),
        beta_initializer=keras.initializers.RandomNormal(0, 0.1, seed=seed),
        moving_mean_initializer=keras.initializers.RandomNormal(0, 0.1, seed=seed),
    )(x)


def _conv(x: Any, channels: int, kernel: int, stride: int = 1, groups: int = 1) -> Any:
    import keras

    return keras.layers.Conv2D(
        channels, kernel, strides=stride, padding="same", use_bias=False, groups=groups
    )(x)


def _relu(x: Any) -> Any:
    import keras

    return keras.layers.ReLU()(x)


def _head(x: Any, image: Any, classes: int) -> Any:
    import keras

    x = keras.layers.GlobalAveragePooling2D()(x)
    # A bias of zeros would be left out by the converter; a trained one is never all zeros.
    dense = keras.layers.Dense(classes, bias_initializer=keras.initializers.RandomNormal(0, 1, seed=1))
    return keras.Model(image, {"logits": dense(x)})


def keras_nasbench201(arch_str: str, cells: int, dead: str) -> Any:
    """The network with dead parts as `dead` says: "all" with every product with 0, "zeros", or "pruned"."""
    import keras

    def edge(operation: str, x: Any, channels: int) -> Any:
        if operation == "none":
            return x * 0.0
        if operation == "skip_connect":
            return x
        if operation == "avg_pool_3x3":
            return keras.layers.AveragePooling2D(3, 1, "same")(x)
        return _bn(_conv(_relu(x), channels, int(operation[-1])))

    def cell(x: Any, channels: int) -> Any:
        nodes = [x]
        zero = {0: False}
        for j, text in enumerate(arch_str.split("+"), 1):
            total = None
            for i, part in enumerate(text.strip("|").split("|")):
                operation = part.split("~")[0]
                if dead == "zeros" and (operation == "none" or (zero[i] and operation == "skip_connect")):
                    continue
                if dead == "pruned" and (operation == "none" or zero[i]):
                    continue
                y = edge(operation, nodes[i], channels)
                total = y if total is None else total + y
            zero[j] = total is None
            nodes.append(x * 0.0 if total is None else total)
        return nodes[3]

    image = keras.Input((32, 32, 3))
    x = _bn(_conv(image, 16, 3))
    for channels in (16, 32, 64):
        if channels > 16:
            y = _bn(_conv(_relu(x), channels, 3, 2))
            y = _bn(_conv(_relu(y), channels, 3))
            x = _conv(keras.layers.AveragePooling2D(2, 2)(x), channels, 1) + y
        for _ in range(cells):
            x = cell(x, channels)
    return _head(_relu(_bn(x)), image, 10)


def keras_fbnet(arch_str: str) -> Any:
    """The network of 22 blocks for 224x224 images and 1000 classes."""
    import keras

    stages = zip((16, 24, 32, 64, 112, 184, 352), (1, 4, 4, 4, 4, 4, 1), (1, 2, 2, 2, 1, 2, 1), strict=True)
    plan = [(c, s if i == 0 else 1) for c, n, s in stages for i in range(n)]
    image = keras.Input((224, 224, 3))
    x = _relu(_bn(_conv(image, 16, 3, 2)))
    for name, (channels, stride) in zip(arch_str.split(), plan, strict=True):
        inputs = x.shape[-1]
        if name == "skip":
            if stride > 1 or inputs != channels:
                x = _relu(_bn(_conv(x, channels, 1, stride)))
            continue
        kernel, expansion = int(name[1]), int(name[4])
        groups = 2 if name.endswith("g2") else 1
        y = _relu(_bn(_conv(x, inputs * expansion, 1, groups=groups)))
        if groups > 1:
            _, h, w, c = y.shape
            y = keras.layers.Reshape((h, w, groups, c // groups))(y)
            y = keras.layers.Permute((1, 2, 4, 3))(y)
            y = keras.layers.Reshape((h, w, c))(y)
        depthwise = keras.layers.DepthwiseConv2D(kernel, strides=stride, padding="same", use_bias=False)
        y = _relu(_bn(depthwise(y)))
        y = _bn(_conv(y, channels, 1, groups=groups))
        x = y + x if stride == 1 and inputs == channels else y
    return _head(_relu(_bn(_conv(x, 1984, 1))), image, 1000)


def converted(model: Any, dtype: str) -> OpGraph:
    """What the converter makes of a model."""
    from edgenas.export.engines.tensorflow import to_tflite

    rng = np.random.default_rng(0)
    shape = (1, *model.input_shape[1:])
    images = [rng.uniform(-1, 1, shape).astype("float32") for _ in range(2)]
    return parse_tflite(to_tflite(model, format=dtype, representative=images if dtype == "int8" else None))


def without_flags(graph: OpGraph) -> OpGraph:
    """A converted file does not state groups as an option: they show in the weights, and so in the counts."""
    return replace(graph, operators=tuple(replace(operator, flags=()) for operator in graph.operators))


def edges(graph: OpGraph) -> Counter[Any]:
    """Every pair of an operator and one that reads it, by value."""
    writer = {t: i for i, (_, writes) in enumerate(graph.wiring) for t in writes}
    return Counter(
        (graph.operators[writer[t]] if t in writer else None, graph.operators[i])
        for i, (reads, _) in enumerate(graph.wiring)
        for t in reads
    )


def require_equal(ours: OpGraph, theirs: OpGraph) -> None:
    """Same operators with the same options and fused activations, wired alike; the order may differ."""
    ours = without_flags(ours)
    assert Counter(ours.operators) == Counter(theirs.operators)
    assert edges(ours) == edges(theirs)
    assert [ours.tensors[t] for t in ours.inputs] == [theirs.tensors[t] for t in theirs.inputs]
    assert [ours.tensors[t] for t in ours.outputs] == [theirs.tensors[t] for t in theirs.outputs]
    assert ours.output_names == theirs.output_names


CONV3, CONV1, POOL, SKIP, NONE = "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3", "skip_connect", "none"


def cell(*edges_of_nodes: tuple[str, ...]) -> str:
    return "+".join("|" + "".join(f"{op}~{i}|" for i, op in enumerate(node)) for node in edges_of_nodes)


CELLS = {
    "relus shared by two convolutions": cell((CONV3,), (CONV3, POOL), (SKIP, CONV3, SKIP)),
    "one pool between convolutions": cell((POOL,), (NONE, CONV1), (NONE, NONE, CONV3)),
    "pools of one node": cell((POOL,), (CONV1, CONV3), (POOL, CONV1, POOL)),
    "work on zeros": cell((NONE,), (CONV3, CONV1), (CONV3, POOL, CONV3)),
    "a pool at the end": cell((POOL,), (NONE, NONE), (NONE, SKIP, NONE)),
    "nothing but skips": cell((NONE,), (NONE, NONE), (SKIP, NONE, NONE)),
    "a node that nobody reads": cell((CONV3,), (CONV1, NONE), (SKIP, NONE, CONV3)),
}


# Today's converter drops the convolution that HW-NAS-Bench's one multiplied by zero.
CASES = [(name, "pruned", "float32") for name in CELLS] + [
    (name, "zeros", "int8") for name in CELLS if name != "a node that nobody reads"
]


@pytest.mark.parametrize(("name", "dead", "dtype"), CASES)
def test_nasbench201_is_what_the_converter_leaves(name: str, dead: str, dtype: str) -> None:
    start_tensorflow()
    arch = CELLS[name]
    ours = nasbench201_graph(arch, dtype=dtype, dead=dead, cells=1, merge_equal=True)
    require_equal(ours, converted(keras_nasbench201(arch, 1, dead), dtype))


def test_products_with_zero_are_operators() -> None:
    start_tensorflow()
    arch = cell((CONV3,), (SKIP, NONE), (NONE, POOL, CONV1))
    ours = nasbench201_graph(arch, dead="all", cells=1, merge_equal=True)
    require_equal(ours, converted(keras_nasbench201(arch, 1, "all"), "float32"))


def test_nasbench201_in_full_length() -> None:
    start_tensorflow()
    arch = cell((CONV3,), (CONV1, CONV3), (CONV3, CONV1, CONV3))
    ours = nasbench201_graph(arch, merge_equal=True)
    assert len(ours.operators) == 152
    require_equal(ours, converted(keras_nasbench201(arch, 5, "pruned"), "float32"))


FBNETS = {
    "mixed": "k5_e6 skip k3_e1_g2 skip k5_e1 skip skip skip k5_e6 k5_e1 k3_e1_g2 k5_e1 k5_e6 k3_e6 k3_e3 k5_e6 k3_e6 "
    "k3_e3 k5_e1 k3_e3 k5_e1 k5_e1_g2",
    "skips": " ".join(["skip"] * 22),
    "groups": " ".join(["k3_e1_g2", "skip"] * 11),
}


@pytest.mark.parametrize(("name", "dtype"), [("mixed", "float32"), ("skips", "int8"), ("groups", "int8")])
def test_fbnet_is_what_the_converter_leaves(name: str, dtype: str) -> None:
    start_tensorflow()
    ours, theirs = fbnet_graph(FBNETS[name], dtype=dtype), converted(keras_fbnet(FBNETS[name]), dtype)
    require_equal(ours, theirs)
    assert without_flags(ours).operators == theirs.operators
    assert ours.peak_activation_bytes == theirs.peak_activation_bytes
