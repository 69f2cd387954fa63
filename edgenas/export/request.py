"""`ExportRequest`: every setting of an export, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgenas.errors import UsageError, unknown_name
from edgenas.export.engines.formats import ENGINES, FORMATS, INTEGER_FORMATS

__all__ = ["ExportRequest"]

_IO_TYPES = ("int8", "uint8", "float32")


@dataclass(frozen=True)
class ExportRequest:
    """What to export, and how.

    Attributes:
        out_dir: folder of the files.
        name: stem of their names.
        formats: formats beside float32, which is always written: everything else is compared with it. The first is the
            one that ships, see `shipped`.
        engine: "tensorflow", "litert-quantizer", or "auto" for whichever errs less.
        input_type: element type of a quantised file's input.
        output_type: element type of its outputs.
        heads: {task: what the device returns of it}, see `edgenas.export.outputs`; tasks that are not named return
            their full-size values.
        compare_outputs: whether to find out what each form of the heads costs.
        height: rows of the exported network's input; None for those that it was trained with.
        width: columns, likewise.
        calibration_frames: training frames that set the activation ranges.
        repair: whether to mend an int8 file whose metrics drop by more than `max_drop_percent`.
        allow_mixed: whether a repair may give named operators 16-bit activations, which the Edge TPU does not run.
        keep: whether the best file is written although no repair helped enough.
        max_drop_percent: largest drop of a head's metric against float32, in percent of it.
        device: device to predict and measure on; None for none.
        configuration: its configuration; None for the fitting one.
        predictor_dir: a predictor's folder instead of the stored one.

    Raises:
        UsageError: a setting does not exist.
    """

    out_dir: Path
    name: str
    formats: tuple[str, ...] = ("int8",)
    engine: str = "auto"
    input_type: str = "int8"
    output_type: str = "int8"
    heads: Mapping[str, str] = field(default_factory=dict)
    compare_outputs: bool = False
    height: int | None = None
    width: int | None = None
    calibration_frames: int = 128
    repair: bool = False
    allow_mixed: bool = False
    keep: bool = False
    max_drop_percent: float = 1.0
    device: str | None = "host"
    configuration: str | None = None
    predictor_dir: Path | None = None

    def __post_init__(self) -> None:
        if not self.name or Path(self.name).name != self.name:
            raise UsageError(f"Invalid value for --name. Expected a plain file name. Received {self.name!r}.")
        for format in self.formats:
            if format not in FORMATS:
                raise unknown_name("format", format, FORMATS, "edgenas export --help")
        if self.engine not in ENGINES:
            raise unknown_name("engine", self.engine, ENGINES, "edgenas export --help")
        for flag, value in (("--input-type", self.input_type), ("--output-type", self.output_type)):
            if value not in _IO_TYPES:
                raise UsageError(
                    f"Invalid value for {flag}. Expected {' or '.join(_IO_TYPES)}. Received {value!r}."
                )
        if not 0 <= self.max_drop_percent < 100:
            raise UsageError(
                f"Invalid value for --max-drop. Expected 0 to 100 percent. Received {self.max_drop_percent:g}."
            )

    @property
    def written(self) -> tuple[str, ...]:
        """Every format that is written, float32 first."""
        return tuple(dict.fromkeys(("float32", *self.formats)))

    @property
    def calibrates(self) -> bool:
        """Whether a format needs representative frames."""
        return bool(INTEGER_FORMATS & set(self.formats))

    @property
    def keeps_the_network(self) -> bool:
        """Whether the shipped file has the operators that were searched: same heads, same ends."""
        return not self.heads and (self.input_type, self.output_type) == ("int8", "int8")

    @property
    def shipped(self) -> str:
        """The format that devices get: int8 where it is written, else the first that was asked for."""
        chosen = [format for format in self.written if format != "float32"]
        return "int8" if "int8" in chosen else chosen[0] if chosen else "float32"
