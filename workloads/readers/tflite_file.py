"""TFLite file -> Graph.

Operators get their ONNX names and attributes; activations keep their NHWC order and say so (``layout``). Shapes are those of the
file. State that lives between runs (variables of streaming networks) is an input of the network, listed in ``settings["states"]``;
reading and assigning it are copies, as the interpreter for microcontrollers does them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from workloads.errors import GraphError, UnsupportedOperator
from workloads.graph import Graph, Operator, Tensor
from workloads.operators import RULES
from workloads.readers.border import reading
from workloads.readers.constants import Constant
from workloads.readers.folding import folded, shape_values
from workloads.readers.rules import with_rule
from workloads.readers.tflite_attributes import section
from workloads.readers.tflite_model import ELEMENT_TYPES, Call, TfliteNetwork, TfliteTensor, parsed_network
from workloads.readers.tflite_operators import STORED_AS_IS, TRANSLATIONS
from workloads.readers.tflite_recurrent import RECURRENT, recurrent_operators

STATE_CALLS = frozenset({"ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE"})
STATE_NOTE = "state kept between runs: each read and each assignment is a copy"
#: Position of the weights whose channels are looked at, the axis of the output channels, and that of the input channels.
CHANNELS: Mapping[str, tuple[int, int | None, int | None]] = {
    "CONV_2D": (1, 0, 3),
    "CONV_3D": (1, 4, 3),
    "DEPTHWISE_CONV_2D": (1, 3, None),
    "FULLY_CONNECTED": (1, 0, 1),
    "TRANSPOSE_CONV": (1, 0, 3),
}


def load_tflite(path: str | Path, *, allow_unmodelled: bool = False) -> Graph:
    """Network of a TFLite file.

    Parameters
    ----------
    path : str or Path
    allow_unmodelled : bool
        Mark operators without a rule instead of refusing them.

    Raises
    ------
    GraphError
        Everything that can be wrong with the file, with its name.
    """
    path = Path(path)
    with reading(path, "TFLite"):
        network = parsed_network(path)
        return _Builder(network, allow_unmodelled=allow_unmodelled).graph()


class _Builder:
    """Turns the calls of one network into operators, in their order."""

    def __init__(self, network: TfliteNetwork, *, allow_unmodelled: bool) -> None:
        self.network, self.allow_unmodelled = network, allow_unmodelled
        self.constants: dict[str, Constant] = {}
        self.tensors: dict[str, Tensor] = {}
        self.operators: list[Operator] = []
        self.numbers: Counter[str] = Counter()
        self.states: dict[str, str] = {}
        self.kept: dict[str, None] = {}
        self.notes: dict[str, None] = {}
        self.outputs = {tensor.name for tensor in network.outputs}

    def graph(self) -> Graph:
        """The whole network."""
        for tensor in self.network.inputs:
            if tensor.constant is None:
                self.tensors[tensor.name] = Tensor(tensor.name, _positive(tensor), tensor.dtype, "input")
        for call in self.network.calls:
            self.add(replace(call, inputs=tuple(self.known(tensor) for tensor in call.inputs)))
        for tensor in self.network.outputs:
            if tensor.name not in self.tensors:
                known = self.known(tensor)
                if known is None or known.constant is None:
                    raise GraphError(f"output '{tensor.name}': nothing produces it; an output of an operator is expected")
                self.tensors[tensor.name] = known.constant.tensor(tensor.name)
        if not self.operators:
            raise GraphError("every output is a constant or an input; at least one operator is expected")
        leading = next((t.shape[0] for t in self.tensors.values() if t.role == "input" and len(t.shape) > 1), 1)
        settings: dict[str, Any] = {"batch": leading, "dims": {}}
        if self.kept:
            settings["states"] = tuple(self.kept)
        return Graph.build(self.network.name, self.operators, self.tensors.values(), self.notes, settings)

    def known(self, tensor: TfliteTensor | None) -> TfliteTensor | None:
        """The tensor with the constant that earlier calls made of it."""
        if tensor is None or tensor.name not in self.constants:
            return tensor
        return replace(tensor, constant=self.constants[tensor.name], dtype=self.constants[tensor.name].dtype)

    def add(self, call: Call) -> None:
        """Fold the call, or append its operators."""
        if call.builtin in STATE_CALLS:
            self.add_state(call)
        elif not self.fold(call):
            if call.builtin in RECURRENT:
                operators, extra = recurrent_operators(call, self.name("LSTM"))
                self.tensors.update((tensor.name, tensor) for tensor in extra)
                for operator in operators:
                    self.append(call, operator)
            else:
                self.append(call, self.translated(call))

    def fold(self, call: Call) -> bool:
        """True where the outputs are constants; they are remembered."""
        by_shape = known_by_shape(call)
        if by_shape is not None:
            self.constants[call.outputs[0].name] = by_shape
            return True
        operands = [None if tensor is None else tensor.constant for tensor in call.inputs]
        present = [operand for tensor, operand in zip(call.inputs, operands, strict=True) if tensor is not None]
        if not present or any(operand is None for operand in present):
            return False
        if call.builtin in STORED_AS_IS:
            first = present[0]
            assert first is not None
            self.constants[call.outputs[0].name] = first
            return True
        if call.builtin not in TRANSLATIONS:
            return False
        operator = self.translated(call, named=False)
        taken = TRANSLATIONS[call.builtin].operands
        results = folded(operator, operands if taken is None else [operands[i] for i in taken if i < len(operands)])
        if results is None:
            return False
        for tensor, result in zip(call.outputs, results, strict=False):
            self.constants[tensor.name] = result
        return True

    def name(self, op: str) -> str:
        """``Conv_1``, ``Conv_2``, ...: a name by operator and its number."""
        self.numbers[op] += 1
        return f"{op}_{self.numbers[op]}"

    def translated(self, call: Call, *, named: bool = True) -> Operator:
        """The operator of a call under its ONNX name."""
        translation = TRANSLATIONS.get(call.builtin)
        if translation is None:
            inputs, op, attributes = call.inputs, call.builtin, {}
        else:
            taken = translation.operands
            inputs = call.inputs if taken is None else tuple(call.inputs[i] for i in taken if i < len(call.inputs))
            op, attributes = translation.op, translation.attributes(call)
        attributes = {"layout": "NHWC", **attributes}
        if call.outputs and (op in ("QuantizeLinear", "DequantizeLinear") or _dtype_changes(inputs, call.outputs)):
            attributes["output_dtype"] = call.outputs[0].dtype
        names = tuple("" if tensor is None else tensor.name for tensor in inputs)
        return Operator(self.name(op) if named else op, op, names, tuple(t.name for t in call.outputs), attributes)

    def append(self, call: Call, operator: Operator) -> None:
        """Append an operator and declare the tensors it touches."""
        if operator.op not in RULES and not self.allow_unmodelled:
            source = "custom operator" if call.builtin not in TRANSLATIONS and not call.builtin.isupper() else "builtin operator"
            self.refuse(operator, source)
        for position, tensor in enumerate(call.inputs):
            if tensor is not None and tensor.name in operator.inputs:
                self.declare_operand(call, tensor, position)
        for tensor in call.outputs:
            if tensor.name in operator.outputs:
                self.declare(tensor, "output" if tensor.name in self.outputs else "activation")
        operator = with_rule(operator, allow_unmodelled=self.allow_unmodelled)
        self.operators.extend(self.with_new_axes(call, operator))

    def refuse(self, operator: Operator, source: str) -> None:
        """Error of an operator nobody can count."""
        raise UnsupportedOperator(
            f"operator '{operator.name}': {source} '{operator.op}' has no ONNX counterpart with a rule; "
            "add a line in workloads/readers/tflite_operators.py and a rule in workloads/operators/; or --allow-unmodelled"
        )

    def with_new_axes(self, call: Call, operator: Operator) -> list[Operator]:
        """A strided slice that also adds axes is a Slice and an Unsqueeze."""
        axes = section(call).new_axes if call.builtin == "STRIDED_SLICE" else ()
        if not axes:
            return [operator]
        result = self.tensors[operator.outputs[0]]
        inner = replace(result, name=f"{result.name}#sliced", role="activation", shape=_without(result.shape, axes))
        self.tensors[inner.name] = inner
        first = Operator(operator.name, operator.op, operator.inputs, (inner.name,), operator.attributes)
        return [
            first,
            Operator(self.name("Unsqueeze"), "Unsqueeze", (inner.name,), operator.outputs, {"axes": axes, "layout": "NHWC"}),
        ]

    def declare_operand(self, call: Call, tensor: TfliteTensor, position: int) -> None:
        """Weights with their facts; what nothing produces is state the operator keeps, an input of the network."""
        if tensor.name in self.tensors:
            return
        if tensor.constant is not None:
            weights, *axes = CHANNELS.get(call.builtin, (-1, None, None))
            self.tensors[tensor.name] = tensor.constant.tensor(tensor.name, *(axes if weights == position else ()))
        else:
            self.notes[STATE_NOTE] = self.kept[tensor.name] = None
            self.declare(tensor, "input")

    def declare(self, tensor: TfliteTensor, role: Any) -> None:
        """An activation of the file."""
        if tensor.name in self.tensors and role != "input":
            raise GraphError(f"tensor '{tensor.name}' is written twice; one producer is expected")
        if tensor.dtype not in ELEMENT_TYPES.values():
            raise GraphError(f"tensor '{tensor.name}': element type {tensor.dtype}; a number type is expected")
        self.tensors[tensor.name] = Tensor(tensor.name, _positive(tensor), tensor.dtype, role)

    def add_state(self, call: Call) -> None:
        """Handles vanish; reads copy the state in, assignments copy it out; the subgraph that runs once is set-up."""
        self.notes[STATE_NOTE] = None
        if call.builtin == "CALL_ONCE":
            return
        if call.builtin == "VAR_HANDLE":
            label = (call.options.SharedName() or b"").decode() if call.options is not None else ""
            self.states[call.outputs[0].name] = f"state/{label or call.outputs[0].name}"
            return
        state = self.states.get(call.input(0).name, f"state/{call.input(0).name}")
        if call.builtin == "READ_VARIABLE":
            result = call.outputs[0]
            if state not in self.tensors:
                self.tensors[state] = Tensor(state, _positive(result), result.dtype, "input")
                self.kept[state] = None
            self.declare(result, "output" if result.name in self.outputs else "activation")
            self.operators.append(Operator(self.name("ReadVariable"), "ReadVariable", (state,), (result.name,), {"layout": "NHWC"}))
            return
        value = call.input(1)
        self.declare_operand(call, value, 1)
        name = self.name("AssignVariable")
        written = f"{state}/next" if f"{state}/next" not in self.tensors else f"{state}/{name}"
        self.tensors[written] = Tensor(written, _positive(value), value.dtype)
        self.operators.append(Operator(name, "AssignVariable", ("", value.name), (written,), {"layout": "NHWC"}))


def known_by_shape(call: Call) -> Constant | None:
    """What SHAPE, RANK and ZEROS_LIKE give: it hangs on shapes alone."""
    if call.builtin == "ZEROS_LIKE":
        return Constant(call.outputs[0].shape, call.outputs[0].dtype, fill=0.0)
    if call.builtin == "SHAPE":
        return shape_values(Operator("", "Shape", (), ()), call.input(0).shape)
    return Constant((), "int32", fill=float(len(call.input(0).shape))) if call.builtin == "RANK" else None


def _positive(tensor: TfliteTensor) -> tuple[int, ...]:
    if min(tensor.shape, default=1) < 1:
        raise GraphError(f"tensor '{tensor.name}': shape {tensor.shape}; every size must be at least 1")
    return tensor.shape


def _dtype_changes(inputs: tuple[TfliteTensor | None, ...], outputs: tuple[TfliteTensor, ...]) -> bool:
    first = next((tensor for tensor in inputs if tensor is not None), None)
    return first is not None and first.dtype != outputs[0].dtype and outputs[0].dtype in ELEMENT_TYPES.values()


def _without(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)
