"""A weight-sharing supernet: one compiled graph that runs every network of a search space.

An encoding vector (`SupernetCode`) selects, at run time, slices of full-size weights and branches of the graph, so a
new network costs no retracing and only as much arithmetic as itself. `Supernet.load_slice` cuts the same network out
as the Keras model of `build_model`; both give the same outputs (`tests/networks/test_supernet.py`).

Sources: single-path one-shot training (arXiv 1904.00420), slimmable networks (arXiv 1903.05134), Once-for-all (arXiv
1908.09791; its kernel transformations are left out: the middle of a larger kernel is used as it is).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from edgenas.networks.supernet_code import FORMS, SupernetCode
from edgenas.networks.supernet_slice import load_slice
from edgenas.networks.supernet_weights import BATCH_NORM_EPSILON, SupernetWeights, centre
from edgenas.space.architecture import Architecture
from edgenas.space.space import SearchSpace

__all__ = ["MODES", "Supernet"]

MODES = ("train", "calibrate", "infer")
"""train: batch statistics; calibrate: the same, stored, no outputs; infer: the stored statistics."""


class Supernet:
    """Shared weights of a search space and the graph that runs a slice of them.

    Args:
        space: the search space.
        head_channels: output channels of each task.
        input_shape: (height, width) of the images, multiples of the space's coarsest stride.
        seed: seed of the initial weights.

    Attributes:
        code: encodes architectures.
        weights: the shared weights.
    """

    def __init__(
        self,
        space: SearchSpace,
        head_channels: Mapping[str, int],
        input_shape: tuple[int, int],
        *,
        seed: int = 0,
    ) -> None:
        self.code = SupernetCode(space, {task: head_channels[task] for task in space.tasks})
        self.weights = SupernetWeights(self.code, seed)
        self.input_shape = input_shape
        self._signature = (
            tf.TensorSpec((None, *input_shape, 3), tf.uint8),
            tf.TensorSpec((len(self.code.names),), tf.int32),
        )
        self.calibrate_graph = self._compiled("calibrate")
        self.infer_graph = self._compiled("infer")

    def architecture(self, decisions: Mapping[str, Any]) -> Architecture:
        """The network that decisions of the space describe."""
        return self.code.space.architecture(
            decisions, input_shape=self.input_shape, head_channels=self.code.head_channels
        )

    def calibrate(self, images: np.ndarray, architecture: Architecture) -> None:
        """Sets the batch-norm statistics of a network to those of `images` u8 [N, H, W, 3]; needs no labels.

        Weights trained inside many networks do not fit the statistics of any single one.
        """
        self.calibrate_graph(tf.constant(images), tf.constant(self.code.encode(architecture)))

    def infer(self, images: np.ndarray, architecture: Architecture) -> dict[str, np.ndarray]:
        """Raw outputs {task: f32 [N, H, W, channels]} of images u8 [N, H, W, 3], with the stored statistics."""
        outputs = self.infer_graph(tf.constant(images), tf.constant(self.code.encode(architecture)))
        return {task: out.numpy() for task, out in outputs.items()}

    def load_slice(self, architecture: Architecture, *, seed: int = 0) -> Any:
        """`build_model(architecture)` with inherited weights and the stored batch-norm statistics.

        A start for stand-alone training, and the proof that a slice is that network.

        Raises:
            UsageError: the network is not of the supernet's space.
        """
        self.code.encode(architecture)
        return load_slice(self.weights, architecture, seed=seed)

    def forward(self, images: Any, code: Any, mode: str) -> dict[str, Any]:
        """The network of `code` on images f32 [B, H, W, 3] in [-1, 1]; usable inside `tf.function`.

        Args:
            images: of static height and width.
            code: int32 vector of `SupernetCode.encode`.
            mode: one of `MODES`.

        Returns:
            {task: f32 [B, H, W, channels]}; empty in mode "calibrate".
        """
        return _Forward(self.code, self.weights, code, mode).run(images)

    def _compiled(self, mode: str) -> Any:
        @tf.function(autograph=False, input_signature=self._signature)  # type: ignore[untyped-decorator]
        def run(images: Any, code: Any) -> Any:
            return self.forward(tf.cast(images, tf.float32) / 127.5 - 1.0, code, mode)

        return run


class _Forward:
    """Builds the graph of one mode."""

    def __init__(self, code: SupernetCode, weights: SupernetWeights, vector: Any, mode: str) -> None:
        self._code, self._weights, self._mode = code, weights, mode
        parts = tf.unstack(vector, num=len(code.names))
        self._at = dict(zip(code.names, parts, strict=True))

    def run(self, images: Any) -> dict[str, Any]:
        pyramid = self._backbone(images)
        finest = self._fused(pyramid)
        tasks = self._code.space.tasks
        return {task: out for task in tasks if (out := self._head(finest, task)) is not None}

    # Layers. The input's channels are those of the tensor; `filters` says how many to make.

    def _read(self, name: str) -> Any:
        return self._weights[name].value

    def _conv(self, x: Any, name: str, filters: Any, *, side: Any = 1, stride: int = 1) -> Any:
        kernel = centre(self._read(f"{name}/kernel"), side)[:, :, : tf.shape(x)[3], :filters]
        return _shaped(tf.nn.conv2d(x, kernel, stride, "SAME"), x, stride)

    def _depthwise(self, x: Any, name: str, *, side: Any = 3, stride: int = 1) -> Any:
        kernel = centre(self._read(f"{name}/kernel"), side)[:, :, : tf.shape(x)[3]]
        return _shaped(tf.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], "SAME"), x, stride)

    def _norm(self, x: Any, name: str) -> Any:
        channels = tf.shape(x)[3]
        infer = self._mode == "infer"
        moving = [self._weights[f"{name}/{part}"].value for part in ("moving_mean", "moving_variance")]
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            x,
            self._read(f"{name}/gamma")[:channels],
            self._read(f"{name}/beta")[:channels],
            mean=moving[0][:channels] if infer else None,
            variance=moving[1][:channels] if infer else None,
            epsilon=BATCH_NORM_EPSILON,
            is_training=not infer,
        )
        if self._mode == "calibrate":
            moving[0][:channels].assign(mean)
            moving[1][:channels].assign(variance)
        return _shaped(y, x)

    def _act(self, x: Any) -> Any:
        return tf.nn.relu6(x) if self._code.space.activation == "relu6" else tf.nn.relu(x)

    def _separable(self, x: Any, name: str, filters: Any) -> Any:
        x = self._depthwise(x, f"{name}/depthwise")
        return self._norm(self._conv(x, f"{name}/pointwise", filters), f"{name}/bn")

    # Backbone

    def _backbone(self, images: Any) -> list[Any]:
        x = self._conv(images, "stem_conv", self._code.space.stem_width, side=3, stride=2)
        x = self._act(self._norm(x, "stem_bn"))
        maps = []
        for s, stage in enumerate(self._code.stages, start=1):
            for b in range(1, max(stage.depths) + 1):
                x = self._block(x, s, b, stage.forms)
            maps.append(x)
        return maps

    def _block(self, x: Any, s: int, b: int, forms: tuple[str, ...]) -> Any:
        """One block in the form that the code names; none where the stage is not that deep."""
        at = {field: self._at[f"stage{s}.block{b}.{field}"] for field in ("form", "kernel", "expansion")}
        filters, stride = self._at[f"stage{s}.width"], 2 if b == 1 else 1

        def compute(form: str) -> Callable[[], Any]:
            def branch() -> Any:
                place = f"stage{s}_block{b}/{form}"
                y = self._chain(x, place, form, filters, stride, at["kernel"], at["expansion"])
                return y + x if b > 1 else y

            return branch

        branches = {FORMS.index(form): compute(form) for form in forms}
        if b > 1:
            branches[0] = lambda: tf.identity(x)
        if len(branches) == 1:
            return next(iter(branches.values()))()
        order = sorted(branches)
        position = tf.searchsorted(tf.constant(order, tf.int32), at["form"][None])[0]
        chosen = tf.switch_case(position, [branches[index] for index in order])
        return _shaped(chosen, x, stride)

    def _chain(
        self, x: Any, place: str, form: str, filters: Any, stride: int, kernel: Any, expansion: Any
    ) -> Any:
        if form != "ibn1":
            expanded = tf.shape(x)[3] * expansion
            fused = form == "fused_ibn"
            sizes = {"side": kernel, "stride": stride} if fused else {"side": 1, "stride": 1}
            x = self._act(
                self._norm(self._conv(x, f"{place}/expand", expanded, **sizes), f"{place}/expand_bn")
            )
        if form != "fused_ibn":
            x = self._depthwise(x, f"{place}/depthwise", side=kernel, stride=stride)
            x = self._act(self._norm(x, f"{place}/depthwise_bn"))
        return self._norm(self._conv(x, f"{place}/project", filters), f"{place}/project_bn")

    # Fusion

    def _fused(self, pyramid: list[Any]) -> Any:
        width = self._at["fusion.width"]
        levels = [
            self._norm(self._conv(x, f"lateral{s}_conv", width), f"lateral{s}_bn")
            for s, x in enumerate(pyramid, start=1)
        ]
        down = self._top_down(levels, 1)
        choices = [int(v) for v in self._code.space.fusion_repeats.values]
        for r in range(2, max(choices) + 1):

            def again(levels: list[Any] = levels, down: list[Any] = down, r: int = r) -> list[Any]:
                finer = self._bottom_up(levels, down, r - 1)
                return [*finer, *self._top_down(finer, r)]

            if r <= min(choices):
                both = again()
            else:
                both = tf.cond(
                    self._at["fusion.repeats"] >= r,
                    again,
                    lambda levels=levels, down=down: [tf.identity(x) for x in (*levels, *down)],
                )
            both = [_shaped(y, x) for y, x in zip(both, (*levels, *levels), strict=True)]
            levels, down = both[: len(levels)], both[len(levels) :]
        return down[0]

    def _top_down(self, levels: list[Any], r: int) -> list[Any]:
        down = list(levels)
        for s in range(len(levels) - 2, -1, -1):
            down[s] = self._node([levels[s], _doubled(down[s + 1], nearest=True)], f"fpn{r}_td{s + 1}")
        return down

    def _bottom_up(self, levels: list[Any], down: list[Any], r: int) -> list[Any]:
        out = [down[0]]
        for s in range(1, len(levels)):
            pooled = _shaped(tf.nn.max_pool2d(out[-1], 2, 2, "VALID"), out[-1], 2)
            merged = [levels[s], down[s], pooled] if s < len(levels) - 1 else [levels[s], pooled]
            out.append(self._node(merged, f"fpn{r}_bu{s + 1}"))
        return out

    def _node(self, inputs: list[Any], name: str) -> Any:
        positive = tf.nn.relu(self._read(f"{name}_fuse/weight"))
        share = tf.unstack(positive / (tf.reduce_sum(positive) + 1e-4))  # epsilon of FastNormalizedFusion
        total = inputs[0] * share[0]
        for x, factor in zip(inputs[1:], share[1:], strict=True):
            total = total + x * factor
        return self._separable(self._act(total), f"{name}_conv", self._at["fusion.width"])

    # Heads

    def _head(self, x: Any, task: str) -> Any | None:
        width, depth = self._at[f"head.{task}.width"], self._at[f"head.{task}.depth"]
        choices = [int(v) for v in self._code.space.head_depth.values]
        for i in range(1, max(choices) + 1):

            def layer(x: Any = x, i: int = i) -> Any:
                return self._act(self._separable(x, f"{task}_conv{i}", width))

            x = (
                layer()
                if i <= min(choices)
                else _shaped(tf.cond(depth >= i, layer, lambda x=x: tf.identity(x)), x)
            )
        if self._mode == "calibrate":
            return None
        x = self._conv(x, f"{task}_out", self._code.head_channels[task]) + self._read(f"{task}_out/bias")
        return _doubled(_doubled(x, nearest=False), nearest=False)


def _doubled(x: Any, *, nearest: bool) -> Any:
    """As `layers.Upsample2x`."""
    size = (2 * x.shape[1], 2 * x.shape[2])
    resize = tf.raw_ops.ResizeNearestNeighbor if nearest else tf.raw_ops.ResizeBilinear
    return resize(images=x, size=size, align_corners=False, half_pixel_centers=False)


def _shaped(y: Any, x: Any, stride: int = 1) -> Any:
    """Says what shape inference cannot know behind a kernel of unknown side: `y` is `x` at a stride."""
    y.set_shape(
        (None, -(-x.shape[1] // stride), -(-x.shape[2] // stride), y.shape[3] if y.shape.rank else None)
    )
    return y
