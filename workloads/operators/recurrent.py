"""Recurrent layers: all time steps, both directions."""

from __future__ import annotations

from typing import NamedTuple

from workloads.graph import Operator
from workloads.loopnest import LoopNest, product_nest
from workloads.operators.family import FamilyRule, Operations, fail, operand, optional, result_dtype
from workloads.operators.rule import Operands, TensorType


class Steps(NamedTuple):
    """Extents of a recurrent layer."""

    directions: int
    time: int
    batch: int
    width: int  # input size
    hidden: int


class Recurrent(FamilyRule):
    """LSTM, GRU, RNN (ONNX operator specification): per direction and step ``gates * hidden`` sums over inputs and hidden state.

    MACs = directions * time * batch * gates * hidden * (width + hidden). Two nests: the input product, whose time steps are
    independent (rows = time * batch), and the recurrent one, one after the other (N = time, rows = batch). Element operations per
    gate: the sum of the two products and of two biases where there are biases; the cell adds its own, given in the table.
    Bytes are each operand once; weights that do not stay near the unit are read again each step, which the nest shows.

    Parameters
    ----------
    gates : int
        4, 3 or 1.
    element, special : int
        Operations of the cell per hidden element and step.
    states : int
        Final states put out: 2 with a cell state, else 1.
    """

    family = "recurrent"

    def __init__(self, gates: int, element: int, special: int, states: int) -> None:
        self.gates, self.element, self.special, self.states = gates, element, special, states

    def steps(self, operator: Operator, inputs: Operands) -> Steps:
        """Extents, checked against the weights."""
        data, weights, recurrent = (operand(operator, inputs, position) for position in range(3))
        if len(data.shape) != 3 or len(weights.shape) != 3:
            raise fail(operator, f"input {data.shape}, weights {weights.shape}; three axes each are expected")
        first, second, width = data.shape
        time, batch = (second, first) if operator.attributes.get("layout") == 1 else (first, second)
        directions = 2 if operator.attributes.get("direction", "forward") == "bidirectional" else 1
        hidden = recurrent.shape[-1]
        expected = ((directions, self.gates * hidden, width), (directions, self.gates * hidden, hidden))
        if (weights.shape, recurrent.shape) != expected:
            raise fail(operator, f"weights {weights.shape} and {recurrent.shape}; {expected[0]} and {expected[1]} are expected")
        return Steps(directions, time, batch, width, hidden)

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        part = self.steps(operator, inputs)
        dtype = result_dtype(operator, operand(operator, inputs, 0).dtype)
        sequence: tuple[int, ...] = (part.time, part.directions, part.batch, part.hidden)
        state: tuple[int, ...] = (part.directions, part.batch, part.hidden)
        if operator.attributes.get("layout") == 1:
            sequence, state = (part.batch, part.time, part.directions, part.hidden), (part.batch, part.directions, part.hidden)
        types = (TensorType(sequence, dtype), *(TensorType(state, dtype) for _ in range(self.states)))
        return types[: len(operator.outputs)]

    def macs(self, operator: Operator, inputs: Operands, outputs: Operands) -> int:
        directions, time, batch, width, hidden = self.steps(operator, inputs)
        return directions * time * batch * self.gates * hidden * (width + hidden)

    def loop_nests(self, operator: Operator, inputs: Operands, outputs: Operands) -> tuple[LoopNest, ...]:
        directions, time, batch, width, hidden = self.steps(operator, inputs)
        data, weights, recurrent = (operand(operator, inputs, position).name for position in range(3))
        columns = self.gates * hidden
        gates, state = f"{operator.name}.gates", f"{operator.name}.state"
        return (
            product_nest(rows=time * batch, columns=columns, reduction=width, g=directions, tensors=(data, weights, gates)),
            product_nest(rows=batch, columns=columns, reduction=hidden, n=time, g=directions, tensors=(state, recurrent, gates)),
        )

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        directions, time, batch, _, hidden = self.steps(operator, inputs)
        cells = directions * time * batch * hidden
        sums = self.gates * (1 if optional(inputs, 3) is None else 3)
        return Operations(cells * (sums + self.element), cells * self.special)


#: Cell: f*c, i*g, their sum, o*tanh(c): 4, and three sigmoids of one addition; sigmoid = exp and division, so 3 * 2 + 2 tanh.
LSTM = Recurrent(gates=4, element=4 + 3, special=8, states=2)
#: Cell: r*h, 1 - z, two products, a sum: 5, and two sigmoids; 2 * 2 + 1 tanh.
GRU = Recurrent(gates=3, element=5 + 2, special=5, states=1)
#: Cell: one tanh.
RNN = Recurrent(gates=1, element=0, special=1, states=1)
