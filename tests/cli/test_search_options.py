"""`edgenas search`: which search its options ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgenas.cli import search
from edgenas.cli.main import main
from edgenas.search import ALGORITHMS, SearchResult
from edgenas.workflow import search as workflow
from edgenas.workflow.search_request import SearchRequest


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[SearchRequest]:
    """What `start_search` is called with; it searches nothing."""
    requests: list[SearchRequest] = []

    def start_search(request: SearchRequest, run_dir: Path, **_: Any) -> SearchResult:
        requests.append(request)
        return SearchResult(
            run_dir,
            None,
            None,
            None,
            (),
            4,
            0,
            0,
            3,
            max_parameters=9000,
            max_activation_kib=64.5,
            algorithm="tpe",
        )

    monkeypatch.setattr(workflow, "start_search", start_search)
    monkeypatch.chdir(tmp_path)
    return requests


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["search", *arguments])
    return int(stop.value.code or 0)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ("evolution", 50, 12, 2)),
        (("--trials", "8"), ("evolution", 8, 4, 2)),
        (("--preset", "paper"), ("evolution", 2000, 50, 10)),
        (("--preset", "paper", "--trials", "100"), ("evolution", 100, 50, 10)),
        (("--preset", "paper", "--population", "20", "--tournament", "3"), ("evolution", 2000, 20, 3)),
        (("--preset", "paper", "--population", "6"), ("evolution", 2000, 6, 6)),
        (("--algorithm", "nsga2", "--population", "30"), ("nsga2", 50, 30, 6)),
        (("--algorithm", "tpe", "--preset", "paper"), ("tpe", 2000, 50, 10)),
    ],
)
def test_algorithm_and_sizes(
    asked: list[SearchRequest], arguments: tuple[str, ...], expected: tuple[str, int, int, int]
) -> None:
    assert run(*arguments) == 0
    (request,) = asked
    assert (request.algorithm, request.trials, request.population, request.tournament) == expected


def test_limits(asked: list[SearchRequest], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--max-parameters", "9000", "--max-activation-kib", "64.5") == 0
    assert (asked[0].max_parameters, asked[0].max_activation_kib) == (9000, 64.5)
    out = capsys.readouterr().out
    assert "algorithm tpe" in out
    assert "at most 9,000 parameters, at most 64.5 KiB of activations; 3 networks rejected untrained" in out


def _devices(request: SearchRequest) -> list[tuple[object, ...]]:
    main = (request.device, request.configuration, request.predictor_dir, request.target_ms)
    return [main, *((d.device, d.configuration, d.predictor_dir, d.target_ms) for d in request.further)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", [("host", None, None, None)]),
        ("--device none", [(None, None, None, None)]),
        ("--target-ms 4", [("host", None, None, 4.0)]),
        ("--target-ms host=4", [("host", None, None, 4.0)]),
        (
            "--device edgetpu --configuration usb2 --predictor a=b --target-ms=4.5",
            [("edgetpu", "usb2", Path("a=b"), 4.5)],
        ),
        (
            "--device pixel4 --device edgetpu-usb2 --target-ms edgetpu-usb2=4 --target-ms pixel4=12",
            [("pixel4", None, None, 12.0), ("edgetpu-usb2", None, None, 4.0)],
        ),
        (
            "--device pixel4 --device host --configuration host=float32-1t --predictor pixel4=my/pre=dictor",
            [("pixel4", None, Path("my/pre=dictor"), None), ("host", "float32-1t", None, None)],
        ),
        (
            "--device ssh://pi@b?python=/x --device host --target-ms ssh://pi@b?python=/x=7",
            [("ssh://pi@b?python=/x", None, None, 7.0), ("host", None, None, None)],
        ),
    ],
)
def test_devices(asked: list[SearchRequest], arguments: str, expected: list[tuple[object, ...]]) -> None:
    assert run(*arguments.split()) == 0
    assert _devices(asked[0]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("256", (None, 256.0)), ("ethos-u55-128=96.5", ("ethos-u55-128", 96.5))],
)
def test_sram(asked: list[SearchRequest], text: str, expected: tuple[str | None, float]) -> None:
    assert run("--max-sram-kib", text) == 0
    assert (asked[0].sram_device, asked[0].max_sram_kib) == expected


def test_remeasure(asked: list[SearchRequest], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run() == 0 and run("--remeasure", "5") == 0
    assert [request.remeasure for request in asked] == [0, 5]
    resumed: list[object] = []

    def resume_search(run_dir: Path, *, remeasure: int | None, **_: Any) -> SearchResult:
        resumed.append(remeasure)
        return SearchResult(run_dir, None, None, None, (), 4, 0, 0)

    monkeypatch.setattr(workflow, "resume_search", resume_search)
    assert run("--resume", "x", "--remeasure", "3") == 0 and run("--resume", "x") == 0
    assert resumed == [3, None]


def test_metric_weights_are_handed_on(asked: list[SearchRequest]) -> None:
    assert run("--metric-weight", "depth=0", "--metric-weight", "segmentation.miou=2") == 0
    assert asked[0].metric_weights == ("depth=0", "segmentation.miou=2")


def test_schedule(asked: list[SearchRequest]) -> None:
    assert run("--proxy", "paper-proxy", "--iterations", "70") == 0
    assert (asked[0].proxy, dict(asked[0].schedule)) == ("paper-proxy", {"iterations": 70})


def test_pruning(asked: list[SearchRequest]) -> None:
    assert run("--pruner", "halving", "--first-rung", "30", "--reduction-factor", "3") == 0
    assert run() == 0
    pruning = [(r.pruner, r.first_rung, r.reduction_factor) for r in asked]
    assert pruning == [("halving", 30, 3), (None, None, None)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--target-ms", "0"), "Expected a positive number of milliseconds"),
        (("--target-ms", "nan"), "Received 'nan'"),
        (("--target-ms", "pixel4=3"), "Received 'pixel4=3'"),
        (("--target-ms", "3", "--target-ms", "4"), "--target-ms is given twice for host"),
        (("--device", "a", "--device", "b", "--target-ms", "3"), "must name one of the devices, such as"),
        (("--device", "a", "--device", "b", "--target-ms", "c=3"), "--target-ms a=3. The devices are a, b."),
        (("--device", "a", "--device", "none"), "Leave out either it or the other devices"),
        (("--device", "none", "--target-ms", "3"), "--target-ms is about a device"),
        (("--resume", "x", "--metric-weight", "depth=0"), "Received --metric-weight"),
        (
            ("--algorithm", "random", "--population", "9"),
            "--population has no meaning for --algorithm random",
        ),
        (("--algorithm", "nsga2", "--tournament", "9"), "take --algorithm evolution or oneshot."),
        (("--algorithm", "nsga"), "nsga2"),
        (("--reduction-factor", "1"), "--reduction-factor"),
        (("--pruner", "halvin"), "halving"),
        (("--max-parameters", "0"), "--max-parameters"),
        (("--max-activation-kib", "0"), "--max-activation-kib"),
        (("--max-sram-kib", "0"), "Expected a positive number of KiB"),
        (("--max-sram-kib", "=5"), "Received '=5'"),
        (("--max-sram-kib", "ethos-u55-128"), "Received 'ethos-u55-128'"),
        (("--resume", "x", "--algorithm", "tpe"), "Received --algorithm"),
    ],
)
def test_what_makes_no_sense_is_refused(
    asked: list[SearchRequest],
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err and asked == []


def test_the_command_knows_every_algorithm() -> None:
    option = next(p for p in search.command.params if p.name == "algorithm")
    assert tuple(option.type.choices) == ALGORITHMS  # type: ignore[attr-defined]
