"""Matrix products: Gemm, MatMul with broadcast batches, their quantised forms, and Einsum of product form."""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

from workloads.graph import Operator, Tensor
from workloads.loopnest import LoopNest, product_nest
from workloads.operators.family import FamilyRule, Operations, broadcast, elements, fail, operand, optional, result_dtype
from workloads.operators.rule import Operands, TensorType


class Product(NamedTuple):
    """A batch of matrix products by meaning."""

    n: int  # products that share the second operand
    groups: int  # products with a second operand of their own
    rows: int
    columns: int
    reduction: int
    first: Tensor  # operand that moves with the rows
    second: Tensor  # operand that moves with the columns
    shape: tuple[int, ...]  # of the result


class ProductRule(FamilyRule):
    """Anything that is a batch of matrix products; families say how their operands are read."""

    family = "matmul"

    def product(self, operator: Operator, inputs: Operands) -> Product:
        """Operands as a batch of products."""
        raise NotImplementedError

    def dtype(self, operator: Operator, inputs: Operands) -> str:
        """Type of the result: the activation's where one operand is constant."""
        first, second = self.factors(operator, inputs)
        return result_dtype(operator, second.dtype if first.role == "weight" else first.dtype)

    def factors(self, operator: Operator, inputs: Operands) -> tuple[Tensor, Tensor]:
        """The two operands that are multiplied."""
        return operand(operator, inputs, 0, "first factor"), operand(operator, inputs, 1, "second factor")

    def kind(self, operator: Operator, inputs: Operands, outputs: Operands) -> str:
        first, second = self.factors(operator, inputs)
        return "fully_connected" if "weight" in (first.role, second.role) else "matmul"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        return (TensorType(self.product(operator, inputs).shape, self.dtype(operator, inputs)),)

    def macs(self, operator: Operator, inputs: Operands, outputs: Operands) -> int:
        return elements(outputs[:1]) * self.product(operator, inputs).reduction

    def loop_nests(self, operator: Operator, inputs: Operands, outputs: Operands) -> tuple[LoopNest, ...]:
        part = self.product(operator, inputs)
        result = outputs[0]
        assert result is not None
        return (
            product_nest(
                rows=part.rows, columns=part.columns, reduction=part.reduction, n=part.n, g=part.groups,
                tensors=(part.first.name, part.second.name, result.name), constant=part.second.role == "weight",
            ),
        )  # fmt: skip


class MatrixProduct(ProductRule):
    """MatMul: numpy's matmul. Batch axes broadcast; a second factor without batch axes is shared by all rows.

    ``transA``, ``transB`` (FusedMatMul, batched products of TFLite) exchange the last two axes of a factor.

    In the nest the constant factor, if there is one, takes the part of the weights; N counts the products that share it.
    """

    positions: ClassVar[tuple[int, int]] = (0, 1)

    def factors(self, operator: Operator, inputs: Operands) -> tuple[Tensor, Tensor]:
        return operand(operator, inputs, self.positions[0]), operand(operator, inputs, self.positions[1])

    def product(self, operator: Operator, inputs: Operands) -> Product:
        first, second = self.factors(operator, inputs)
        a, b = first.shape, second.shape
        if not a or not b:
            raise fail(operator, f"factors of shape {a} and {b}; at least one axis each is expected")
        left = a if len(a) > 1 else (1, *a)
        right = b if len(b) > 1 else (*b, 1)
        if operator.attributes.get("transA"):
            left = (*left[:-2], left[-1], left[-2])
        if operator.attributes.get("transB"):
            right = (*right[:-2], right[-1], right[-2])
        if left[-1] != right[-2]:
            raise fail(operator, f"factors of shape {a} and {b}; the inner sizes {left[-1]} and {right[-2]} must be equal")
        batch = broadcast(operator, (left[:-2], right[:-2]))
        shape = (*batch, *left[-2 : -1 if len(a) > 1 else -2], *(right[-1:] if len(b) > 1 else ()))
        rows, columns, reduction = left[-2], right[-1], left[-1]
        if first.role == "weight" and second.role != "weight":
            n, groups = shared_batch(batch, left[:-2])
            return Product(n, groups, columns, rows, reduction, second, first, shape)
        n, groups = shared_batch(batch, right[:-2])
        return Product(n, groups, rows, columns, reduction, first, second, shape)


class IntegerMatrixProduct(MatrixProduct):
    """MatMulInteger: 32-bit integer result; the zero points are inputs 2 and 3."""

    def dtype(self, operator: Operator, inputs: Operands) -> str:
        return result_dtype(operator, "int32")


class QuantizedMatrixProduct(MatrixProduct):
    """QLinearMatMul: first factor, its scale and zero point, second factor, theirs, the result's."""

    positions = (0, 3)

    def dtype(self, operator: Operator, inputs: Operands) -> str:
        zero_point = optional(inputs, 7)
        return result_dtype(operator, zero_point.dtype if zero_point is not None else operand(operator, inputs, 0).dtype)


class GeneralProduct(ProductRule):
    """Gemm: ``alpha * A' B' + beta * C``; a fully connected layer where B is constant.

    ``transA``, ``transB`` transpose the factors. A first factor of more than two axes (fully connected layers of TFLite) is read as
    rows of the reduction length, and the result keeps the leading axes unless ``keep_num_dims`` is 0. Bias and the scales alpha
    and beta (where they are not 1) are element operations. N of the nest counts the rows; with more leading
    axes the last of them is E.
    """

    bias_position: ClassVar[int] = 2
    positions: ClassVar[tuple[int, int]] = (0, 1)

    def factors(self, operator: Operator, inputs: Operands) -> tuple[Tensor, Tensor]:
        return operand(operator, inputs, self.positions[0]), operand(operator, inputs, self.positions[1])

    def product(self, operator: Operator, inputs: Operands) -> Product:
        first, second = self.factors(operator, inputs)
        if len(second.shape) != 2 or not first.shape:
            raise fail(operator, f"factors of shape {first.shape} and {second.shape}; a matrix is expected as second factor")
        reduction, columns = second.shape[::-1] if operator.attributes.get("transB") else second.shape
        leading, width = first.shape[:-1], first.shape[-1]
        if operator.attributes.get("transA"):
            leading, width = first.shape[1:], first.shape[0]
        rows = first.elements // reduction if reduction else 0
        drops_axes = len(first.shape) != 2 and (width != reduction or operator.attributes.get("keep_num_dims", 1) == 0)
        if drops_axes and rows * reduction == first.elements:
            leading = (rows,)
        elif width != reduction:
            raise fail(
                operator,
                f"factors of shape {first.shape} and {second.shape}; the inner sizes {width} and {reduction} must be equal",
            )
        n, tokens = (math.prod(leading[:-1]), leading[-1]) if len(leading) > 1 else (math.prod(leading), 1)
        return Product(n, 1, tokens, columns, reduction, first, second, (*leading, columns))

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        count = 0
        result, bias = elements(outputs[:1]), optional(inputs, self.bias_position)
        if operator.attributes.get("alpha", 1.0) != 1.0:
            count += result
        if bias is not None:
            count += result + (bias.elements if operator.attributes.get("beta", 1.0) != 1.0 else 0)
        return Operations(count)


class QuantizedGeneralProduct(GeneralProduct):
    """QGemm: A, its scale and zero point, B, theirs, C, the result's scale and zero point (ONNX Runtime contrib operators)."""

    positions = (0, 3)
    bias_position = 6

    def dtype(self, operator: Operator, inputs: Operands) -> str:
        zero_point = optional(inputs, 8)
        return result_dtype(operator, zero_point.dtype if zero_point is not None else "fp32")


def shared_batch(batch: tuple[int, ...], own: tuple[int, ...]) -> tuple[int, int]:
    """Products that share an operand and products that do not: the operand's own batch axes are groups, stretched ones are shared.

    >>> shared_batch((8, 12), (1, 12))
    (8, 12)
    """
    groups = math.prod(own)
    return math.prod(batch) // max(1, groups), groups
