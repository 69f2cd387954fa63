"""Reads device files strictly: whatever is wrong is told with its line and what is expected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from edgenas.device_profiles.connection import Connection, field_types
from edgenas.device_profiles.profile import (
    BUSES,
    COLUMN_FORMATS,
    DTYPES,
    EDGETPU,
    KINDS,
    OPERATOR_RULES,
    VELA,
    Configuration,
    DeviceProfile,
)
from edgenas.device_profiles.protocol import Protocol
from edgenas.errors import UsageError, unknown_name

__all__ = ["read_profile"]

_TEXT, _TEXTS, _TABLE, _INTEGER, _INTEGERS = (
    "a text",
    "a list of texts",
    "a table",
    "an integer",
    "a list of integers",
)
_TOP_LEVEL = {
    "name": _TEXT, "title": _TEXT, "kind": _TEXT, "aliases": _TEXTS, "alias_meanings": _TABLE,
    "default_configuration": _TEXT, "configurations": _TABLE, "protocol": _TABLE, "hardware": _TABLE,
    "source": _TABLE, "connection": _TABLE, "predictor": _TEXT, "operator_rules": _TEXT,
}  # fmt: skip
_REQUIRED = ("name", "title", "kind", "configurations")
_CONFIGURATION = {
    "title": _TEXT, "threads": _INTEGER, "dtype": _TEXT, "bus": _TEXT, "cpus": _INTEGERS, "cores": _TEXT,
    "columns": _TEXTS, "site": _TEXT, "accelerator": _TEXT, "system": _TEXT, "memory": _TEXT,
}  # fmt: skip
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")

_USUAL_RULES = {EDGETPU: "edgetpu", VELA: "ethos-u"}


def read_profile(text: str, origin: str) -> DeviceProfile:
    """See `DeviceProfile.from_toml`."""
    import tomllib  # Here and not at the top: it would slow down every `edgenas --help`.

    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"Device file {origin} is not valid TOML: {error}.") from error
    return _Reader(text, origin).profile(data)


class _Reader:
    """Turns parsed TOML into a profile; knows the text only to name lines in errors."""

    def __init__(self, text: str, origin: str) -> None:
        self._lines = text.splitlines()
        self._origin = origin

    def profile(self, data: dict[str, Any]) -> DeviceProfile:
        self._check(data, _TOP_LEVEL, "")
        for key in _REQUIRED:
            if key not in data:
                raise UsageError(f"Device file {self._origin} lacks the key `{key}` ({_TOP_LEVEL[key]}).")
        self._choice(data, "kind", KINDS)
        self._choice(data, "operator_rules", OPERATOR_RULES)
        aliases = tuple(data.get("aliases", ()))
        for name in (data["name"], *aliases):
            if not _NAME.fullmatch(name):
                raise self._error(
                    name, f"{name!r} is not a device name. Expected small letters, digits, '-', '_', '.'"
                )
        configurations = tuple(
            self._configuration(name, table) for name, table in data["configurations"].items()
        )
        self._check_columns(configurations)
        if not configurations:
            raise self._error(
                "configurations", "`configurations` needs at least one table, such as [configurations.int8]"
            )
        default = data.get("default_configuration", configurations[0].name)
        if default not in {c.name for c in configurations}:
            problem = unknown_name("configuration", default, [c.name for c in configurations])
            raise self._error("default_configuration", f"`default_configuration`: {problem}")
        hardware = data.get("hardware", {})
        for key, value in hardware.items():
            if isinstance(value, bool) or not isinstance(value, (int, float, str)):
                raise self._error(key, f"`hardware.{key}` must be a number or a text. Received {value!r}")
        return DeviceProfile(
            name=data["name"],
            title=data["title"],
            kind=data["kind"],
            aliases=aliases,
            alias_meanings=MappingProxyType(
                self._meanings(data.get("alias_meanings", {}), (data["name"], *aliases))
            ),
            configurations=configurations,
            default_configuration=default,
            protocol=self._protocol(data.get("protocol", {})),
            hardware=MappingProxyType(dict(hardware)),
            source=MappingProxyType(self._sources(data.get("source", {}), hardware)),
            origin=self._origin,
            connection=self._connection(data.get("connection", {})),
            predictor=data.get("predictor", ""),
            operator_rules=data.get("operator_rules", _USUAL_RULES.get(data["kind"], "")),
        )

    def _connection(self, table: dict[str, Any]) -> Connection:
        types = field_types()
        self._check(table, {key: _INTEGER if types[key] is int else _TEXT for key in types}, "connection.")
        try:
            return Connection(**table)
        except UsageError as error:
            raise self._error("connection", f"`connection`: {error}") from error

    def _configuration(self, name: str, table: Any) -> Configuration:
        where = f"configurations.{name}"
        if not isinstance(table, dict):
            raise self._error(name, f"`{where}` must be a table. Received {table!r}")
        self._check(table, _CONFIGURATION, f"{where}.")
        self._choice(table, "dtype", DTYPES, f"{where}.")
        self._choice(table, "bus", BUSES, f"{where}.")
        if table.get("threads", 1) < 1:
            raise self._error("threads", f"`{where}.threads` must be at least 1. Received {table['threads']}")
        if any(cpu < 0 for cpu in table.get("cpus", ())):
            raise self._error("cpus", f"`{where}.cpus` must not be negative. Received {table['cpus']}")
        lists = {key: tuple(table.get(key, ())) for key in ("cpus", "columns")}
        return Configuration(name=name, **{**table, **lists})

    def _check_columns(self, configurations: tuple[Configuration, ...]) -> None:
        """A published column is about one configuration: in two places it would be a slip of copying."""
        owners: dict[str, str] = {}
        for configuration in configurations:
            where = f"configurations.{configuration.name}.columns"
            for text in configuration.columns:
                table_format, _, column = text.partition(":")
                if not column.strip():
                    raise self._error(
                        text, f"`{where}` needs texts FORMAT:COLUMN, e.g. 'fbnet:raspi4'. Received {text!r}"
                    )
                if table_format not in COLUMN_FORMATS:
                    problem = unknown_name("table format", table_format, COLUMN_FORMATS)
                    raise self._error(text, f"`{where}`: {problem}")
                if text in owners:
                    raise self._error(
                        text, f"`{where}`: {text!r} is a column of the configuration {owners[text]!r} already"
                    )
                owners[text] = configuration.name

    def _meanings(self, table: dict[str, Any], names: tuple[str, ...]) -> dict[str, str]:
        for key, value in table.items():
            if key not in names:
                raise self._error(key, f"`alias_meanings`: {unknown_name('name of the device', key, names)}")
            if not isinstance(value, str):
                raise self._error(key, f"`alias_meanings.{key}` must be a text. Received {value!r}")
        return dict(table)

    def _protocol(self, table: dict[str, Any]) -> Protocol:
        if "threads" in table:
            raise self._error(
                "threads", "`protocol.threads` belongs into each configuration, e.g. [configurations.int8]"
            )
        try:
            return Protocol.from_dict(table)
        except UsageError as error:
            raise UsageError(f"Device file {self._origin}: {error}") from error

    def _sources(self, table: dict[str, Any], hardware: Mapping[str, Any]) -> dict[str, str]:
        for key, value in table.items():
            if key != "all" and key not in hardware:
                problem = unknown_name("hardware key", key, [*hardware, "all"])
                raise self._error(key, f"[source] explains a number that [hardware] does not have: {problem}")
            if not isinstance(value, str):
                raise self._error(key, f"`source.{key}` must be a text. Received {value!r}")
        for key in hardware:
            if key not in table and "all" not in table:
                raise self._error(
                    key, f"`hardware.{key}` has no source. Add `{key} = ...` or `all = ...` under [source]"
                )
        return dict(table)

    def _check(self, table: dict[str, Any], schema: Mapping[str, str], prefix: str) -> None:
        for key, value in table.items():
            if key not in schema:
                raise self._error(
                    key, str(unknown_name("key", prefix + key, [prefix + known for known in schema]))
                )
            if not _has_type(value, schema[key]):
                raise self._error(key, f"`{prefix}{key}` must be {schema[key]}. Received {value!r}")

    def _choice(self, table: dict[str, Any], key: str, choices: tuple[str, ...], prefix: str = "") -> None:
        if table.get(key, choices[0]) not in choices:
            raise self._error(key, f"`{prefix}{key}`: {unknown_name('value', table[key], choices)}")

    def _error(self, key: str, problem: str) -> UsageError:
        number = next(
            (
                n
                for n, line in enumerate(self._lines, 1)
                if re.search(rf"(?<!\w){re.escape(key)}(?!\w)", line)
            ),
            0,
        )
        place = f", line {number}" if number else ""
        return UsageError(f"Device file {self._origin}{place}: {problem.rstrip('.')}.")


def _has_type(value: Any, kind: str) -> bool:
    if kind in (_TEXTS, _INTEGERS):
        inner = _TEXT if kind == _TEXTS else _INTEGER
        return isinstance(value, list) and all(_has_type(item, inner) for item in value)
    if kind == _INTEGER:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str if kind == _TEXT else dict)
