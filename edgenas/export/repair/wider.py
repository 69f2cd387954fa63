"""16-bit activations for the operators that add most noise; only where the user allowed it."""

from __future__ import annotations

import re
from typing import Any

from edgenas.errors import EdgenasError
from edgenas.export.candidate import Candidate
from edgenas.export.drops import worst_drop
from edgenas.export.engines.litert_quantizer import is_installed, quantise, recipe_for
from edgenas.export.flat_file import FlatFile
from edgenas.export.operator_errors import operator_errors, worst_operators
from edgenas.export.repair.state import Mended, RepairContext

__all__ = ["widened"]

_COUNTS = (1, 2, 4, 8)
_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_FRAMES = 8


def widened(context: RepairContext, best: Mended) -> Mended | None:
    """Gives the worst convolutions 16-bit activations, ever more of them until the drop is small enough.

    The file keeps integers throughout, but the Edge TPU compiler does not map operators of 16 bits.
    """
    if not context.allow_mixed or not is_installed():
        return None
    ground = best.ground
    file = FlatFile(ground.float_file)
    try:
        errors = operator_errors(
            ground.float_file, best.compared.candidate.data, context.frames[:_FRAMES], ground.names
        )
    except EdgenasError:
        return None
    ranked = worst_operators([e for e in errors if e.type in _KINDS], max(_COUNTS))
    found: Mended | None = None
    for count in _COUNTS:
        chosen = ranked[:count]
        names = [file.tensor_name(file.computing[e.number].output) for e in chosen]
        recipe = _recipe(names)
        data = quantise(ground.float_file, recipe, context.images)
        made = Candidate(data, "int8", "litert-quantizer", {"rules": list(recipe)})
        labels = ", ".join(e.name for e in chosen)
        note = f"16-bit activations in {labels}: the Edge TPU does not run these operators"
        found = context.mended(ground, context.compare(made), note)
        worst = worst_drop(found.drops)
        if worst is None or worst[2] <= context.max_drop_percent:
            break
    return found


def _recipe(names: list[str]) -> tuple[dict[str, Any], ...]:
    [base], [wide] = recipe_for("int8"), recipe_for("int16x8")
    pattern = "|".join(f"^{re.escape(name)};?$" for name in names)
    return (dict(base), *({**wide, "regex": f"({pattern})", "operation": kind} for kind in _KINDS))
