"""`edgenas run`: a .tflite file on images, on this machine; works on a board without TensorFlow."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np

from edgenas.cli.options import json_option
from edgenas.cli.output import format_ms, print_json, say
from edgenas.device_profiles.connection import RUNTIMES
from edgenas.errors import EdgenasError, UsageError
from edgenas.export.legend import words, write_legend
from edgenas.export.output_pictures import OutputMeaning, describes, find_card, meanings, picture, read_card
from edgenas.export.package.metadata import read_own
from edgenas.export.read_images import InputImage, read_images
from edgenas.report.own_images import TOLD
from edgenas.report.pictures import encode_png
from edgenas.runtime_interpreter import RuntimeInterpreter, TensorDetail
from edgenas.storage import atomic_path, require_writable, write_bytes_atomic, write_json

__all__ = ["command"]

_RANGES = {"-1,1": (-1.0, 1.0), "0,1": (0.0, 1.0), "0,255": (0.0, 255.0)}
_ASSUMED = "-1,1"
_LEGEND = "legend.png"
_MOST_IN_LEGEND = 60


@click.command(name="run")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder of the results; MODEL_outputs without it."
)
@click.option(
    "--card",
    type=click.Path(path_type=Path),
    help="Model card; what the file says of itself, or NAME.json beside it, without it.",
)
@click.option("--runtime", type=click.Choice(RUNTIMES[1:]), help="The first that is installed without it.")
@click.option(
    "--threads", type=click.IntRange(1, 64), default=1, show_default=True, help="Threads on the CPU."
)
@click.option(
    "--input-range", type=click.Choice(list(_RANGES)),
    help="What pixels 0 to 255 become; by default what the card or the input's scale says.",
)  # fmt: skip
@json_option
def command(
    model: Path,
    images: tuple[Path, ...],
    out: Path | None,
    card: Path | None,
    runtime: str | None,
    threads: int,
    input_range: str | None,
    as_json: bool,
) -> None:
    """Run a .tflite file on images and write what it sees: pictures, or .npy where the outputs are not known.

    IMAGES are .png or .jpg files, or .npy and .npz arrays. Each time is measured on this machine, one call per image
    behind a warm-up; `edgenas benchmark` measures latencies properly. In the folder images/ of a run, `edgenas report`
    finds the results and shows them.

    \b
    Examples:
      edgenas run export/best_int8.tflite photo.jpg
      edgenas run runs/001/export/best_int8.tflite one.jpg two.jpg --out runs/001/images
      edgenas run model.tflite frames.npz --out seen --runtime tflite-runtime
    """
    interpreter = RuntimeInterpreter(model, threads=threads, runtime=runtime or "")
    detail = _image_input(model, interpreter)
    # What the file says of itself cannot be about another one.
    own = None if card else read_own(model)
    card_path = card or (None if own else find_card(model))
    facts = read_card(card_path) if card_path else {"data": own} if own else None
    if card_path is not None and facts is not None and not describes(facts, model):
        say(f"The model card {card_path} describes another file than {model}; its class names may not fit.")
    low, high = _RANGES[input_range] if input_range else _range_of(detail, facts is not None)
    known = meanings({name: o.shape for name, o in interpreter.outputs.items()}, facts)
    folder = out or Path(f"{model.stem}_outputs")
    require_writable(folder)
    _, height, width, channels = detail.shape
    results: list[dict[str, Any]] = []
    taken: set[str] = set()
    for path in images:
        for image in read_images(path, height, width, channels):
            if not results:
                _invoke(model, interpreter, detail, _encode(image, detail, low, high))
            ms = _invoke(model, interpreter, detail, _encode(image, detail, low, high))
            result = _result(interpreter, known, folder, _unused(image.label, taken), image, ms)
            results.append(result)
            if not as_json:
                _show(result)
    times_ms = [result["measured_ms"] for result in results]
    classes = next((known[name].class_names for name in known if known[name].task == "segmentation"), ())
    legend = folder / _LEGEND
    drawn = 0 < len(classes) <= _MOST_IN_LEGEND and write_legend(legend, classes)
    description = {
        "model": str(model),
        **{key: interpreter.facts[key] for key in ("runtime", "runtime_version", "machine")},
        "threads": threads,
        "card": str(card_path) if card_path else None,
        "legend": str(legend) if drawn else None,
        "input": {"name": detail.name, **detail.to_dict(), "range": [low, high]},
        "measured_median_ms": median(times_ms),
        "images": results,
    }
    write_json(folder / TOLD, description)
    if as_json:
        print_json(description)
        return
    runtime_text = f"{interpreter.facts['runtime']} {interpreter.facts['runtime_version']}".strip()
    who = f"{runtime_text}, {threads} thread{'s' if threads > 1 else ''}, {interpreter.facts['machine']}"
    count = f"{len(results)} image{'s' if len(results) > 1 else ''}"
    click.echo(f"{count}, median {format_ms(median(times_ms))} (measured, {who}); results in {folder}")


def _image_input(model: Path, interpreter: RuntimeInterpreter) -> TensorDetail:
    details = list(interpreter.inputs.values())
    if len(details) == 1 and len(details[0].shape) == 4:
        batch, _, _, channels = details[0].shape
        if batch == 1 and channels in (1, 3):
            return details[0]
    shown = ", ".join(f"{d.name} {list(d.shape)}" for d in details)
    raise UsageError(f"{model} takes no single image. Expected one input [1, H, W, 3 or 1]. It has: {shown}.")


def _range_of(detail: TensorDetail, has_card: bool) -> tuple[float, float]:
    """What pixels become: as edgenas trains, or the range that the input's own numbers span."""
    if has_card:
        return _RANGES[_ASSUMED]
    if not detail.is_float and detail.scale > 0:
        limits = np.iinfo(detail.dtype)
        spans = [(limit - detail.zero_point) * detail.scale for limit in (limits.min, limits.max)]
        for low, high in _RANGES.values():
            slack = 0.02 * (high - low)
            if abs(spans[0] - low) <= slack and abs(spans[1] - high) <= slack:
                return low, high
    say(
        f"Nothing says what the input's values mean; pixels become {_ASSUMED}. Another range: --input-range "
        f"{' or '.join(name for name in _RANGES if name != _ASSUMED)}"
    )
    return _RANGES[_ASSUMED]


def _encode(image: InputImage, detail: TensorDetail, low: float, high: float) -> np.ndarray:
    pixels = image.pixels
    if pixels.dtype != np.uint8:
        return detail.quantise(pixels[None].astype(np.float32))
    if not detail.is_float and detail.scale == 0:
        return pixels[None].astype(detail.dtype)
    return detail.quantise(pixels[None].astype(np.float32) / 255.0 * (high - low) + low)


def _invoke(model: Path, interpreter: RuntimeInterpreter, detail: TensorDetail, numbers: np.ndarray) -> float:
    """One inference; its time in ms."""
    try:
        interpreter.set(detail, numbers)
        began = time.perf_counter_ns()
        interpreter.invoke()
        return (time.perf_counter_ns() - began) * 1e-6
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise EdgenasError(f"{interpreter.facts['runtime']} cannot run {model}: {reason}.") from error


def _result(
    interpreter: RuntimeInterpreter,
    known: dict[str, OutputMeaning],
    folder: Path,
    label: str,
    image: InputImage,
    ms: float,
) -> dict[str, Any]:
    outputs = {}
    for name, detail in interpreter.outputs.items():
        values = detail.dequantise(interpreter.get(detail))
        finite = values[np.isfinite(values)]
        stem = f"{label}_{_file_name(name)}"
        if known[name].task:
            file = folder / f"{stem}.png"
            write_bytes_atomic(file, encode_png(picture(known[name], values)))
        else:
            file = folder / f"{stem}.npy"
            with atomic_path(file) as temporary, temporary.open("wb") as stream:
                np.save(stream, values, allow_pickle=False)
        outputs[name] = {
            "kind": known[name].task or "unknown",
            "shape": list(values.shape),
            "dtype": detail.dtype,
            "min": float(finite.min()) if finite.size else None,
            "max": float(finite.max()) if finite.size else None,
            "shows": words(known[name], values) if finite.size == values.size else "",
            "file": str(file),
        }
    return {
        "file": str(image.path),
        "label": label,
        "input": _keep_input(folder / f"{label}_input.png", image),
        "resized_from": list(image.resized_from) if image.resized_from else None,
        "measured_ms": round(ms, 4),
        "outputs": outputs,
    }


def _keep_input(file: Path, image: InputImage) -> str | None:
    """The image as the network got it; None for numbers that are no picture."""
    if image.pixels.dtype != np.uint8:
        return None
    write_bytes_atomic(file, encode_png(np.repeat(image.pixels, 3 // image.pixels.shape[2], axis=2)))
    return str(file)


def _show(result: dict[str, Any]) -> None:
    resized = result["resized_from"]
    note = f" (resized from {resized[0]}x{resized[1]})" if resized else ""
    click.echo(f"{result['label']}{note}: measured {format_ms(result['measured_ms'])}")
    for name, output in result["outputs"].items():
        span = "nothing finite" if output["min"] is None else f"{output['min']:.4g} to {output['max']:.4g}"
        shape = "x".join(map(str, output["shape"]))
        click.echo(f"  {name} ({output['kind']}) {shape}: {output['shows'] or span}  {output['file']}")


def _unused(label: str, taken: set[str]) -> str:
    """The label, numbered where another folder's file has the same."""
    name, number = label, 2
    while name in taken:
        name, number = f"{label}-{number}", number + 1
    taken.add(name)
    return name


def _file_name(output: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in output)[:80]
