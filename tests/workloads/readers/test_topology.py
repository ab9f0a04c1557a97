"""Topology files of the common systolic simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.files import write_table
from workloads.errors import GraphError
from workloads.graph import Graph
from workloads.operators import rule_of
from workloads.readers import load_network

ONE_STRIDE = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,"
TWO_STRIDES = "Layer name,IFMAP height,IFMAP width,Filter height,Filter width,Channels,Num filter,Stride height,Stride width"


def load(tmp_path: Path, *lines: str, **options: Any) -> Graph:
    return load_network(write_table(tmp_path / "topology.csv", lines), **options)


def macs(graph: Graph) -> list[int]:
    return [rule_of(o).work(o, graph.tensors_of(o.inputs), graph.tensors_of(o.outputs)).macs for o in graph.operators]


def test_outputs_are_rounded_up(tmp_path: Path) -> None:
    """ceil((H - R + U) / U): 224, 11, 4 give ceil(217 / 4) = 55; 31, 5, 1 give 27."""
    graph = load(tmp_path, ONE_STRIDE, "Conv1, 224, 224, 11, 11, 3, 96, 4,", "", "Conv2, 31, 31, 5, 5, 96, 256, 1,")
    assert graph.operators[0].attributes["pads"] == (0, 0, 3, 3)
    assert macs(graph) == [55 * 55 * 96 * 363, 27 * 27 * 256 * 2400]
    assert len(graph.inputs) == 2 and "edges: inferred" in graph.notes[0]


def test_layers_that_follow_on_each_other_are_joined(tmp_path: Path) -> None:
    graph = load(tmp_path, ONE_STRIDE, "a,8,8,3,3,3,4,1,", "b,6,6,1,1,4,8,1")
    assert [t.name for t in graph.inputs] == ["a.input"] and graph.operators[1].inputs[0] == "a"


def test_two_strides_and_no_trailing_comma(tmp_path: Path) -> None:
    graph = load(tmp_path, TWO_STRIDES, "a,9,12,3,3,2,4,2,3")
    assert graph.operators[0].attributes["strides"] == (2, 3) and macs(graph) == [4 * 4 * 4 * 18]


def test_sparsity_column(tmp_path: Path) -> None:
    graph = load(tmp_path, ONE_STRIDE + " Sparsity,", "a, 5, 5, 3, 3, 2, 6, 1, 1:4,")
    assert graph.weights[0].facts is not None and graph.weights[0].facts.zero_share == 0.75


def test_layers_with_dp_in_the_name_are_depthwise(tmp_path: Path) -> None:
    """One filter for each of 32 channels: 32 * 9 MACs per output."""
    graph = load(tmp_path, ONE_STRIDE, "Conv2DP, 10, 10, 3, 3, 32, 1, 1,")
    operator = graph.operators[0]
    assert operator.attributes["group"] == 32 and macs(graph) == [8 * 8 * 32 * 9] and graph.outputs[0].shape == (1, 32, 8, 8)
    assert rule_of(operator).kind(operator, graph.tensors_of(operator.inputs), graph.tensors_of(operator.outputs)) == "depthwise"


def test_matrix_products(tmp_path: Path) -> None:
    """(M x K) times (K x N); the second layer reads the first where K is its N."""
    graph = load(tmp_path, "Layer,M,N,K,", "L0,196,192,384,", "L1,196,64,192,", "L0,196,64,1176,")
    assert macs(graph) == [196 * 192 * 384, 196 * 64 * 192, 196 * 64 * 1176]
    assert [o.name for o in graph.operators] == ["L0", "L1", "L0_2"] and graph.operators[1].inputs[0] == "L0"


ODD_HEADER = "LAYER NAME,ifmapheight,IFMAP  Width,FilterHeight,filter width,channels,NumFilter,strides"


@pytest.mark.parametrize("header", [ODD_HEADER, ONE_STRIDE])
def test_headers_are_known_by_their_words(tmp_path: Path, header: str) -> None:
    assert macs(load(tmp_path, header, "a,4,4,1,1,2,3,1")) == [16 * 6]


def test_unknown_headers_need_to_be_told(tmp_path: Path) -> None:
    lines = ("what,these,columns,are,nobody,knows,at,all", "a,4,4,1,1,2,3,1")
    with pytest.raises(GraphError, match="--format topology"):
        load(tmp_path, *lines)
    assert macs(load(tmp_path, *lines, format="topology")) == [16 * 6]
    assert macs(load(tmp_path, lines[0] + ",x", lines[1] + ",2", format="topology")) == [4 * 3 * 6]
    with pytest.raises(GraphError, match="5 columns; a name and 7 or 8 numbers"):
        load(tmp_path, "a,b,c,d,e", "a,1,2,3,4", format="topology")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("a,4,4,5,1,2,3,1", "row 2 'a': filter 5x1 on 4x4; a filter inside the input"),
        ("a,4,4,1,1,2,0,1", "row 2 'a': filters: '0'; a whole number of at least 1"),
        ("a,4,x,1,1,2,3,1", "row 2 'a': width: 'x'"),
        ("a,4,4,1,1,2", "row 2 'a': no filters"),
    ],
)
def test_wrong_lines(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(GraphError, match=problem):
        load(tmp_path, ONE_STRIDE, line)


def test_batch(tmp_path: Path) -> None:
    assert macs(load(tmp_path, ONE_STRIDE, "a,4,4,1,1,2,3,1", batch=5)) == [5 * 16 * 6]
