"""A program of its own: runs frames through a .tflite file in whatever runtime its Python has.

It needs Python 3.7, NumPy and a runtime, nothing of edgenas, so that it also runs in another environment and under an
emulator: `PYTHON run_frames.py RUNTIME MODEL FRAMES.npy OUTPUTS.npz`.
"""

from __future__ import annotations

import importlib
import json
import sys

import numpy as np


def main(runtime: str, model: str, frames: str, outputs: str) -> int:
    """Writes the numbers of every output, by its tensor's number, and prints facts as JSON on the last line.

    Args:
        runtime: package, "tflite_runtime" or "ai_edge_litert".
        model: the .tflite file.
        frames: .npy with the numbers of the input, [N, H, W, C] of its own type.
        outputs: .npz to write, one array [N, ...] per output.
    """
    module = importlib.import_module(runtime + ".interpreter")
    interpreter = module.Interpreter(model_path=model, num_threads=1)
    interpreter.allocate_tensors()
    (image,) = interpreter.get_input_details()
    details = interpreter.get_output_details()
    found: dict[str, list[np.ndarray]] = {str(detail["index"]): [] for detail in details}
    for frame in np.load(frames):
        interpreter.set_tensor(image["index"], frame[None])
        interpreter.invoke()
        for detail in details:
            found[str(detail["index"])].append(interpreter.get_tensor(detail["index"]))
    arrays = {index: np.concatenate(rows) for index, rows in found.items()}
    np.savez(outputs, **arrays)  # type: ignore[arg-type]
    facts = {
        "runtime_version": str(getattr(importlib.import_module(runtime), "__version__", "")),
        "numpy": np.__version__,
        "python": ".".join(map(str, sys.version_info[:3])),
    }
    print(json.dumps(facts))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
