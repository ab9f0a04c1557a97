"""GPU kernel lists and counts: three lowerings of one small network by hand, the slow model, laws."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.gpu_counts import GPU_TERMS, gpu_amounts, is_coded, saturation, tiled, winograd_applies
from dataflows.gpu_kernels import FAMILIES, KernelTable, kernel_list
from dataflows.gpu_lowering import lower_gpu
from dataflows.unit_work import UnitSettings
from hwmodels.costs.gpu import TERM_NAMES, GpuParameters, gpu_parameters, gpu_prices
from hwmodels.device import Device, GpuUnit
from hwmodels.runtime import Runtime, load_runtime
from tests.dataflows.cpu.random_layers import random_layer, tables_of
from tests.reference.units import gpu_seconds
from workloads.graph import Graph, Operator, Tensor
from workloads.tables import graph_tables

UNIT = GpuUnit(
    "gpu", "gpu", 1e9, ("fp16", "fp32"), "sum", None, ("dram",), ("dram",), peak_flop_per_s={"fp32": 1e12, "fp16": 4e12},
    vector_flop_per_s=1e12, dram_bandwidth_bytes_per_s=50e9,
)  # fmt: skip
MODE = {"eager": (), "fused": ("normalization",), "engine": ("activation", "normalization", "pointwise", "concat")}


def runtime(mode: str, **costs: float) -> Runtime:
    return Runtime(mode, "", ("gpu",), lowering=mode, fuses=MODE[mode], costs=costs)


def residual_block() -> Graph:
    """conv -> relu -> conv; their sum with the input -> relu -> reshape -> softmax, and a concatenation of both activations."""
    shape = (1, 8, 4, 4)
    tensors = [
        Tensor("x", shape, "fp16", "input"),
        Tensor("w1", (8, 8, 3, 3), "fp16", "weight"),
        Tensor("w2", (8, 8, 1, 1), "fp16", "weight"),
    ]
    tensors += [Tensor(n, shape, "fp16") for n in ("a", "b", "c", "d", "e")]
    tensors += [Tensor("r", (8, 16), "fp16"), Tensor("s", (8, 16), "fp16", "output"), Tensor("k", (1, 16, 4, 4), "fp16", "output")]
    operators = [
        Operator("conv1", "Conv", ("x", "w1"), ("a",), {"kernel_shape": (3, 3), "pads": (1, 1, 1, 1)}),
        Operator("relu1", "Relu", ("a",), ("b",)),
        Operator("conv2", "Conv", ("b", "w2"), ("c",), {"kernel_shape": (1, 1)}),
        Operator("sum", "Add", ("c", "x"), ("d",)),
        Operator("relu2", "Relu", ("d",), ("e",)),
        Operator("join", "Concat", ("b", "e"), ("k",), {"axis": 1}),
        Operator("view", "Reshape", ("e",), ("r",), {"shape": (8, 16)}),
        Operator("soft", "Softmax", ("r",), ("s",), {"axis": -1}),
    ]
    return Graph.build("block", operators, tensors)


def kernels(mode: str) -> dict[str, tuple[str, int, int, int]]:
    """Name -> family, kernels, bytes read, bytes written; those that start none are left out."""
    graph = residual_block()
    table = kernel_list(graph, graph_tables(graph), runtime(mode), np.ones(len(graph), bool)).kernels
    rows = zip(graph.operators, table.family, table.launches, table.read_bytes, table.written_bytes, strict=True)
    return {o.name: (FAMILIES[f], int(n), int(r), int(w)) for o, f, n, r, w in rows if n}


def test_eager_starts_a_kernel_per_operator_but_views() -> None:
    assert kernels("eager") == {
        "conv1": ("matrix", 1, 256, 256), "relu1": ("stream", 1, 256, 256), "conv2": ("matrix", 1, 256, 256),
        "sum": ("stream", 1, 512, 256), "relu2": ("stream", 1, 256, 256), "join": ("memory", 1, 512, 512),
        "soft": ("memory", 1, 256, 256),
    }  # fmt: skip


def test_engine_fuses_activations_and_writes_concatenations_in_place() -> None:
    assert kernels("engine") == {
        "conv1": ("matrix", 1, 256, 256), "conv2": ("matrix", 1, 256, 256), "sum": ("stream", 1, 512, 256),
        "soft": ("memory", 1, 256, 256),
    }  # fmt: skip


def test_fused_groups_follow_the_most_recent_input() -> None:
    """relu1 opens a group after conv1. sum opens one after conv2 (its latest input); relu2, join and soft join it.

    The group reads c, x and b (256 B each) and writes k (512) and s (256); d, e and r never leave it.
    """
    assert kernels("fused") == {
        "conv1": ("matrix", 1, 256, 256), "relu1": ("stream", 1, 256, 256), "conv2": ("matrix", 1, 256, 256),
        "sum": ("memory", 1, 768, 768),
    }  # fmt: skip


def test_first_convolution_by_hand() -> None:
    """3x3, 8 -> 8 on 4x4: 2 * 9,216 MAC at half precision, four times the fp32 rate of 1 Tflop/s.

    u = 8/(8 + 64) * 72/(72 + 32) = 1/13; by Winograd at twice the rate: 18,432 / 4 * 13 / 2e12 = 29.952 ns.
    Activations 512 B at 50 GB/s: 10.24 ns; weights 1,152 B: 23.04 ns; launch 4 us; run 1 ms at the first kernel.
    """
    graph = residual_block()
    engine = runtime("engine", winograd_ratio=2.0, bandwidth_share=1.0, run=1e-3)
    device = Device("d", "", {"gpu": UNIT}, {}, {}, {}, "board")
    work = lower_gpu(graph, graph_tables(graph), device, UNIT, UnitSettings(runtime=engine), np.ones(len(graph), bool))
    assert (work.amounts @ work.prices)[0] == pytest.approx(29.952e-9 + 10.24e-9 + 23.04e-9 + 4e-6 + 1e-3, rel=1e-9)
    assert work.details[1] == {"fused_into": "conv1"} and work.details[4] == {"fused_into": "sum"}
    assert work.enqueue_phase is None
    eager = lower_gpu(
        graph, graph_tables(graph), device, UNIT, UnitSettings(runtime=load_runtime("torch_eager")), np.ones(len(graph), bool)
    )
    assert eager.enqueue_phase == "enqueue"
    assert (
        eager.amounts[0][TERM_NAMES.index("enqueue_matrix")] == 1.0 and eager.amounts[1][TERM_NAMES.index("enqueue_other")] == 1.0
    )


FAMILY_OF = {
    "convolution": ("matrix", "grouped"), "depthwise": ("depthwise",), "fully_connected": ("product", "fully_connected"),
    "matmul": ("attention",), "attention": ("attention",), "recurrent": ("matrix",), "elementwise": ("stream",),
    "softmax": ("memory",),    "detection": ("detection",),
}  # fmt: skip


def random_case(rng: np.random.Generator):
    layer = random_layer(rng, str(rng.choice(list(FAMILY_OF))))
    family = str(rng.choice(FAMILY_OF[layer.kind]))
    launches, first = int(rng.integers(1, 4)), int(rng.integers(0, 2))
    read, written, weights, half = (int(x) for x in rng.integers(0, 10**6, 4))
    one = [np.array([x], dtype=np.int64) for x in (FAMILIES.index(family), launches, read, written, weights, 2 * half, first)]
    return layer, family, KernelTable(*one)


def random_parameters(rng: np.random.Generator) -> GpuParameters:
    scale = {"flop_per_s": 1e12, "bytes_per_s": 1e10, "decoding_s": 1e-12, "_s": 1e-4, "half_channels": 64, "half_reduction": 64}
    factors = [next((f for end, f in scale.items() if name.endswith(end)), 1.0) for name in GpuParameters._fields]
    return GpuParameters(*(float(x) for x in rng.uniform(0.05, 2.0, len(factors)) * factors))


def evaluated(layer, table: KernelTable, unit: GpuParameters, compiled: bool = False):
    operators, nests = tables_of(layer)
    amounts, traffic, prices = np.zeros(18), np.zeros((1, 2), np.int64), np.zeros(18)
    (gpu_amounts.compiled if compiled else gpu_amounts)(operators, nests, 0, unit, table, amounts, traffic)
    (gpu_prices.compiled if compiled else gpu_prices)(unit, prices)
    return amounts, traffic, prices


def test_equals_the_slow_model_and_its_compiled_form(random_generator: np.random.Generator) -> None:
    for _ in range(200):
        layer, family, table = random_case(random_generator)
        u = random_parameters(random_generator)
        rate = {
            "P": u.matrix_flop_per_s, "half": u.half_rate, "byte": u.byte_rate, "P_dw": u.depthwise_flop_per_s,
            "W": u.stream_bytes_per_s,
            "r_wino": u.winograd_ratio, "r_g": u.grouped_ratio, "r_pr": u.product_ratio,
            "coded": u.coded_ratio, "decoding": u.decoding_s, "r_at": u.attention_ratio, "r_fc": u.fully_connected_ratio,
            "r_dw": u.depthwise_stream_ratio, "r_mem": u.memory_ratio, "weights": u.weights_ratio, "launch": u.launch_s,
            "run": u.run_s,
            "detection": u.detection_s, "enqueue_matrix": u.enqueue_matrix_s, "enqueue_other": u.enqueue_other_s,
            "enqueue_run": u.enqueue_run_s, "tile": u.winograd_tile,
            "kernels": u.winograd_kernels, "others": u.other_launch_ratio, "n0": u.half_channels, "k0": u.half_reduction,
        }  # fmt: skip
        amounts, traffic, prices = evaluated(layer, table, u)
        moved = int(table.read_bytes[0] + table.written_bytes[0])
        copied = int(table.copied_bytes[0])
        expected = gpu_seconds(
            layer, family, rate, moved, int(table.weight_bytes[0]), int(table.launches[0]), bool(table.runs[0]), copied
        )
        assert amounts @ prices == pytest.approx(expected, rel=1e-9), (layer, family)
        assert all(np.array_equal(a, b) for a, b in zip(evaluated(layer, table, u, True), (amounts, traffic, prices), strict=True))
        assert traffic.sum() == moved + copied + table.weight_bytes[0]


@given(st.integers(0, 10**6), st.sampled_from(["matrix_flop_per_s", "stream_bytes_per_s", "depthwise_flop_per_s", "half_rate"]))
@settings(max_examples=40, deadline=None)
def test_a_faster_part_is_never_slower(seed: int, field: str) -> None:
    rng = np.random.default_rng(seed)
    layer, _, table = random_case(rng)
    unit = random_parameters(rng)
    slow, fast = (
        a @ p
        for a, _, p in (
            evaluated(layer, table, unit),
            evaluated(layer, table, unit._replace(**{field: getattr(unit, field) * 1.7})),
        )
    )
    assert fast <= slow * (1 + 1e-12)


def test_peaks_fall_back_to_wider_types() -> None:
    """No int8 peak: the fp16 one; a unit may correct each share by a factor."""
    parameters = gpu_parameters(UNIT, runtime("engine", matrix_share=0.5))
    assert (parameters.matrix_flop_per_s, parameters.half_rate, parameters.byte_rate) == (0.5e12, 4.0, 4.0)
    corrected = gpu_parameters(dataclasses.replace(UNIT, efficiencies={"matrix_share": 0.8}), runtime("engine", matrix_share=0.5))
    assert corrected.matrix_flop_per_s == pytest.approx(0.4e12)
    assert saturation(64.0, 32.0, parameters) == pytest.approx(0.25)


def test_winograd_needs_a_plain_3x3() -> None:
    graph = residual_block()
    tables = graph_tables(graph)
    assert [winograd_applies(tables.operators, tables.nests, i) for i in (0, 2)] == [True, False]
    assert [t.name for t in GPU_TERMS] == list(TERM_NAMES)


def test_tiles_and_coded_weights_by_hand() -> None:
    """7 rows in tiles of 4 are 8; 4.5-bit weights under 16-bit activations are decoded, 8-bit ones under 8-bit ones are not."""
    assert tiled(7.0, 4.0) == 8.0 and tiled(8.0, 4.0) == 8.0
    layer = random_layer(np.random.default_rng(1), "fully_connected")
    for bits, weight_bits, coded in ((16.0, 4.5, True), (8.0, 8.0, False), (16.0, 16.0, False)):
        operators, _ = tables_of(dataclasses.replace(layer, bits=bits, weight_bits=weight_bits))
        assert is_coded(operators, 0) == coded
