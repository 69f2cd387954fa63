"""--max-sram-kib: an estimate first, Vela's own figure where that passes, each network once; all of it simulated."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgenas.errors import EdgenasError, UsageError
from edgenas.graph import graph_of
from edgenas.space import Architecture, load_space
from edgenas.workflow import vela_memory
from edgenas.workflow.vela_memory import SRAM_FILE, VelaMemory, sram_device, sram_requirement

pytest.importorskip("ethosu.vela", reason="needs ethos-u-vela: pip install 'edgenas[vela]'")

U55 = "ethos-u55-128"


def networks(count: int, shape: tuple[int, int] = (32, 64)) -> list[Architecture]:
    space, rng = load_space("demo", ("depth",)), np.random.default_rng(0)
    drawn = [space.default(), *(space.sample(rng) for _ in range(count - 1))]
    return [space.architecture(d, input_shape=shape, head_channels={"depth": 1}) for d in drawn]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Networks that Vela is asked about; it says 500 KiB of each, and fails on the third."""
    found: list[str] = []

    def ask(self: VelaMemory, architecture: Architecture) -> float | str:
        found.append(architecture.hash)
        return "Vela cannot compile it" if len(found) == 3 else 500.0

    monkeypatch.setattr(VelaMemory, "_ask", ask)
    return found


def test_the_real_figure_lies_above_the_estimate(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="exporting needs TensorFlow")
    (network,) = networks(1)
    memory = VelaMemory(U55, tmp_path)
    found, least = memory.kib(network), memory.at_least_kib(network)
    assert isinstance(found, float) and least is not None
    assert least == pytest.approx(0.9 * graph_of(network, "int8").peak_activation_bytes / 1024)
    assert least < found < 1.5 * least
    assert sram_requirement(found, memory).problem(network) == ""
    expected = f"{found:,.1f} KiB of SRAM on {U55} (simulated), more than --max-sram-kib {found - 0.01:.10g}"
    assert sram_requirement(found - 0.01, memory).problem(network).startswith(expected[:40])
    (row,) = [json.loads(line) for line in (tmp_path / SRAM_FILE).read_text().splitlines()]
    assert row == {"hash": network.hash, "device": U55, "sram_kib": found, "error": "", "source": "simulated"}


def test_each_network_is_asked_for_once_and_kept(tmp_path: Path, asked: list[str]) -> None:
    three = networks(3)
    requirement = sram_requirement(499.0, VelaMemory(U55, tmp_path))
    problems = [requirement.problem(n) for n in (*three, *three)]
    assert len(asked) == 3 and problems[:3] == problems[3:]
    assert problems[0] == f"500.0 KiB of SRAM on {U55} (simulated), more than --max-sram-kib 499"
    assert problems[2] == f"no figure for its SRAM on {U55}: Vela cannot compile it"
    again = sram_requirement(501.0, VelaMemory(U55, tmp_path))  # A resumed search.
    assert [bool(again.problem(n)) for n in three] == [False, False, True] and len(asked) == 3
    VelaMemory("ethos-u55-256", tmp_path).kib(three[0])
    assert len(asked) == 4  # Another NPU is another figure.


def test_what_cannot_fit_is_not_exported(asked: list[str]) -> None:
    (large,) = networks(1, (256, 512))
    requirement = sram_requirement(60.0, VelaMemory(U55, None))
    assert requirement.problem(large).startswith(
        "at least "
    ) and "(estimated from the graph)" in requirement.problem(large)
    assert asked == [] and requirement.bound is not None
    assert requirement.bound.amount(large) > requirement.bound.limit == 60.0
    assert requirement.bound.wanted == "--max-sram-kib ethos-u55-128=60"
    # Where the SRAM is a cache in front of a DRAM, the graph says nothing.
    cached = VelaMemory("ethos-u65-256", None)
    assert cached.at_least_kib(large) is None and sram_requirement(60.0, cached).bound is None


def test_which_device_is_meant() -> None:
    assert sram_device(None, ["host-int8-1t", "ethos-u55-256", U55]) == "ethos-u55-256"
    assert sram_device("ethos-u85", ["host-int8-1t"]).startswith("ethos-u85-")
    with pytest.raises(
        UsageError, match=r"no device of this search is one\. Name it: --max-sram-kib ethos-u55-128=256"
    ):
        sram_device(None, ["host-int8-1t"])
    with pytest.raises(UsageError, match="Vela does not simulate host"):
        sram_device("host", [U55])
    with pytest.raises(UsageError, match="Unknown device 'ethos-u56'"):
        sram_device("ethos-u56", [])


def test_an_export_that_fails_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise EdgenasError("no such layer")

    monkeypatch.setattr(vela_memory, "export_fresh", broken)
    assert VelaMemory(U55, None).kib(networks(1)[0]) == "no such layer"


def test_a_disk_that_is_full_costs_the_memory_of_it_alone(
    monkeypatch: pytest.MonkeyPatch, asked: list[str], tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise EdgenasError("No space left")

    monkeypatch.setattr(vela_memory, "append_jsonl", full)
    memory = VelaMemory(U55, tmp_path)
    (network,) = networks(1)
    assert memory.kib(network) == memory.kib(network) == 500.0 and len(asked) == 1
