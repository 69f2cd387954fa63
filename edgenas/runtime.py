"""TensorFlow for this process: imported late, quiet and deterministic."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from functools import cache

from edgenas.errors import MissingDependencyError

__all__ = ["quiet_stderr", "start_tensorflow"]


@cache
def start_tensorflow() -> None:
    """Imports TensorFlow quietly and makes its operators deterministic.

    Call it before anything that imports TensorFlow. With the same seeds, library versions, number of cores and
    kind of CPU, two runs then give the same weights bit for bit.

    Raises:
        MissingDependencyError: TensorFlow or Keras is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        with quiet_stderr():
            import keras
            import tensorflow as tf
    except ImportError as error:
        raise MissingDependencyError("tensorflow-cpu", "train", "Building and training networks") from error
    if keras.backend.backend() != "tensorflow":
        raise MissingDependencyError("keras with KERAS_BACKEND=tensorflow", "train", "Building networks")
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] >= "2":
        # Every candidate is another graph; TensorFlow takes that for retracing and warns of it.
        tf.get_logger().setLevel("ERROR")
    tf.config.experimental.enable_op_determinism()


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Silences what C++ code writes to file descriptor 2; TensorFlow does so before its log level is read.

    Exceptions pass. `TF_CPP_MIN_LOG_LEVEL=0` in the environment lets everything through.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3") < "2":
        yield
        return
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
