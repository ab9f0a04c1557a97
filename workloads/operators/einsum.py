"""Einsum of product form: two operands whose letters sort into batch, rows, columns and reduction."""

from __future__ import annotations

import math
from typing import NamedTuple

from workloads.graph import Operator
from workloads.loopnest import LoopNest
from workloads.operators.family import Operations, elements, fail, operand, result_dtype
from workloads.operators.matmul import Product, ProductRule
from workloads.operators.rule import Operands, TensorType


class Equation(NamedTuple):
    """Letters of an einsum."""

    terms: tuple[str, ...]
    result: str
    sizes: dict[str, int]

    def size(self, letters: set[str]) -> int:
        """Product of the sizes of some letters."""
        return math.prod(self.sizes[letter] for letter in letters)


def equation_of(operator: Operator, inputs: Operands) -> Equation:
    """Parse attribute ``equation``; an ellipsis becomes letters that the equation does not use, aligned from the right."""
    text = str(operator.attributes.get("equation", "")).replace(" ", "")
    left, arrow, result = text.partition("->")
    terms = left.split(",")
    shapes = [operand(operator, inputs, position).shape for position in range(len(inputs))]
    spare = [letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if letter not in text]
    if len(shapes) > 2:
        raise fail(operator, f"an einsum of {len(shapes)} operands; at most 2 are expected, split it into products of two")
    if len(terms) != len(shapes):
        raise fail(operator, f"equation '{text}' for {len(shapes)} operands; one term per operand is expected")
    stretched = max((len(shape) - len(term) + 3 for term, shape in zip(terms, shapes, strict=True) if "..." in term), default=0)
    sizes: dict[str, int] = {}
    for place, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        hidden = len(shape) - len(term) + 3
        terms[place] = term = term.replace("...", "".join(spare[stretched - hidden : stretched]))
        if len(term) != len(shape):
            raise fail(operator, f"term '{term}' for shape {shape}; one letter per axis is expected")
        for letter, size in zip(term, shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                if 1 not in (size, sizes[letter]) or letter not in spare:
                    raise fail(operator, f"'{letter}' is {sizes[letter]} and {size} in '{text}'; equal sizes are expected")
                sizes[letter] = max(size, sizes[letter])
    if arrow:
        result = result.replace("...", "".join(spare[:stretched]))
    else:
        letters = "".join(terms)
        result = "".join(spare[:stretched]) + "".join(sorted(x for x in set(letters) if letters.count(x) == 1 and x not in spare))
    return Equation(tuple(terms), result, sizes)


class Einsum(ProductRule):
    """Einsum: with two operands a batch of matrix products, with one a sum or a transposition.

    Letters of both operands and the result are groups; of both but not the result the reduction; of one operand and the result rows
    or columns. Letters of one operand alone are summed first: one element operation per element. More operands are refused: their
    cost hangs on the order a runtime picks.
    """

    def kind(self, operator: Operator, inputs: Operands, outputs: Operands) -> str:
        return super().kind(operator, inputs, outputs) if len(inputs) == 2 else "reduction"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        equation = equation_of(operator, inputs)
        dtype = self.dtype(operator, inputs) if len(inputs) == 2 else result_dtype(operator, operand(operator, inputs, 0).dtype)
        return (TensorType(tuple(equation.sizes[letter] for letter in equation.result), dtype),)

    def product(self, operator: Operator, inputs: Operands) -> Product:
        equation = equation_of(operator, inputs)
        first, second = self.factors(operator, inputs)
        a, b, result = set(equation.terms[0]), set(equation.terms[1]), set(equation.result)
        groups, reduction = equation.size(a & b & result), equation.size(a & b - result)
        rows, columns = equation.size((a - b) & result), equation.size((b - a) & result)
        shape = tuple(equation.sizes[letter] for letter in equation.result)
        if first.role == "weight" and second.role != "weight":
            return Product(1, groups, columns, rows, reduction, second, first, shape)
        return Product(1, groups, rows, columns, reduction, first, second, shape)

    def macs(self, operator: Operator, inputs: Operands, outputs: Operands) -> int:
        return super().macs(operator, inputs, outputs) if len(inputs) == 2 else 0

    def loop_nests(self, operator: Operator, inputs: Operands, outputs: Operands) -> tuple[LoopNest, ...]:
        return super().loop_nests(operator, inputs, outputs) if len(inputs) == 2 else ()

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        equation = equation_of(operator, inputs)
        if len(inputs) == 1:
            size = operand(operator, inputs, 0).elements
            return Operations(size if size > elements(outputs[:1]) else 0)
        sums = 0
        for position, term in enumerate(equation.terms):
            if set(term) - set(equation.result) - set(equation.terms[1 - position]):
                sums += operand(operator, inputs, position).elements
        return Operations(sums)
