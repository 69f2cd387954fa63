"""An archive's label sets must say the same, also those that are not opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgenas.datasets.classes import NYUV2_13_OF_40, VOID
from edgenas.datasets.inspection import inspect_data


def test_the_other_label_set_of_an_archive_is_compared(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    forty = np.kron(rng.integers(0, 40, (9, 8, 12)), np.ones((8, 8), int)).astype(np.uint8)
    forty[:, :8] = VOID
    table = np.append(np.array(NYUV2_13_OF_40, np.uint8), np.full(VOID - 39, VOID, np.uint8))
    arrays = {"image": rng.integers(0, 256, (9, 64, 96, 3), dtype=np.uint8), "seg13": table[forty]}
    path = tmp_path / "a.npz"
    for broken in (False, True):
        if broken:
            forty[2] = forty[2, :, ::-1].copy()
        np.savez(path, **arrays, seg40=forty)
        for source in (str(path), f"{path}#seg40"):
            found = [f for f in inspect_data(source).findings if f.check == "label-sets"]
            assert [(f.split, f.frames) for f in found] == ([("train", ("1",))] if broken else [])
