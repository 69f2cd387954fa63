"""Small real .tflite files, and a fake worker process that behaves as its model's name says."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@dataclass(frozen=True)
class TinyModels:
    """Files by data type: a network with every operator kind in the delegate, and one with an operator outside."""

    delegated: dict[str, Path]
    partitioned: dict[str, Path]

    def all(self) -> list[Path]:
        return [*self.delegated.values(), *self.partitioned.values()]


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> TinyModels:
    pytest.importorskip("tensorflow", reason="building .tflite files needs TensorFlow")
    folder = tmp_path_factory.mktemp("tiny_models")
    networks = {"delegated": _delegated_network(), "partitioned": _partitioned_network()}
    files: dict[str, dict[str, Path]] = {}
    for name, network in networks.items():
        files[name] = {}
        for dtype in ("float32", "int8"):
            path = folder / f"{name}_{dtype}.tflite"
            path.write_bytes(_convert(network, int8=dtype == "int8"))
            files[name][dtype] = path
    return TinyModels(**files)


def _delegated_network() -> Any:
    import keras

    layers = keras.layers
    image = keras.Input((64, 96, 3), batch_size=1)
    x = layers.Conv2D(16, 3, 2, padding="same", activation="relu6")(image)
    y = layers.Conv2D(64, 1, activation="relu6")(x)
    y = layers.DepthwiseConv2D(3, padding="same", activation="relu6")(y)
    y = layers.Conv2D(16, 1)(y)
    x = layers.Add()([x, y])
    down = layers.MaxPooling2D(2)(x)
    down = layers.DepthwiseConv2D(5, padding="same", activation="relu6")(down)
    up = layers.UpSampling2D(2, interpolation="bilinear")(down)
    fused = layers.Add()([layers.Rescaling(0.37)(x), layers.Rescaling(0.21)(up)])
    fused = layers.ReLU(6)(fused)
    fused = layers.Conv2D(32, 3, padding="same", activation="relu6")(fused)
    first = layers.UpSampling2D(2, interpolation="bilinear")(layers.Conv2D(13, 1)(fused))
    second = layers.UpSampling2D(2, interpolation="bilinear")(layers.Conv2D(1, 1)(fused))
    return keras.Model(image, {"segmentation": first, "depth": second})


def _partitioned_network() -> Any:
    """RESIZE_NEAREST_NEIGHBOR is not delegated; the second head does not depend on it and runs before it."""
    import keras
    import tensorflow as tf

    class Nearest(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return tf.image.resize(x, (x.shape[1] * 2, x.shape[2] * 2), method="nearest")

    layers = keras.layers
    image = keras.Input((32, 48, 3), batch_size=1)
    x = layers.Conv2D(16, 3, 2, padding="same", activation="relu6")(image)
    y = layers.Conv2D(16, 3, 2, padding="same", activation="relu6")(x)
    first = layers.Conv2D(4, 1)(layers.Add()([Nearest()(y), x]))
    second = layers.Conv2D(3, 1)(layers.DepthwiseConv2D(3, padding="same")(x))
    return keras.Model(image, {"depth": first, "normals": second})


def _convert(network: Any, *, int8: bool) -> bytes:
    import tensorflow as tf

    shape = network.inputs[0].shape
    traced = tf.function(lambda image: network(image, training=False)).get_concrete_function(
        tf.TensorSpec(shape, tf.float32)
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced])
    if int8:
        rng = np.random.default_rng(0)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            [rng.uniform(-1, 1, shape).astype(np.float32)] for _ in range(4)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


_FAKE_WORKER = """
import json, os, pathlib, signal, sys, time
folder = pathlib.Path(__file__).parent
with (folder / "starts").open("a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
with (folder / "pids").open("a") as log:
    log.write(f"{os.getpid()}\\n")
turn = len((folder / "starts").read_text().splitlines())
def say(**answer): print(json.dumps(answer), flush=True)
say(kind="ready", load_average=0.5, notes=[])
for line in sys.stdin:
    job = json.loads(line)
    name = pathlib.Path(job["model"]).read_bytes()[8:].decode().split(".")[0]
    with (folder / "jobs").open("a") as log:
        log.write(f"{turn} {name}\\n")
    number = job["id"]
    if name == "crash" or (name == "crash_later" and turn > 1):
        os.kill(os.getpid(), signal.SIGSEGV)
    if name == "exit":
        print("out of cheese", file=sys.stderr); sys.exit(3)
    if name == "hang":
        time.sleep(60)
    if name == "garbage":
        print("Segmentation is fun", flush=True)
    if name == "wrong_job":
        say(id=number + 1, kind="done"); continue
    if name == "error":
        say(id=number, kind="error", error="ValueError: no"); continue
    slow = 10.0 + (turn if name == "noisy" else 0.001 * turn)
    facts = {"interrupted": 0.6, "governor": "ondemand", "temperature_c": [50.0, 51.5], "runtime": "tflite-runtime"}
    say(id=number, kind="latency", repeats_ms=[slow, slow + 0.2, slow + 0.1], notes=["a note"],
        **({"facts": facts} if name == "busy" else {}))
    if job["operators"]:
        if name == "profile_crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        say(id=number, kind="operators", events=[["Add (ND)", 11.0 - 0.1 * turn]], note="")
    say(id=number, kind="done")
"""


@dataclass(frozen=True)
class FakeWorker:
    """A worker program in a folder that also logs its starts and jobs."""

    folder: Path

    @property
    def command(self) -> tuple[str, ...]:
        return (sys.executable, "-S", str(self.folder / "worker.py"))

    def model(self, name: str) -> Path:
        """A file that passes for a model; the fake worker acts on its name."""
        path = self.folder / f"{name}.tflite"
        path.write_bytes(b"\x1c\0\0\0TFL3" + name.encode())
        return path

    def jobs(self) -> list[str]:
        return (self.folder / "jobs").read_text(encoding="utf-8").splitlines()

    def starts(self) -> list[str]:
        return (self.folder / "starts").read_text(encoding="utf-8").splitlines()

    def pids(self) -> list[str]:
        return (self.folder / "pids").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def fake_worker(tmp_path: Path) -> FakeWorker:
    (tmp_path / "worker.py").write_text(_FAKE_WORKER, encoding="utf-8")
    return FakeWorker(tmp_path)
