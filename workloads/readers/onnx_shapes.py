"""Shapes of an ONNX network: the library's inference over a light copy, then our own rules where it stays silent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workloads.errors import GraphError
from workloads.graph import Operator
from workloads.operators.family import ONNX_TYPE_CODES
from workloads.operators.rule import TensorType
from workloads.readers.constants import KEPT_VALUES, NUMPY_TYPES
from workloads.readers.folding import fold, replace_shapes
from workloads.readers.onnx_attributes import schema_defaults
from workloads.readers.onnx_model import OnnxNetwork
from workloads.readers.onnx_values import element_type

if TYPE_CHECKING:
    from onnx import ModelProto

ONNX_CODES = {name: code for code, name in reversed(ONNX_TYPE_CODES.items())}
#: How the library begins a list of failures; a second one stands for the body of an operator.
FAILURE = "Inference error(s)"
FAILED_NODE = re.compile(r"\(op_type: ?([\w.]*)(?:, node name: ?([^)]*))?\): ?(.*?)(?=\(op_type|$)")


def known_types(network: OnnxNetwork, sizes: Mapping[str, int]) -> dict[str, TensorType]:
    """Types of all tensors the inference can tell; constants that hang on shapes are folded on the way.

    Parameters
    ----------
    network : OnnxNetwork
        Its operators and constants are updated.
    sizes : mapping of str to int
        Symbolic sizes that were set. Where there are any, shapes the file declares besides its inputs are left aside, but for
        operators that the library does not know.
    """
    types = inferred_types(network, sizes)
    while True:
        before = len(network.constants)
        shapes = {name: known.shape for name, known in types.items()}
        network.operators = fold(replace_shapes(network.operators, network.constants, shapes), network.constants)
        complete = all(name in types for operator in network.operators for name in operator.outputs if name)
        if complete or len(network.constants) == before:
            return types
        types = inferred_types(network, sizes)


def inferred_types(network: OnnxNetwork, sizes: Mapping[str, int]) -> dict[str, TensorType]:
    """One run of the library's shape inference, strict; tensors whose shape is not fully known are left out.

    Raises
    ------
    GraphError
        Where operands do not fit: names operator, node and tensor.
    """
    from onnx import shape_inference

    light = light_model(network, sizes)
    try:
        result = shape_inference.infer_shapes(light, check_type=True, strict_mode=True, data_prop=True)
    except Exception as error:
        if str(error).count(FAILURE) < 2:
            raise GraphError(_inference_message(network, str(error))) from error
        # The library failed inside the body of a function operator, not on this model: our rules judge it instead.
        result = shape_inference.infer_shapes(light, check_type=True, strict_mode=False, data_prop=True)
    types = {name: whole for name, (dtype, shape) in network.inputs.items() if (whole := _whole(shape, dtype)) is not None}
    for value in (*result.graph.value_info, *result.graph.output):
        declared = value.type.tensor_type
        if value.type.WhichOneof("value") == "tensor_type" and declared.HasField("shape") and declared.elem_type:
            shape = [dimension.dim_value if dimension.HasField("dim_value") else None for dimension in declared.shape.dim]
            whole = _whole(shape, element_type(declared.elem_type, value.name))
            if whole is not None:
                types[value.name] = whole
    return types


def light_model(network: OnnxNetwork, sizes: Mapping[str, int]) -> ModelProto:
    """The same graph without its weights: small constants as they are, large ones as inputs of their shape and type."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.ModelProto(ir_version=max(network.model.ir_version, 8))
    model.opset_import.extend(network.model.opset_import)
    graph = model.graph
    graph.name = network.name or "network"
    graph.node.extend(network.protos[operator.name] for operator in network.operators)
    for name, (dtype, shape) in network.inputs.items():
        graph.input.append(helper.make_tensor_value_info(name, network.codes.get(name) or ONNX_CODES[dtype], shape))
    used = dict.fromkeys(name for node in graph.node for name in _names_read(node))
    for name in used:
        constant = network.constants.get(name)
        if constant is None:
            continue
        values = None if constant.read_as else constant.values(KEPT_VALUES)
        if values is not None and constant.dtype in NUMPY_TYPES and values.dtype == NUMPY_TYPES[constant.dtype]:
            graph.initializer.append(numpy_helper.from_array(values, name))
        else:
            code = network.codes.get(name) or ONNX_CODES[constant.read_as or constant.dtype]
            graph.input.append(helper.make_tensor_value_info(name, code, constant.shape))
    written = {name: operator for operator in network.operators for name in operator.outputs}
    for value in network.model.graph.output:
        if value.name in written:
            graph.output.append(declared(network, value, written[value.name], sizes) or onnx.ValueInfoProto(name=value.name))
    for value in network.model.graph.value_info:
        known = declared(network, value, written[value.name], sizes) if value.name in written else None
        if known is not None:
            graph.value_info.append(known)
    return model


def declared(network: OnnxNetwork, value: Any, producer: Operator, sizes: Mapping[str, int]) -> Any:
    """What the file declares of a tensor, symbolic sizes as set; None where it is left to the inference."""
    if not sizes:
        return value
    if schema_defaults(producer.op, network.opset, producer.attribute("domain", "")) is not None:
        return None
    for dimension in value.type.tensor_type.shape.dim:
        if dimension.dim_param in sizes:
            dimension.dim_value = sizes[dimension.dim_param]
    return value


def _names_read(node: Any) -> list[str]:
    """Tensors a node reads, those its subgraphs take from outside included."""
    names = list(node.input)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs) if attribute.HasField("g") else attribute.graphs:
            for inner in graph.node:
                names.extend(_names_read(inner))
            names.extend(value.name for value in graph.output)
    return names


def _whole(sizes: Sequence[int | str | None], dtype: str) -> TensorType | None:
    """The type, None where a size is not known."""
    numbers = [size for size in sizes if isinstance(size, int)]
    return TensorType(tuple(numbers), dtype) if len(numbers) == len(sizes) else None


def _inference_message(network: OnnxNetwork, message: str) -> str:
    """``operator 'conv1' (Conv): shape of 'y' does not infer: reason``."""
    text = " ".join(message.replace("[ShapeInferenceError]", "").replace("[TypeInferenceError]", "").split())
    found = FAILED_NODE.search(text)
    if found is None:
        return f"shapes do not infer: {text}; operands that fit each other are expected"
    op, name, reason = found.groups()
    node = network.protos.get(name or "")
    outputs = ", ".join(f"'{output}'" for output in node.output if output) if node is not None else "its outputs"
    where = f"operator '{name or op}' ({op})"
    return f"{where}: shape of {outputs} does not infer ({reason.strip(' .')}); operands that fit each other are expected"
