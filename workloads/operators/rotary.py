"""Rotary position embedding."""

from __future__ import annotations

from workloads.dtypes import stored_bytes
from workloads.graph import Operator
from workloads.operators.family import FamilyRule, Operations, like, moved, operand, work_of
from workloads.operators.rule import Operands, TensorType
from workloads.work import Work


class RotaryEmbedding(FamilyRule):
    """RotaryEmbedding: pairs of elements turned by an angle per position (Su et al. 2021): two products and a sum per element.

    Operands: data, then positions, cos and sin tables in either order of the two specifications. Of a table only the rows of the
    positions are read. With ``rotary_embedding_dim`` only that many elements of a head of ``head_size`` (or of the last axis) turn.
    """

    family = "elementwise"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        return (like(operator, operand(operator, inputs, 0)),)

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        data = operand(operator, inputs, 0)
        turned = int(operator.attributes.get("rotary_embedding_dim", 0))
        heads = int(operator.attributes.get("num_heads", 0)) or 1
        width = data.shape[-1] if len(data.shape) == 4 else data.shape[-1] // heads
        return Operations(3 * data.elements * (turned or width) // width)

    def work(self, operator: Operator, inputs: Operands, outputs: Operands) -> Work:
        full = moved(operator, inputs, outputs, 0, *self.operations(operator, inputs, outputs))
        data = operand(operator, inputs, 0)
        length = data.shape[-2] * (data.shape[0] if len(data.shape) > 2 else 1)
        tables = {t.name: t for t in inputs[1:] if t is not None and t.role == "weight" and len(t.shape) == 2}
        saved = sum(
            table.bytes - stored_bytes(min(table.shape[0], length) * table.shape[1], table.dtype) for table in tables.values()
        )
        return work_of(full, saved)
