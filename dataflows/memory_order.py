"""Where tensors lie in memory while a framework runs a network, and which operators must copy first.

Frameworks that work on strided tensors permute, slice, split and stretch without moving anything. The bill comes later: an
operator that wants its operand in one run of memory copies it. Strides are followed from operator to operator by the rules of
PyTorch (tensor views; ``c10`` memory formats): an image operator writes channels last where it reads channels last, elementwise
operators keep the order of their first operand, products and reductions write row by row, fused attention writes the heads of a
token side by side.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from workloads.graph import Graph, Operator
from workloads.operators import rule_of

Shape = tuple[int, ...]
Strides = tuple[int, ...]
Order = Callable[[Shape], Strides]

#: Operators that give their operand another shape.
RESHAPES = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze"})

#: Kinds that work on images and take them channels first or channels last.
IMAGE_KINDS = frozenset({"convolution", "depthwise", "pooling", "resize"})

#: Kinds whose result lies as their operand does.
POINTWISE_KINDS = frozenset({"elementwise", "activation", "quantization"})

#: Normalisations of whole channels; the others want their operand in one run.
CHANNEL_NORMS = frozenset({"BatchNormalization", "GroupNormalization", "InstanceNormalization"})


def row_major(shape: Shape) -> Strides:
    """Strides of a tensor written row by row.

    >>> row_major((2, 3, 4))
    (12, 4, 1)
    """
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def channels_last(shape: Shape) -> Strides:
    """Strides of (batch, channels, rows, columns) with channels innermost.

    >>> channels_last((1, 8, 4, 4))
    (128, 1, 32, 8)
    """
    order = (0, *range(2, len(shape)), 1)
    strides = [0] * len(shape)
    for axis, stride in zip(order, row_major(tuple(shape[axis] for axis in order)), strict=True):
        strides[axis] = stride
    return tuple(strides)


def equal(shape: Shape, strides: Strides, wanted: Strides) -> bool:
    """True where two stridings mean the same places; axes of one element do not matter.

    >>> equal((1, 3), (7, 1), (3, 1))
    True
    """
    return all(size == 1 or a == b for size, a, b in zip(shape, strides, wanted, strict=True))


def viewed(shape: Shape, strides: Strides, wanted: Shape) -> Strides | None:
    """Strides of the same memory under another shape, ``None`` where a copy is needed.

    Runs of axes that lie behind each other are one; the new axes must divide them.

    >>> viewed((2, 3, 4), (12, 4, 1), (6, 4)), viewed((3, 2), (1, 3), (6,))
    ((4, 1), None)
    """
    if math.prod(shape) <= 1:
        return row_major(wanted)
    runs: list[tuple[int, int]] = []  # (elements, stride of the last axis)
    for size, stride in zip(shape, strides, strict=True):
        if size == 1:
            continue
        if runs and runs[-1][1] == stride * size:
            runs[-1] = (runs[-1][0] * size, stride)
        else:
            runs.append((size, stride))
    found: list[int] = []
    axis = len(wanted) - 1
    for elements, stride in reversed(runs):
        covered = 1
        while axis >= 0 and (covered < elements or wanted[axis] == 1):
            found.append(stride * covered)
            covered *= wanted[axis]
            axis -= 1
        if covered != elements:
            return None
    found.extend(found[-1:] * (axis + 1))
    return tuple(reversed(found))


def kept_order(shape: Shape, strides: Strides) -> Strides:
    """Strides of a new tensor whose axes lie in the order of ``strides``, without gaps (stretched axes as they are written).

    >>> kept_order((2, 3), (1, 4)), kept_order((2, 3), (3, 1))
    ((1, 2), (3, 1))
    """
    order = sorted(range(len(shape)), key=lambda axis: (-strides[axis] if strides[axis] else 0, axis))
    if any(stride == 0 and size > 1 for size, stride in zip(shape, strides, strict=True)):
        return row_major(shape)
    dense, made = 1, [0] * len(shape)
    for axis in reversed(order):
        made[axis] = dense
        dense *= shape[axis]
    return tuple(made)


class MemoryOrder:
    """Strides of every activation of a graph, and what each operator copies before it starts.

    Attributes
    ----------
    strides : dict of str to tuple of int
        Elements between neighbours along each axis.
    copied : dict of int to tuple of str
        Operator -> operands it first copies into one run.
    views : set of int
        Operators that only look at memory another way.
    """

    def __init__(self, graph: Graph, *, images_channels_last: bool = False) -> None:
        self.graph, self.images_channels_last = graph, images_channels_last
        self.strides: dict[str, Strides] = {}
        self.copied: dict[int, tuple[str, ...]] = {}
        self.views: set[int] = set()
        for tensor in graph.tensors.values():
            if tensor.role in ("input", "weight"):
                image = images_channels_last and len(tensor.shape) == 4 and tensor.role == "input"
                self.strides[tensor.name] = channels_last(tensor.shape) if image else row_major(tensor.shape)
        for i, operator in enumerate(graph.operators):
            self._take(i, operator)

    def _take(self, i: int, operator: Operator) -> None:
        inputs, outputs = graph_operands(self.graph, operator)
        if operator.op in RESHAPES and inputs:
            self._reshape(i, operator)
        elif operator.op == "Transpose":
            self._view(i, operator, self._transposed(operator))
        elif operator.op == "Identity" and operator.attribute("copy"):
            self._explicit_copy(i, operator)
        elif operator.op in ("Slice", "Split", "Identity", "Dropout", "Expand") and inputs:
            self._view(i, operator, self._part(operator))
        else:
            kind = rule_of(operator).kind(operator, self.graph.tensors_of(operator.inputs), self.graph.tensors_of(operator.outputs))
            self._compute(i, operator, kind, inputs, outputs)

    def _view(self, i: int, operator: Operator, strides: Strides) -> None:
        self.views.add(i)
        for name in operator.outputs:
            if name:
                self.strides[name] = strides

    def _reshape(self, i: int, operator: Operator) -> None:
        source, result = operator.inputs[0], operator.outputs[0]
        shape = self.graph.tensors[result].shape
        strides = viewed(self.graph.tensors[source].shape, self.strides[source], shape)
        if strides is None:
            self.copied[i] = (source,)
            strides = row_major(shape)
        self._view(i, operator, strides)

    def _explicit_copy(self, i: int, operator: Operator) -> None:
        """A copy the network asks for; one into rows is none where the rows lie there already."""
        source = operator.inputs[0]
        shape, strides = self.graph.tensors[source].shape, self.strides[source]
        by_rows = operator.attribute("copy") == "rows"
        if not (by_rows and equal(shape, strides, row_major(shape))):
            self.copied[i] = (source,)
        self._view(i, operator, row_major(shape) if by_rows else kept_order(shape, strides))

    def _transposed(self, operator: Operator) -> Strides:
        strides = self.strides[operator.inputs[0]]
        perm = operator.attribute("perm") or tuple(reversed(range(len(strides))))
        return tuple(strides[axis] for axis in perm)

    def _part(self, operator: Operator) -> Strides:
        """Strides of a slice, a part, a stretched tensor."""
        source, result = (self.graph.tensors[name] for name in (operator.inputs[0], operator.outputs[0]))
        strides = list(self.strides[source.name])
        if operator.op == "Slice":
            axes = operator.attribute("axes") or tuple(range(len(operator.attribute("starts") or ())))
            for axis, step in zip(axes, operator.attribute("steps") or (1,) * len(axes), strict=False):
                strides[axis] *= abs(step)
            squeezed = {axis % len(strides) for axis in operator.attribute("squeezed") or ()}
            strides = [stride for axis, stride in enumerate(strides) if axis not in squeezed]
        elif operator.op == "Expand":
            missing = len(result.shape) - len(strides)
            shape = (1,) * missing + source.shape
            strides = [0] * missing + strides
            strides = [0 if a != b else stride for a, b, stride in zip(shape, result.shape, strides, strict=True)]
        return tuple(strides) if len(strides) == len(result.shape) else row_major(result.shape)

    def _compute(self, i: int, operator: Operator, kind: str, inputs: list[str], outputs: list[str]) -> None:
        """Copies an operator makes first, and how it writes its outputs."""
        main = inputs[0] if inputs else ""
        image = self._is_image(main) and operator.attribute("layout") != "NHWC"
        copies: list[str] = []
        written: Order = row_major
        if image and (kind in IMAGE_KINDS or operator.op in CHANNEL_NORMS):
            copies, written = self._image_order(main, wanted=kind in ("convolution", "depthwise"))
        elif operator.op == "Concat" and all(self._is_image(name) for name in inputs):
            written = channels_last if all(self._is_channels_last(name) for name in inputs) else row_major
        else:
            copies = self._unsuited(kind, inputs)
        for name in outputs:
            self.strides[name] = self._written(operator, kind, name, inputs, written)
        if copies:
            self.copied[i] = tuple(dict.fromkeys(copies))

    def _image_order(self, name: str, *, wanted: bool) -> tuple[list[str], Order]:
        """An operator on images takes both orders and writes what it reads, unless the runtime wants channels last throughout."""
        if wanted and self.images_channels_last:
            return ([] if self._lies(name, channels_last) else [name]), channels_last
        if self._is_channels_last(name):
            return [], channels_last
        return ([] if self._lies(name, row_major) else [name]), row_major

    def _unsuited(self, kind: str, inputs: list[str]) -> list[str]:
        """Operands that do not lie as an operator of this kind must have them."""
        if kind in ("normalization", "softmax"):
            return [name for name in inputs[:1] if not self._lies(name, row_major)]
        if kind == "fully_connected":
            return [name for name in inputs[:1] if not self._is_matrix(name)]
        if kind == "matmul":
            return [name for name in inputs if not self._is_stack_of_matrices(name)]
        return [name for name in inputs[:3] if self.strides[name][-1] != 1] if kind == "attention" else []

    def _written(self, operator: Operator, kind: str, name: str, inputs: list[str], order: Order) -> Strides:
        """Strides of an output."""
        shape = self.graph.tensors[name].shape
        if kind == "attention" and len(shape) == 4:
            _, heads, tokens, width = shape  # lies as (batch, tokens, heads, width)
            return (tokens * heads * width, width, heads * width, 1)
        if kind in POINTWISE_KINDS:
            model = next((source for source in inputs if self.graph.tensors[source].shape == shape), None)
            return kept_order(shape, self.strides[model]) if model is not None else row_major(shape)
        if operator.op == "Pad":
            return kept_order(shape, self.strides[inputs[0]])
        return order(shape) if len(shape) == 4 else row_major(shape)

    def _is_image(self, name: str) -> bool:
        return bool(name) and len(self.graph.tensors[name].shape) == 4

    def _lies(self, name: str, order: Order) -> bool:
        shape = self.graph.tensors[name].shape
        return equal(shape, self.strides[name], order(shape))

    def _is_channels_last(self, name: str) -> bool:
        """True where channels are innermost and that is not the order of rows as well."""
        return self._lies(name, channels_last) and not self._lies(name, row_major)

    def _is_matrix(self, name: str) -> bool:
        """True where the leading axes are one: rows of a product."""
        shape, strides = self.graph.tensors[name].shape, self.strides[name]
        if len(shape) <= 2:
            return 1 in strides or max(shape, default=1) == 1
        rows = viewed(shape[:-1], strides[:-1], (math.prod(shape[:-1]),))
        return rows is not None and (strides[-1] == 1 or rows[0] == 1 or shape[-1] == 1)

    def _is_stack_of_matrices(self, name: str) -> bool:
        """True where the leading axes are one stride apart and one of the last two is innermost."""
        shape, strides = self.graph.tensors[name].shape, self.strides[name]
        if len(shape) < 2:
            return True
        one_run = viewed(shape[:-2], strides[:-2], (math.prod(shape[:-2]),)) is not None if len(shape) > 3 else True
        return one_run and (1 in strides[-2:] or 1 in shape[-2:])


def graph_operands(graph: Graph, operator: Operator) -> tuple[list[str], list[str]]:
    """Names of the activations an operator reads, and of what it writes; of what is made from constants alone, those."""
    named = [name for name in operator.inputs if name]
    activations = [name for name in named if graph.tensors[name].role != "weight"]
    return activations or named[:1], [name for name in operator.outputs if name]
