"""Layer tables: columns, shapes, windows, edges, checked figures; the published tables where they are there."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from tests.files import write_table
from workloads.errors import GraphError, UnsupportedOperator
from workloads.graph import Graph, Operator
from workloads.operators import rule_of
from workloads.readers import is_layer_table, load_layer_table, load_network, network_list

HEADER = "name,op,in_shape,out_shape,kernel,stride,pad,groups,act,params,macs"


def macs(graph: Graph, op: str | None = None) -> int:
    """Multiply-accumulates of all operators, or those of one name."""
    chosen = [o for o in graph.operators if op in (None, o.op)]
    return sum(rule_of(o).work(o, graph.tensors_of(o.inputs), graph.tensors_of(o.outputs)).macs for o in chosen)


def parameters(graph: Graph) -> int:
    """Elements of all weights."""
    return sum(tensor.elements for tensor in graph.weights)


def load(tmp_path: Path, *rows: str, header: str = HEADER, name: str = "table.csv", **options: Any) -> Graph:
    return load_network(write_table(tmp_path / name, [header, *rows]), **options)


def only(tmp_path: Path, row: str, **options: Any) -> Operator:
    """The operator of a table of one row."""
    return load(tmp_path, row, **options).operators[0]


def test_small_table_by_hand(tmp_path: Path) -> None:
    graph = load(
        tmp_path,
        "conv,Conv,3x8x8,4x8x8,3x3,1x1,1,,relu,112,6912",
        "pool,GlobalAveragePool,4x8x8,4,,,,,,,",
        "fc,Gemm,4,10,,,,,,50,40",
    )
    assert [o.op for o in graph.operators] == ["Conv", "GlobalAveragePool", "Gemm"]
    assert macs(graph) == 4 * 64 * 27 + 40 and parameters(graph) == 108 + 4 + 50
    assert graph.operators[0].attributes["activation"] == "relu" and graph.notes == ("edges: inferred",)
    assert graph.name == "table" and graph.inputs[0].shape == (1, 3, 8, 8) and graph.outputs[0].shape == (1, 10)


def test_columns_in_any_order_and_case(tmp_path: Path) -> None:
    graph = load(tmp_path, "6912,4x8x8,c,3x8x8,3,Conv,1", header="MACs,Out_Shape,Layer,IN_SHAPE,Kernel,Op,Pad")
    assert graph.operators[0].name == "c" and macs(graph) == 6912


def test_other_columns_are_kept_as_notes(tmp_path: Path) -> None:
    graph = load(tmp_path, "r,Relu,4,4,hello", header="name,op,in_shape,out_shape,remark")
    assert graph.operators[0].attributes["notes"] == (("remark", "hello"),)


@pytest.mark.parametrize("op", ["Conv", "CONV_2D", "Convolution", "conv"])
def test_names_of_three_kinds(tmp_path: Path, op: str) -> None:
    assert only(tmp_path, f"c,{op},3x8x8,4x8x8,3x3,1x1,1,,,,").op == "Conv"


@pytest.mark.parametrize(
    ("pad", "stride", "out", "pads"),
    [
        ("1", 1, 8, (1, 1, 1, 1)),
        ("1x0", 1, None, (1, 0, 1, 0)),
        ('"0,1,0,1"', 2, 4, (0, 0, 1, 1)),  # top, bottom, left, right
        ("same", 2, 4, (0, 0, 1, 1)),
        ("", 2, 4, (0, 0, 1, 1)),  # the least that gives the output
        ("", 1, 6, (0, 0, 0, 0)),
        ("0", 2, 3, (0, 0, 0, 0)),
    ],
)
def test_padding(tmp_path: Path, pad: str, stride: int, out: int | None, pads: tuple[int, ...]) -> None:
    """3x3 over 8x8."""
    sizes = "8x6" if out is None else f"{out}x{out}"
    assert only(tmp_path, f"c,Conv,3x8x8,4x{sizes},3x3,{stride}x{stride},{pad},,,,").attributes["pads"] == pads


def test_depthwise_rows_and_groups(tmp_path: Path) -> None:
    graph = load(tmp_path, "d,ConvolutionDepthWise,6x8x8,6x8x8,3x3,1x1,1,,,60,3456", "g,Conv,6x8x8,4x8x8,1x1,1x1,0,2,,16,768")
    kinds = [rule_of(o).kind(o, graph.tensors_of(o.inputs), graph.tensors_of(o.outputs)) for o in graph.operators]
    assert kinds == ["depthwise", "convolution"] and macs(graph) == 6 * 64 * 9 + 4 * 64 * 3


def test_bias_is_where_params_says_so(tmp_path: Path) -> None:
    """1x1 over 3 and 4 channels: 12 weights, then 16 and 4 biases, then no word, which means with bias."""
    rows = ("a,Conv,3x8x8,4x8x8,1x1,1x1,0,,,12,", "b,Conv,4x8x8,4x8x8,1x1,1x1,0,,,20,", "c,Conv,4x8x8,4x8x8,1x1,1x1,0,,,,")
    assert [len(o.inputs) for o in load(tmp_path, *rows).operators] == [2, 3, 3]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("c,Conv,3x8x8,4x8x8,3x3,1x1,1,,,111,", r"row 2 'c' \(Conv\): params 111; 108 without bias or 112 with it"),
        ("c,Conv,3x8x8,4x8x8,3x3,1x1,1,,,112,6900", r"row 2 'c' \(Conv\): macs 6900; 6912 follows from its shapes"),
        ("c,Conv,3x8x8,4x7x8,3x3,1x1,1,,,,", "out_shape 4x7x8; 4x8x8 follows"),
        ("c,Conv,3x8x8,4x8x8,,,,,,,", "no kernel; HxW is expected"),
        ("c,Conv,3x8x8,4x8x8,3x3,1x1,odd,,,,", "pad 'odd'"),
        ("c,Conv,3x8x-8,4x8x8,3x3,1x1,1,,,,", "in_shape: '3x8x-8'; whole numbers joined by x"),
        ("c,Conv,3x8x0,4x8x8,3x3,1x1,1,,,,", "sizes of at least 1"),
        ("c,Conv,3x8x8,4x8x8,3x3,1x1,1,5,,,", "3 to 4 channels in 5 groups"),
        ("c,Conv,3x8x8,4x8x8,3x3,1x1,1,,relo,,", "act 'relo' is not an activation; nearest: relu"),
        ("c,Convolve,3x8x8,4x8x8,3x3,1x1,1,,,,", "op 'Convolve' is not known; nearest: "),
        ("p,Pooling,3x8x8,3x4x4,2x2,2x2,0,,median,,", "act 'median'; max or avg"),
        ("c,,3x8x8,4x8x8,3x3,1x1,1,,,,", "no op"),
        ("c,Concat,3x8x8;2x4x4,5x8x8,,,,,,,", "parts that add up on one axis"),
        ("c,Relu,3x8x8,3x8x8,,,,,,x,", "params: 'x'; a whole number"),
        ("c,Transpose,3x8x8,3x8x9,,,,,,,", "the same sizes in another order"),
    ],
)
def test_wrong_rows_name_the_row_and_what_is_expected(tmp_path: Path, row: str, problem: str) -> None:
    with pytest.raises(GraphError, match=problem):
        load(tmp_path, row)


def test_names_must_be_unique(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=r"row 3 'a'.*taken by row 2"):
        load(tmp_path, "a,Relu,4,4,,,,,,,", "a,Relu,4,4,,,,,,,")


def test_unknown_operators_may_pass_marked(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOperator, match="--allow-unmodelled"):
        load(tmp_path, "m,Mystery,4,8,,,,,,,")
    assert only(tmp_path, "m,Mystery,4,8,,,,,,,", allow_unmodelled=True).attributes["unmodelled"] is True


# Edges


def test_inputs_column_names_rows_and_outputs(tmp_path: Path) -> None:
    graph = load(
        tmp_path,
        "x,Input,,,4x8x8",
        "s,Split,x,4x8x8,2x8x8;2x8x8",
        "r,Relu,s:1,2x8x8,2x8x8",
        "j,Concat,r;s,2x8x8;2x8x8,4x8x8",
        header="name,op,inputs,in_shape,out_shape",
    )
    assert graph.operator("r").inputs == ("s:1",) and graph.operator("j").inputs == ("r", "s") and graph.notes == ()


def test_unknown_input_names_the_nearest_row(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="input 'frist' is no row; nearest: first"):
        load(tmp_path, "first,Input,,,4", "r,Relu,frist,4,4", header="name,op,inputs,in_shape,out_shape")


def test_cycle_in_the_inputs_column(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="cycle"):
        load(tmp_path, "a,Relu,b,4,4", "b,Relu,a,4,4", header="name,op,inputs,in_shape,out_shape")


def test_inferred_edges_take_the_nearest_rows(tmp_path: Path) -> None:
    """The sum reads the nearest row and the one before it; 8x8x8 comes from the only row that has it."""
    graph = load(
        tmp_path,
        "a,Conv,3x8x8,4x8x8,1x1,1x1,0,,,,",
        "b,Conv,4x8x8,8x8x8,1x1,1x1,0,,,,",
        "c,Conv,8x8x8,4x8x8,1x1,1x1,0,,,,",
        "d,Eltwise,4x8x8;4x8x8,4x8x8,,,,,add,,",
    )
    assert graph.operator("c").inputs[0] == "b" and graph.operator("d").inputs == ("c", "a")


def test_a_branch_nobody_read_is_preferred_for_the_second_operand(tmp_path: Path) -> None:
    """ShuffleNet: both halves of a split end in the concatenation."""
    graph = load(
        tmp_path,
        "s,Slice,4x8x8,2x8x8;2x8x8,,,,,,,",
        "c,Conv,2x8x8,2x8x8,1x1,1x1,0,,,,",
        "d,Conv,2x8x8,2x8x8,1x1,1x1,0,,,,",
        "j,Concat,2x8x8;2x8x8,4x8x8,,,,,,,",
    )
    assert graph.operator("c").inputs[0] == "s:1" and graph.operator("j").inputs == ("d", "s")


def test_empty_cells_of_the_inputs_column_are_inferred(tmp_path: Path) -> None:
    """Only the branch is named; rows without shapes or names read the row before."""
    graph = load(
        tmp_path,
        "a,Conv,,3x8x8,4x8x8,3",
        "b,Relu,,,4x8x8,",
        "c,Sigmoid,a,,4x8x8,",
        "d,Add,b;c,,4x8x8,",
        "e,Tanh,,4x8x8,4x8x8,",
        header="name,op,inputs,in_shape,out_shape,kernel",
    )
    assert {o.name: o.inputs[:2] for o in graph.operators[1:]} == {"b": ("a",), "c": ("a",), "d": ("b", "c"), "e": ("d",)}
    assert graph.notes == ("edges: inferred",)
    with pytest.raises(GraphError, match="no in_shape"):
        load(tmp_path, "b,Relu,4x8x8", header="name,op,out_shape")


def test_channel_vectors_scale_maps(tmp_path: Path) -> None:
    """Squeeze and excitation: the pool leaves one number per channel, the product stretches it over the map."""
    graph = load(
        tmp_path,
        "p,Pooling,8x6x6,8,6x6,,,,avg,,",
        "f,InnerProduct,8,8,,,,,sigmoid,72,64",
        "m,BinaryOp,8x6x6;8,8x6x6,,,,,mul,,",
    )
    assert graph.outputs[0].shape == (1, 8, 6, 6) and graph.operator("m").inputs == ("input", "f")


def test_attention_reads_one_row_three_times(tmp_path: Path) -> None:
    """N tokens of width E: 4 N E^2 + 2 N^2 E; params 4 (E^2 + E)."""
    graph = load(tmp_path, "n,LayerNorm,10x64,10x64,,,,,,128,0", "a,MultiHeadAttention,10x64;10x64;10x64,10x64,,,,4,,16640,176640")
    assert macs(graph) == 4 * 10 * 64 * 64 + 2 * 100 * 64 and graph.operator("a").attributes["num_heads"] == 4
    assert graph.operator("a").inputs[:3] == ("n", "n", "n")


def test_batch(tmp_path: Path) -> None:
    rows = ("c,Conv,3x8x8,4x8x8,3x3,1x1,1,,,112,6912", "k,MemoryData,,4x8x8,,,,,,256,", "j,Concat,4x8x8;4x8x8,8x8x8,,,,,,,")
    graph = load(tmp_path, *rows, batch=3)
    assert macs(graph) == 3 * 6912 and graph.outputs[0].shape == (3, 8, 8, 8) and graph.settings["batch"] == 3


# Types


def test_int8_rows_have_narrow_weights_and_wide_biases(tmp_path: Path) -> None:
    graph = load(
        tmp_path, "c,Conv,3x8x8,4x8x8,1,0,1", "r,Relu,4x8x8,4x8x8,,,0", header="name,op,in_shape,out_shape,kernel,pad,int8"
    )
    types = {tensor.name: tensor.dtype for tensor in graph.tensors.values()}
    assert (types["c.weight"], types["c.bias"], types["c"], types["r"]) == ("int8", "int32", "int8", "fp32")


def test_name_and_type_in_the_file_name(tmp_path: Path) -> None:
    graph = load(tmp_path, "r,Relu,4,4,,,,,,,", name="ncnn_small_int8.csv")
    assert (graph.name, graph.settings["dtype"], graph.tensors["r"].dtype) == ("small", "int8", "int8")


# Tables that are none, and the catalogue


def test_other_tables_are_no_layer_tables(tmp_path: Path) -> None:
    path = write_table(tmp_path / "summary.csv", ["network,params,macs", "alexnet,1,2"])
    assert not is_layer_table(path) and not is_layer_table(tmp_path / "nothing.csv")
    with pytest.raises(GraphError, match="columns network, params, macs; a layer table has op"):
        load_network(path)


def test_folders_add_to_the_catalogue_and_skip_other_tables(tmp_path: Path) -> None:
    write_table(tmp_path / "ncnn_mine.csv", ["name,op,in_shape,out_shape", "r,Relu,4,4"])
    write_table(tmp_path / "ncnn_mine_int8.csv", ["name,op,in_shape,out_shape", "r,Relu,4,4"])
    write_table(tmp_path / "summary.csv", ["network,params,macs", "alexnet,1,2"])
    with pytest.warns(UserWarning, match=r"summary\.csv: no layer table; skipped"):
        assert load_network("mine", catalogue_paths=[tmp_path]).outputs[0].dtype == "fp32"
    with pytest.warns(UserWarning, match="skipped"):
        assert load_network("mine", dtype="int8", catalogue_paths=[tmp_path]).outputs[0].dtype == "int8"
    with pytest.warns(UserWarning, match="skipped"):
        listed = {entry.name for entry in network_list([tmp_path])}
    assert {"mine", "mine_int8", "resnet50"} <= listed
    with pytest.raises(GraphError, match="is no network"):
        load_network("mine", catalogue_paths=[tmp_path / "summary.csv"])
    with pytest.raises(GraphError, match="no such file or folder"):
        load_network("mine", catalogue_paths=[tmp_path / "nowhere"])


# The decoder form


DECODER = (
    "idx,layer,op,out_features,in_features,params,macs_per_token,attr",
    "0,n0,RMSNorm,,,64,,",
    "1,q,Gemm,64,64,4096,4096,",
    "2,qh,HeadReshape,,,0,,head_dim=16 heads=4",
    "3,k,Gemm,32,64,2048,2048,",
    "4,kh,HeadReshape,,,0,,head_dim=16 heads=2",
    "5,v,Gemm,32,64,2048,2048,",
    "6,vh,HeadReshape,,,0,,head_dim=16 heads=2",
    "7,r0,RotaryEmbed,,,0,,",
    "8,r1,RotaryEmbed,,,0,,",
    "9,s,SDPA,,,0,,scale=0.25",
    "10,sh,HeadReshape,,,0,,head_dim=64 heads=-1",
    "11,o,Gemm,64,64,4096,4096,",
    "12,n1,RMSNorm,,,64,,",
    "13,up,Gemm,128,64,8192,8192,",
    "14,down,Gemm,64,128,8192,8192,",
)


def test_decoder_table_is_one_step(tmp_path: Path) -> None:
    """Matrices: 4096 + 2048 + 2048 + 4096 + 8192 + 8192; attention of one query over 10 + 1 tokens, 4 heads, 16 wide, twice."""
    path = write_table(tmp_path / "decoder.csv", DECODER)
    graph = load_network(path, context=10)
    assert macs(graph, "Gemm") == 28_672 and macs(graph, "Attention") == 2 * 4 * 16 * 11
    assert parameters(graph) == 28_672 + 128
    assert graph.settings["phase"] == "decode" and graph.settings["context"] == 10 and len(graph.settings["states"]) == 2
    assert (
        graph.operator("o").inputs[0] == "sh" and graph.operator("down").inputs[0] == "up" and graph.operator("k").inputs[0] == "n0"
    )
    assert macs(load_network(path, context=10, batch=3)) == 3 * macs(graph)
    assert load_network(path).settings["context"] == 512


def test_decoder_table_refuses_what_does_not_follow(tmp_path: Path) -> None:
    path = write_table(tmp_path / "d.csv", [DECODER[0], "0,q,Gemm,64,64,4096,4095,"])
    with pytest.raises(GraphError, match=r"row 2 'q' \(Gemm\): macs_per_token 4095; 4096 follows"):
        load_network(path)
    with pytest.raises(GraphError, match="phase 'prefill'; a decoder table is one step"):
        load_network(write_table(tmp_path / "d.csv", DECODER), phase="prefill")
    with pytest.raises(GraphError, match="context and phase belong to decoder tables"):
        load_network(write_table(tmp_path / "l.csv", [HEADER, "r,Relu,4,4,,,,,,,"]), context=3)


# Published tables


def test_published_tables_have_the_published_totals(shared_folder: Path) -> None:
    """MACs and parameters to the unit; in decoder tables the total leaves attention out, which hangs on the context."""
    folder = shared_folder / "measured/networks"
    with (folder / "networks_summary.csv").open() as file:
        totals = {row["network"]: row for row in csv.DictReader(file)}
    paths = sorted(folder.glob("ncnn_*.csv"))
    assert len(paths) == len(totals) == 38
    for path in paths:
        graph, row = load_layer_table(path), totals[path.stem]
        assert macs(graph) - macs(graph, "Attention") == int(row["macs"]), path.stem
        assert parameters(graph) == int(row["params"]), path.stem
    assert not is_layer_table(folder / "networks_summary.csv")
