"""Random layers, as one row of the tables and as plain facts for the slow model; random CPUs the same way."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from hwmodels.costs.cpu import CpuParameters, cpu_parameters
from hwmodels.device import CpuUnit
from hwmodels.runtime import Runtime
from tests.reference.cpu import Chip, Layer
from workloads.operators.rule import KINDS
from workloads.tables import ACTIVATION_CODE, ACTIVATIONS, KIND_CODE, VARIANT_CODE, NestTable, OperatorTable

#: Short name of a term in the slow model -> its name.
SHORT = {
    "gemm": "gemm", "wino": "winograd", "dir": "direct", "dw": "depthwise", "xf": "packing", "ew": "elementwise",
    "dram1": "dram_core", "dramS": "dram_shared", "op": "dispatch", "fork": "fork", "exp": "vector_special", "mm": "matmul",
    "i8": "int8",
    "i8dw": "int8_depthwise", "comm": "cross_core", "scal": "scalar_special", "xf2": "packing_far", "slow": "slow",
    "dw7": "depthwise_large", "llcS": "shared_cache",
}  # fmt: skip

VARIANTS_OF = {
    "layout": ("plain", "concat", "slice", "shuffle", "pad", "transpose"), "free": ("plain", "reshape"),
    "normalization": ("plain", "batch_norm", "layer_norm", "lrn"),
    "detection": ("plain", "prior_box", "anchor_output", "grid_output"),
}  # fmt: skip


def random_chip(rng: np.random.Generator) -> Chip:
    isa = str(
        rng.choice(["arm64", "arm64", "arm64", "armv7", "x86_sse", "x86_avx2", "x86_avx512", "riscv", "riscv_v", "lsx", "scalar"])
    )
    vector = {"x86_avx2": 32.0, "x86_avx512": 64.0, "riscv": 4.0, "scalar": 4.0}.get(isa, 16.0)
    l2 = float(rng.choice([32768, 131072, 524288]))
    return Chip(
        f=float(rng.uniform(0.5e9, 4e9)), c32=float(rng.choice([2, 4, 8, 16, 32])), vector=vector,
        has_fp16=bool(isa == "arm64" and rng.random() < 0.5), s8=float(rng.choice([1, 4])), C2=l2,
        CL=l2 * float(rng.choice([1, 4, 16])), BW=float(rng.uniform(2e9, 60e9)), p=int(rng.choice([1, 2, 3, 4, 8])), isa=isa,
        date=int(rng.choice([20201231, 20210601, 20220301, 20220601, 20250101])),
    )  # fmt: skip


def parameters_of(chip: Chip, multipliers: dict[str, float] | None = None) -> CpuParameters:
    unit = CpuUnit(
        "cpu", "cpu", chip.f, ("fp32",), "sum", None, ("dram",), ("dram",), isa=chip.isa, cores=64, fp32_flop_per_cycle=chip.c32,
        vector_bytes=int(chip.vector), fp16_arithmetic=chip.has_fp16, int8_rate=chip.s8, l2_bytes=chip.C2,
        last_level_bytes=chip.CL, dram_bandwidth_bytes_per_s=chip.BW, multipliers=multipliers or {},
    )  # fmt: skip
    return cpu_parameters(unit, Runtime("ncnn", "", ("cpu",), costs={"rules_date": float(chip.date)}), chip.p)


def nest(rng: np.random.Generator, depthwise: bool = False) -> dict[str, Any]:
    channels = [1, 3, 4, 8, 12, 16, 24, 32, 58, 64, 128, 200]
    side = int(rng.choice([1, 2, 5, 7, 8, 14, 19, 28, 56]))
    taps = int(rng.choice([1, 1, 3, 3, 3, 5, 7]))
    groups = int(rng.choice(channels)) if depthwise else int(rng.choice([1, 1, 1, 2]))
    return {
        "N": 1, "G": groups, "M": 1 if depthwise else int(rng.choice(channels)), "C": 1 if depthwise else int(rng.choice(channels)),
        "E": side, "F": side, "R": taps, "S": taps, "stride": int(rng.choice([1, 1, 2])), "dilation": int(rng.choice([1, 1, 1, 2])),
        "constant": True,
    }  # fmt: skip


def product(rng: np.random.Generator, constant: bool) -> dict[str, Any]:
    rows = int(rng.choice([1, 1, 7, 49, 197]))
    groups = 1 if constant else int(rng.choice([1, 3, 12]))
    m, c = (int(x) for x in rng.choice([10, 64, 197, 768], 2))
    return {
        "N": 1, "G": groups, "M": m, "C": c, "E": rows, "F": 1, "R": 1, "S": 1, "stride": 1, "dilation": 1, "constant": constant,
    }  # fmt: skip


def random_layer(rng: np.random.Generator, kind: str | None = None) -> Layer:
    """A layer whose facts agree with each other as far as the model looks at them."""
    kind = kind or str(rng.choice(KINDS))
    bits = float(rng.choice([32, 32, 16, 8]))
    layer = Layer(kind, bits=bits, weight_bits=float(rng.choice([bits, 4.5])) if bits >= 16 else bits)
    layer.variant = str(rng.choice(VARIANTS_OF.get(kind, ("plain",))))
    layer.fused = str(rng.choice(ACTIVATIONS))
    layer.pad = bool(rng.random() < 0.5)
    if kind in ("convolution", "depthwise"):
        one = nest(rng, kind == "depthwise")
        layer.products = [one]
        layer.channels, layer.pixels = one["G"] * one["M"], one["E"] * one["F"]
        layer.outs = layer.channels * layer.pixels
        layer.ins = one["G"] * one["C"] * layer.pixels * one["stride"] ** 2
        layer.weights = one["G"] * one["M"] * (one["C"] * one["R"] * one["S"] + 1)
    elif kind in ("fully_connected", "matmul", "attention", "recurrent"):
        constant = {"fully_connected": [True], "matmul": [False], "attention": [True, False, False], "recurrent": [True, True]}[
            kind
        ]
        layer.products = [product(rng, c) for c in constant]
        one = layer.products[0]
        layer.channels, layer.pixels = one["M"], one["E"] * one["G"]
        layer.outs, layer.ins = one["M"] * one["E"] * one["G"], one["C"] * one["E"] * one["G"]
        layer.weights = sum(n["M"] * n["C"] for n in layer.products if n["constant"])
        layer.special, layer.steps = layer.outs, layer.pixels
    else:
        layer.channels, layer.pixels = int(rng.choice([1, 3, 4, 8, 20, 64])), int(rng.choice([1, 4, 49, 784]))
        layer.outs = layer.channels * layer.pixels
        layer.window = int(rng.choice([1, 4, 9]))
        layer.ins = layer.outs * int(rng.choice([1, 2, 4]))
        layer.weights = int(rng.choice([0, 0, layer.channels]))
    return layer


def macs_of(layer: Layer) -> int:
    return sum(n["N"] * n["G"] * n["M"] * n["C"] * n["E"] * n["F"] * n["R"] * n["S"] for n in layer.products)


def tables_of(layer: Layer, batch: int = 1) -> tuple[OperatorTable, NestTable]:
    """The layer as one row, ``batch`` times."""
    size = layer.weight_bits / 8.0
    row = dict.fromkeys(OperatorTable._fields, 0)
    row.update(
        kind=KIND_CODE[layer.kind], activation=ACTIVATION_CODE[layer.fused], macs=macs_of(layer) * batch,
        special_operations=layer.special * batch, input_elements=layer.ins * batch, output_elements=layer.outs * batch,
        weight_elements=layer.weights, input_bytes=int(layer.ins * layer.bits / 8) * batch,
        output_bytes=int(layer.outs * layer.bits / 8) * batch, weight_bytes=int(layer.weights * size),
        output_channels=layer.channels,
        output_pixels=layer.pixels * (batch if layer.kind == "recurrent" else 1), window=layer.window, padded=int(layer.pad),
        nests=len(layer.products), variant=VARIANT_CODE[layer.variant],
    )  # fmt: skip
    row.update(activation_bits=layer.bits, weight_bits=layer.weight_bits)  # type: ignore[arg-type]
    floats = ("activation_bits", "weight_bits")
    operators = OperatorTable(*[np.array([row[n]], dtype=np.float64 if n in floats else np.int64) for n in OperatorTable._fields])
    columns = {name: [] for name in NestTable._fields}  # type: ignore[var-annotated]
    for n in layer.products:
        values = {**n, "N": n["N"] * batch, "operator": 0, "constant_weights": int(n["constant"])}
        values.update(stride_h=n["stride"], stride_w=n["stride"], dilation_h=n["dilation"], dilation_w=n["dilation"])
        if not n["constant"]:
            values.update(N=n["N"], G=n["G"] * batch)
        for name in NestTable._fields:
            columns[name].append(values[name])
    return operators, NestTable(*[np.array(columns[name], dtype=np.int64) for name in NestTable._fields])


def changed(chip: Chip, **changes: Any) -> Chip:
    return dataclasses.replace(chip, **changes)
