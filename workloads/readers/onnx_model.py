"""An ONNX file as operators and constants: parsing, functions, names, attributes as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workloads.errors import GraphError
from workloads.graph import Graph, Operator, Tensor
from workloads.operators.family import ONNX_TYPE_CODES
from workloads.readers.border import file_bytes
from workloads.readers.constants import Constant
from workloads.readers.onnx_values import check_external_data, constant_of, constant_of_node, element_type

if TYPE_CHECKING:
    from onnx import AttributeProto, ModelProto, NodeProto

#: Opsets before this one broadcast by attributes and count batch normalisation differently.
OLDEST_OPSET = 7
STANDARD_DOMAINS = ("", "ai.onnx")


@dataclass
class OnnxNetwork:
    """A network while it is read: operators in a valid order, known constants, declared inputs and outputs.

    Attributes
    ----------
    name : str
    model : ModelProto
    operators : list of Operator
        Attributes as in the file.
    protos : dict of str to NodeProto
        The node of each operator.
    constants : dict of str to Constant
    inputs : dict of str to (element type, dimensions)
        Dimensions are whole numbers, names of symbolic sizes, or None.
    outputs : tuple of str
    codes : dict of str to int
        Exact ONNX element types of inputs and initializers: ours are fewer.
    batch : int or None
        What the symbolic batch was set to, where the file has one.
    """

    name: str
    model: ModelProto
    operators: list[Operator] = field(default_factory=list)
    protos: dict[str, NodeProto] = field(default_factory=dict)
    constants: dict[str, Constant] = field(default_factory=dict)
    inputs: dict[str, tuple[str, tuple[int | str | None, ...]]] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    codes: dict[str, int] = field(default_factory=dict)
    batch: int | None = None

    @property
    def opset(self) -> int:
        """Version of the standard operators."""
        return opset_of(self.model)


def parsed_model(path: Path) -> ModelProto:
    """The message in the file, model-local functions inlined.

    Raises
    ------
    GraphError
        Missing, empty, truncated or foreign file, an opset that is not known, external data outside the folder.
    """
    import onnx

    content = file_bytes(path, "ONNX")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception as error:
        raise GraphError(
            f"{path}: not readable as ONNX ({' '.join(str(error).split())}); a complete .onnx file is expected"
        ) from error
    if not model.HasField("graph") or not model.ir_version or not (model.graph.node or model.graph.output):
        raise GraphError(f"{path}: holds no ONNX model; a complete .onnx file is expected")
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= opset_of(model) <= newest:
        raise GraphError(
            f"{path}: opset {opset_of(model)}; {OLDEST_OPSET} to {newest} are expected; onnx.version_converter converts"
        )
    check_external_data(model, path)
    if model.functions:
        from onnx import inliner

        model = inliner.inline_local_functions(model)
    return model


def opset_of(model: ModelProto) -> int:
    """Version of the standard operator set a model uses; the newest known where it names none."""
    import onnx

    versions = [entry.version for entry in model.opset_import if entry.domain in STANDARD_DOMAINS]
    return int(versions[0]) if versions else int(onnx.defs.onnx_opset_version())


def network_of(model: ModelProto, name: str, path: Path) -> OnnxNetwork:
    """Operators in a valid order and the constants of a model."""
    network = OnnxNetwork(name, model)
    graph = model.graph
    for tensor in graph.initializer:
        network.constants[tensor.name] = constant_of(tensor, path)
        network.codes[tensor.name] = tensor.data_type
    for sparse in graph.sparse_initializer:
        network.constants[sparse.values.name] = Constant(
            tuple(sparse.dims), element_type(sparse.values.data_type, sparse.values.name)
        )
    written = {output for node in graph.node for output in node.output}
    for value in graph.input:
        if value.name not in network.constants and value.name not in written:
            network.inputs[value.name] = declared_type(value)
            network.codes[value.name] = value.type.tensor_type.elem_type
    add_nodes(network, graph.node, path)
    network.outputs = tuple(value.name for value in graph.output)
    network.operators = ordered(network)
    return network


def add_nodes(network: OnnxNetwork, nodes: Iterable[NodeProto], path: Path) -> list[Operator]:
    """Operators of nodes under unique names; Constant nodes become constants. Returns and appends them."""
    nodes = list(nodes)
    names = Counter(node.name for node in nodes)
    taken = {name for name in names if name} | set(network.protos)
    numbers: Counter[str] = Counter()
    added = []
    for node in nodes:
        if node.op_type == "Constant" and node.domain in STANDARD_DOMAINS:
            network.constants[node.output[0]] = constant_of_node(node, path)
            continue
        if not node.name or names[node.name] > 1 or node.name in network.protos:
            node.name = _new_name(node.name or node.op_type, numbers, taken)
        operator = Operator(node.name, node.op_type, tuple(node.input), tuple(node.output), plain_attributes(node))
        network.protos[node.name] = node
        added.append(operator)
    network.operators.extend(added)
    return added


def _new_name(stem: str, numbers: Counter[str], taken: set[str]) -> str:
    """``stem_1``, ``stem_2``, ...: the first that nobody has."""
    while True:
        numbers[stem] += 1
        name = f"{stem}_{numbers[stem]}"
        if name not in taken:
            taken.add(name)
            return name


def ordered(network: OnnxNetwork) -> list[Operator]:
    """Operators in a valid order; cycles, tensors nobody declares and tensors written twice are errors.

    The graph is built of tensors without shapes here, for its check alone.
    """
    outputs = {name: Tensor(name, ()) for operator in network.operators for name in operator.outputs if name}
    inputs = [Tensor(name, (), role="input") for name in network.inputs]
    constants = [Tensor(name, (), role="weight") for name in network.constants if name not in outputs]
    for name in network.outputs:
        if name not in outputs and name not in network.inputs and name not in network.constants:
            raise GraphError(f"output '{name}': nothing produces it; an output of an operator is expected")
    return list(Graph.build(network.name, network.operators, [*inputs, *constants, *outputs.values()]).operators)


def declared_type(value: Any) -> tuple[str, tuple[int | str | None, ...]]:
    """Element type and dimensions of a declared input."""
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        raise GraphError(f"input '{value.name}': is a {kind or 'value without a type'}; a tensor is expected")
    declared = value.type.tensor_type
    if not declared.HasField("shape"):
        raise GraphError(f"input '{value.name}': has no shape; a shape with sizes or named dimensions is expected")
    sizes: list[int | str | None] = []
    for dimension in declared.shape.dim:
        if dimension.HasField("dim_value"):
            sizes.append(dimension.dim_value)
        else:
            sizes.append(dimension.dim_param or None)
    return element_type(declared.elem_type, value.name), tuple(sizes)


def plain_attributes(node: NodeProto) -> dict[str, Any]:
    """Attributes as numbers, strings and tuples; tensors and subgraphs stay in the node.

    The value of ConstantOfShape becomes ``fill``: its type and number. A domain that is not the standard one is kept as ``domain``.
    """
    values = {attribute.name: plain_attribute(attribute) for attribute in node.attribute}
    values = {name: value for name, value in values.items() if value is not None}
    if node.domain not in STANDARD_DOMAINS:
        values["domain"] = node.domain
    if node.op_type == "ConstantOfShape":
        values["fill"] = _fill_of(node)
    if node.op_type == "Cast" and values.get("to") in ONNX_TYPE_CODES:
        values["to"] = ONNX_TYPE_CODES[values["to"]]
    return values


def _fill_of(node: NodeProto) -> tuple[str, float]:
    from onnx import numpy_helper

    for attribute in node.attribute:
        if attribute.name == "value":
            array = numpy_helper.to_array(attribute.t)
            return element_type(attribute.t.data_type, node.name), array.ravel()[0].item()
    return "fp32", 0.0


def plain_attribute(attribute: AttributeProto) -> Any:
    """One attribute as a number, string or tuple; None for tensors and subgraphs."""
    kinds = type(attribute)
    match attribute.type:
        case kinds.INT:
            return attribute.i
        case kinds.FLOAT:
            return attribute.f
        case kinds.STRING:
            return attribute.s.decode()
        case kinds.INTS:
            return tuple(attribute.ints)
        case kinds.FLOATS:
            return tuple(attribute.floats)
        case kinds.STRINGS:
            return tuple(text.decode() for text in attribute.strings)
    return None
