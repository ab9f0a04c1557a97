"""What a row of a layer table is: the ONNX operator, its attributes and its weights, and the checks all rows share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from workloads.graph import Tensor
from workloads.readers.layer_rows import Row

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """What a row is.

    Attributes
    ----------
    op : str
        ONNX operator name.
    attributes : dict
    weights : tuple of shape
        Constant operands behind the row's inputs, the bias last.
    positions : tuple of int or None
        Places of the weights among the operands; None puts them behind the inputs.
    absent : tuple of int
        Places of optional operands that the row does not have.
    """

    op: str
    attributes: dict[str, Any]
    weights: tuple[Shape, ...] = ()
    positions: tuple[int, ...] | None = None
    absent: tuple[int, ...] = ()


def fused(row: Row) -> dict[str, Any]:
    return {"activation": row.activation} if row.activation else {}


def weights_with_bias(row: Row, weights: Sequence[Shape], bias: Shape) -> tuple[Shape, ...]:
    """Weights with a bias where ``params`` says so or says nothing; an error where it fits neither."""
    plain, vector = sum(math.prod(shape) for shape in weights), math.prod(bias)
    if row.params is None or row.params == plain + vector:
        return (*weights, bias)
    if row.params != plain:
        raise row.error(f"params {row.params}; {plain} without bias or {plain + vector} with it follow from its shapes")
    return tuple(weights)


def weights_checked(row: Row, weights: Iterable[Shape]) -> tuple[Shape, ...]:
    weights = tuple(weights)
    own = sum(math.prod(shape) for shape in weights)
    if row.params is not None and row.params != own:
        raise row.error(f"params {row.params}; {own} follows from its shapes")
    return weights


def first(row: Row, inputs: Sequence[Tensor]) -> Tensor:
    if not inputs:
        raise row.error("no in_shape; a shape like 64x56x56 is expected")
    return inputs[0]


def constant_operand(row: Row, shape: Shape, elements: int) -> Shape:
    """Shape of a constant operand of so many elements: one number, one per channel, one per column, or a full tensor."""
    channels = (1, shape[1], *(1,) * (len(shape) - 2)) if len(shape) > 1 else shape
    for candidate in ((1,), channels, shape[-1:], (1, *shape[1:]), (1, *row.out_shape)):
        if math.prod(candidate) == elements:
            return candidate
    raise row.error(f"params {elements}; one number, one per channel or one per element is expected")


def shape_text(shape: Shape) -> str:
    return "x".join(map(str, shape))
