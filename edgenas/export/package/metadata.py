"""TFLite metadata: what a .tflite file itself says of its input and outputs, for Android's tools, MediaPipe and us.

A flatbuffer ModelMetadata lies in a buffer that the file's own `metadata` list names TFLITE_METADATA; files that it
names (labels) are a ZIP archive behind the model, which runtimes do not look at. Source: metadata_schema.fbs 1.5.0,
https://github.com/tensorflow/tflite-support/blob/master/tensorflow_lite_support/metadata/metadata_schema.fbs, and
https://ai.google.dev/edge/litert/models/metadata.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.export.package.flat_tables import build_table, read_table

__all__ = ["BUFFER_NAME", "CUSTOM_NAME", "AssociatedFileType", "read_metadata", "read_own", "with_metadata"]

BUFFER_NAME = "TFLITE_METADATA"
CUSTOM_NAME = "edgenas"
"""Name of the custom metadata that `edgenas run` reads: JSON."""

_IDENTIFIER = b"M001"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same file whenever it is written


class AssociatedFileType:
    """What a file that comes with a model holds."""

    TENSOR_AXIS_LABELS = 2
    """Line n names channel n."""
    TENSOR_VALUE_LABELS = 3
    """Line n names the value n."""


_SCHEMA = {
    "AssociatedFile": [("name", "string"), ("description", "string"), ("type", "byte"), ("locale", "string"),
                       ("version", "string")],
    "FeatureProperties": [],
    "ImageSize": [("width", "uint"), ("height", "uint")],
    "ImageProperties": [("color_space", "byte"), ("default_size", "ImageSize")],
    "BoundingBoxProperties": [],
    "AudioProperties": [],
    "ValueRange": [("min", "int"), ("max", "int")],
    "Content": [
        ("content_properties", "FeatureProperties|ImageProperties|BoundingBoxProperties|AudioProperties"),
        ("range", "ValueRange"),
    ],
    "NormalizationOptions": [("mean", "[float]"), ("std", "[float]")],
    "ScoreCalibrationOptions": [],
    "ProcessUnit": [("options", "NormalizationOptions|ScoreCalibrationOptions")],
    "Stats": [("max", "[float]"), ("min", "[float]")],
    "TensorMetadata": [
        ("name", "string"), ("description", "string"), ("dimension_names", "[string]"), ("content", "Content"),
        ("process_units", "[ProcessUnit]"), ("stats", "Stats"), ("associated_files", "[AssociatedFile]"),
    ],
    "CustomMetadata": [("name", "string"), ("data", "[ubyte]")],
    "SubGraphMetadata": [
        ("name", "string"), ("description", "string"), ("input_tensor_metadata", "[TensorMetadata]"),
        ("output_tensor_metadata", "[TensorMetadata]"), ("associated_files", "[AssociatedFile]"),
        ("input_process_units", "[ProcessUnit]"), ("output_process_units", "[ProcessUnit]"),
        ("input_tensor_groups", "[FeatureProperties]"), ("output_tensor_groups", "[FeatureProperties]"),
        ("custom_metadata", "[CustomMetadata]"),
    ],
    "ModelMetadata": [
        ("name", "string"), ("description", "string"), ("version", "string"),
        ("subgraph_metadata", "[SubGraphMetadata]"), ("author", "string"), ("license", "string"),
        ("associated_files", "[AssociatedFile]"), ("min_parser_version", "string"),
    ],
}  # fmt: skip


def with_metadata(
    data: bytes, metadata: Mapping[str, Any], files: Mapping[str, bytes], own: Mapping[str, Any]
) -> bytes:
    """A model with metadata inside; metadata that it has already is replaced.

    Args:
        data: the .tflite file.
        metadata: fields of `ModelMetadata`, see the schema; the tensors in the order of the file's own.
        files: the associated files that it names.
        own: JSON-ready, as custom metadata of the first subgraph.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    [subgraph] = metadata["subgraph_metadata"]
    custom = {"name": CUSTOM_NAME, "data": json.dumps(own, sort_keys=True).encode()}
    fields = {**metadata, "subgraph_metadata": [{**subgraph, "custom_metadata": [custom]}]}
    content = build_table(_SCHEMA, "ModelMetadata", fields, _IDENTIFIER)
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(data))
    model.metadata = model.metadata or []
    entry = next((one for one in model.metadata if one.name == BUFFER_NAME.encode()), None)
    if entry is None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = BUFFER_NAME.encode(), len(model.buffers)
        model.metadata.append(entry)
        model.buffers.append(schema.BufferT())
    model.buffers[entry.buffer].data = np.frombuffer(content, np.uint8)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model)) + _archive(files)


def _archive(files: Mapping[str, bytes]) -> bytes:
    if not files:
        return b""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)
    return stream.getvalue()


def read_metadata(path: Path) -> dict[str, Any] | None:
    """The metadata of a .tflite file as a dictionary of the fields that it has; None where there is none to read.

    Nothing is raised for damaged metadata: a file runs without.
    """
    try:
        from flatbuffers import encode, number_types
        from flatbuffers.table import Table
    except ImportError:
        return None
    data = bytearray(path.read_bytes())
    # Model: version, operator_codes, subgraphs, description, buffers, metadata_buffer, metadata. Only these two are
    # read, because no schema package is installed on boards.
    try:
        model = Table(data, encode.Get(number_types.UOffsetTFlags.packer_type, data, 0))
        buffers, entries = (_tables(model, slot) for slot in (4, 6))
        for entry in entries:
            name = entry.Offset(4)
            if not name or entry.String(entry.Pos + name) != BUFFER_NAME.encode():
                continue
            number = entry.Offset(6)
            buffer = buffers[entry.Get(number_types.Uint32Flags, entry.Pos + number) if number else 0]
            place = buffer.Offset(4)
            start = buffer.Vector(place)
            return read_table(_SCHEMA, "ModelMetadata", bytes(data[start : start + buffer.VectorLen(place)]))
    except Exception:  # whatever flatbuffers makes of damaged bytes
        return None
    return None


def _tables(model: Any, slot: int) -> list[Any]:
    from flatbuffers.table import Table

    offset = model.Offset(4 + 2 * slot)
    if not offset:
        return []
    start = model.Vector(offset)
    return [Table(model.Bytes, model.Indirect(start + 4 * i)) for i in range(model.VectorLen(offset))]


def read_own(path: Path) -> dict[str, Any] | None:
    """What `edgenas export` wrote of the outputs; None in files of others."""
    metadata = read_metadata(path) or {}
    for subgraph in metadata.get("subgraph_metadata", []):
        for custom in subgraph.get("custom_metadata", []):
            if custom.get("name") == CUSTOM_NAME:
                try:
                    found = json.loads(custom["data"])
                except (KeyError, ValueError):
                    return None
                return found if isinstance(found, dict) else None
    return None
