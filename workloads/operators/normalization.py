"""Normalisations: batch, layer, group, instance, root mean square, local response, mean-variance, Lp."""

from __future__ import annotations

import math
from typing import ClassVar

from workloads.graph import Operator, Tensor
from workloads.operators.family import Operations, SameShapeRule, axis_in, channel_axis, elements, fail, like, operand, optional
from workloads.operators.rule import Operands, TensorType


class BatchNormalization(SameShapeRule):
    """BatchNormalization at inference: ``x * a[c] + b[c]``, one product and one sum; a and b are made from the statistics once.

    In training mode (``training_mode = 1``) the running mean and variance are outputs too, and the statistics are computed:
    sum, difference, square, sum as in :class:`LayerNormalization`.
    """

    family = "normalization"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        channels = data.shape[channel_axis(operator, len(data.shape))] if data.shape else 1
        for position in range(1, 5):
            vector = operand(operator, inputs, position)
            if vector.elements != channels:
                raise fail(operator, f"'{vector.name}' has shape {vector.shape}; {channels} channels are expected")
        statistics = [TensorType((channels,), operand(operator, inputs, position).dtype) for position in (3, 4, 3, 4)]
        return (like(operator, data), *statistics[: max(0, len(operator.outputs) - 1)])

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        return Operations(elements(outputs[:1]) * (6 if operator.attributes.get("training_mode") else 2))


class LayerNormalization(SameShapeRule):
    """LayerNormalization: ``(x - mean) / sqrt(variance + e) * scale + bias`` over the axes from ``axis`` on (default: the last).

    Per element: sum; difference; square and sum; product with the inverse deviation: 5. Scale and bias add one each.
    Per row: one root and one division. Outputs 1 and 2, where asked for, hold one number per row.
    """

    family = "normalization"
    per_element: ClassVar[int] = 5
    scale_position: ClassVar[int] = 1
    bias_position: ClassVar[int] = 2

    def rows(self, operator: Operator, data: Tensor) -> tuple[int, ...]:
        """Shape of the statistics: the leading axes, 1 for each normalised one."""
        axis = axis_in(operator, operator.attributes.get("axis", -1), len(data.shape))
        return (*data.shape[:axis], *(1,) * (len(data.shape) - axis))

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        rows = TensorType(self.rows(operator, data), "fp32")
        return (like(operator, data), *(rows for _ in operator.outputs[1:]))

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        data = operand(operator, inputs, 0)
        per_element = self.per_element + sum(
            optional(inputs, position) is not None for position in (self.scale_position, self.bias_position)
        )
        return Operations(data.elements * per_element, 2 * math.prod(self.rows(operator, data)))


class RootMeanSquareNormalization(LayerNormalization):
    """RMSNormalization, SimplifiedLayerNormalization: ``x / sqrt(mean(x^2) + e) * scale``.

    Per element: square, sum, product: 3, and the scale (Zhang and Sennrich, NeurIPS 2019).
    """

    per_element = 3
    bias_position = 99


class SkipNormalization(LayerNormalization):
    """SkipLayerNormalization: the sum of two operands (and a bias) is normalised; output 3 is that sum.

    Operands: data, skip, scale, shift, bias (ONNX Runtime contrib operators). The simplified form has no shift.
    """

    scale_position = 2
    bias_position = 3

    def __init__(self, *, simplified: bool = False) -> None:
        self.simplified = simplified

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        rows = TensorType(self.rows(operator, data), "fp32")
        return tuple(like(operator, data) if position in (0, 3) else rows for position in range(len(operator.outputs)))

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        data = operand(operator, inputs, 0)
        if self.simplified:
            per_element = 1 + 3 + 1 + (optional(inputs, 3) is not None)
        else:
            per_element = 1 + 5 + sum(optional(inputs, position) is not None for position in (2, 3, 4))
        return Operations(data.elements * per_element, 2 * math.prod(self.rows(operator, data)))


class GroupedNormalization(LayerNormalization):
    """GroupNormalization (``num_groups`` per example) and InstanceNormalization (a group per channel)."""

    def rows(self, operator: Operator, data: Tensor) -> tuple[int, ...]:
        channels = data.shape[channel_axis(operator, len(data.shape))]
        groups = int(operator.attributes.get("num_groups", operator.attributes.get("groups", channels)))
        if groups < 1 or channels % groups:
            raise fail(operator, f"{channels} channels in {groups} groups; a divisor of the channels is expected")
        return (data.shape[0], groups)

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        self.rows(operator, data)
        return (like(operator, data),)


class LocalResponseNormalization(SameShapeRule):
    """LRN: ``x / (bias + alpha/size * sum of x^2 over size channels) ^ beta`` (Krizhevsky et al. 2012, section 3.3).

    Per element: a square, ``size`` additions, a product and a sum; one power and one division.
    """

    family = "normalization"

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        data = operand(operator, inputs, 0)
        return Operations(data.elements * (int(operator.attributes.get("size", 5)) + 3), 2 * data.elements)


class MeanVarianceNormalization(SameShapeRule):
    """MeanVarianceNormalization: ``(x - mean) / deviation`` over ``axes`` (default 0, 2, 3).

    Per element 5 operations as in :class:`LayerNormalization`; per row a root and a division.
    """

    family = "normalization"

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        data = operand(operator, inputs, 0)
        axes = {axis_in(operator, axis, len(data.shape)) for axis in operator.attributes.get("axes", (0, 2, 3))}
        return Operations(5 * data.elements, 2 * (data.elements // math.prod(data.shape[axis] for axis in axes)))


class LpNormalization(SameShapeRule):
    """LpNormalization: ``x / norm`` along ``axis``.

    Per element a power (counted as one product), a sum and a division; per row a root.
    """

    family = "normalization"

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        data = operand(operator, inputs, 0)
        axis = axis_in(operator, operator.attributes.get("axis", -1), len(data.shape))
        return Operations(2 * data.elements, data.elements + data.elements // data.shape[axis])
