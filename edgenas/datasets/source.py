"""What a user writes to name a data set: `[LAYOUT:]PATH[#LABELS][,KEY=VALUE]...`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgenas.errors import UsageError

__all__ = ["SKIP_BROKEN", "DataSource", "leaving_out_broken"]

SKIP_BROKEN = "skip-broken"
"""The word among the settings that leaves out frames whose files are missing or damaged."""


@dataclass(frozen=True)
class DataSource:
    """A data set's place and how to read it.

    Attributes:
        path: folder or file.
        layout: name of the layout where it was forced by `LAYOUT:`, else empty.
        labels: label set, e.g. "seg40" or "label_7"; empty for the default one.
        settings: choices of the layout, e.g. {"depth": "m"}.
        skip_broken: leave out broken frames.
    """

    path: Path
    layout: str = ""
    labels: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    skip_broken: bool = False

    @classmethod
    def parse(cls, text: str, layouts: Mapping[str, object]) -> DataSource:
        """Takes a source apart; a path that exists is one, whatever characters it has.

        Args:
            text: e.g. "/data/nyu", "cityscapes:/data/cs#label_7,depth=m", "frames.npz#seg40".
            layouts: the names that may stand before a colon.

        Raises:
            UsageError: a setting is not KEY=VALUE.
        """
        layout, colon, rest = text.partition(":")
        if not colon or layout not in layouts:
            layout, rest = "", text
        if _exists(rest):
            return cls(Path(rest), layout)
        name, _, suffix = rest.rpartition("#") if "#" in rest else (rest, "", "")
        labels, *words = suffix.split(",")
        if "=" in labels or labels == SKIP_BROKEN:
            labels, words = "", [labels, *words]
        settings = {}
        for word in words:
            key, equals, value = word.partition("=")
            if word != SKIP_BROKEN and not (key and equals and value):
                raise UsageError(
                    f"Invalid data source {text!r}. Expected PATH#LABELS,KEY=VALUE,... Received {word!r} after the #.\n"
                    "See: edgenas data layouts"
                )
            if equals:
                settings[key] = value
        return cls(Path(name), layout, labels, settings, SKIP_BROKEN in words)


def leaving_out_broken(text: str) -> str:
    """The same source without its broken frames."""
    _, _, suffix = text.rpartition("#") if "#" in text else ("", "", "")
    if SKIP_BROKEN in suffix.split(","):
        return text
    return f"{text},{SKIP_BROKEN}" if "#" in text else f"{text}#{SKIP_BROKEN}"


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # a name too long, or with a zero byte
        return False
