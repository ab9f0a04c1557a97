"""Values in an ONNX file: element types, constants, and where external data may lie."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workloads.errors import GraphError
from workloads.graph import Tensor
from workloads.operators.family import ONNX_TYPE_CODES
from workloads.readers.constants import KEPT_VALUES, Constant

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto


def element_type(code: int, name: str) -> str:
    """Our name of an ONNX element type.

    >>> element_type(10, "x")
    'fp16'
    """
    if code not in ONNX_TYPE_CODES:
        raise GraphError(
            f"tensor '{name}': ONNX element type {code}; one of {', '.join(dict.fromkeys(ONNX_TYPE_CODES.values()))} is expected"
        )
    return ONNX_TYPE_CODES[code]


def constant_of(tensor: TensorProto, path: Path) -> Constant:
    """An initializer: its values are a view of the file's bytes; external ones are read only where they are few whole numbers."""
    import onnx
    from onnx import numpy_helper

    dtype, shape = element_type(tensor.data_type, tensor.name), tuple(tensor.dims)
    known = Tensor(tensor.name, shape, dtype, "weight")
    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        return Constant(shape, dtype, numpy_helper.to_array(tensor))
    if dtype in ("int64", "int32", "bool") and known.elements <= KEPT_VALUES and external_path(tensor, path).is_file():
        return Constant(shape, dtype, numpy_helper.to_array(tensor, base_dir=str(path.parent)))
    return Constant(shape, dtype)


def constant_of_node(node: NodeProto, path: Path) -> Constant:
    """Value of a Constant node."""
    import numpy as np

    for attribute in node.attribute:
        if attribute.name == "value":
            return constant_of(attribute.t, path)
        if attribute.name == "sparse_value":
            values = attribute.sparse_tensor.values
            return Constant(tuple(attribute.sparse_tensor.dims), element_type(values.data_type, values.name))
        if attribute.name in ("value_float", "value_floats"):
            return _listed(np.array(attribute.f if attribute.name == "value_float" else attribute.floats, dtype=np.float32))
        if attribute.name in ("value_int", "value_ints"):
            return _listed(np.array(attribute.i if attribute.name == "value_int" else attribute.ints, dtype=np.int64))
    raise GraphError(
        f"operator '{node.name}' (Constant): no numeric value; attribute value, value_int(s) or value_float(s) is expected"
    )


def _listed(array: Any) -> Constant:
    return Constant(tuple(array.shape), "fp32" if array.dtype.kind == "f" else "int64", array)


def check_external_data(model: ModelProto, path: Path) -> None:
    """Refuse weights that lie outside the folder of the model."""
    import onnx

    for tensor in _tensors(model.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            external_path(tensor, path)


def external_path(tensor: TensorProto, path: Path) -> Path:
    """Where the values of a tensor lie: inside the model's folder, links resolved."""
    location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    folder = os.path.realpath(path.parent)
    target = os.path.realpath(os.path.join(folder, location))
    if not location or "\0" in location or os.path.isabs(location) or os.path.commonpath([folder, target]) != folder:
        raise GraphError(
            f"{path}: tensor '{tensor.name}' has its data in '{location}'; a file inside the model's own folder is expected"
        )
    return Path(target)


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    """Every tensor of a graph, attributes and subgraphs included."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield sparse.values
        yield sparse.indices
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            if attribute.HasField("sparse_tensor"):
                yield attribute.sparse_tensor.values
                yield attribute.sparse_tensor.indices
            if attribute.HasField("g"):
                yield from _tensors(attribute.g)
            for subgraph in attribute.graphs:
                yield from _tensors(subgraph)
