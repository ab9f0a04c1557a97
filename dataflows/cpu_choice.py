"""The algorithm of each convolution on a CPU, chosen instead of the runtime's own: what it takes in time and in workspace.

Workspace is what lies beside inputs, weights and outputs: panels of im2col, transformed tiles of Winograd and FFT.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataflows.cpu_algorithms import ALGORITHMS, DIRECT_KERNEL, GEMM_1X1, GEMM_IM2COL, WINOGRAD_F2, WINOGRAD_F4, WINOGRAD_F6
from dataflows.cpu_convolution import add_convolution, winograd_tile
from dataflows.cpu_counts import regions
from dataflows.cpu_layer import CONVOLUTION, Layer, layer_of
from dataflows.cpu_layers import add_fused_activation
from dataflows.cpu_traffic import add_traffic
from dataflows.unit_work import UnitWork
from hwmodels.costs.cpu import DISPATCH, FORK, GEMM, PACKING, CpuParameters
from workloads.graph import Graph
from workloads.tables import NestTable

#: Name of the algorithm that no runtime of the catalogue has: tiles of 16 x 16 by fast Fourier transform.
FFT = "fft"

#: Side of a Fourier tile.
FFT_SIDE = 16

#: Algorithms by name that can be chosen.
CHOICES = ("direct", "im2col_gemm", "gemm_1x1", "winograd_f2", "winograd_f4", "winograd_f6", FFT)

_CODES = {"direct": DIRECT_KERNEL, "im2col_gemm": GEMM_IM2COL, "gemm_1x1": GEMM_1X1, "winograd_f2": WINOGRAD_F2,
          "winograd_f4": WINOGRAD_F4, "winograd_f6": WINOGRAD_F6}  # fmt: skip


class Choice(NamedTuple):
    """One algorithm for one convolution."""

    algorithm: str
    seconds: float
    workspace_bytes: int
    amounts: NDArray[np.float64]
    traffic: NDArray[np.int64]


def choices_of(work: UnitWork, i: int) -> list[Choice]:
    """What each algorithm would take for operator ``i`` of a CPU; empty for other operators."""
    if work.kind != "cpu" or work.counted is None or work.counted.operators.kind[i] != CONVOLUTION:
        return []
    if work.details.get(i, {}).get("algorithm") == "fully_connected":
        return []
    operators, nests, network = work.counted.operators, work.counted.nests, work.counted.network
    layer = layer_of(operators, i, work.parameters, network)
    j = int(operators.first_nest[i])
    found = []
    for name in able(nests, j, layer):
        amounts, traffic = _counted(work, i, j, name, layer)
        found.append(Choice(name, float(amounts @ work.prices), workspace_bytes(nests, j, layer, name), amounts, traffic))
    return found


def able(nests: NestTable, j: int, layer: Layer) -> list[str]:
    """Algorithms that compute this convolution; in int8 those that runtimes have kernels for."""
    kernel = int(nests.R[j]), int(nests.S[j])
    simple = max(nests.stride_h[j], nests.stride_w[j], nests.dilation_h[j], nests.dilation_w[j]) == 1
    names = ["gemm_1x1"] if kernel == (1, 1) else ["im2col_gemm"]
    if kernel != (1, 1) and not layer.int8:
        names.append("direct")
    if kernel == (3, 3) and simple:
        names += ["winograd_f4"] if layer.int8 else ["winograd_f2", "winograd_f4", "winograd_f6"]
    if layer.int8:
        return names
    if kernel != (1, 1) and max(kernel) <= FFT_SIDE // 2 and simple:
        names.append(FFT)
    return names


def multiplications(algorithm: str, inputs: int, outputs: int, height: int, width: int, kernel: int) -> int:
    """Multiplications of the products of a k x k convolution, transforms not included.

    Winograd F(m x m, 3 x 3) takes (m + 2)^2 for m x m outputs (Lavin and Gray, CVPR 2016, equation 8).

    >>> multiplications("direct", 1, 1, 4, 4, 3) / multiplications("winograd_f2", 1, 1, 4, 4, 3)
    2.25
    """
    if not algorithm.startswith("winograd"):
        return inputs * outputs * height * width * kernel * kernel
    side = int(algorithm[-1])
    return inputs * outputs * math.ceil(height / side) * math.ceil(width / side) * (side + 2) ** 2


def workspace_bytes(nests: NestTable, j: int, layer: Layer, algorithm: str) -> int:
    """Bytes beside inputs, weights and outputs of one image [B]."""
    groups, inputs, outputs = int(nests.G[j]), int(nests.C[j]), int(nests.M[j])
    height, width = int(nests.E[j]), int(nests.F[j])
    if algorithm in ("im2col_gemm", "gemm_1x1"):
        return math.ceil(groups * inputs * int(nests.R[j]) * int(nests.S[j]) * height * width * layer.panel_bytes)
    if algorithm.startswith("winograd"):
        side = winograd_tile(_CODES[algorithm])
        tiles = math.ceil(height / side) * math.ceil(width / side)
        return math.ceil(groups * (inputs + outputs) * tiles * (side + 2) ** 2 * layer.element_bytes)
    if algorithm == FFT:
        return math.ceil(groups * (inputs + outputs) * fft_tiles(nests, j) * fft_bins() * 2 * layer.element_bytes)
    return 0


def fft_bins() -> int:
    """Complex values of one transformed tile of real ones: side x (side / 2 + 1)."""
    return FFT_SIDE * (FFT_SIDE // 2 + 1)


def fft_tiles(nests: NestTable, j: int) -> int:
    """Overlapping tiles that cover the output; a tile gives side - k + 1 outputs per axis."""
    return math.ceil(nests.E[j] / (FFT_SIDE - nests.R[j] + 1)) * math.ceil(nests.F[j] / (FFT_SIDE - nests.S[j] + 1))


def add_fft(
    unit: CpuParameters, layer: Layer, nests: NestTable, j: int, images: int, amounts: NDArray[Any], traffic: NDArray[Any]
) -> None:
    """Convolution by fast Fourier transform: 2.5 n log2 n operations per real transform of n values, 8 per complex product
    (Mathieu, Henaff and LeCun, ICLR 2014, section 2); transformed weights are kept from run to run.

    Priced as products at the speed of im2col, which nobody has measured here; on cores with much arithmetic per byte it can pass
    Winograd (Zlateski et al., "The anatomy of efficient FFT and Winograd convolutions on modern CPUs", ICS 2019).
    """
    groups, inputs, outputs = int(nests.G[j]), int(nests.C[j]), int(nests.M[j])
    tiles, values = fft_tiles(nests, j) * images, FFT_SIDE * FFT_SIDE
    transforms = 2.5 * values * math.log2(values) * groups * (inputs + outputs) * tiles
    products = 8.0 * fft_bins() * groups * inputs * outputs * tiles
    amounts[GEMM] += (transforms + products) / layer.rate / layer.threads
    transformed = float(groups * (inputs + outputs) * tiles * fft_bins() * 2 * layer.element_bytes)
    amounts[PACKING] += 2.0 * transformed / layer.threads
    amounts[FORK] += 3.0
    weights = float(groups * inputs * outputs * fft_bins() * 2 * layer.element_bytes)
    add_traffic(
        unit, layer, weights, transformed, 1.0, 1.0 if transformed + weights > unit.last_level_bytes else 0.0, amounts, traffic
    )


def _counted(work: UnitWork, i: int, j: int, name: str, layer: Layer) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Amounts and traffic of one convolution under one algorithm."""
    assert work.counted is not None
    operators, nests, unit = work.counted.operators, work.counted.nests, work.parameters
    amounts, traffic = np.zeros(work.amounts.shape[1]), np.zeros(work.traffic.shape[1:], np.int64)
    images = (int(nests.N[j]) + layer.copies - 1) // layer.copies
    if name == FFT:
        add_fft(unit, layer, nests, j, images, amounts, traffic)
    else:
        add_convolution(unit, layer, _CODES[name], nests, j, images, amounts, traffic)
    add_fused_activation(layer, operators.activation[i], layer.written_bytes / layer.element_bytes, amounts)
    amounts[DISPATCH] += 1.0
    amounts[FORK] = regions(operators.kind[i], operators.output_pixels[i], amounts[FORK], layer.threads)
    return amounts * layer.copies, traffic


def with_algorithms(work: UnitWork, graph: Graph, algorithms: Mapping[str, str]) -> UnitWork:
    """The work of a CPU whose convolutions take other algorithms than the runtime would."""
    if not algorithms or work.kind != "cpu":
        return work
    amounts, traffic, details = work.amounts.copy(), work.traffic.copy(), dict(work.details)
    for i, operator in enumerate(graph.operators):
        wanted = algorithms.get(operator.name)
        choice = next((c for c in choices_of(work, i) if c.algorithm == wanted), None)
        if choice is not None:
            amounts[i], traffic[i] = choice.amounts, choice.traffic
            details[i] = {**details.get(i, {}), "algorithm": choice.algorithm, "workspace_bytes": choice.workspace_bytes}
    return replace(work, amounts=amounts, traffic=traffic, details=details, counted=None)


assert set(_CODES) <= set(ALGORITHMS)
