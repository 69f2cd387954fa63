"""The engine that errs less wins; of those that are alike the one with fewer operators."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgenas.errors import EdgenasError
from edgenas.export import choice
from edgenas.export.candidate import Candidate
from edgenas.export.choice import Compared, best_of, convert_best, describe, mean_sqnr_db
from edgenas.export.verify import HeadError


def compared(engine: str, noise: float, data: bytes = b"") -> Compared:
    error = HeadError()
    error.add(np.ones((1, 4, 4, 2)), np.full((1, 4, 4, 2), 1.0 + noise))
    run: Any = None
    return Compared(Candidate(data, "int8", engine), Path("net"), run, {"depth": error})


def test_the_smaller_error_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {b"": 10, b"more": 12}
    monkeypatch.setattr(choice, "parse_tflite", lambda data: SimpleNamespace(operators=range(counts[data])))
    better, worse = compared("tensorflow", 0.01), compared("litert-quantizer", 0.02)
    assert mean_sqnr_db(better.errors) == pytest.approx(40.0) and mean_sqnr_db(worse.errors) < 35
    assert best_of([worse, better]) is better
    alike = compared("litert-quantizer", 0.01001)
    assert best_of([better, alike]) is better
    assert best_of([compared("tensorflow", 0.01, b"more"), alike]) is alike
    told = describe([better, worse], better, {}, "auto")
    assert told["chosen"] == "tensorflow"
    assert told["tried"]["litert-quantizer"]["heads"]["depth"]["max_abs"] == pytest.approx(0.02)


class Bench:
    """Takes any candidate but those that a name says are broken."""

    def compare(self, candidate: Candidate) -> Compared:
        return compared(candidate.engine, 0.01)


def made(*broken: str) -> Any:
    def convert(model: Any, *, format: str, engine: str, **_: Any) -> Candidate:
        if engine in broken:
            raise EdgenasError(f"{engine} failed")
        return Candidate(b"", format, engine)

    return convert


def test_auto_lives_without_the_second_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    bench: Any = Bench()
    monkeypatch.setattr(choice, "parse_tflite", lambda data: SimpleNamespace(operators=()))
    monkeypatch.setattr(choice, "convert", made())
    monkeypatch.setattr(choice, "is_installed", lambda: False)
    chosen, told = convert_best(None, "int8", engine="auto", bench=bench)
    assert chosen.candidate.engine == "tensorflow"
    assert "pip install 'edgenas[quant]'" in told["tried"]["litert-quantizer"]["failed"]
    monkeypatch.setattr(choice, "is_installed", lambda: True)
    monkeypatch.setattr(choice, "convert", made("litert-quantizer"))
    chosen, told = convert_best(None, "int8", engine="auto", bench=bench)
    assert told["tried"]["litert-quantizer"] == {"failed": "litert-quantizer failed"}
    with pytest.raises(EdgenasError, match=r"^litert-quantizer failed"):
        convert_best(None, "int8", engine="litert-quantizer", bench=bench)
    monkeypatch.setattr(choice, "convert", made("litert-quantizer", "tensorflow"))
    with pytest.raises(EdgenasError, match="tensorflow failed litert-quantizer failed"):
        convert_best(None, "int8", engine="auto", bench=bench)
