"""Small real .tflite files that Vela puts onto the NPU, onto the CPU, or both; and a compiler that misbehaves."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.device_profiles.profile import Configuration

pytest.importorskip("ethosu.vela", reason="needs ethos-u-vela: pip install 'edgenas[vela]'")

U55_128 = Configuration(
    "128", accelerator="ethos-u55-128", system="Ethos_U55_High_End_Embedded", memory="Shared_Sram"
)


@pytest.fixture
def u55() -> Configuration:
    return U55_128


@dataclass(frozen=True)
class VelaModels:
    """Files: all on the NPU, float, a half-pixel x4 resize at the end, a float part within, ARG_MAX and a CAST."""

    npu: Path
    floating: Path
    resize4: Path
    float_part: Path
    argmax: Path


@pytest.fixture(scope="session")
def vela_models(tmp_path_factory: pytest.TempPathFactory) -> VelaModels:
    pytest.importorskip("tensorflow", reason="building .tflite files needs TensorFlow")
    import keras
    import tensorflow as tf

    from edgenas.export.engines.tensorflow import to_tflite

    layers = keras.layers
    image = keras.Input((32, 48, 3), batch_size=1, name="image")
    x = layers.Conv2D(8, 3, 2, padding="same", activation="relu6")(image)
    y = layers.DepthwiseConv2D(3, padding="same", activation="relu6")(x)
    down = layers.MaxPooling2D(2)(y)
    up = layers.UpSampling2D(2, interpolation="bilinear")(down)
    summed = layers.Add()([y, up])
    networks: dict[str, Any] = {
        "npu": layers.UpSampling2D(2, interpolation="bilinear")(layers.Conv2D(4, 1)(summed)),
        "resize4": layers.UpSampling2D(4, interpolation="bilinear")(x),
        "float_part": layers.Conv2D(4, 3, padding="same")(
            layers.Lambda(lambda t: tf.math.cumsum(t, axis=1))(x)
        ),
        "argmax": layers.Lambda(lambda t: tf.cast(tf.argmax(t, -1), tf.int32))(x),
    }
    folder = tmp_path_factory.mktemp("vela_models")
    rng = np.random.default_rng(0)
    images = [rng.uniform(-1, 1, (1, 32, 48, 3)).astype(np.float32) for _ in range(3)]

    def save(name: str, output: Any, dtype: str) -> Path:
        path = folder / f"{name}.tflite"
        network = keras.Model(image, {"output": output})
        path.write_bytes(to_tflite(network, format=dtype, representative=images if dtype == "int8" else None))
        return path

    files = {name: save(name, output, "int8") for name, output in networks.items()}
    return VelaModels(floating=save("floating", networks["npu"], "float32"), **files)


_FAKE = """
import os, pathlib, signal, sys, time
folder = pathlib.Path(__file__).parent
how = (folder / "how").read_text()
with (folder / "calls").open("a") as log:
    log.write("\\n".join(sys.argv[1:]) + "\\n")
print("compiling")
sys.stdout.flush()
if how == "hang":
    time.sleep(60)
if how == "crash":
    os.kill(os.getpid(), signal.SIGSEGV)
if how == "error":
    sys.exit("RuntimeError: Compilation failed: out of cheese")
out = pathlib.Path(sys.argv[sys.argv.index("--output-dir") + 1])
out.mkdir()
if how == "no_number":
    (out / "model_summary_Ethos_U55_High_End_Embedded.csv").write_text("core_clock,cycles_total\\n5e8,many\\n")
"""


@dataclass(frozen=True)
class FakeVela:
    """A program in place of the compiler."""

    folder: Path

    @property
    def command(self) -> tuple[str, ...]:
        return (sys.executable, "-S", str(self.folder / "fake.py"))

    def does(self, how: str) -> tuple[str, ...]:
        """The command, which hangs, crashes, ends with an error, writes nothing or no number from now on."""
        (self.folder / "how").write_text(how, encoding="utf-8")
        return self.command

    def arguments(self) -> list[str]:
        return (self.folder / "calls").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def fake_vela(tmp_path: Path) -> FakeVela:
    folder = tmp_path / "fake_vela"
    folder.mkdir()
    (folder / "fake.py").write_text(_FAKE, encoding="utf-8")
    return FakeVela(folder)
