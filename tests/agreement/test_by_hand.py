"""One small network on each kind of device, worked by hand from the data-sheet figures and the class constants.

The network: input 8 x 8 x 8, a 3 x 3 convolution to 16 channels (padding 1), flattened, a fully connected layer to 10.

    convolution: 64 pixels x 16 x 8 x 9 = 73,728 MACs, 1,024 outputs, 1,152 weights + 16 biases
    fully connected: 1,024 x 10 = 10,240 MACs, 10 outputs, 10,240 weights + 10 biases

The numbers below are plain arithmetic; nothing of the models is called to make them.
"""

from __future__ import annotations

import pytest

from hwmodels.costs.mcu import PRIOR_CYCLES
from hwmodels.device import CpuUnit, McuUnit
from hwmodels.reader import load_device
from hwmodels.runtime import load_runtime
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from sim.results import Estimate, OperatorEstimate
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.transforms import retype


def small_network() -> Graph:
    draft = GraphBuilder("small")
    features = draft.conv(draft.input((1, 8, 8, 8), "x"), 16, 3, padding=1, name="conv")
    return draft.finish(draft.linear(draft.flatten(features), 10, name="fc"))


def answer(device_name: str, dtype: str | None = None) -> tuple[Estimate, dict[str, OperatorEstimate]]:
    graph, device = small_network(), load_device(device_name)
    graph = retype(graph, dtype) if dtype else graph
    found = estimate(lower(graph, device, layerwise_plan(graph, device)))
    return found, {row.name: row for row in found.operators}


def beyond(working_set: float, capacity: float) -> float:
    """Share of a working set served from beyond a cache."""
    return 1 / (1 + (capacity / working_set) ** 3)


def test_microcontroller() -> None:
    """Cortex-M7 at 480 MHz under X-CUBE-AI 10, fitted costs as the files have them; 0.26 cycles per streamed byte."""
    found, rows = answer("stm32h743", "int8")
    cost, unit = load_runtime("x_cube_ai_10").costs, load_device("stm32h743").default_unit
    assert isinstance(unit, McuUnit) and unit.frequency_hz == 480e6
    take = {name: cost[f"{name}_cycles"] * unit.cycle_factor * unit.multipliers.get(name, 1.0) for name in PRIOR_CYCLES}
    conv = take["convolution"] * 73_728 + take["output"] * 1_024 + take["input"] * 512 + take["dispatch"]
    streamed = 0.26 * 10_240  # flash streams each weight once
    fully_connected = take["fully_connected"] * 10_240 + take["output"] * 10 + take["input"] * 1_024 + streamed + take["dispatch"]
    assert rows["conv"].latency_s == pytest.approx(conv / 480e6, rel=1e-6)
    assert rows["fc"].latency_s == pytest.approx(fully_connected / 480e6, rel=1e-6)
    assert found.latency_s == pytest.approx((conv + fully_connected + take["dispatch"]) / 480e6, rel=1e-6)  # and the flatten
    assert found.energy_j == pytest.approx(0.530 * found.latency_s, rel=1e-6)
    assert found.memory["flash"].weights_bytes == 1_152 + 10_240 + 4 * (16 + 10)  # int8 weights, int32 biases
    workspace = 6_144 + 4 * 72 + 10 * 16  # of the accounting of X-CUBE-AI 10: by taps and output channels
    assert found.activations_peak_bytes == 512 + 1_024 + workspace  # the convolution holds its input and output
    assert rows["conv"].bytes["flash"] == (1_152 + 64, 0)


def test_cpu() -> None:
    """Four Cortex-A72 at 1.5 GHz: 8 flop/cycle, 256 KiB L2 a core, 1 MiB last level, 12.8 GB/s; fp32, four threads."""
    found, rows = answer("raspberry_pi_4")
    unit = load_device("raspberry_pi_4").units["cpu"]
    assert isinstance(unit, CpuUnit)
    factor = unit.multipliers  # fitted by class: data, not arithmetic
    core, port = 8 * 1.5e9, 16 * 1.5e9  # flop/s and B/s of one core
    near, last = 256 * 1024, 1024 * 1024
    weights_conv, weights_fc = 4 * (1_152 + 16), 4 * (10_240 + 10)
    missing = beyond(weights_conv + weights_fc + 2 * 4_096, last)  # the flatten reads and writes the most
    region = factor["fork"] * 1e-6 * (2.0 / 1.5) * (1 + 4 / 32)
    dispatch = factor["dispatch"] * 1e-6 * (2.0 / 1.5)

    # Winograd F(6,3): 4 tiles of 8 x 8; 16 channels are two pieces of 8, 4 tiles one piece of 4; two pieces on four cores.
    tile_cost = (16 * 4 + 1 * 16 + 2 * 4) * 96 / (96 + 8 + 12)
    compute = factor["winograd"] * 2 * 64 * 8 * tile_cost / core / 2
    activations = 4 * (512 + 1_024)
    transformed = 4 * (8 + 16) * 4 * 64  # bytes of input and output tiles
    stored = weights_conv * 64 / 9
    moved = 64 * 4 * (8 / 2 + 16 / 4) * 2 * 4  # transform bytes; 2 and 4 vectors of channels on four cores
    far = beyond(transformed, near)
    packing = (factor["packing"] * moved + factor["packing_far"] * moved * far) / port
    across = factor["cross_core"] * 0.75 * 8 * 4 * 64 * 4 / port
    through = 0.5 * activations * beyond(activations + weights_conv, near) / 4
    dram = activations * beyond(activations + weights_conv, last) + 0.75 * stored * missing
    dram += 2 * transformed * beyond(transformed + stored, last)
    shared = (activations + transformed) * beyond(activations + transformed, near)
    conv = compute + packing + across + factor["elementwise"] * through / port + factor["shared_cache"] * shared / 20e9
    conv += (factor["dram_shared"] + factor["dram_core"] / 4) * dram / 12.8e9 + 3 * region + dispatch
    assert rows["conv"].details["algorithm"] == "winograd_f6"
    assert dict(rows["conv"].phases)["compute"] == pytest.approx(compute, rel=1e-5)
    assert dict(rows["conv"].phases)["packing"] == pytest.approx(packing, rel=1e-5)
    assert rows["conv"].latency_s == pytest.approx(conv, rel=1e-5)

    arithmetic = factor["gemm"] * 4 * 10_240 / core / 4
    streamed = factor["elementwise"] * 0.3 * weights_fc / 4 / port
    assert dict(rows["fc"].phases)["compute"] == pytest.approx(arithmetic, rel=1e-5)
    assert dict(rows["fc"].phases)["l2"] == pytest.approx(streamed, rel=1e-3)
    assert dict(rows["fc"].phases)["overhead"] == pytest.approx(region + dispatch, rel=1e-5)
    assert found.energy_j == pytest.approx(6.4 * found.latency_s, rel=1e-6)
    assert found.latency_s == pytest.approx(sum(row.latency_s for row in found.operators), rel=1e-9)


def test_gpu() -> None:
    """Maxwell, 236 Gflop/s fp32 and 25.6 GB/s under an engine, with the shares, ratios and gaps that its file has; 4.5 W."""
    found, rows = answer("jetson_nano")
    cost = load_runtime("tensorrt").costs
    rate, stream = cost["matrix_share"] * 236e9, cost["bandwidth_share"] * 25.6e9
    weights, gap = cost["weights_ratio"] * stream, cost["launch"]
    saturation = 16 / (16 + cost["half_channels"]) * 72 / (72 + cost["half_reduction"])  # output channels, reduction length
    conv = 2 * 73_728 / saturation / (cost["winograd_ratio"] * rate) + 4 * 1_536 / stream + 4 * 1_168 / weights + gap + cost["run"]
    saturation = 10 / (10 + cost["half_channels"]) * 1_024 / (1_024 + cost["half_reduction"])
    product = 2 * 10_240 / saturation / (cost["fully_connected_ratio"] * rate)
    fully_connected = product + 4 * 1_034 / stream + 4 * 10_250 / weights + gap
    assert rows["conv"].latency_s == pytest.approx(conv, rel=1e-6)
    assert rows["fc"].latency_s == pytest.approx(fully_connected, rel=1e-6)
    assert rows["flatten_1"].latency_s == 0.0
    assert found.latency_s == pytest.approx(conv + fully_connected, rel=1e-6)
    assert found.energy_j == pytest.approx(4.5 * found.latency_s, rel=1e-6)


def test_row_stationary_array() -> None:
    """12 x 14 PEs at 200 MHz, mapping n m e p q r t = 1 16 8 8 4 2 2: one pass of 3 x 8 x 4 = 96 PEs.

    streaming 8 * 4 * 3 * 8 = 768 cycles; the input port needs 4 * 2 * 10 * 10 = 800 and binds; filters 8*4*3*3*2*2 = 1,152 words at
    4 a cycle; the first window 10 * 3 * 4 * 2 = 240 words, paid 1.9 times; then 1,024 outputs of 2 B leave at 480 MB/s.
    """
    found, rows = answer("eyeriss_v1", "int16")
    conv = rows["conv"]
    assert conv.details["mapping"] == {"n": 1, "m": 16, "e": 8, "p": 8, "q": 4, "r": 2, "t": 2}
    cycles = 800 + 1_152 / 4 + 1.9 * 240
    assert conv.details["cycles"] == round(cycles)
    assert conv.latency_s == pytest.approx(cycles / 200e6 + 2 * 1_024 / 480e6, rel=1e-6)
    # MACs 1.40, filter spad 1.06, input spad 0.3, three psum accesses 0.68, 12 per buffer word, 1 per hop, all times 2.07; 109 mW.
    hops = 18_176  # deliveries over the array
    picojoules = 73_728 * (1.40 + 1.06 + 0.3 + 3 * 0.68) + 1.0 * hops + 6.0 * (1_600 + 4_096)
    assert conv.energy_j == pytest.approx(2.07e-12 * picojoules + 0.109 * conv.latency_s, rel=2e-3)
    assert found.latency_s == pytest.approx(sum(row.latency_s for row in found.operators), rel=1e-9)


def test_systolic_array() -> None:
    """32 x 32 at 500 MHz, weight stationary: K = 72 in three folds, T = 64 pixels streamed, loads hidden under the streams.

    32 + 2 * 64 + 64 + 32 + 32 - 2 = 286 cycles; before them the first tile (512 B at 12.8 GB/s) after 100 ns.
    """
    found, rows = answer("systolic_32x32", "int8")
    assert rows["conv"].details["cycles"] == 286
    assert rows["conv"].latency_s == pytest.approx(286 / 500e6 + 512 / 12.8e9 + 100e-9, rel=1e-6)
    assert rows["conv"].details["weight_reads"] == 1_152
    assert rows["conv"].details["input_reads"] == 64 * 72
    assert rows["conv"].details["output_writes"] == 64 * 16 * 3
    # 1,024 inputs are 32 folds of one streamed row: 32 + 31 * 32 + 1 + 32 + 32 - 2 cycles; the first tile holds 32 x 10 weights.
    assert rows["fc"].details["cycles"] == 1_087
    assert rows["fc"].latency_s == pytest.approx(1_087 / 500e6 + 320 / 12.8e9 + 100e-9, rel=1e-6)
    assert found.latency_s == pytest.approx(rows["conv"].latency_s + rows["fc"].latency_s, rel=1e-9)
    # MAC 0.17 pJ, psum 1 pJ, scratchpad 1.3 read and 1.4 written, DRAM 64 pJ a byte, 50 mW.
    scratchpad = 1.3 * (4_608 + 1_152 + 1_024) + 1.4 * (1_024 + 1_664)
    picojoules = 0.17 * 73_728 + 1.0 * 4_096 + scratchpad + 64 * (512 + 1_152 + 1_024)
    assert rows["conv"].energy_j == pytest.approx(picojoules * 1e-12 + 0.050 * rows["conv"].latency_s, rel=1e-3)
