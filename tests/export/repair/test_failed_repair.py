"""A repair that does not help enough: nothing is written, or with --keep the best file and the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgenas.runtime import start_tensorflow

start_tensorflow()

from edgenas.datasets import Dataset  # noqa: E402
from edgenas.errors import EdgenasError  # noqa: E402
from edgenas.export.exporter import export_network  # noqa: E402
from edgenas.export.repair import loop  # noqa: E402
from edgenas.export.request import ExportRequest  # noqa: E402
from edgenas.space import Architecture  # noqa: E402


def test_nothing_is_written_unless_it_is_kept(
    splits: tuple[Dataset, Dataset],
    architecture: Architecture,
    model: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "STEPS", loop.STEPS[2:3])
    monkeypatch.setattr(loop, "_worst", lambda mended: 5.0)  # No step helps.
    settings: dict[str, Any] = {"repair": True, "engine": "tensorflow", "calibration_frames": 16}
    with pytest.raises(EdgenasError, match=r"add most noise: .*--allow-mixed.*--keep"):
        export_network(model, architecture, *splits, ExportRequest(tmp_path / "out", "net", **settings))
    assert not list((tmp_path / "out").iterdir())
    kept = export_network(
        model, architecture, *splits, ExportRequest(tmp_path / "out", "net", keep=True, **settings)
    )
    assert kept.files["int8"].path.exists()
    section = kept.sections["repair"]
    assert section["failed"].startswith("The int8 file's ")
    assert [(step["step"], step["kept"]) for step in section["steps"]] == [
        ("as converted", True), ("bias correction", False),
    ]  # fmt: skip
    assert kept.sections["operator_errors"]["frames"] == len(splits[1])
    assert {"number", "type", "name", "sqnr_db", "added_noise"} <= set(
        kept.sections["operator_errors"]["operators"][0]
    )
    assert kept.sections["calibration"]["frames"] == 16 and kept.sections["calibration"]["warnings"]
