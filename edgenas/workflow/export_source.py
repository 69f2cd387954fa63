"""What an export starts from: a run, a folder of `edgenas train`, a .keras file, an architecture and its weights."""

from __future__ import annotations

import shlex
import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from edgenas.errors import UsageError, no_such_file
from edgenas.runtime import start_tensorflow
from edgenas.space import Architecture
from edgenas.storage import read_json
from edgenas.workflow.data import DataRequest, OpenData
from edgenas.workflow.runs import RunFolder, newest_run
from edgenas.workflow.train import TrainedNetwork, load_trained

__all__ = ["ExportSource"]

_WEIGHTS = ".weights.h5"


@dataclass(frozen=True)
class ExportSource:
    """A trained network on disk.

    Attributes:
        path: its .keras file, or .weights.h5 file with an architecture.
        folder: where its export goes when nobody says where.
        architecture: what it is; None for a network of another tool.
        run: the run that found it; None without one.
        height: rows of the network to export; None for those that it was trained with.
        width: columns, likewise.
        fingerprint: that of the data that it was trained on; empty where nothing says so.
        data: how they were named.
    """

    path: Path
    folder: Path
    architecture: Architecture | None = None
    run: RunFolder | None = None
    height: int | None = None
    width: int | None = None
    fingerprint: str = ""
    data: str = ""

    @classmethod
    def find(
        cls, place: Path | None, *, trained: Path | None = None, architecture: Path | None = None
    ) -> ExportSource:
        """Finds the network that a user names.

        Args:
            place: run folder, .keras file or .weights.h5 file; the newest run where nothing else is given either.
            trained: folder of `edgenas train --out` instead.
            architecture: .json file of the architecture, for files that do not stand in such a folder.

        Raises:
            UsageError: there is none, or too much is given.
        """
        if trained is not None:
            if place is not None or architecture is not None:
                given = place or f"--architecture {architecture}"
                raise UsageError(f"Give either a run or --trained. Received {given} and --trained {trained}.")
            return cls.of(load_trained(trained))
        if place is not None and (place.suffix == ".keras" or place.name.endswith(_WEIGHTS)):
            return cls._of_file(place, architecture)
        if architecture is not None:
            raise UsageError(
                f"--architecture says what the weights of a file are; give the file, MODEL.keras or NAME{_WEIGHTS}. "
                f"Received {place or 'no file'}."
            )
        run = RunFolder(place or newest_run())
        network = load_trained(run.train)
        return cls(network.model_path, run.export, network.architecture, run)

    @classmethod
    def of(cls, network: TrainedNetwork) -> ExportSource:
        """That of a finished training."""
        stored = read_json(network.folder / "metrics.json", "training result")
        return cls(
            network.model_path,
            network.folder,
            network.architecture,
            fingerprint=str((stored.get("identity") or {}).get("data") or ""),
            data=str((stored.get("data") or {}).get("source") or ""),
        )

    @classmethod
    def _of_file(cls, path: Path, architecture: Path | None) -> ExportSource:
        if not path.is_file():
            raise no_such_file(path)
        if architecture is not None:
            return cls(path, path.parent, Architecture.load(architecture))
        if path.name == "model.keras" and (path.parent / "metrics.json").exists():
            return cls.of(load_trained(path.parent))
        if path.name.endswith(_WEIGHTS):
            raise UsageError(
                f"{path} holds weights without a network. Say which one with --architecture FILE.json (`edgenas space "
                "sample` and `edgenas search` write such files)."
            )
        return cls(path, path.parent)

    @property
    def name(self) -> str:
        """Stem of the exported files when nobody says it."""
        return f"edgenas_{self.architecture.hash[:8]}" if self.architecture else self.path.stem

    def at(self, height: int | None, width: int | None) -> ExportSource:
        """The same weights in a network of another input size.

        Raises:
            UsageError: the architecture does not fit that size.
        """
        arch = self.architecture
        if arch is not None and (height or width):
            arch = replace(
                arch, input_height=height or arch.input_height, input_width=width or arch.input_width
            )
        return replace(self, architecture=arch, height=height, width=width)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks of its heads."""
        return self.architecture.tasks if self.architecture else tuple(sorted(self.model.output))

    @property
    def device(self) -> str:
        """Device to predict and measure on when nobody says one: the run's, else this machine; "none" for none."""
        if self.run is None:
            return "host"
        from edgenas.search.config import read_config

        return read_config(self.run.root)["device"] or "host"

    def training_data(self, request: DataRequest) -> OpenData:
        """The data of the run; of a network without one those of the request, in the size of its training.

        Args:
            request: source, tasks and numbers of frames; of a run it does not count.

        Raises:
            UsageError: they do not exist, have another size, or are not those of the run any more.
        """
        if self.run is not None:
            from edgenas.search.config import read_config

            return OpenData.reopen(read_config(self.run.root)["data"])
        sized = self if self.architecture else self.at(request.height, request.width)
        return sized.open_data(
            request.source,
            tasks=request.tasks,
            frames=request.frames,
            validation_frames=request.validation_frames,
        )

    def open_data(
        self,
        data: str,
        *,
        tasks: tuple[str, ...] | None = None,
        frames: int | None = None,
        validation_frames: int | None = None,
    ) -> OpenData:
        """Opens the data of a network that comes without a run, in the size that it was trained with.

        Args:
            data: see `load_dataset`.
            tasks: tasks to open; None for those of the network.
            frames: number of training frames; None for the default.
            validation_frames: number of validation frames; None for the default.

        Raises:
            UsageError: they do not exist, or have another size.
        """
        arch = self.architecture
        height, width = (arch.input_height, arch.input_width) if arch else self.model.input_shape[1:3]
        return DataRequest(data, tasks or self.tasks, height, width, frames, validation_frames).open()

    @cached_property
    def model(self) -> Any:
        """The Keras model, its outputs a dictionary by task.

        Raises:
            UsageError: the file is damaged or holds other weights than those of the architecture.
            MissingDependencyError: TensorFlow is not installed.
        """
        start_tensorflow()
        if self.path.name.endswith(_WEIGHTS) and self.architecture is not None:
            return self._with_weights(self.architecture)
        from edgenas.evaluation.keras_file import load_keras

        arch = self.architecture
        if arch is None:
            return load_keras(self.path, self.height, self.width)
        model = load_keras(self.path)
        if tuple(model.input_shape[1:3]) == (arch.input_height, arch.input_width):
            return model
        from edgenas.networks import build_model

        built = build_model(arch)
        weights, expected = model.get_weights(), [tuple(v.shape) for v in built.weights]
        if [w.shape for w in weights] != expected:
            raise self._other_weights(
                f"{len(weights)} tensors, of which some differ from the {len(expected)} expected"
            )
        built.set_weights(weights)
        return built

    def _with_weights(self, architecture: Architecture) -> Any:
        from edgenas.networks import build_model

        model = build_model(architecture)
        try:
            # Keras only warns of layers that the file does not have.
            with warnings.catch_warnings(action="error", category=UserWarning):
                model.load_weights(self.path)
        # Keras raises whatever its parts make of a damaged or foreign file.
        except Exception as error:
            raise self._other_weights(" ".join(str(error).split())[:300]) from error
        return model

    def _other_weights(self, reason: str) -> UsageError:
        return UsageError(
            f"The weights of {self.path} belong to another architecture, or the file is damaged: {reason}. Look at the "
            f"architecture with: edgenas predict {shlex.quote('FILE.json')} --device host"
        )
