"""ai-edge-quantizer: quantises a float32 .tflite file by a recipe; needs no TensorFlow."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgenas.errors import EdgenasError, MissingDependencyError
from edgenas.export.engines.ranges import least_error_ranges
from edgenas.export.engines.tensorflow import SIGNATURE
from edgenas.runtime import quiet_stderr

__all__ = ["Recipe", "is_installed", "quantise", "recipe_for"]

Recipe = Sequence[Mapping[str, Any]]
"""Rules as ai-edge-quantizer's JSON files have them, the later ones before the earlier."""

_WEIGHTS = {"num_bits": 8, "symmetric": True, "granularity": "CHANNELWISE", "dtype": "INT"}
_CONFIGS: Mapping[str, Mapping[str, Any]] = {
    "float16": {
        "weight_tensor_config": {"num_bits": 16, "dtype": "FLOAT"},
        "compute_precision": "FLOAT",
        "explicit_dequantize": True,
    },
    "dynamic": {
        "weight_tensor_config": _WEIGHTS,
        "compute_precision": "INTEGER",
        "explicit_dequantize": False,
    },
    "int8": {
        "activation_tensor_config": {"num_bits": 8, "symmetric": False, "granularity": "TENSORWISE", "dtype": "INT"},
        "weight_tensor_config": _WEIGHTS,
        "compute_precision": "INTEGER",
        "explicit_dequantize": False,
    },
    "int16x8": {
        "activation_tensor_config": {"num_bits": 16, "symmetric": True, "granularity": "TENSORWISE", "dtype": "INT"},
        "weight_tensor_config": _WEIGHTS,
        "compute_precision": "INTEGER",
        "explicit_dequantize": False,
    },
}  # fmt: skip
_ALGORITHMS = {"float16": "float_casting"}


def is_installed() -> bool:
    """Whether ai-edge-quantizer can be imported."""
    from importlib.util import find_spec

    return find_spec("ai_edge_quantizer") is not None


def recipe_for(format: str, *, algorithm: str = "min_max_uniform_quantize") -> Recipe:
    """The recipe for a whole network.

    Args:
        format: any format but float32.
        algorithm: how ranges and scales are chosen; ai-edge-quantizer's name. Weights only: activation ranges are
            those of the calibration.
    """
    return (
        {
            "regex": ".*",
            "operation": "*",
            "algorithm_key": _ALGORITHMS.get(format, algorithm),
            "op_config": dict(_CONFIGS[format]),
        },
    )


def quantise(
    float_file: bytes,
    recipe: Recipe,
    images: Sequence[np.ndarray] | None = None,
    *,
    clip: bool = False,
) -> bytes:
    """Quantises a file that `to_tflite` made.

    Args:
        float_file: the float32 file, with its signature.
        recipe: what to do.
        images: [1, H, W, 3] float32 as the network will see them, for recipes that quantise activations.
        clip: ranges of activations that cost 8-bit numbers least, see `least_error_ranges`, instead of the extremes.

    Returns:
        The file, with the same signature.

    Raises:
        MissingDependencyError: the package is not installed.
        EdgenasError: it cannot quantise this network by this recipe.
    """
    try:
        with quiet_stderr():
            from ai_edge_quantizer import calibrator, quantizer, recipe_manager
            from ai_edge_quantizer.utils import qsv_utils
    except ImportError as error:
        raise MissingDependencyError("ai-edge-quantizer", "quant", "The engine litert-quantizer") from error
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        # Its progress bars go to stderr.
        with quiet_stderr(), warnings.catch_warnings(action="ignore"):
            rules = json.loads(json.dumps(recipe))
            worker = quantizer.Quantizer(bytearray(float_file), rules)
            ranges = None
            if worker.need_calibration:
                if images is None:
                    raise ValueError("the recipe needs calibration frames")
                manager = recipe_manager.RecipeManager()
                manager.load_quantization_recipe(rules)
                # Its default, a moving average over the frames, cuts off what single frames reach: 10 dB worse than
                # the extremes on a network of NYUv2. One thread: sums of several differ in their last bits.
                watcher = calibrator.Calibrator(
                    float_file, num_threads=1, qsv_update_func=qsv_utils.min_max_update
                )
                watcher.calibrate({SIGNATURE: [{"image": image} for image in images]}, manager)
                ranges = watcher.get_model_qsvs()
                if clip:
                    ranges = least_error_ranges(float_file, images, ranges)
            result = worker.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    except (
        Exception
    ) as error:  # it raises whatever its parts make of a network or recipe that they do not know
        reason = " ".join(str(error).split())[:300]
        raise EdgenasError(
            f"ai-edge-quantizer cannot quantise this network: {reason}. Use --engine tensorflow."
        ) from error
    finally:
        logging.disable(level)
    return bytes(result.quantized_model)
