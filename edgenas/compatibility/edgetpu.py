"""`check_edgetpu`: which operators of a .tflite file the Edge TPU compiler would map, and why not the others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgenas.compatibility.facts import ModelFacts, parse_facts
from edgenas.compatibility.partition import first_piece, graph_failure
from edgenas.compatibility.report import CompatibilityReport, OperatorVerdict
from edgenas.compatibility.rules import Broken, RuleBook, edgetpu_rules
from edgenas.graph import OpGraph
from edgenas.graph.tflite import MOST_BYTES, parse_tflite
from edgenas.storage import read_file

__all__ = ["ACTIVATION_BYTES", "check_edgetpu", "check_graph"]

ACTIVATION_BYTES = 16 * 192 * 1024
"""Memory for feature maps: 16 tiles of 192 KiB. Larger ones are cut into pieces by the compiler. Source: Coral."""

_HOPELESS = frozenset({"compiled", "float", "empty"})  # Where advice about operators would mislead.
_SHOWN = 4  # Operators that a line of advice names.


def check_edgetpu(path: Path) -> CompatibilityReport:
    """Checks a .tflite file as it would be given to edgetpu_compiler.

    Raises:
        UsageError: the file is missing, is not a TFLite model, or is cut short or damaged.
    """
    data = read_file(path, most_bytes=MOST_BYTES)
    return check_graph(parse_tflite(data, str(path)), parse_facts(data, str(path)))


def check_graph(graph: OpGraph, facts: ModelFacts | None = None) -> CompatibilityReport:
    """Checks a network; without the facts of a file the rules that need them pass."""
    rules = edgetpu_rules()
    about = facts.operators if facts else (None,) * len(graph.operators)
    broken = [rules.broken(operator, fact) for operator, fact in zip(graph.operators, about, strict=True)]
    supported = [found is None for found in broken]
    failures = _failures(graph, facts, rules, supported)
    failure = "; and ".join(failures.values())
    piece = (False,) * len(broken) if failure else first_piece(graph, supported)
    verdicts = _verdicts(graph, broken, piece, failure)
    chip = _chip_graph(graph, piece)
    return CompatibilityReport(
        operators=verdicts,
        failure=failure,
        input_bytes=sum(graph.tensors[t].bytes for t in chip.inputs),
        output_bytes=sum(graph.tensors[t].bytes for t in chip.outputs),
        peak_activation_bytes=graph.peak_activation_bytes,
        advice=_advice(graph, verdicts, failures),
        chip_graph=chip,
    )


def _failures(
    graph: OpGraph, facts: ModelFacts | None, rules: RuleBook, supported: list[bool]
) -> dict[str, str]:
    """Why the compiler would refuse the model as a whole: kind of the reason to its text, the gravest first."""
    types = [operator.type for operator in graph.operators]
    made = next((kind for kind in types if kind in rules.compiled), None)
    if not types:
        return {"empty": rules.whole_model["empty"]}
    if made is not None:
        return {"compiled": rules.whole_model["compiled"].format(got=f"{made}: {rules.compiled[made]}")}
    found = {"float": "" if any(supported) else _floating(graph)}
    if facts:
        found["subgraphs"] = str(facts.subgraphs) if facts.subgraphs > 1 else ""
        found["version"] = _newer(types, facts, rules)
        found["dynamic"] = _dynamic(types, facts, rules)
    texts = {kind: rules.whole_model[kind].format(got=got) for kind, got in found.items() if got}
    zeros = graph_failure(graph, pools=False)
    return texts or ({"zeros": zeros} if zeros else {})


def _newer(types: list[str], facts: ModelFacts, rules: RuleBook) -> str:
    for index, (kind, fact) in enumerate(zip(types, facts.operators, strict=True)):
        if fact.version > rules.versions.get(kind, fact.version):
            newest = rules.versions[kind] or "none"
            return f"version {fact.version} of operator {index} ({kind}; the newest that it knows: {newest})"
    return ""


def _dynamic(types: list[str], facts: ModelFacts, rules: RuleBook) -> str:
    """Name of the first tensor whose size is only known while the model runs, "" if there is none."""
    if facts.dynamic:
        return repr(facts.dynamic[0])
    for kind, fact in zip(types, facts.operators, strict=True):
        sizes = [fact.inputs[i] for i in rules.sizes.get(kind, ()) if i < len(fact.inputs)]
        if fact.outputs and (kind in rules.open or any(t is not None and not t.constant for t in sizes)):
            return repr(fact.outputs[0].name)
    return ""


def _floating(graph: OpGraph) -> str:
    """Says how a model without any quantised work computes; "" if some operator works on integers."""
    working = [o for o in graph.operators if o.type not in ("QUANTIZE", "DEQUANTIZE", "CAST")]
    integers = ("int8", "uint8", "int16")
    if not working or any(t.dtype in integers for o in working for t in (*o.inputs, *o.outputs)):
        return ""
    names = sorted({t.dtype for o in working for t in o.outputs})
    return f"its operators write {', '.join(names)}"


def _verdicts(
    graph: OpGraph, broken: list[Broken | None], piece: tuple[bool, ...], failure: str
) -> tuple[OperatorVerdict, ...]:
    verdicts: list[OperatorVerdict] = []
    cause: dict[int, str] = {}  # tensors made by operators that are off the chip, with the operator at fault
    for index, (operator, (reads, writes)) in enumerate(zip(graph.operators, graph.wiring, strict=True)):
        found = broken[index]
        before = next((cause[t] for t in reads if t in cause), "")
        if piece[index]:
            verdicts.append(OperatorVerdict(index, operator.type, True))
            continue
        if found is not None:
            verdicts.append(
                OperatorVerdict(index, operator.type, False, found.reason, found.rule, found.advice)
            )
            before = f"operator {index} ({operator.type})"
        elif failure:
            reason = f"The model is refused as a whole: {failure}"
            verdicts.append(OperatorVerdict(index, operator.type, False, reason, "model"))
        else:
            where = f"behind {before}" if before else "in another piece than the first"
            reason = f"{edgetpu_rules().second_piece}: it stands {where}, which stays on the CPU"
            verdicts.append(OperatorVerdict(index, operator.type, False, reason, "behind"))
        if before:
            cause.update(dict.fromkeys(writes, before))
    return tuple(verdicts)


def _chip_graph(graph: OpGraph, piece: tuple[bool, ...]) -> OpGraph:
    """The operators on the chip with what goes in and comes out."""
    inside = [i for i, on_chip in enumerate(piece) if on_chip]
    made = {t: None for i in inside for t in graph.wiring[i][1]}
    read = {t: None for i in inside for t in graph.wiring[i][0]}
    wanted = {t for i, on_chip in enumerate(piece) if not on_chip for t in graph.wiring[i][0]}
    wanted.update(graph.outputs)
    return OpGraph(
        tuple(graph.operators[i] for i in inside),
        tuple(graph.wiring[i] for i in inside),
        {t: graph.tensors[t] for t in sorted({*made, *read})},
        tuple(t for t in read if t not in made),
        tuple(t for t in made if t in wanted),
    )


def _advice(
    graph: OpGraph, verdicts: tuple[OperatorVerdict, ...], failures: Mapping[str, str]
) -> tuple[str, ...]:
    """What to change: the model as a whole, then each kind of operator at fault, then memory."""
    texts = edgetpu_rules().whole_model_advice
    found: dict[str, None] = {f"The model: {texts[kind]}.": None for kind in failures if kind in texts}
    if not _HOPELESS & failures.keys():
        faults: dict[str, list[OperatorVerdict]] = {}
        for verdict in verdicts:
            if verdict.advice:
                faults.setdefault(verdict.advice, []).append(verdict)
        for advice, at_fault in faults.items():
            kinds = ", ".join(dict.fromkeys(verdict.type for verdict in at_fault))
            where = ", ".join(str(verdict.index) for verdict in at_fault[:_SHOWN])
            more = ", ..." if len(at_fault) > _SHOWN else ""
            found[f"{kinds} (operator {where}{more}): {advice}."] = None
    largest = max((t.bytes for o in graph.operators for t in o.outputs), default=0)
    if largest > ACTIVATION_BYTES and not failures:
        found[
            f"Feature maps of up to {largest / 2**20:.1f} MiB exceed the chip's {ACTIVATION_BYTES / 2**20:.0f} MiB: "
            "the compiler cuts them into pieces where it can, and fails for large activation tensors where it "
            "cannot. Smaller input frames help."
        ] = None
    return tuple(found)
