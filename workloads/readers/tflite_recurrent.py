"""Recurrent layers of TFLite: weights of single gates brought together as one ONNX LSTM has them."""

from __future__ import annotations

from workloads.errors import GraphError
from workloads.graph import Operator, Tensor
from workloads.readers.tflite_model import Call, TfliteTensor

RECURRENT = frozenset({"UNIDIRECTIONAL_SEQUENCE_LSTM"})
#: Operand positions: input, forget, cell and output gate.
INPUT_GATES, RECURRENT_GATES, BIASES = (1, 2, 3, 4), (5, 6, 7, 8), (12, 13, 14, 15)


def recurrent_operators(call: Call, name: str) -> tuple[list[Operator], list[Tensor]]:
    """An LSTM and the removal of its direction axis, with the joined weights.

    Coupled gates, peepholes, projections and normalisation inside the cell have no ONNX counterpart and are refused.

    Parameters
    ----------
    call : Call
        Operands as in the schema: data, 4 input weights, 4 recurrent weights, 3 peepholes, 4 biases, 2 of the projection, 2 states,
        4 of the normalisation.
    name : str
        Name of the LSTM.
    """
    refused = [i for i in (9, 10, 11, 16, 17, 20, 21, 22, 23) if i < len(call.inputs) and call.inputs[i] is not None]
    if refused or any(call.inputs[i] is None for i in INPUT_GATES):
        raise GraphError(
            f"operator '{name}' ({call.builtin}): coupled gates, peepholes, projection or normalisation; a plain LSTM is expected"
        )
    data, result = call.input(0), call.outputs[0]
    time_major = bool(call.options.TimeMajor()) if call.options is not None else False
    weights = _joined(call, INPUT_GATES, f"{name}/weights")
    recurrent = _joined(call, RECURRENT_GATES, f"{name}/recurrent")
    bias = Tensor(f"{name}/bias", (1, 8 * result.shape[-1]), _known(call, BIASES[0]).dtype, "weight")
    sequence = f"{name}/sequence"
    direction = 1 if time_major else 2
    shape = (*result.shape[:direction], 1, *result.shape[direction:])
    extra = [weights, recurrent, bias, Tensor(sequence, shape, result.dtype)]
    attributes = {"hidden_size": result.shape[-1], "direction": "forward", "layout": 0 if time_major else 1}
    lstm = Operator(name, "LSTM", (data.name, weights.name, recurrent.name, bias.name), (sequence,), attributes)
    squeeze = Operator(f"{name}/squeeze", "Squeeze", (sequence,), (result.name,), {"axes": (direction,)})
    return [lstm, squeeze], extra


def _known(call: Call, position: int) -> TfliteTensor:
    tensor = call.input(position)
    if tensor.constant is None:
        raise GraphError(f"operator {call.builtin}: operand '{tensor.name}' is computed; constant weights are expected")
    return tensor


def _joined(call: Call, positions: tuple[int, ...], name: str) -> Tensor:
    """Weights of all gates as one tensor (1, gates * hidden, width)."""
    gates = [_known(call, position) for position in positions]
    if any(gate.shape != gates[0].shape or len(gate.shape) != 2 for gate in gates):
        raise GraphError(f"operator {call.builtin}: gate weights {[gate.shape for gate in gates]}; equal matrices are expected")
    rows, columns = gates[0].shape
    return Tensor(name, (1, len(gates) * rows, columns), gates[0].dtype, "weight")
