"""Flatbuffers from plain dictionaries and back, for a small schema that is given as data.

A table is a list of fields in the order of its schema, which is what the format numbers them by; a union takes two
numbers, for its type and its value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Schema", "build_table", "read_table"]

Schema = Mapping[str, Sequence[tuple[str, str]]]
"""{table: [(field, kind)]}. Kinds: "string", "byte", "int", "uint", "float" (scalars with the default 0), a table's
name, any of these in brackets for a vector, "[ubyte]" for bytes, or "A|B" for a union of tables."""

_SIZES = {"byte": 1, "int": 4, "uint": 4, "float": 4}
_FLAGS = {"byte": "Int8Flags", "int": "Int32Flags", "uint": "Uint32Flags", "float": "Float32Flags"}


def build_table(schema: Schema, table: str, values: Mapping[str, Any], identifier: bytes) -> bytes:
    """A finished buffer with one root table.

    Args:
        schema: the tables.
        table: the root's.
        values: its fields by name; those that are left out take no space. A union's value is (table, fields).
        identifier: four bytes that say what the buffer holds.

    Raises:
        KeyError: a field or a table does not exist.
    """
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    root = _table(builder, schema, table, values)
    builder.Finish(root, file_identifier=identifier)
    return bytes(builder.Output())


def _table(builder: Any, schema: Schema, table: str, values: Mapping[str, Any]) -> int:
    slots = _slots(schema[table])
    if unknown := set(values) - set(slots):
        raise KeyError(f"{table} has no field {sorted(unknown)}")
    # What a table points to is written before it.
    ready: dict[str, tuple[int, Any]] = {}
    for name, value in values.items():
        kind = slots[name][1]
        if "|" in kind:
            ready[name] = (kind.split("|").index(value[0]) + 1, _table(builder, schema, *value))
        elif kind not in _SIZES:
            ready[name] = (0, _reference(builder, schema, kind, value))
    builder.StartObject(sum(2 if "|" in kind else 1 for _, kind in schema[table]))
    for name, value in values.items():
        slot, kind = slots[name]
        if "|" in kind:
            builder.PrependUint8Slot(slot, ready[name][0], 0)
            builder.PrependUOffsetTRelativeSlot(slot + 1, ready[name][1], 0)
        elif kind in _SIZES:
            getattr(builder, f"Prepend{_FLAGS[kind].removesuffix('Flags')}Slot")(slot, value, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(slot, ready[name][1], 0)
    return int(builder.EndObject())


def _reference(builder: Any, schema: Schema, kind: str, value: Any) -> int:
    if kind == "string":
        return int(builder.CreateString(value))
    if kind == "[ubyte]":
        return int(builder.CreateByteVector(value))
    if not kind.startswith("["):
        return _table(builder, schema, kind, value)
    item = kind[1:-1]
    if item in _SIZES:
        builder.StartVector(_SIZES[item], len(value), _SIZES[item])
        for one in reversed(value):
            getattr(builder, f"Prepend{_FLAGS[item].removesuffix('Flags')}")(one)
    else:
        offsets = [_reference(builder, schema, item, one) for one in value]
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def read_table(schema: Schema, table: str, data: bytes) -> dict[str, Any]:
    """The root table as a dictionary of the fields that it has; unions as (table, fields).

    Raises:
        ValueError: the buffer is damaged.
    """
    import struct

    from flatbuffers import encode, number_types
    from flatbuffers.table import Table

    try:
        position = encode.Get(number_types.UOffsetTFlags.packer_type, data, 0)
        return _read(schema, table, Table(bytearray(data), position))
    except (struct.error, IndexError, UnicodeDecodeError, TypeError, RecursionError) as error:
        raise ValueError(f"the buffer is damaged: {error}") from error


def _read(schema: Schema, table: str, place: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (slot, kind) in _slots(schema[table]).items():
        offset = place.Offset(4 + 2 * slot)
        if not offset:
            continue
        if "|" in kind:
            type_offset, kind_names = offset, kind.split("|")
            number = _scalar(place, "uint8", type_offset + place.Pos)
            if (value := place.Offset(4 + 2 * (slot + 1))) and 0 < number <= len(kind_names):
                inner = kind_names[number - 1]
                union = _at(place, place.Indirect(place.Pos + value))
                found[name] = (inner, _read(schema, inner, union))
        elif kind in _SIZES:
            found[name] = _scalar(place, kind, offset + place.Pos)
        elif kind == "string":
            found[name] = place.String(offset + place.Pos).decode()
        elif kind == "[ubyte]":
            start = place.Vector(offset)
            found[name] = bytes(place.Bytes[start : start + place.VectorLen(offset)])
        elif kind.startswith("["):
            found[name] = _items(schema, kind[1:-1], place, offset)
        else:
            found[name] = _read(schema, kind, _at(place, place.Indirect(offset + place.Pos)))
    return found


def _items(schema: Schema, item: str, place: Any, offset: int) -> list[Any]:
    start, count = place.Vector(offset), place.VectorLen(offset)
    if count * _SIZES.get(item, 4) > len(place.Bytes):
        raise IndexError(f"a vector of {count} items")
    if item in _SIZES:
        return [_scalar(place, item, start + _SIZES[item] * i) for i in range(count)]
    if item == "string":
        return [place.String(start + 4 * i).decode() for i in range(count)]
    return [_read(schema, item, _at(place, place.Indirect(start + 4 * i))) for i in range(count)]


def _at(place: Any, position: int) -> Any:
    from flatbuffers.table import Table

    return Table(place.Bytes, position)


def _scalar(place: Any, kind: str, position: int) -> Any:
    from flatbuffers import number_types

    return place.Get(getattr(number_types, {**_FLAGS, "uint8": "Uint8Flags"}[kind]), position)


def _slots(fields: Sequence[tuple[str, str]]) -> dict[str, tuple[int, str]]:
    """{field: (number, kind)}."""
    slots, number = {}, 0
    for name, kind in fields:
        slots[name] = (number, kind)
        number += 2 if "|" in kind else 1
    return slots
