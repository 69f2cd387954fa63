"""What the device returns of each head: full-size values, values before the last resizes, or labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgenas.errors import UsageError, unknown_name

__all__ = ["DeviceNetwork", "OutputForm", "device_network", "forms_of", "output_form"]


@dataclass(frozen=True)
class OutputForm:
    """One way to return a head.

    Attributes:
        low: before the resizes at the head's end, so that fewer bytes leave the device; the application enlarges.
        labels: the largest channel's number instead of all channels, uint8 [1, H, W].
        enlarged: labels of the low map, each repeated to full size on the device.
        meaning: for the model card.
    """

    low: bool
    labels: bool
    enlarged: bool
    meaning: str


_VALUES = {
    "full": OutputForm(False, False, False, "values at the input's size"),
    "low": OutputForm(True, False, False, "values before the last resizes; enlarge them bilinearly"),
}
_LABELS = {
    "logits": OutputForm(False, False, False, "class scores at the input's size; the largest is the class"),
    "logits-low": OutputForm(
        True, False, False, "class scores before the last resizes; enlarge them bilinearly, then take the largest"
    ),
    "argmax": OutputForm(False, True, False, "class numbers at the input's size"),
    "argmax-low": OutputForm(
        True, True, True, "class numbers, found before the last resizes and then repeated to the input's size"
    ),
}  # fmt: skip


def forms_of(task: str) -> dict[str, OutputForm]:
    """The forms of a task's head, the default first."""
    return dict(_LABELS if task == "segmentation" else _VALUES)


def output_form(task: str, heads: Mapping[str, str]) -> tuple[str, OutputForm]:
    """The form that was asked for, or the default: name and form.

    Raises:
        UsageError: the task has no such form.
    """
    forms = forms_of(task)
    name = heads.get(task, next(iter(forms)))
    if name not in forms:
        raise unknown_name(f"form of the head {task}", name, forms, "edgenas export --help")
    return name, forms[name]


@dataclass(frozen=True)
class DeviceNetwork:
    """The part of a network that quantises, and what is put behind it.

    Attributes:
        model: Keras model to the values that are converted, some of them low; shares its weights with the whole one.
        labels: {head: how many times its labels are repeated in both directions} of heads that return labels.
        names: {head: name of its form}.
        forms: {head: its form}.
    """

    model: Any
    labels: Mapping[str, int]
    names: Mapping[str, str]
    forms: Mapping[str, OutputForm]

    def describe(self, io: Mapping[str, Any], order: Sequence[str]) -> dict[str, Any]:
        """The card's section: per head its place, its form and how numbers become values.

        Args:
            io: `ExportedFile.io` of the shipped file.
            order: names of its outputs in the order in which runtimes without signatures give them.
        """
        section: dict[str, Any] = {}
        for position, head in enumerate(order):
            detail = io["outputs"][head]
            section[head] = {
                "position": position,
                "form": self.names[head],
                "meaning": self.forms[head].meaning,
                **detail,
                "value": f"{detail['scale']:.9g} * (number - {detail['zero_point']})"
                if detail["scale"]
                else "number",
            }
        return section


def device_network(model: Any, heads: Mapping[str, str]) -> DeviceNetwork:
    """Cuts a network where its heads are to be returned.

    Args:
        model: Keras model whose outputs are a dictionary.
        heads: {task: name of a form}.

    Raises:
        UsageError: a head or form does not exist, a head has no resizes to leave out, or too many classes for uint8.
    """
    import keras

    for task in heads:
        if task not in model.output:
            raise unknown_name("head", task, model.output)
    outputs, labels, names, forms = {}, {}, {}, {}
    for head, tensor in model.output.items():
        names[head], forms[head] = output_form(head, heads)
        form = forms[head]
        factor = 1
        if form.low:
            tensor, factor = _before_resizes(head, tensor)
        if form.labels:
            if tensor.shape[-1] > 256:
                raise UsageError(
                    f"The head '{head}' has {tensor.shape[-1]} classes; labels of one byte hold 256. Use "
                    f"--head {head}=logits-low."
                )
            labels[head] = factor if form.enlarged else 1
        outputs[head] = tensor
    cut = keras.Model(model.input, outputs) if any(form.low for form in forms.values()) else model
    return DeviceNetwork(cut, labels, names, forms)


def _before_resizes(head: str, tensor: Any) -> tuple[Any, int]:
    """The tensor that the last resizes of a head enlarge, and how many times they do."""
    import keras

    from edgenas.networks.layers import Upsample2x

    full = tensor.shape[1]
    while isinstance(tensor._keras_history.operation, Upsample2x | keras.layers.UpSampling2D):
        tensor = tensor._keras_history.operation.input
    if tensor.shape[1] == full:
        raise UsageError(
            f"The head '{head}' does not end with resizes, so there is no smaller map to return. "
            f"Leave out --head {head}."
        )
    return tensor, full // tensor.shape[1]
