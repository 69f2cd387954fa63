"""The CIFAR-100 networks of the SPARTA project: images of 32x32, in int8, stride 1 where the originals have 2 and more.

Which variant of each was run follows from the sizes of the files that the project lists.
"""

from __future__ import annotations

from collections.abc import Callable

from edgenas.graph.opgraph import OpGraph
from edgenas.latency_models.tables.imagenet_networks import INCEPTION_MODULES, inception_module
from edgenas.latency_models.tables.layer_builder import LayerBuilder

__all__ = ["CIFAR_NETWORKS"]

_CLASSES = 100
_IMAGE = (32, 32, 3)


def _start() -> LayerBuilder:
    return LayerBuilder(_IMAGE, "int8")


def _classifier(net: LayerBuilder, x: int) -> OpGraph:
    x = net.global_pool(x)
    return net.graph(net.dense(net.reshape(x, net.shape(x)[-1]), _CLASSES))


def _resnet18() -> OpGraph:
    net = _start()
    x = net.conv(0, 64, 3)
    for channels, first in ((64, 1), (128, 2), (256, 2), (512, 2)):
        for stride in (first, 1):
            y = net.conv(net.conv(x, channels, 3, stride), channels, 3, activation="none")
            if stride > 1:
                x = net.conv(x, channels, 1, stride, activation="none")
            x = net.add(y, x, "relu")
    return _classifier(net, x)


def _resnet50() -> OpGraph:
    net = _start()
    x = net.conv(0, 64, 3)
    for channels, blocks, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(blocks):
            stride = 1 if i else first
            y = net.conv(
                net.conv(net.conv(x, channels, 1), channels, 3, stride), 4 * channels, 1, activation="none"
            )
            if i == 0:
                x = net.conv(x, 4 * channels, 1, stride, activation="none")
            x = net.add(y, x, "relu")
    return _classifier(net, x)


def _vgg19() -> OpGraph:
    net = _start()
    x = 0
    for channels, layers in ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)):
        for _ in range(layers):
            x = net.conv(x, channels, 3)
        x = net.pool("MAX", x, 2, 2)
    return net.graph(net.dense(net.reshape(x, 512), _CLASSES))


def _wide_resnet() -> OpGraph:
    """WRN-28-10; its normalisations come before the convolutions and stay operators of their own."""
    net = _start()
    x = net.conv(0, 16, 3, activation="none")
    for channels, first in ((160, 1), (320, 2), (640, 2)):
        for i in range(4):
            stride = 1 if i else first
            a = net.scale_and_shift(x)
            y = net.conv(net.conv(a, channels, 3, stride), channels, 3, activation="none")
            x = net.add(y, x if i else net.conv(a, channels, 1, stride, activation="none"))
    return _classifier(net, net.scale_and_shift(x))


def _mobilenet_v2() -> OpGraph:
    """With a convolution beside the block where the channels change at stride 1."""
    net = _start()
    x = net.conv(0, 32, 3)
    stages = (
        (1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    )  # fmt: skip
    for expansion, channels, repeats, first in stages:
        for i in range(repeats):
            stride, before = (1 if i else first), net.shape(x)[-1]
            y = net.depthwise(net.conv(x, before * expansion, 1), 3, stride)
            y = net.conv(y, channels, 1, activation="none")
            if stride > 1:
                x = y
            elif before == channels:
                x = net.add(y, x)
            else:
                x = net.add(y, net.conv(x, channels, 1, activation="none"))
    return _classifier(net, net.conv(x, 1280, 1))


def _googlenet() -> OpGraph:
    """With 3x3 in the branch of the 5x5 and one pool before the modules: the variant that has the file's size."""
    net = _start()
    x = net.conv(net.conv(net.conv(0, 64, 3), 64, 1), 192, 3)
    x = net.pool("MAX", x, 3, 2)
    for channels in INCEPTION_MODULES:
        x = inception_module(net, x, channels) if channels else net.pool("MAX", x, 3, 2)
    return _classifier(net, x)


def _squeezenet() -> OpGraph:
    """Version 1.1."""
    net = _start()
    x = net.pool("MAX", net.conv(0, 64, 3), 3, 2)
    for pair in (((16, 64), (16, 64)), ((32, 128), (32, 128)), ((48, 192), (48, 192), (64, 256), (64, 256))):
        for squeezed, expanded in pair:
            y = net.conv(x, squeezed, 1)
            x = net.concatenate((net.conv(y, expanded, 1), net.conv(y, expanded, 3)))
        if pair[0][0] < 48:
            x = net.pool("MAX", x, 3, 2)
    return net.graph(net.mean(net.conv(x, _CLASSES, 1)))


CIFAR_NETWORKS: dict[str, Callable[[], OpGraph]] = {
    "ResNet-18": _resnet18,
    "ResNet-50": _resnet50,
    "VGG-19": _vgg19,
    "WRN-28-10": _wide_resnet,
    "MobileNetV2": _mobilenet_v2,
    "GoogLeNet": _googlenet,
    "SqueezeNet1.1": _squeezenet,
}
"""The networks by the names of SPARTA's tables."""
