"""Operators that read or write by index. Sizes that hang on data are upper bounds, and said to be."""

from __future__ import annotations

from workloads.dtypes import stored_bytes
from workloads.graph import Operator
from workloads.operators.family import (
    FamilyRule,
    Operations,
    axis_in,
    elements,
    fail,
    integers,
    like,
    moved,
    operand,
    optional,
    result_dtype,
    undetermined,
    work_of,
)
from workloads.operators.layout import partly_read
from workloads.operators.rule import Operands, TensorType
from workloads.work import Work


class Gather(FamilyRule):
    """Gather: entries of ``axis`` by index; an embedding lookup where the data are constant. Reads only the rows it gathers."""

    family = "layout"

    def kind(self, operator: Operator, inputs: Operands, outputs: Operands) -> str:
        data = inputs[0]
        return "embedding" if data is not None and data.role == "weight" else "layout"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data, indices = operand(operator, inputs, 0), operand(operator, inputs, 1, "indices")
        axis = axis_in(operator, operator.attributes.get("axis", 0), len(data.shape))
        return (like(operator, data, (*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :])),)

    def work(self, operator: Operator, inputs: Operands, outputs: Operands) -> Work:
        return partly_read(operator, inputs, outputs, operand(operator, inputs, 0))


class GatherElements(Gather):
    """GatherElements: one element per index."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        return (like(operator, operand(operator, inputs, 0), operand(operator, inputs, 1, "indices").shape),)


class GatherND(Gather):
    """GatherND: slices by index tuples, the last axis of the indices; ``batch_dims`` leading axes are shared."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data, indices = operand(operator, inputs, 0), operand(operator, inputs, 1, "indices")
        depth = int(operator.attributes.get("batch_dims", 0)) + indices.shape[-1]
        if depth > len(data.shape):
            raise fail(operator, f"index tuples of {indices.shape[-1]} for shape {data.shape}; one index per axis at most")
        return (like(operator, data, (*indices.shape[:-1], *data.shape[depth:])),)


class Scatter(FamilyRule):
    """ScatterElements, ScatterND, Scatter: a copy of the data with updates put in; one operation per reduced update."""

    family = "layout"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        return (like(operator, operand(operator, inputs, 0)),)

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        reduces = operator.attributes.get("reduction", "none") != "none"
        return Operations(operand(operator, inputs, 2, "updates").elements if reduces else 0)


class OneHot(FamilyRule):
    """OneHot: a new axis of ``depth`` places (constant operand 1) with one place on; a comparison per element."""

    family = "layout"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        indices = operand(operator, inputs, 0)
        places = integers(operator, inputs, 1, "depth")
        if places is None:
            raise undetermined(operator, "the depth")
        axis = axis_in(operator, operator.attributes.get("axis", -1), len(indices.shape) + 1)
        shape = (*indices.shape[:axis], places[0], *indices.shape[axis:])
        return (TensorType(shape, result_dtype(operator, operand(operator, inputs, 2, "values").dtype)),)

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        return Operations(elements(outputs[:1]))


class NonZero(FamilyRule):
    """NonZero: one index tuple per non-zero element, at most all of them: the upper bound is taken. A comparison per element."""

    family = "layout"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        return (TensorType((len(data.shape), data.elements), "int64"),)

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        return Operations(operand(operator, inputs, 0).elements)


class Compress(FamilyRule):
    """Compress: entries of ``axis`` whose condition holds, at most as many as conditions: the upper bound is taken."""

    family = "layout"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data, condition = operand(operator, inputs, 0), operand(operator, inputs, 1, "condition")
        axis = operator.attributes.get("axis")
        if axis is None:
            return (like(operator, data, (min(data.elements, condition.elements),)),)
        place = axis_in(operator, axis, len(data.shape))
        kept = min(data.shape[place], condition.elements)
        return (like(operator, data, (*data.shape[:place], kept, *data.shape[place + 1 :])),)


class Unique(FamilyRule):
    """Unique: distinct elements, at most all of them: the upper bound is taken. Sorting: ceil(log2 n) comparisons per element."""

    family = "layout"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        axis = operator.attributes.get("axis")
        count = data.elements if axis is None else data.shape[axis_in(operator, axis, len(data.shape))]
        values = like(operator, data, (count,) if axis is None else data.shape)
        return (values, *(TensorType((count,), "int64") for _ in operator.outputs[1:]))

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        count = operand(operator, inputs, 0).elements
        return Operations(count * max(0, count - 1).bit_length())


class EmbeddedNormalization(FamilyRule):
    """EmbedLayerNormalization: word, position and segment rows added and layer-normalised (ONNX Runtime contrib operators).

    Operands: word ids (batch, length), segment ids or none, word, position and segment tables, scale, shift, mask. Reads the
    gathered rows only, at most each row of a table once. Per element: one or two additions, 5 for the normalisation, 2 for scale
    and shift.
    """

    family = "embedding"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        ids, words = operand(operator, inputs, 0, "ids"), operand(operator, inputs, 2, "word table")
        sum_or_result = like(operator, words, (*ids.shape, words.shape[-1]))
        return (sum_or_result, TensorType((ids.shape[0],), "int32"), sum_or_result)[: len(operator.outputs)]

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        size = elements(outputs[:1])
        tables = 2 + (optional(inputs, 4) is not None)
        return Operations(size * (tables - 1 + 5 + 2), 2 * operand(operator, inputs, 0).elements)

    def work(self, operator: Operator, inputs: Operands, outputs: Operands) -> Work:
        full = moved(operator, inputs, outputs, 0, *self.operations(operator, inputs, outputs))
        size, saved = elements(outputs[:1]), 0
        rows = (operand(operator, inputs, 2), operand(operator, inputs, 3), optional(inputs, 4))
        for table in rows:
            if table is not None:
                saved += table.bytes - stored_bytes(min(table.elements, size), table.dtype)
        return work_of(full, saved)
