"""A small network, trained and exported once, and the command line in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner


class Trained(NamedTuple):
    """Folders of one network.

    Attributes:
        run: what `edgenas train --out` leaves.
        export: what `edgenas export` leaves.
        archive: the data.
    """

    run: Path
    export: Path
    archive: Path


@pytest.fixture(scope="session")
def trained(tiny_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Three tasks, 32x64, twelve steps."""
    from edgenas.export.request import ExportRequest
    from edgenas.space import load_space
    from edgenas.training.config import load_training_preset
    from edgenas.workflow.data import DataRequest
    from edgenas.workflow.export import export_trained
    from edgenas.workflow.export_source import ExportSource
    from edgenas.workflow.train import train_network

    data = DataRequest(str(tiny_archive)).open()
    space = load_space("demo", data.tasks)
    info = data.train.info
    network = space.architecture(space.default(), input_shape=(32, 64), head_channels=info.head_channels)
    root = tmp_path_factory.mktemp("trained")
    config = load_training_preset("proxy", iterations=12, batch_size=4)
    done = train_network(network, data, config, root / "net")
    request = ExportRequest(root / "export", "net", device=None, calibration_frames=8)
    export_trained(ExportSource.of(done), data, request)
    return Trained(root / "net", root / "export", tiny_archive)


@pytest.fixture
def evaluate_command() -> Callable[..., tuple[str, str]]:
    """`evaluate_command(*arguments)`: (stdout, stderr) of `edgenas evaluate`; its errors are raised."""
    from edgenas.cli.evaluate import command

    def run(*arguments: object) -> tuple[str, str]:
        result = CliRunner().invoke(
            command, [str(a) for a in arguments], catch_exceptions=False, standalone_mode=False
        )
        if result.exception is not None:
            raise result.exception
        return result.stdout, result.stderr

    return run
