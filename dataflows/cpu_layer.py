"""What every count of a CPU layer starts from: element sizes, lanes, bytes, and the shares that caches do not hold.

Symbols: A activation bytes, W weight bytes, B bytes per element, L vector lanes, p threads.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from dataflows.unit_work import ABSORBED
from hwmodels.costs.cpu import CpuParameters, narrow_share
from hwmodels.jit import kernel
from workloads.tables import KIND_CODE, OperatorTable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
else:
    Floats = Ints = Any

CONVOLUTION, DEPTHWISE_KIND = KIND_CODE["convolution"], KIND_CODE["depthwise"]
FULLY_CONNECTED, MATMUL_KIND = KIND_CODE["fully_connected"], KIND_CODE["matmul"]
EMBEDDING = KIND_CODE["embedding"]


class NetworkFacts(NamedTuple):
    """Facts of the whole network that the cost of one operator depends on."""

    weight_bytes: float  # weights read in one inference [B]
    largest_activation_bytes: float  # activation bytes of the layer that moves most [B]
    batch: int  # inferences in one run; CPU runtimes do them one after the other


class Layer(NamedTuple):
    """One operator, one inference, in bytes."""

    element_bytes: float  # of one activation
    rate: float  # arithmetic rate relative to fp32: 2 in fp16
    lanes: float  # elements in one vector
    int8: int  # 1 where weights and products are 8 bit or narrower
    narrow: float  # time of its products in that of int8 ones: below 1 by bit planes and population counts
    panel_bytes: float  # of one element in a panel of a product
    half: int  # 1 where the float run computes in fp16
    read_bytes: float  # activations read
    written_bytes: float  # activations written
    weight_bytes: float
    missing: float  # share of the weights streamed from DRAM
    threads: int
    copies: int  # inferences that are done one after the other


@kernel
def beyond(size: float, capacity: float) -> float:
    """Share of a working set of ``size`` bytes served from beyond a cache: 1 / (1 + (capacity/size)^3), 0 for nothing.

    >>> beyond(1000.0, 1000.0), beyond(0.0, 1000.0)
    (0.5, 0.0)
    """
    if size <= 0.0:
        return 0.0
    ratio = capacity / size
    return 1.0 / (1.0 + ratio * ratio * ratio)


@kernel
def share_of_one(items: float, threads: int) -> float:
    """Part of equal work items that the busiest of ``threads`` threads does: ceil(items/threads) / items.

    >>> share_of_one(5, 4), share_of_one(8, 4)
    (0.4, 0.25)
    """
    return math.ceil(items / threads) / items


@kernel
def pack_of(channels: int, lanes: float) -> int:
    """Channels packed side by side: all lanes (at least 4) if they divide the channels, else 8, else 4, else 1.

    >>> pack_of(64, 4.0), pack_of(12, 8.0), pack_of(3, 4.0)
    (4, 4, 1)
    """
    full = int(lanes) if lanes > 4.0 else 4
    if channels % full == 0:
        return full
    if channels % 8 == 0:
        return 8
    return 4 if channels % 4 == 0 else 1


@kernel
def lane_efficiency(pack: int, lanes: float) -> float:
    """Share of the vector that direct kernels use: min(1, pack/lanes); 1.5/lanes without packing."""
    return 1.5 / lanes if pack == 1 else min(1.0, pack / lanes)


@kernel
def is_half(unit: CpuParameters, bits: float) -> int:
    """1 where activations are kept and computed in fp16: 16-bit and narrower ones, on a core that can."""
    return 1 if unit.fp16 and bits <= 16.0 else 0


@kernel
def is_int8(kind: int, activation_bits: float, weight_bits: float) -> int:
    """1 for convolutions and fully connected layers whose activations and weights are stored in at most 8 bit."""
    weighted = kind in (CONVOLUTION, DEPTHWISE_KIND, FULLY_CONNECTED)
    return 1 if weighted and activation_bits <= 8.0 and weight_bits <= 8.0 else 0


@kernel
def weight_bytes_of(operators: OperatorTable, i: int, element_bytes: float) -> float:
    """Stored bytes of the constants: those of the float run for 16 and 32 bit, the format's own below."""
    bits = operators.weight_bits[i]
    size = bits / 8.0 if bits < 16.0 else element_bytes
    return size * (operators.weight_elements[i] + operators.vector_elements[i])


@kernel
def network_facts(operators: OperatorTable, unit: CpuParameters, batch: int) -> NetworkFacts:
    """Sizes of the whole network as this unit stores it. Tables that are only looked up are not streamed."""
    weights = 0.0
    largest = 0.0
    for i in range(operators.kind.shape[0]):
        if operators.kind[i] == ABSORBED or operators.kind[i] == EMBEDDING:
            continue
        element_bytes = 2.0 if is_half(unit, operators.activation_bits[i]) else 4.0
        weights += weight_bytes_of(operators, i, element_bytes)
        moved = (operators.input_elements[i] + operators.output_elements[i]) * element_bytes / batch
        largest = max(largest, moved)
    return NetworkFacts(weights, largest, batch)


@kernel
def layer_of(operators: OperatorTable, i: int, unit: CpuParameters, network: NetworkFacts) -> Layer:
    """Element sizes and bytes of operator ``i`` in one inference."""
    half = is_half(unit, operators.activation_bits[i])
    element_bytes = 2.0 if half else 4.0
    per_inference = element_bytes / network.batch
    bits = operators.activation_bits[i]
    int8 = is_int8(operators.kind[i], bits, operators.weight_bits[i])
    narrow = 1.0
    if int8 and operators.kind[i] != DEPTHWISE_KIND:
        narrow = narrow_share(unit.int8_rate, unit.binary_rate, bits, operators.weight_bits[i])
    panel_bytes = element_bytes
    if int8:
        panel_bytes = bits / 8.0 if narrow < 1.0 else 1.0
    return Layer(
        element_bytes,
        2.0 if half else 1.0,
        unit.vector_bytes / element_bytes,
        int8,
        narrow,
        panel_bytes,
        half,
        operators.input_elements[i] * per_inference,
        operators.output_elements[i] * per_inference,
        0.0 if operators.kind[i] == EMBEDDING else weight_bytes_of(operators, i, element_bytes),
        beyond(network.weight_bytes + network.largest_activation_bytes, unit.last_level_bytes),
        unit.threads,
        network.batch,
    )
