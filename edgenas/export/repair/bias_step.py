"""The step of a repair that corrects biases, see `edgenas.export.repair.bias_correction`."""

from __future__ import annotations

from dataclasses import replace

from edgenas.export.repair.bias_correction import correct_biases
from edgenas.export.repair.state import Mended, RepairContext

__all__ = ["corrected"]


def corrected(context: RepairContext, best: Mended) -> Mended | None:
    """Takes the average shift of every linear channel out of the biases of the file."""
    candidate = best.compared.candidate
    data = correct_biases(best.ground.float_file, candidate.data, context.frames)
    compared = context.compare(replace(candidate, data=data))
    return context.mended(best.ground, compared, "biases corrected")
