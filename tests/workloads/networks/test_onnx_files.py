"""The catalogue against the same networks read from the files inside the onnx package, product after product."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.workloads.networks.counts import macs_of
from workloads import Graph
from workloads.networks import build
from workloads.readers.onnx_file import load_onnx
from workloads.transforms import fold_batch_norm

#: File -> the same network of the catalogue, with the options that make it that copy.
FILES: dict[str, tuple[str, dict[str, Any]]] = {
    "light_densenet121": ("densenet121", {}),
    "light_inception_v1": ("googlenet", {"round_up": False}),
    "light_resnet50": ("resnet50_v1_5", {}),
    "light_squeezenet": ("squeezenet", {"resolution": 224}),
    "light_vgg19": ("vgg19", {}),
}


def products(graph: Graph) -> list[tuple[int, int]]:
    """MACs and weights of every operator that multiplies."""
    found = []
    for operator in graph.operators:
        weights = [graph.tensors[name] for name in operator.inputs if name and graph.tensors[name].role == "weight"]
        if operator.op in ("Conv", "Gemm", "MatMul"):
            found.append((macs_of(graph, operator), sum(tensor.elements for tensor in weights)))
    return sorted(found)


@pytest.mark.parametrize("file", FILES)
def test_products_of_the_files(file: str) -> None:
    onnx = pytest.importorskip("onnx")
    name, options = FILES[file]
    read = fold_batch_norm(load_onnx(Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / f"{file}.onnx"))
    assert products(fold_batch_norm(build(name, **options))) == products(read)
