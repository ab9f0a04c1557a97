"""ONNX file -> Graph.

The file is parsed once. Constants that nodes compute are folded; symbolic sizes get their numbers; the library's shape inference
runs over a copy without weights; where it stays silent (operators of other domains) our own rules answer. What remains are the
operators that a runtime has to execute, with normalised attributes, and the facts of the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workloads.errors import GraphError
from workloads.graph import Graph, Operator, Tensor
from workloads.operators import rule_of
from workloads.operators.rule import TensorType
from workloads.readers.border import reading
from workloads.readers.constants import Constant
from workloads.readers.folding import fold
from workloads.readers.onnx_attributes import normalised
from workloads.readers.onnx_branches import inline_branches
from workloads.readers.onnx_model import OnnxNetwork, network_of, parsed_model
from workloads.readers.onnx_shapes import known_types
from workloads.readers.onnx_sizes import set_sizes
from workloads.readers.rules import with_rule

#: Position of the weights whose output channels are looked at -> operators that have them there.
WEIGHT_POSITIONS = {
    "Conv": 1, "ConvInteger": 1, "ConvTranspose": 1, "FusedConv": 1, "FusedMatMul": 1, "Gemm": 1, "MatMul": 1,
    "MatMulInteger": 1, "QGemm": 3, "QLinearConv": 3, "QLinearMatMul": 3,
}  # fmt: skip
#: Layers whose sequences come with the steps first unless ``layout`` says otherwise.
RECURRENT = ("GRU", "LSTM", "RNN")
#: Position of the zero point of those weights.
ZERO_POINT_POSITIONS = {"ConvInteger": 3, "MatMulInteger": 3, "QGemm": 5, "QLinearConv": 5, "QLinearMatMul": 5}


def load_onnx(
    path: str | Path, *, batch: int | None = None, dims: Mapping[str, int] | None = None, allow_unmodelled: bool = False
) -> Graph:
    """Network of an ONNX file, opset 7 to the newest the library knows.

    Parameters
    ----------
    path : str or Path
    batch : int, optional
        Number for the symbolic batch size, 1 by default. A batch that is fixed in the file stays.
    dims : mapping of str to int, optional
        Numbers for the other symbolic sizes.
    allow_unmodelled : bool
        Mark operators without a rule instead of refusing them.

    Raises
    ------
    GraphError
        Everything that can be wrong with the file, with its name.
    """
    path = Path(path)
    with reading(path, "ONNX"):
        network = network_of(parsed_model(path), path.stem, path)
        sizes = set_sizes(network, batch, dims or {})
        network.operators = inline_branches(network, fold(network.operators, network.constants), path)
        types = known_types(network, sizes)
        network.operators = without_dead(network)
        return graph_of(network, types, sizes, allow_unmodelled=allow_unmodelled)


def without_dead(network: OnnxNetwork) -> list[Operator]:
    """Operators that some output of the network depends on."""
    wanted = set(network.outputs)
    kept = []
    for operator in reversed(network.operators):
        if not wanted.isdisjoint(operator.outputs):
            kept.append(operator)
            wanted.update(names_read(network, operator))
    return kept[::-1]


def names_read(network: OnnxNetwork, operator: Operator) -> tuple[str, ...]:
    """Tensors an operator reads."""
    return tuple(name for name in operator.inputs if name)


def graph_of(network: OnnxNetwork, types: Mapping[str, TensorType], sizes: Mapping[str, int], *, allow_unmodelled: bool) -> Graph:
    """The Graph of a network whose constants are folded."""
    tensors: dict[str, Tensor] = {
        name: Tensor(name, tuple(int(size or 0) for size in shape), dtype, "input")
        for name, (dtype, shape) in network.inputs.items()
    }
    operators = []
    for operator in network.operators:
        for position, name in enumerate(operator.inputs):
            if name and name not in tensors and name in network.constants:
                tensors[name] = weight_tensor(network, operator, position)
        operator = finished(network, operator, tensors, allow_unmodelled=allow_unmodelled)
        for name, kind in zip(operator.outputs, output_types(operator, tensors, types), strict=False):
            if name:
                tensors[name] = Tensor(name, kind.shape, kind.dtype, "output" if name in network.outputs else "activation")
        operators.append(operator)
    for name in network.outputs:
        if name not in tensors and name in network.constants:
            tensors[name] = network.constants[name].tensor(name)
    if not operators:
        raise GraphError("every output is a constant or an input; at least one operator is expected")
    settings: dict[str, Any] = {"batch": network.batch or _leading_size(network), "dims": dict(sizes)}
    return Graph.build(network.name, operators, tensors.values(), notes(network), settings)


def finished(network: OnnxNetwork, operator: Operator, tensors: Mapping[str, Tensor], *, allow_unmodelled: bool) -> Operator:
    """The operator with normalised attributes; refused or marked where no rule knows it."""
    inputs = [tensors.get(name) if name else None for name in operator.inputs]
    attributes = normalised(operator, network.opset, inputs, network.constants)
    complete = Operator(operator.name, operator.op, operator.inputs, operator.outputs, attributes)
    return with_rule(complete, allow_unmodelled=allow_unmodelled)


def output_types(operator: Operator, tensors: Mapping[str, Tensor], types: Mapping[str, TensorType]) -> list[TensorType]:
    """Types the inference found, else those of the operator's rule."""
    if all(name in types for name in operator.outputs if name):
        return [types[name] if name else TensorType((), "fp32") for name in operator.outputs]
    inputs = [tensors[name] if name else None for name in operator.inputs]
    ruled = rule_of(operator).output_types(operator, inputs)
    return [types.get(name, kind) for name, kind in zip(operator.outputs, ruled, strict=False)]


def weight_tensor(network: OnnxNetwork, operator: Operator, position: int) -> Tensor:
    """A constant operand with the facts of its values, channels as its first reader has them."""
    name = operator.inputs[position]
    constant = network.constants[name]
    axis = reads = None
    if WEIGHT_POSITIONS.get(operator.op) == position and len(constant.shape) > 1:
        axis = channel_axis(operator, len(constant.shape))
        reads = 1 - axis if axis < 2 else axis - 1
        point = zero_point(network, operator)
        constant = constant if point is None or point.array is None else _with_zero(constant, point)
    return constant.tensor(name, axis, reads)


def channel_axis(operator: Operator, rank: int) -> int:
    """Axis of the output channels in the weights of a convolution or product."""
    if operator.op == "ConvTranspose":
        return 1
    if "Conv" in operator.op:
        return 0
    return 0 if operator.attribute("transB") else rank - 1


def zero_point(network: OnnxNetwork, operator: Operator) -> Constant | None:
    """Zero point of the weights of an integer operator."""
    position = ZERO_POINT_POSITIONS.get(operator.op)
    if position is None or position >= len(operator.inputs):
        return None
    return network.constants.get(operator.inputs[position])


def _with_zero(constant: Constant, point: Constant) -> Constant:
    values = point.integers() or (0,)
    return Constant(constant.shape, constant.dtype, constant.array, constant.fill, values[0] if len(values) == 1 else values)


def notes(network: OnnxNetwork) -> tuple[str, ...]:
    """What had to be assumed."""
    unread = [name for name, constant in network.constants.items() if constant.array is None and constant.fill is None]
    read = {name for operator in network.operators for name in operator.inputs}
    count = len(read.intersection(unread))
    return (f"values of {count} constants are not known; no zeros are assumed in them",) if count else ()


def _leading_size(network: OnnxNetwork) -> int:
    """Batch of the first input that has more than one axis: its first size; of sequences before a recurrent layer the second."""
    steps_first = {o.inputs[0] for o in network.operators if o.op in RECURRENT and not o.attributes.get("layout", 0)}
    for name, (_, shape) in network.inputs.items():
        if len(shape) > 1:
            return int(shape[1 if name in steps_first else 0] or 1)
    return 1
