"""MobileNet V1 and V2, SSD on both, Inception V1 and V4: the quantised networks of the TensorFlow model garden.

Built from their papers (arXiv 1704.04861, 1801.04381, 1512.02325, 1409.4842, 1602.07261) with the garden's heads:
1001 classes, a classifier that is a convolution, batch normalisation folded.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgenas.graph.opgraph import OpGraph
from edgenas.latency_models.tables.layer_builder import LayerBuilder

__all__ = [
    "INCEPTION_MODULES",
    "inception_module",
    "inception_v1",
    "inception_v4",
    "mobilenet_v1",
    "mobilenet_v2",
    "ssd_mobilenet_v1",
    "ssd_mobilenet_v2",
]

_CLASSES = 1001
_RELU6 = "relu6"

# Channels and stride of the separable convolutions.
_MOBILENET_V1 = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *((512, 1),) * 5,
    (1024, 2),
    (1024, 1),
)
_MOBILENET_V1_STRIDE_16 = 10  # The last of them at stride 16, which SSD reads.
# Expansion, channels, repeats, stride of the inverted bottlenecks.
_MOBILENET_V2 = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip
_MOBILENET_V2_STRIDE_16 = 13  # The block whose expansion is the last map at stride 16, which SSD reads.
_SSD_ANCHORS = (3, 6, 6, 6, 6, 6)
_SSD_EXTRAS = ((256, 512), (128, 256), (128, 256), (64, 128))

INCEPTION_MODULES: tuple[tuple[int, ...], ...] = (
    (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), (),
    (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128), (),
    (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128),
)  # fmt: skip
"""Channels of Inception V1's modules: 1x1; reduction and 3x3; reduction and "5x5"; after the pool. () is a pool."""


def _classifier(net: LayerBuilder, x: int) -> OpGraph:
    x = net.conv(net.global_pool(x), _CLASSES, 1, activation="none")
    return net.graph(net.softmax(net.reshape(x, _CLASSES)))


def _mobilenet_v1_body(net: LayerBuilder, width: float) -> list[int]:
    """Results of the separable convolutions."""
    x = net.conv(0, int(32 * width), 3, 2, activation=_RELU6)
    maps = []
    for channels, stride in _MOBILENET_V1:
        x = net.conv(net.depthwise(x, 3, stride), int(channels * width), 1, activation=_RELU6)
        maps.append(x)
    return maps


def mobilenet_v1(size: int = 224, width: float = 1.0) -> OpGraph:
    """MobileNet V1 for an image of `size`, with `width` times the channels."""
    net = LayerBuilder((size, size, 3))
    return _classifier(net, _mobilenet_v1_body(net, width)[-1])


def _mobilenet_v2_body(net: LayerBuilder) -> tuple[int, list[int]]:
    """The last map of 1280 channels, and the expanded maps of the blocks."""
    x = net.conv(0, 32, 3, 2, activation=_RELU6)
    expanded = []
    for expansion, channels, repeats, stride in _MOBILENET_V2:
        for i in range(repeats):
            before = net.shape(x)[-1]
            y = x if expansion == 1 else net.conv(x, before * expansion, 1, activation=_RELU6)
            expanded.append(y)
            y = net.conv(net.depthwise(y, 3, stride if i == 0 else 1), channels, 1, activation="none")
            x = net.add(x, y) if i else y
    return net.conv(x, 1280, 1, activation=_RELU6), expanded


def mobilenet_v2(size: int = 224) -> OpGraph:
    """MobileNet V2 for an image of `size`."""
    net = LayerBuilder((size, size, 3))
    return _classifier(net, _mobilenet_v2_body(net)[0])


def _ssd(
    net: LayerBuilder, middle: int, last: int, classes: int, detections: int, width: float = 1.0
) -> OpGraph:
    """Extra maps, heads and the post-process in float."""
    maps, x = [middle, last], last
    for reduced, channels in _SSD_EXTRAS:
        x = net.conv(x, int(reduced * width), 1, activation=_RELU6)
        x = net.conv(x, int(channels * width), 3, 2, activation=_RELU6)
        maps.append(x)
    boxes, scores = [], []
    for x, anchors in zip(maps, _SSD_ANCHORS, strict=True):
        count = net.shape(x)[1] * net.shape(x)[2] * anchors
        boxes.append(net.reshape(net.conv(x, 4 * anchors, 1, activation="none"), count, 4))
        scores.append(net.reshape(net.conv(x, classes * anchors, 1, activation="none"), count, classes))
    box, score = net.concatenate(boxes, 1), net.logistic(net.concatenate(scores, 1))
    anchor_bytes = 16 * net.shape(box)[1]
    found = net.append(
        "TFLite_Detection_PostProcess", (box, score), (1, detections, 4), (1, detections), (1, detections), (1,),
        dtype="float32", parameter_bytes=anchor_bytes,
    )  # fmt: skip
    return net.graph(found, found + 1, found + 2, found + 3)


def ssd_mobilenet_v1(size: int = 300, width: float = 1.0) -> OpGraph:
    """SSD on MobileNet V1 for the 91 classes of COCO."""
    net = LayerBuilder((size, size, 3))
    maps = _mobilenet_v1_body(net, width)
    return _ssd(net, maps[_MOBILENET_V1_STRIDE_16], maps[-1], 91, 20, width)


def ssd_mobilenet_v2(size: int = 300, classes: int = 91, detections: int = 20) -> OpGraph:
    """SSD on MobileNet V2; Coral's face detector has 320, 2 and 50."""
    net = LayerBuilder((size, size, 3))
    last, expanded = _mobilenet_v2_body(net)
    return _ssd(net, expanded[_MOBILENET_V2_STRIDE_16], last, classes, detections)


def inception_module(net: LayerBuilder, x: int, channels: Sequence[int]) -> int:
    """One module; as in the garden's code the branch of the paper's 5x5 has a 3x3."""
    one, reduced3, three, reduced5, five, pooled = channels
    return net.concatenate(
        (
            net.conv(x, one, 1),
            net.conv(net.conv(x, reduced3, 1), three, 3),
            net.conv(net.conv(x, reduced5, 1), five, 3),
            net.conv(net.pool("MAX", x, 3, 1), pooled, 1),
        )
    )


def inception_v1(size: int = 224) -> OpGraph:
    """Inception V1 (GoogLeNet) for an image of `size`."""
    net = LayerBuilder((size, size, 3))
    x = net.pool("MAX", net.conv(0, 64, 7, 2), 3, 2)
    x = net.pool("MAX", net.conv(net.conv(x, 64, 1), 192, 3), 3, 2)
    pools = iter((3, 2))
    for channels in INCEPTION_MODULES:
        x = inception_module(net, x, channels) if channels else net.pool("MAX", x, next(pools), 2)
    return _classifier(net, x)


def _chain(net: LayerBuilder, x: int, *layers: tuple[int, int | tuple[int, int]]) -> int:
    for channels, kernel in layers:
        x = net.conv(x, channels, kernel)
    return x


def _reduce(net: LayerBuilder, x: int, channels: int) -> int:
    return net.conv(x, channels, 3, 2, padding="valid")


def _pooled(net: LayerBuilder, x: int) -> int:
    return net.pool("MAX", x, 3, 2, padding="valid")


def _inception_v4_stem(net: LayerBuilder) -> int:
    x = net.conv(net.conv(0, 32, 3, 2, padding="valid"), 32, 3, padding="valid")
    x = net.conv(x, 64, 3)
    x = net.concatenate((_pooled(net, x), _reduce(net, x, 96)))
    a = net.conv(net.conv(x, 64, 1), 96, 3, padding="valid")
    b = net.conv(_chain(net, x, (64, 1), (64, (1, 7)), (64, (7, 1))), 96, 3, padding="valid")
    x = net.concatenate((a, b))
    return net.concatenate((_reduce(net, x, 192), _pooled(net, x)))


def _inception_c(net: LayerBuilder, x: int) -> int:
    one, left, right = (
        net.conv(x, 256, 1),
        net.conv(x, 384, 1),
        _chain(net, x, (384, 1), (448, (3, 1)), (512, (1, 3))),
    )
    fans = [net.conv(y, 256, kernel) for y in (left, right) for kernel in ((1, 3), (3, 1))]
    return net.concatenate((one, *fans, net.conv(net.pool("AVERAGE", x, 3, 1), 256, 1)))


def inception_v4(size: int = 299) -> OpGraph:
    """Inception V4 for an image of `size`."""
    net = LayerBuilder((size, size, 3))
    x = _inception_v4_stem(net)
    for _ in range(4):
        x = net.concatenate(
            (
                net.conv(x, 96, 1),
                _chain(net, x, (64, 1), (96, 3)),
                _chain(net, x, (64, 1), (96, 3), (96, 3)),
                net.conv(net.pool("AVERAGE", x, 3, 1), 96, 1),
            )
        )
    x = net.concatenate(
        (_reduce(net, x, 384), _reduce(net, _chain(net, x, (192, 1), (224, 3)), 256), _pooled(net, x))
    )
    for _ in range(7):
        x = net.concatenate(
            (
                net.conv(x, 384, 1),
                _chain(net, x, (192, 1), (224, (1, 7)), (256, (7, 1))),
                _chain(net, x, (192, 1), (192, (7, 1)), (224, (1, 7)), (224, (7, 1)), (256, (1, 7))),
                net.conv(net.pool("AVERAGE", x, 3, 1), 128, 1),
            )
        )
    a = _reduce(net, net.conv(x, 192, 1), 192)
    b = _reduce(net, _chain(net, x, (256, 1), (256, (1, 7)), (320, (7, 1))), 320)
    x = net.concatenate((a, b, _pooled(net, x)))
    for _ in range(3):
        x = _inception_c(net, x)
    x = net.reshape(net.global_pool(x), 1536)
    return net.graph(net.softmax(net.dense(x, _CLASSES)))
