"""Convolutions cut into parts by output channels, so that several units can share one."""

from __future__ import annotations

from collections.abc import Iterable

from workloads.errors import GraphError
from workloads.graph import Graph, Operator
from workloads.transforms.layers import Layers, convolution_shape, form_of, kept
from workloads.transforms.rewriting import named_operators

#: Attributes of a convolution that its parts take over.
TAKEN = ("strides", "dilations", "pads", "auto_pad", "activation", "activation_attributes", "output_dtype")


def split_channels(graph: Graph, parts: int, layers: Iterable[str] = (), share: float | None = None) -> Graph:
    """The network with convolutions of one group in parts that compute some output channels each, and a concatenation.

    Promise: the same function, the same MACs; every part reads the whole input.

    Parameters
    ----------
    parts : int
        Parts of nearly equal size, at least 2.
    layers : iterable of str
        Only these; empty: all that have enough channels.
    share : float or None
        Of two parts, the share of the channels that the first computes; ``None``: equal parts.

    Raises
    ------
    GraphError
        Fewer than two parts, a share with more than two, a layer that is named and has too few channels.
    """
    if parts < 2 or (share is not None and parts != 2):
        raise GraphError(f"parts: {parts}; at least 2 are expected, and 2 where a share is given")
    chosen = named_operators(graph, layers)
    work = _Splitting(graph)
    for operator in graph.operators:
        shape = convolution_shape(graph, operator)
        sizes = _sizes(shape.outputs, parts, share) if shape is not None else []
        if operator.name in chosen and (not sizes or min(sizes) < 1):
            raise GraphError(
                f"layers: '{operator.name}' cannot be cut in {parts}; a convolution of one group and more channels is expected"
            )
        if sizes and min(sizes) > 0 and (not chosen or operator.name in chosen):
            work.cut(operator, sizes)
        else:
            work.keep(operator)
    return work.result()


def _sizes(channels: int, parts: int, share: float | None) -> list[int]:
    """Channels of each part.

    >>> _sizes(10, 3, None), _sizes(10, 2, 0.7)
    ([4, 3, 3], [7, 3])
    """
    if share is not None:
        first = round(share * channels)
        return [first, channels - first]
    return [channels // parts + (k < channels % parts) for k in range(parts)]


class _Splitting(Layers):
    """One pass in graph order."""

    def cut(self, operator: Operator, sizes: list[int]) -> None:
        """The parts of a convolution and their concatenation."""
        shape = convolution_shape(self.graph, operator)
        assert shape is not None
        weight = self.tensors[operator.inputs[1]]
        bias = self.tensors[operator.inputs[2]] if len(operator.inputs) > 2 and operator.inputs[2] else None
        last = operator.attributes.get("weight_layout", "OIHW") == "OHWI"
        made = []
        for k, size in enumerate(sizes):
            own = (size, *shape.kernel, shape.inputs) if last else (size, shape.inputs, *shape.kernel)
            inputs = [operator.inputs[0], self.weight(f"{operator.name}.part{k}.weight", own, weight.dtype)]
            if bias is not None:
                inputs.append(self.weight(f"{operator.name}.part{k}.bias", (size,), bias.dtype))
            made.append(self.put("Conv", inputs, f"{operator.name}.part{k}", form_of(operator, 1) | kept(operator, TAKEN)))
        self.joined(operator, made)
