"""A network drawn block by block: stages left to right, the BiFPN they all feed, one head per task."""

from __future__ import annotations

from collections.abc import Mapping

from edgenas.report.markup import Html, tag
from edgenas.report.svg import chart, line, mark, text
from edgenas.report.wording import BLOCK_TITLES, ms
from edgenas.space.architecture import Architecture, Block

__all__ = ["most_channels", "network_figure"]

_BLOCK_WIDTH, _BLOCK_GAP, _STAGE_GAP = 40.0, 6.0, 20.0
_LETTER = 6.4  # average width of a letter of a label
_LEAST, _TALLEST = 30.0, 128.0
_MIDDLE, _BUS, _HEIGHT = 114.0, 212.0, 222.0
_FUSION_BAND, _FUSION_HEIGHT = 30.0, 104.0
_SHARE = 192.0  # level of the latency shares
_HEAD_WIDTH, _HEAD_HEIGHT, _HEAD_GAP = 152.0, 40.0, 10.0
_MOST_BLOCKS = 80


class _Shares:
    """Latency shares of the parts; silent where no times are known."""

    def __init__(self, times: Mapping[str, float] | None, source: str) -> None:
        self._source = source
        self._times = times or {}
        self._total = sum(self._times.values())

    def __bool__(self) -> bool:
        return self._total > 0

    def tip(self, part: str) -> str:
        """A line for the tooltip, or nothing."""
        if not self._total or part not in self._times:
            return ""
        time = self._times[part]
        return f"\n{100 * time / self._total:.1f}% of the {self._source} latency ({ms(time)})"

    def label(self, x: float, part: str, y: float = _SHARE, anchor: str = "middle") -> Html:
        """The rounded percentage, or nothing."""
        if not self._total or part not in self._times:
            return Html("")
        return text(x, y, f"{100 * self._times[part] / self._total:.0f}%", "part-size", anchor=anchor)


def most_channels(*networks: Architecture | None) -> int:
    """Widest stage of all networks: the common scale that makes drawings comparable."""
    return max((stage.width for arch in networks if arch for stage in arch.stages), default=1)


def network_figure(
    arch: Architecture,
    id_: str,
    title: str,
    widest: int,
    times: Mapping[str, float] | None = None,
    source: str = "predicted",
) -> Html | None:
    """Draws the network; None for one with so many parts that a drawing tells nothing.

    Args:
        arch: the network.
        id_: unique on the page.
        title: name of the figure.
        widest: channels that fill the height; see `most_channels`.
        times: latency per part in ms as `part_times` gives it; its shares stand under the parts.
        source: "predicted", "measured" or "simulated", for the times.
    """
    share = _Shares(times, source)
    blocks = sum(len(stage.blocks) for stage in arch.stages)
    if blocks > _MOST_BLOCKS or arch.fusion_repeats > 12 or len(arch.heads) > 6:
        return None
    parts, taps, end = _backbone(arch, widest, share)
    left = end + _STAGE_GAP
    right = left + max(_FUSION_BAND * arch.fusion_repeats, 74.0)
    bus = f"M{taps[0]:.1f} {_BUS}H{(left + right) / 2:.1f}V{_MIDDLE + _FUSION_HEIGHT / 2}"
    parts.append(tag("path", d=bus, class_="wire"))
    parts.append(_fusion(left, right, arch, share))
    parts += _heads(right, arch, share)
    size = (right + 34 + _HEAD_WIDTH + 8, _HEIGHT)
    description = f"{describe(arch)} Box height shows the channels; every stage feeds the BiFPN."
    return chart(id_, title, description, size, parts, "network")


def describe(arch: Architecture) -> str:
    """The network in a sentence, for those who do not see the drawing."""
    stages = []
    for index, stage in enumerate(arch.stages, start=1):
        blocks = ", ".join(
            f"{BLOCK_TITLES[b.type]} {b.kernel}×{b.kernel} expansion {b.expansion}" for b in stage.blocks
        )
        stages.append(f"stage {index} with {stage.width} channels: {blocks}")
    heads = ", ".join(
        f"{h.task} ({h.depth} separable convolutions of {h.width} channels)" for h in arch.heads
    )
    return (
        f"Input {arch.input_height}×{arch.input_width}; stem with {arch.stem_width} channels; "
        f"{'; '.join(stages)}; "
        f"BiFPN with {arch.fusion_width} channels, repeated {arch.fusion_repeats} times; heads: {heads}."
    )


def _tall(channels: int, widest: int) -> float:
    return _LEAST + (_TALLEST - _LEAST) * min(channels / max(widest, 1), 1.0)


def _block_tip(block: Block, part: str, inputs: int, outputs: int, stride: int, size: str) -> str:
    expanded = f"expansion {block.expansion} ({inputs * block.expansion} channels inside)"
    return (
        f"{part.capitalize()}: {BLOCK_TITLES[block.type]}\nkernel {block.kernel}×{block.kernel}, {expanded}\n"
        f"{inputs} → {outputs} channels at {size}, stride {stride}"
    )


def _backbone(arch: Architecture, widest: int, share: _Shares) -> tuple[list[Html], list[float], float]:
    """Stem and stages; also where each stage's wire to the BiFPN starts, and where the backbone ends."""
    parts = [_stem(8, arch, widest, share)]
    taps: list[float] = []
    end = 8 + _BLOCK_WIDTH  # right edge of the last box
    clear = 8 + _LETTER * 10  # first place where the next stage's label does not run into the last one
    inputs = arch.stem_width
    for number, stage in enumerate(arch.stages, start=1):
        x = max(end + _STAGE_GAP, clear)
        stride = 2 ** (number + 1)
        size = f"{arch.input_height // stride}×{arch.input_width // stride}"
        label = f"{stage.width} ch, {size}"
        parts.append(text(x, 18, f"stride {stride}", "part-name"))
        parts.append(text(x, 34, label, "part-size"))
        clear = x + _LETTER * len(label) + 12
        for position, block in enumerate(stage.blocks, start=1):
            parts.append(line(end, _MIDDLE, x, _MIDDLE, "wire"))
            part = f"stage {number} block {position}"
            tip = _block_tip(block, part, inputs, stage.width, 2 if position == 1 else 1, size)
            parts.append(_block(x, block, _tall(stage.width, widest), tip + share.tip(part)))
            parts.append(share.label(x + _BLOCK_WIDTH / 2, part))
            inputs, end = stage.width, x + _BLOCK_WIDTH
            x = end + _BLOCK_GAP
        taps.append(end - _BLOCK_WIDTH / 2)
        # Shares stand at one level under all blocks; the wire then starts below its share.
        top = _SHARE + 6 if share else _MIDDLE + _tall(stage.width, widest) / 2
        parts.append(line(taps[-1], top, taps[-1], _BUS, "wire"))
    return parts, taps, max(end, clear - _STAGE_GAP)


def _stem(x: float, arch: Architecture, widest: int, share: _Shares) -> Html:
    tall = _tall(arch.stem_width, widest)
    box = tag("rect", x=x, y=_MIDDLE - tall / 2, width=_BLOCK_WIDTH, height=tall, rx=4)
    words = (
        text(x, 18, "stride 2", "part-name"),
        text(x, 34, f"{arch.stem_width} ch", "part-size"),
        text(x + _BLOCK_WIDTH / 2, _MIDDLE, "stem", "in-box", anchor="middle", dy="0.35em"),
    )
    tip = f"Stem: 3×3 convolution, stride 2\n3 → {arch.stem_width} channels" + share.tip("stem")
    return mark("part stem", tip, box, *words, share.label(x + _BLOCK_WIDTH / 2, "stem"))


def _block(x: float, block: Block, tall: float, tip: str) -> Html:
    box = tag("rect", x=x, y=_MIDDLE - tall / 2, width=_BLOCK_WIDTH, height=tall, rx=4)
    kernel = text(
        x + _BLOCK_WIDTH / 2, _MIDDLE - 4, f"{block.kernel}×{block.kernel}", "in-box", anchor="middle"
    )
    ratio = text(x + _BLOCK_WIDTH / 2, _MIDDLE + 11, f"e{block.expansion}", "in-box", anchor="middle")
    return mark(f"part {block.type.replace('_', '-')}", tip, box, kernel, ratio)


def _fusion(x: float, end: float, arch: Architecture, share: _Shares) -> Html:
    top = _MIDDLE - _FUSION_HEIGHT / 2
    band = (end - x) / max(arch.fusion_repeats, 1)
    boxes = [
        tag("rect", x=x + i * band + 1, y=top, width=band - 2, height=_FUSION_HEIGHT, rx=4)
        for i in range(arch.fusion_repeats)
    ]
    words = (
        text(x, 18, f"BiFPN × {arch.fusion_repeats}", "part-name"),
        text(x, 34, f"{arch.fusion_width} ch", "part-size"),
    )
    tip = f"BiFPN\n{arch.fusion_width} channels, repeated {arch.fusion_repeats} times"
    return mark("part fusion", tip + share.tip("BiFPN"), *boxes, *words, share.label(end - 16, "BiFPN"))


def _heads(x: float, arch: Architecture, share: _Shares) -> list[Html]:
    total = len(arch.heads) * (_HEAD_HEIGHT + _HEAD_GAP) - _HEAD_GAP
    parts: list[Html] = []
    left = x + 34
    for index, head in enumerate(arch.heads):
        y = _MIDDLE - total / 2 + index * (_HEAD_HEIGHT + _HEAD_GAP)
        centre = y + _HEAD_HEIGHT / 2
        path = f"M{x:.1f} {_MIDDLE}C{x + 17:.1f} {_MIDDLE} {x + 17:.1f} {centre:.1f} {left:.1f} {centre:.1f}"
        parts.append(tag("path", d=path, class_="wire"))
        box = tag("rect", x=left, y=y, width=_HEAD_WIDTH, height=_HEAD_HEIGHT, rx=4)
        name = text(left + 10, y + 17, head.task[:20], "head-name")
        size = text(left + 10, y + 32, f"{head.depth} × sep. conv, {head.width} ch", "part-size")
        convolutions = f"{head.depth} separable convolutions, {head.width} channels"
        tip = f"Head of {head.task}\n{convolutions}\n{head.channels} output channels"
        part = f"head {head.task}"
        ratio = share.label(left + _HEAD_WIDTH - 10, part, y=y + 17, anchor="end")
        parts.append(mark("part head", tip + share.tip(part), box, name, size, ratio))
    return parts
