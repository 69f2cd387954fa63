"""`edgenas predict`: the latency of a network by the predictor of a device; needs neither TensorFlow nor the device."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenas.device_profiles import Configuration, DeviceProfile
from edgenas.errors import UsageError
from edgenas.graph import OpGraph, graph_of, parse_tflite, read_tflite
from edgenas.latency_models import LatencyEstimate, LatencyPredictor, find_predictor_folder, machine_warning
from edgenas.latency_models.predictor_file import read_card
from edgenas.space import Architecture

if TYPE_CHECKING:
    import keras

__all__ = ["OpenPredictor", "network_graph", "open_predictor"]

# Custom operators that compilers put whole networks into, with where their sources usually are.
_COMPILED = {
    "edgetpu-custom-op": "edgetpu_compiler appends _edgetpu to its name",
    "ethos-u": "Vela appends _vela to its name",
}


@dataclass(frozen=True)
class OpenPredictor:
    """The predictor of one configuration of a device.

    Attributes:
        predictor: predicts.
        card: its card, empty where it has none.
        warning: what to tell before its numbers are used, "" for nothing.
    """

    predictor: LatencyPredictor
    card: Mapping[str, Any]
    warning: str

    def graph(self, network: Architecture | OpGraph | Path | keras.Model) -> OpGraph:
        """The operators of a network as this device runs them; see `network_graph`."""
        return network_graph(network, self.predictor.dtype)

    def predict(self, network: Architecture | OpGraph | Path | keras.Model) -> LatencyEstimate:
        """The latency of a network; the errors are those of `network_graph`."""
        return self.predictor.predict(self.graph(network))


def open_predictor(
    profile: DeviceProfile, configuration: Configuration, folder: Path | None = None
) -> OpenPredictor:
    """Finds and reads the predictor of a device.

    Args:
        profile: the device.
        configuration: one of its configurations.
        folder: a predictor to take instead of the user's or the shipped one.

    Raises:
        UsageError: there is none yet, or it is damaged.
    """
    found = find_predictor_folder(profile, folder, configuration.name)
    warning = machine_warning(profile, folder, configuration.name)
    return OpenPredictor(LatencyPredictor.load(found), read_card(found), warning)


def network_graph(network: Architecture | OpGraph | Path | keras.Model, dtype: str) -> OpGraph:
    """The operators of a network.

    Args:
        network: an architecture, its .json file, a .tflite file, a Keras model with a dictionary of outputs, or
            operators as they are.
        dtype: number format of an architecture, "int8" or "float32"; a file has its own.

    Raises:
        UsageError: there is no such file, it is damaged, or a compiler has hidden its operators; or what is given is no
            network.
        EdgenasError: the Keras model cannot be converted.
    """
    if isinstance(network, OpGraph):
        return network
    if isinstance(network, Architecture):
        return graph_of(network, dtype)
    if not isinstance(network, Path):
        return _keras_graph(network, dtype)
    if network.suffix == ".json":
        return graph_of(Architecture.load(network), dtype)
    graph = read_tflite(network)
    compiled = next((o.type for o in graph.operators if o.type in _COMPILED), None)
    if compiled is not None:
        raise UsageError(
            f"{network} is compiled: its operators are hidden in {compiled!r}, so nothing can be said of them. Give "
            f"the .tflite that it was compiled from ({_COMPILED[compiled]})."
        )
    return graph


def _keras_graph(model: Any, dtype: str) -> OpGraph:
    # Who has a Keras model has imported Keras.
    keras = sys.modules.get("keras")
    if keras is None or not isinstance(model, keras.Model):
        raise UsageError(
            "Invalid argument `network`. Expected an Architecture, a Keras model or the path of a .json or .tflite "
            f"file. Received {type(model).__name__}."
        )
    from edgenas.workflow.fresh_export import convert_fresh

    return parse_tflite(convert_fresh(model, dtype), model.name)
