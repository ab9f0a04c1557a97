"""The rule of operators nobody wrote a rule for, taken only where the user allows it."""

from __future__ import annotations

from workloads.graph import Operator
from workloads.operators.family import FamilyRule, undetermined
from workloads.operators.rule import Operands, TensorType


class Unmodelled(FamilyRule):
    """Moves its inputs and outputs and is flagged: an operator with attribute ``unmodelled`` that has no rule.

    Its output types are the declared ones; they cannot be derived.
    """

    modelled = False
    family = "unmodelled"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        raise undetermined(operator, "the output of an operator without a rule")
