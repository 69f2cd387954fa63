"""Runs Arm's open compiler for Ethos-U NPUs (package ethos-u-vela) on a .tflite file, in a process of its own."""

from __future__ import annotations

import configparser
import contextlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from edgenas.device_profiles.host_facts import file_sha256, package_version
from edgenas.device_profiles.profile import Configuration
from edgenas.device_profiles.vela_report import operators_of, read_reasons, read_steps, read_summary
from edgenas.device_profiles.vela_result import VelaCycles, VelaResult
from edgenas.errors import EdgenasError, MissingDependencyError, UsageError, unknown_name
from edgenas.graph import OpGraph, read_tflite
from edgenas.storage import atomic_path

__all__ = ["CUSTOM_OPERATOR", "PACKAGE", "VELA_COMMAND", "compile_vela", "require_configuration", "vela_ini"]

PACKAGE = "ethos-u-vela"
CUSTOM_OPERATOR = "ethos-u"
"""What a compiled file holds in place of the operators that run on the NPU."""

# -P: a folder of the user's that happens to be called `ethosu` must not be taken for the package. UTF-8 mode: Vela
# writes names of tensors in the encoding of the locale.
VELA_COMMAND = (sys.executable, "-X", "utf8", "-P", "-m", "ethosu.vela")
_CONFIG = "Arm/vela.ini"
_COMPILED = "out/model_vela.tflite"
_TIMEOUT_SECONDS = 300.0
_MOST_CACHED = 256
_KIB = 1024

_Key = tuple[str, str, str, str, str]
_cache: dict[_Key, VelaResult] = {}


def compile_vela(
    model: Path,
    configuration: Configuration,
    *,
    keep: Path | None = None,
    timeout_seconds: float = _TIMEOUT_SECONDS,
    command: Sequence[str] = VELA_COMMAND,
) -> VelaResult:
    """Compiles a .tflite file for an Ethos-U and reads what the compiler estimates.

    A network whose operators are all on the CPU (a float one) compiles too: see `VelaResult.cpu_operators`. Results
    of the real compiler are kept in memory by model, configuration and version.

    Args:
        model: the file, not compiled yet.
        configuration: its accelerator, system and memory are handed to the compiler.
        keep: where the compiled file goes; it is thrown away without it.
        timeout_seconds: longest time for the compiler.
        command: the compiler; arguments are appended.

    Raises:
        UsageError: the file is missing, damaged or compiled already, or the configuration is none of Vela's.
        MissingDependencyError: ethos-u-vela is not installed.
        EdgenasError: the compiler failed, took too long, or wrote what is not understood.
    """
    version = package_version(PACKAGE)
    if version is None:
        raise MissingDependencyError(PACKAGE, "vela", "Simulating an Ethos-U")
    require_configuration(configuration)
    graph = _readable(model)
    key = (
        file_sha256(model),
        configuration.accelerator,
        configuration.system,
        configuration.memory,
        version,
    )
    cacheable = keep is None and tuple(command) == VELA_COMMAND
    if cacheable and key in _cache:
        return _cache[key]
    with tempfile.TemporaryDirectory(prefix="edgenas-vela-") as temporary:
        folder = Path(temporary)
        log = _run(model, configuration, folder, timeout_seconds, command)
        result = _read(graph, configuration, folder, log, version)
        if keep is not None:
            with atomic_path(keep) as path:
                shutil.copyfile(folder / _COMPILED, path)
            result = replace(result, compiled=keep)
    if cacheable:
        while len(_cache) >= _MOST_CACHED:
            _cache.pop(next(iter(_cache)))
        _cache[key] = result
    return result


def vela_ini() -> Path | None:
    """The configuration file that comes with ethos-u-vela, None where the package or the file is missing."""
    try:
        spec = importlib.util.find_spec("ethosu")
    except (ImportError, ValueError):
        return None
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "config_files" / _CONFIG
        if path.is_file():
            return path
    return None


def require_configuration(configuration: Configuration) -> None:
    """Checks the names that a configuration hands to Vela, because Vela compiles for some senseless pairs.

    Raises:
        UsageError: a name is missing or unknown, or the system is another accelerator's.
    """
    for key in ("accelerator", "system", "memory"):
        if not getattr(configuration, key):
            raise UsageError(
                f"Configuration {configuration.name!r} of a device of kind 'vela' needs `{key}`. "
                "See ethos-u55.toml for an example."
            )
    ini = vela_ini()
    if ini is None:
        return
    systems, memories = _sections(ini)
    family = "_".join(configuration.accelerator.split("-")[:2])  # "ethos_u55"
    fitting = [name for name in systems if name.lower().startswith(f"{family}_")]
    if configuration.system not in systems:
        raise unknown_name("system configuration of Vela", configuration.system, fitting or systems)
    if configuration.memory not in memories:
        raise unknown_name("memory mode of Vela", configuration.memory, memories)
    if configuration.system not in fitting:
        raise UsageError(
            f"Configuration {configuration.name!r}: {configuration.system!r} is not a system of the accelerator "
            f"{configuration.accelerator!r}. Expected one of {', '.join(fitting) or 'none'}."
        )


@lru_cache(maxsize=4)
def _sections(ini: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    parser = configparser.ConfigParser()
    try:
        parser.read_string(ini.read_text(encoding="utf-8"))
    except (OSError, configparser.Error) as error:
        raise EdgenasError(
            f"{ini} cannot be read: {error}. Install it anew: pip install 'edgenas[vela]'"
        ) from error
    found = [section.partition(".") for section in parser.sections()]
    return (
        tuple(name for kind, _, name in found if kind == "System_Config"),
        tuple(name for kind, _, name in found if kind == "Memory_Mode"),
    )


def _readable(model: Path) -> OpGraph:
    """Vela crashes on damaged files and takes a compiled one for a network on the CPU: both are told before."""
    graph = read_tflite(model)
    compiled = next((o.type for o in graph.operators if o.type in (CUSTOM_OPERATOR, "edgetpu-custom-op")), "")
    if compiled:
        raise UsageError(
            f"{model} is compiled already: its operators are hidden in {compiled!r}. Give the .tflite that it was "
            "compiled from."
        )
    return graph


def _run(
    model: Path, configuration: Configuration, folder: Path, timeout_seconds: float, command: Sequence[str]
) -> str:
    # A name of our own: what the compiler writes is named after its input.
    copy = folder / "model.tflite"
    shutil.copyfile(model, copy)
    log_file = folder / "log.txt"
    # `--show-cpu-operations` is left out: it crashes version 5.2.0 on networks with ARG_MAX (KeyError '0'), and the
    # per-layer table tells the same.
    arguments = [
        *command, str(copy), "--config", _CONFIG, "--accelerator-config", configuration.accelerator,
        "--system-config", configuration.system, "--memory-mode", configuration.memory, "--verbose-performance",
        "--enable-debug-db", "--output-dir", str(folder / "out"),
    ]  # fmt: skip
    with log_file.open("wb") as log:
        try:
            done = subprocess.run(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                timeout=timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise EdgenasError(
                f"Vela did not finish {model} within {timeout_seconds:g} seconds; it was stopped. Usual networks take "
                "one second: try the network in parts, or give it more time."
            ) from error
        except OSError as error:
            raise EdgenasError(
                f"Vela cannot be started ({command[0]}): {error.strerror or error}."
            ) from error
    text = ""
    with contextlib.suppress(OSError):
        text = log_file.read_text(encoding="utf-8", errors="replace")
    if done.returncode:
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        raise EdgenasError(
            f"Vela cannot compile {model} for {configuration.accelerator} ({how}): {_tail(text)}"
        )
    return text


def _read(graph: OpGraph, configuration: Configuration, folder: Path, log: str, version: str) -> VelaResult:
    out = folder / "out"
    summary = read_summary(out / f"model_summary_{configuration.system}.csv")
    steps = read_steps(out / "model_per-layer.csv", out / "model_debug.xml")

    def number(key: str) -> float:
        return float(summary[key])

    cycles = VelaCycles(
        npu=int(number("cycles_npu")),
        sram=int(number("cycles_sram_access")),
        dram=int(number("cycles_dram_access")),
        flash=int(number("cycles_on_chip_flash_access") + number("cycles_off_chip_flash_access")),
        total=int(number("cycles_total")),
    )
    try:
        compiled = read_tflite(folder / _COMPILED)
    except UsageError as error:
        raise EdgenasError(f"Vela wrote no usable file ({error}). Its last words: {_tail(log)}") from error
    operators = operators_of(graph, steps, read_reasons(log))
    listed = sum(step.cycles.total for step in steps)
    subgraphs = sum(operator.type == CUSTOM_OPERATOR for operator in compiled.operators)
    on_cpu = (sum(step.on_cpu for step in steps), len(compiled.operators) - subgraphs)
    if listed != cycles.total or on_cpu[0] != on_cpu[1]:
        raise EdgenasError(
            f"Vela's reports do not agree: its steps sum up to {listed} cycles and leave {on_cpu[0]} operators to the "
            f"CPU, its summary says {cycles.total} cycles, and its file holds {on_cpu[1]} operators outside of the NPU."
        )
    if any(step.on_cpu and step.source is None for step in steps):
        raise EdgenasError("Vela leaves operators to the CPU, but its debug database does not tell which.")
    return VelaResult(
        accelerator=configuration.accelerator,
        system=configuration.system,
        memory=configuration.memory,
        version=version,
        clock_mhz=number("core_clock") / 1e6,
        cycles=cycles,
        sram_bytes=round(number("sram_memory_used") * _KIB),
        dram_bytes=round(number("dram_memory_used") * _KIB),
        flash_bytes=round(
            (number("on_chip_flash_memory_used") + number("off_chip_flash_memory_used")) * _KIB
        ),
        macs=int(number("nn_macs")),
        parameter_bytes=int(number("total_original_weights")),
        encoded_bytes=int(number("total_npu_encoded_weights")),
        parameters_in=str(summary.get("weights_storage_area", "")),
        npu_subgraphs=subgraphs,
        operators=operators,
        unattributed_cycles=listed - sum(o.cycles.total for o in operators),
    )


def _tail(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return " | ".join(lines[-2:])[-500:] if lines else "it printed nothing"
