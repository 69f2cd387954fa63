"""The example and the snippets that ship with a file: templates with the file's own figures put in."""

from __future__ import annotations

import math
import re
from importlib.resources import files
from typing import Any

from edgenas.datasets.classes import palette
from edgenas.export.package.describe import ShippedModel, ShippedOutput
from edgenas.runtime_interpreter import TensorDetail

__all__ = ["cpp_snippet", "kotlin_snippet", "python_example"]

_CPP = {"float32": "float", "int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "int32": "int32_t",
        "int64": "int64_t"}  # fmt: skip
_LIMITS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}


def python_example(model: ShippedModel) -> str:
    """NAME_example.py: runs the file on pictures or a camera with NumPy, Pillow and any runtime."""
    outputs = [
        {"name": o.name, "kind": o.kind, "scale": o.scale, "zero_point": o.zero_point} for o in model.outputs
    ]
    classes = zip(model.class_names, palette(model.class_names).tolist(), strict=True)
    return _filled(
        "example.py.txt",
        model,
        OUTPUTS="\n".join(f"    {output!r}," for output in outputs),
        CLASSES="\n".join(f"    ({name!r}, {tuple(colour)})," for name, colour in classes),
        DEPTH_UNIT=model.depth_unit,
    )


def cpp_snippet(model: ShippedModel) -> str:
    """NAME_snippet.cc: runs the file by LiteRT's C++ API."""
    detail = model.input
    if detail.is_float:
        encode = "  return value;"
    else:
        low, high = _LIMITS[detail.dtype]
        encode = (
            f"  const float number = std::nearbyint(value / {_number(detail.scale)}f) + ({detail.zero_point});\n"
            f"  return static_cast<Input>(std::min(std::max(number, {low}.0f), {high}.0f));"
        )
    return _filled(
        "snippet.cc.txt",
        model,
        INPUT_TYPE=_CPP[detail.dtype],
        ENCODE=encode,
        OUTPUTS="\n".join(_cpp_output(number, output) for number, output in enumerate(model.by_signature)),
    )


def _cpp_output(number: int, output: ShippedOutput) -> str:
    kind, name, size = _CPP[output.dtype], _identifier(output.name), math.prod(output.shape)
    return (
        f"  // {output.name}, {output.dtype} {list(output.shape)}: {output.meaning}.\n"
        f"  std::vector<{kind}> {name}({size});\n"
        f"  LITERT_RETURN_IF_ERROR(outputs[{number}].Read<{kind}>(absl::MakeSpan({name})));\n"
        f'  std::printf("{output.name}: %g\\n", Value({name}[0], {_number(output.scale)}f, {output.zero_point}));'
    )


def kotlin_snippet(model: ShippedModel) -> str | None:
    """NAME.kt: runs the file by LiteRT's Kotlin API; None where that has no calls for the file's element types."""
    kinds = {"float32": "float", "int8": "byte", "uint8": "byte"}
    if any(dtype not in kinds for dtype in (model.input.dtype, *(o.dtype for o in model.outputs))):
        return None
    words = re.sub(r"[^0-9A-Za-z]+", " ", model.name).split()
    return _filled(
        "Snippet.kt.txt",
        model,
        PACKAGE=_identifier("".join(words).lower()),
        CLASS="".join(word.capitalize() for word in words) if words[0][0].isalpha() else "Network",
        **_kotlin_input(model.input),
        READS="\n".join(
            f"            outputs[{i}].{'readFloat' if o.dtype == 'float32' else 'readInt8'}(),"
            for i, o in enumerate(model.by_signature)
        ),
        FIELDS="\n".join(_kotlin_field(output) for output in model.by_signature),
        DECODERS="\n\n".join(_kotlin_decoder(output) for output in model.outputs),
        CLASSES=", ".join(f'"{name}"' for name in model.class_names),
    )


def _kotlin_input(detail: TensorDetail) -> dict[str, str]:
    if detail.is_float:
        return {"ARRAY": "FloatArray", "WRITE": "writeFloat", "INPUT_TYPE": "Float", "ENCODE": "value"}
    low, high = _LIMITS[detail.dtype]
    number = (
        f"((value / {_number(detail.scale)}f).roundToInt() + ({detail.zero_point})).coerceIn({low}, {high})"
    )
    return {"ARRAY": "ByteArray", "WRITE": "writeInt8", "INPUT_TYPE": "Byte", "ENCODE": f"{number}.toByte()"}


def _kotlin_field(output: ShippedOutput) -> str:
    array = "FloatArray" if output.dtype == "float32" else "ByteArray"
    comment = f"        /** {output.dtype} {list(output.shape)}: {output.meaning}. */"
    return f"{comment}\n        val {_identifier(output.name)}: {array},"


def _kotlin_decoder(output: ShippedOutput) -> str:
    name = _identifier(output.name)
    number = f"{name}[i]" + (".toUByte()" if output.dtype == "uint8" else "")
    if output.scale:
        value = f"{_number(output.scale)}f * ({number}.toInt() - ({output.zero_point}))"
    else:
        value = number if output.dtype == "float32" else f"{number}.toInt()"
    kind = "Float" if output.scale or output.dtype == "float32" else "Int"
    return (
        f"        /** Value number i of {output.name}. */\n        fun {name}Value(i: Int): {kind} = {value}"
    )


def _filled(template: str, model: ShippedModel, **values: Any) -> str:
    text = files("edgenas.export.package").joinpath("templates", template).read_text(encoding="utf-8")
    _, height, width, _ = model.input.shape
    figures = {"NAME": model.name, "FILE": model.file, "HEIGHT": height, "WIDTH": width, **values}
    return re.sub(r"@([A-Z_]+)@", lambda found: str(figures[found.group(1)]), text)


def _number(value: float) -> str:
    """Digits that give the same float32 again, with a point."""
    text = f"{value:.9g}"
    return text if any(c in text for c in ".e") else f"{text}.0"


def _identifier(name: str) -> str:
    """A name that C++ and Kotlin take."""
    cleaned = re.sub(r"\W", "_", name, flags=re.ASCII)
    return cleaned if cleaned[:1].isalpha() else f"n_{cleaned}"
