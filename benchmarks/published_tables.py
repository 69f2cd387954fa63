"""Shipped predictors against tables that others published: another phone, another TFLite, networks never fitted.

    python benchmarks/published_tables.py [--keras] [--json]

What the tables are and what the predictors are about differ, so errors as they stand say little; the order of the
networks (Spearman) and the error after one common factor say whether the shape of the prediction is right:

- TFLite hosted models: Pixel 3 (Snapdragon 845: four Cortex-A75, four A55), four threads that Android places, TFLite
  of 2019/20. There is no predictor of four threads on a Pixel 3. pixel4 has other cores (855: one and three Cortex-A76,
  four A55), pinned ones, and TFLite 2.10; pixel3/float32 is the same phone, learned from CIFAR-sized cells and from
  FBNet, whose releases do not state the threads (it agrees with these four threads, and is 2.6 times quicker than one
  core in the table of MobileNet V3: probably four). Both are compared as they are.
- EfficientNet-lite: a Pixel 4, four threads that Android places, whose measurements are given in two digits. The
  predictors' configurations are pinned to one kind of cores: three medium, one large and one medium, four small.
- MobileNet V2 and V3 on one large core of Pixel 1 to 3, TFLite of 2018/19. pixel2 and pixel3 are predictors of the same
  phones, from other laboratories; no predictor knows a Pixel 1.
- pycoral's four hosts and SPARTA's were fitted on. Their leave-one-network-out figures are those on the cards.

Predicted networks are rebuilt from their papers with the heads of the releases; `--keras` adds those of Keras
(Inception V3, ResNet V2 101, DenseNet, Inception-ResNet V2, NASNet mobile, MobileNet V3), converted with random
weights, which takes some minutes. A quantised network is its float graph with other element types: operators that
quantisation adds are missing. SqueezeNet, Inception V2 and NASNet large are left out.

Read off it: a Spearman near 1 within a family is easy, since latency grows with width and size; one across families
is not. The common factor hides everything that differs between the phones; the intervals are about the predictor's own
phone and need not cover anything here.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.graph.opgraph import Operator, OpGraph, Tensor
from edgenas.latency_models import LatencyPredictor
from edgenas.latency_models.evaluation import accuracy
from edgenas.latency_models.tables import imagenet_networks
from edgenas.latency_models.tables.layer_builder import LayerBuilder
from edgenas.latency_models.tables.published import read_published

_CLASSES = 1001
_RELU6 = "relu6"
# Kernel, expansion, channels, repeats, stride.
_MOBILENET_V2 = (
    (3, 1, 16, 1, 1), (3, 6, 24, 2, 2), (3, 6, 32, 3, 2), (3, 6, 64, 4, 2), (3, 6, 96, 3, 1), (3, 6, 160, 3, 2),
    (3, 6, 320, 1, 1),
)  # fmt: skip
_MNASNET_B1 = (
    (3, 1, 16, 1, 1), (3, 3, 24, 3, 2), (5, 3, 40, 3, 2), (5, 6, 80, 3, 2), (3, 6, 96, 2, 1), (5, 6, 192, 4, 2),
    (3, 6, 320, 1, 1),
)  # fmt: skip
_EFFICIENTNET_B0 = (
    (3, 1, 16, 1, 1), (3, 6, 24, 2, 2), (5, 6, 40, 2, 2), (3, 6, 80, 3, 2), (5, 6, 112, 3, 1), (5, 6, 192, 4, 2),
    (3, 6, 320, 1, 1),
)  # fmt: skip
# Width, depth, image side.
_EFFICIENTNET_LITE = (
    (1.0, 1.0, 224),
    (1.0, 1.1, 240),
    (1.1, 1.2, 260),
    (1.2, 1.4, 280),
    (1.4, 1.8, 300),
)
_KERAS = {
    "Inception_V3": ("InceptionV3", 299, {}),
    "ResNet_V2_101": ("ResNet101V2", 299, {}),
    "DenseNet": ("DenseNet121", 224, {}),
    "Inception_ResNet_V2": ("InceptionResNetV2", 299, {}),
    "NASNet_mobile": ("NASNetMobile", 224, {}),
    "V3-Large-1.0": ("MobileNetV3Large", 224, {}),
    "V3-Large-0.75": ("MobileNetV3Large", 224, {"alpha": 0.75}),
    "V3-Small-1.0": ("MobileNetV3Small", 224, {}),
    "V3-Small-0.75": ("MobileNetV3Small", 224, {"alpha": 0.75}),
    "V3-Large-minimalistic": ("MobileNetV3Large", 224, {"minimalistic": True}),
    "V3-Small-minimalistic": ("MobileNetV3Small", 224, {"minimalistic": True}),
}
_PHONE_CORES = ("3med", "1large1med", "4small")
_EDGETPU_CONFIGURATIONS = ("usb3", "raspi4-usb3", "usb2", "devboard")
_TYPES = {"fp32": "float32", "int8": "int8"}
_CONFIDENCE = 0.9

_Row = tuple[str, OpGraph, float]
"""Network, its operators, published latency in ms."""


def main() -> None:
    """Predicts, compares and prints Markdown, or one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data/latency"), help="folder of the tables"
    )
    parser.add_argument(
        "--predictors", type=Path, default=Path("latency_models/trained"), help="folder of the predictors"
    )
    parser.add_argument("--keras", action="store_true", help="convert networks of keras.applications, too")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of Markdown")
    options = parser.parse_args()
    published = options.data / "published"
    build = _Networks(options.keras)
    found = []
    for title, rows, names in _comparisons(published, build):
        for name in names:
            predictor = LatencyPredictor.load(options.predictors / name)
            found.append(_compare(title, rows, predictor))
    cards = _cards(options.predictors)
    if options.json:
        print(json.dumps({"comparisons": found, "edgetpu_leave_one_network_out": cards}))
        return
    _print_markdown(found, cards)


def _comparisons(
    published: Path, build: Callable[[str], OpGraph | None]
) -> Iterable[tuple[str, list[_Row], tuple[str, ...]]]:
    """Title, rows and names of predictors, the closest first."""
    hosted = read_published(published / "tflite_hosted_models_pixel3.csv")
    lite = read_published(published / "efficientnet_lite_pixel4.csv")
    slim_v2 = read_published(published / "slim_mobilenet_v2_pixel1.csv")
    slim_v3 = read_published(published / "slim_mobilenet_v3_pixel123.csv")
    for precision, dtype in _TYPES.items():
        phones = tuple(f"pixel4/{cores}-{dtype}" for cores in _PHONE_CORES)
        rows = [
            (row["model"], ms["cpu4_ms"])
            for row, ms in zip(hosted.rows, hosted.latency_ms, strict=True)
            if row["precision"] == precision and "cpu4_ms" in ms
        ]
        extra = ("pixel3/float32",) if dtype == "float32" else ()
        yield f"Hosted models, Pixel 3, 4 threads, {precision}", _rows(rows, build, dtype), (*phones, *extra)
        column = f"{precision}_cpu_ms"
        rows = [
            (row["model"], ms[column])
            for row, ms in zip(lite.rows, lite.latency_ms, strict=True)
            if column in ms
        ]
        yield f"EfficientNet-lite, Pixel 4, 4 threads, {precision}", _rows(rows, build, dtype), phones
    rows = [
        (f"Mobilenet_V2_{row['width']}_{row['input']}", ms["pixel1_ms"])
        for row, ms in zip(slim_v2.rows, slim_v2.latency_ms, strict=True)
    ]
    one_core = ("pixel2/float32", "pixel3/float32", "pixel4/1large-float32")
    yield "MobileNet V2, Pixel 1, one large core, fp32", _rows(rows, build, "float32"), one_core
    for phone in ("pixel2", "pixel3"):
        for precision, dtype in _TYPES.items():
            rows = [
                (row["model"], ms[f"{phone}_ms"])
                for row, ms in zip(slim_v3.rows, slim_v3.latency_ms, strict=True)
                if row["precision"] == precision
            ]
            own = (f"{phone}/float32",) if dtype == "float32" else ()
            names = (*own, f"pixel4/1large-{dtype}")
            built = _rows(rows, build, dtype)
            if built:
                yield f"MobileNet V3, {phone}, one large core, {precision}", built, names


def _rows(
    rows: Sequence[tuple[str, float]], build: Callable[[str], OpGraph | None], dtype: str
) -> list[_Row]:
    found = []
    for name, ms in rows:
        graph = build(name)
        if graph is not None:
            found.append((name, _as_type(graph, dtype), ms))
    return found


class _Networks:
    """The published networks by name, each built once; None for those that are left out."""

    def __init__(self, keras: bool) -> None:
        self._keras = keras
        self._built: dict[str, OpGraph | None] = {}

    def __call__(self, name: str) -> OpGraph | None:
        if name not in self._built:
            self._built[name] = self._build(name)
        return self._built[name]

    def _build(self, name: str) -> OpGraph | None:
        if match := re.fullmatch(r"Mobilenet_V1_([\d.]+)_(\d+)", name):
            return imagenet_networks.mobilenet_v1(int(match[2]), float(match[1]))
        if match := re.fullmatch(r"Mobilenet_V2_([\d.]+)_(\d+)", name):
            return _mobilenet_v2(int(match[2]), float(match[1]))
        if match := re.fullmatch(r"MnasNet_([\d.]+)_(\d+)", name):
            width = float(match[1])
            return _inverted(int(match[2]), _MNASNET_B1, width, stem=_round(32 * width), last=1280)
        if match := re.fullmatch(r"efficientnet-lite(\d)", name):
            width, depth, size = _EFFICIENTNET_LITE[int(match[1])]
            return _inverted(size, _EFFICIENTNET_B0, width, depth=depth, fixed_ends=True)
        if name in ("Inception_V1", "Inception_V4"):
            return imagenet_networks.inception_v1() if name[-1] == "1" else imagenet_networks.inception_v4()
        if name in _KERAS and self._keras:
            return _of_keras(*_KERAS[name])
        print(f"{name}: left out", file=sys.stderr)
        return None


def _round(channels: float, multiple: int = 8) -> int:
    """Channels in eights, at least 90% of those asked for: MobileNet V2's rule."""
    found = max(multiple, int(channels + multiple / 2) // multiple * multiple)
    return found + multiple if found < 0.9 * channels else found


def _mobilenet_v2(size: int, width: float) -> OpGraph:
    return _inverted(size, _MOBILENET_V2, width, stem=_round(32 * width), last=_round(1280 * max(1.0, width)))


def _inverted(
    size: int,
    stages: Sequence[tuple[int, int, int, int, int]],
    width: float,
    *,
    depth: float = 1.0,
    stem: int = 32,
    last: int = 1280,
    fixed_ends: bool = False,
) -> OpGraph:
    """A network of inverted bottlenecks; of EfficientNet-lite the first and the last stage are not repeated more."""
    net = LayerBuilder((size, size, 3))
    x = net.conv(0, stem, 3, 2, activation=_RELU6)
    for number, (kernel, expansion, channels, repeats, stride) in enumerate(stages):
        if not (fixed_ends and number in (0, len(stages) - 1)):
            repeats = int(np.ceil(depth * repeats))
        for i in range(repeats):
            before = net.shape(x)[-1]
            y = x if expansion == 1 else net.conv(x, before * expansion, 1, activation=_RELU6)
            y = net.depthwise(y, kernel, stride if i == 0 else 1)
            y = net.conv(y, _round(channels * width), 1, activation="none")
            x = net.add(x, y) if i else y
    x = net.global_pool(net.conv(x, last, 1, activation=_RELU6))
    return net.graph(net.softmax(net.dense(x, _CLASSES)))


def _of_keras(name: str, size: int, arguments: dict[str, Any]) -> OpGraph:
    from edgenas.runtime import start_tensorflow

    start_tensorflow()
    import keras

    from edgenas.export.engines.tensorflow import to_tflite
    from edgenas.graph.tflite import parse_tflite

    print(f"converting {name} {arguments or ''}", file=sys.stderr)
    inputs = keras.Input((size, size, 3), batch_size=1)
    builder = getattr(keras.applications, name)
    model = builder(weights=None, input_tensor=inputs, **arguments)
    model = keras.Model(inputs, {"output": model.output})
    graph = parse_tflite(to_tflite(model, format="float32"))
    keras.backend.clear_session()
    return graph


def _as_type(graph: OpGraph, dtype: str) -> OpGraph:
    """The same network with other element types of its activations."""
    tensors = {number: _tensor_as(tensor, dtype) for number, tensor in graph.tensors.items()}
    operators = tuple(_operator_as(operator, dtype) for operator in graph.operators)
    return replace(graph, operators=operators, tensors=tensors)


def _tensor_as(tensor: Tensor, dtype: str) -> Tensor:
    return replace(tensor, dtype=dtype) if tensor.dtype in ("float32", "int8", "uint8") else tensor


def _operator_as(operator: Operator, dtype: str) -> Operator:
    was, size = operator.inputs[0].dtype, {"float32": 4}
    ratio = size.get(dtype, 1) / size.get(was, 1)
    return replace(
        operator,
        inputs=tuple(_tensor_as(t, dtype) for t in operator.inputs),
        outputs=tuple(_tensor_as(t, dtype) for t in operator.outputs),
        parameter_bytes=round(ratio * operator.parameter_bytes),
    )


def _compare(title: str, rows: Sequence[_Row], predictor: LatencyPredictor) -> dict[str, Any]:
    estimates = [predictor.predict(graph) for _, graph, _ in rows]
    measured = np.array([ms for _, _, ms in rows])
    predicted = np.array([e.latency_ms for e in estimates])
    low, high = (np.array([e.interval_ms[i] for e in estimates]) for i in (0, 1))
    factor = float(np.median(measured / predicted))
    as_is, scaled = accuracy(measured, predicted, low, high), accuracy(measured, predicted * factor)
    return {
        "table": title,
        "predictor": predictor.name,
        "networks": len(rows),
        "spearman": as_is["spearman"],
        "factor": factor,
        "mape_after_factor_percent": scaled["mape_percent"],
        "mape_percent": as_is["mape_percent"],
        "coverage_percent": as_is["coverage_percent"],
        "rows": [
            {
                "network": name,
                "measured_ms": ms,
                "predicted_ms": e.latency_ms,
                "interval_ms": list(e.interval_ms),
                "in_domain": e.in_domain,
            }
            for (name, _, ms), e in zip(rows, estimates, strict=True)
        ],
    }


def _cards(predictors: Path) -> list[dict[str, Any]]:
    """Leave-one-network-out figures of the Edge TPU's configurations by host of the test, from the cards."""
    found = []
    for name in _EDGETPU_CONFIGURATIONS:
        card = json.loads((predictors / "edgetpu" / name / "card.json").read_text("utf-8"))
        for host, figures in card.get("by_host", {}).items():
            found.append({"configuration": name, "host": host, **figures})
    return found


def _print_markdown(found: Sequence[dict[str, Any]], cards: Sequence[dict[str, Any]]) -> None:
    print("| Table | Predictor | Networks | Spearman | measured / predicted, median |", end=" ")
    print("MAPE % after that factor | MAPE % as is | in the 90 % interval, % |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for one in found:
        rank = "" if one["spearman"] is None else f"{one['spearman']:.3f}"
        print(
            f"| {one['table']} | {one['predictor']} | {one['networks']} | {rank} | {one['factor']:.2f} | "
            f"{one['mape_after_factor_percent']:.1f} | {one['mape_percent']:.1f} | {one['coverage_percent']:.0f} |"
        )
    shown: set[str] = set()
    for one in found:
        if one["table"] in shown:
            continue
        shown.add(one["table"])
        print(f"\n{one['table']}, predicted by {one['predictor']}:\n")
        print("| Network | published ms | predicted ms | 90 % interval | published / predicted |")
        print("|---|---:|---:|---:|---:|")
        for row in one["rows"]:
            low, high = row["interval_ms"]
            print(
                f"| {row['network']} | {row['measured_ms']:g} | {row['predicted_ms']:.3g} | {low:.3g} to {high:.3g} | "
                f"{row['measured_ms'] / row['predicted_ms']:.2f} |"
            )
    print("\nEdge TPU, leave one network out, from the cards:\n")
    print("| Configuration | Rows of host | Networks | MAPE % | Spearman | covered % |")
    print("|---|---|---:|---:|---:|---:|")
    for row in cards:
        rank = "" if row["spearman"] is None else f"{row['spearman']:.3f}"
        print(
            f"| {row['configuration']} | {row['host']} | {row['rows']} | {row['mape_percent']:.1f} | {rank} | "
            f"{row['coverage_percent']:.0f} |"
        )


if __name__ == "__main__":
    main()
