"""New layers beside old ones: convolutions in the layouts and types of the layer they stand in for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from workloads.graph import Graph, Operator
from workloads.operators.family import channel_axis
from workloads.operators.windows import window_of
from workloads.transforms.rewriting import Rewriting

#: Attributes that say what happens to a result when it is written.
ENDING = ("activation", "activation_attributes")


class Shape(NamedTuple):
    """Channels and kernel of a plain convolution."""

    outputs: int
    inputs: int
    kernel: tuple[int, ...]


def convolution_shape(graph: Graph, operator: Operator) -> Shape | None:
    """Shape of a 2-D convolution of one group with constant weights; ``None`` for any other operator."""
    weight = graph.tensors.get(operator.inputs[1]) if len(operator.inputs) > 1 else None
    if operator.op != "Conv" or weight is None or weight.role != "weight" or len(weight.shape) != 4:
        return None
    layout = operator.attributes.get("weight_layout", "OIHW")
    if operator.attributes.get("group", 1) != 1 or layout not in ("OIHW", "OHWI"):
        return None
    kernel = weight.shape[2:] if layout == "OIHW" else weight.shape[1:3]
    return Shape(weight.shape[layout.index("O")], weight.shape[layout.index("I")], kernel)


def kept(operator: Operator, names: Iterable[str]) -> dict[str, Any]:
    """Some attributes of an operator, where it has them."""
    return {name: operator.attributes[name] for name in names if name in operator.attributes}


class Layers(Rewriting):
    """A rewriting that puts convolutions beside a layer, in its layouts and its types."""

    def convolution(
        self, old: Operator, name: str, source: str, outputs: int, inputs: int, kernel: tuple[int, ...] = (1, 1), *, group: int = 1,
        steps: dict[str, Any] | None = None, ending: bool = False,
    ) -> str:  # fmt: skip
        """A convolution without bias beside ``old``; its result.

        Parameters
        ----------
        inputs : int
            Of one group.
        steps : dict or None
            Strides, dilations and padding; default: one step, no padding.
        ending : bool
            With the activation of ``old``.
        """
        dtype = self.tensors[old.inputs[1]].dtype
        weight = self.weight(f"{old.name}.{name}.weight", _weight_shape(old, outputs, inputs, kernel), dtype)
        attributes = form_of(old, group) | (steps or {}) | (kept(old, ENDING) if ending else {})
        return self.put("Conv", (source, weight), f"{old.name}.{name}", attributes)

    def last(self, old: Operator, source: str, outputs: int, inputs: int, group: int = 1) -> str:
        """The 1x1 convolution that writes what ``old`` wrote, with its bias and activation."""
        dtype = self.tensors[old.inputs[1]].dtype
        weight = self.weight(f"{old.name}.last.weight", _weight_shape(old, outputs, inputs, (1, 1)), dtype)
        attributes = form_of(old, group) | kept(old, ENDING)
        return self.put("Conv", (source, weight, *old.inputs[2:]), old.name, attributes, old.outputs[0])

    def joined(self, old: Operator, parts: Iterable[str]) -> str:
        """The concatenation of channels that stands where ``old`` stood."""
        return self.put("Concat", tuple(parts), old.name, {"axis": channel_axis(old, 4), **kept(old, ("layout",))}, old.outputs[0])

    def steps(self, old: Operator, axis: int | None = None) -> dict[str, Any]:
        """Strides, dilations and padding of ``old``, on both axes or on one."""
        source = self.tensors[old.inputs[0]].shape
        shape = convolution_shape(self.graph, old)
        assert shape is not None
        window = window_of(old, source[2:] if channel_axis(old, 4) == 1 else source[1:3], shape.kernel)
        strides, dilations, begins, ends = (list(part) for part in window[1:])
        if axis is not None:
            strides[1 - axis] = dilations[1 - axis] = 1
            begins[1 - axis] = ends[1 - axis] = 0
        return {"strides": tuple(strides), "dilations": tuple(dilations), "pads": (*begins, *ends)}

    def strides(self, old: Operator) -> dict[str, Any]:
        """The strides of ``old`` for a 1x1 convolution."""
        return {"strides": self.steps(old)["strides"]}


def form_of(old: Operator, group: int) -> dict[str, Any]:
    """Layouts of a convolution beside ``old``, and its groups."""
    form = kept(old, ("layout",))
    if old.attributes.get("weight_layout", "OIHW") == "OHWI":
        form["weight_layout"] = "OHWI"
    return form | ({"group": group} if group > 1 else {})


def _weight_shape(old: Operator, outputs: int, inputs: int, kernel: tuple[int, ...]) -> tuple[int, ...]:
    if old.attributes.get("weight_layout", "OIHW") == "OHWI":
        return (outputs, *kernel, inputs)
    return (outputs, inputs, *kernel)
