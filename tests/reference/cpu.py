"""The additive CPU model written down a second time, slowly: nominal seconds of each of the twenty terms, layer by layer.

A layer is a plain :class:`Layer` of facts; a chip is a :class:`Chip`. Nothing here is shared with ``dataflows`` or ``hwmodels``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil


@dataclass
class Chip:
    f: float = 1.5e9  # clock of the cores used
    c32: float = 8.0  # fp32 FLOP per cycle and core
    vector: float = 16.0  # vector bytes
    has_fp16: bool = False
    s8: float = 1.0
    C2: float = 262144.0
    CL: float = 1048576.0
    BW: float = 12.8e9
    p: int = 1
    isa: str = "arm64"
    date: int = 20220601


@dataclass
class Layer:
    kind: str
    variant: str = "plain"
    fused: str = "none"  # fused activation, or the activation itself
    ins: int = 0  # input elements
    outs: int = 0  # output elements
    weights: int = 0  # constants, vectors included
    bits: float = 32.0  # of activations
    weight_bits: float = 32.0
    channels: int = 1  # of the output
    pixels: int = 2  # of the output
    window: int = 1
    pad: bool = False
    products: list[dict] = field(default_factory=list)  # N G M C E F R S stride dilation constant
    special: int = 0
    steps: int = 1


def beyond(w: float, c: float) -> float:
    return 0.0 if w == 0 else 1 / (1 + (c / w) ** 3)


def par(u: float, p: int) -> float:
    return u / ceil(u / p)


def pk(c: int, lanes: float) -> int:
    for width in (max(4, int(lanes)), 8, 4):
        if c % width == 0:
            return width
    return 1


MICRO = {
    "arm64": (8, 12), "riscv_v": (8, 8), "armv7": (4, 8), "x86_sse": (4, 8), "lsx": (4, 12), "mips": (4, 12), "x86_avx2": (8, 12),
    "x86_avx512": (16, 12), "riscv": (2, 2), "scalar": (2, 2),
}  # fmt: skip


def cut(size: int, sizes: list[int]) -> int:
    """Pieces of a greedy cut."""
    count = 0
    for piece in sizes:
        count += size // piece
        size %= piece
    return count


def tile_cost(chip: Chip, m: int, n: int) -> float:
    mr, nr = MICRO[chip.isa]
    ms = [s for s in (16, 8, 4, 2, 1) if s <= mr]
    ns = [nr] + [s for s in (8, 4, 2, 1) if s < nr]
    return (m * n + cut(n, ns) * m + cut(m, ms) * n) * mr * nr / (mr * nr + mr + nr)


def algorithm(chip: Chip, layer: Layer, nest: dict, h: int, int8: bool, lanes: float) -> str:
    """Section on algorithm selection."""
    g, ic, oc, height, width = nest["G"], nest["C"], nest["M"], nest["E"], nest["F"]
    r, s = nest["R"], nest["S"]
    before = chip.date < 20220601
    if chip.isa == "scalar":
        return "slow"
    if (r, s) == (1, 1) and (height, width) == (1, 1) and g == 1:
        return "fc"
    if g > 1 and before:
        return "slow"
    three = (r, s) == (3, 3) and nest["stride"] == 1 and nest["dilation"] == 1
    if int8:
        if three and chip.s8 <= 1 and chip.date >= 20210101 and ic >= 8 and oc >= 8:
            return "F4"
        return "gemm"
    sides = (height + 2, width + 2)
    old_sizes = "F4" if all(x <= 10 or 15 <= x <= 18 or x in (21, 22) for x in sides) else "F6"
    if chip.isa in ("arm64", "armv7"):
        if three and not before:
            if ic >= (16 if h == 2 else 8) or oc >= (16 if h == 2 else 8):
                return "F6" if ic <= 128 and oc <= 128 else "F4" if ic >= 8 and oc >= 8 else "F2"
        elif three and h == 1:
            if ic % 4 == 0:
                return old_sizes if oc % 4 == 0 else "F6"
            if oc % 4 and ic >= 16 and oc >= 16:
                return "F6"
        elif three:
            if ic % 8 == 0 and oc % 8 == 0 and ic >= 16 and oc >= 16:
                return old_sizes
            if ic % 8 == 0 and oc % 4:
                return "F6"
        if before and h == 2 and ic >= 4 and (ic % 8 == 0) ^ (oc % 8 == 0) and not (ic % 8 == 0 and oc % 4):
            return "slow"
    elif three:
        pack = max(4, int(lanes))
        if not before:
            if not (ic <= 8 and oc <= 8):
                if ic >= 128 and oc >= 128 and max(sides) <= 12:
                    return "F2"
                return "F6" if ic <= 32 and oc <= 32 and min(sides) >= 23 else "F4"
        elif ic >= 16 and oc >= 16:
            if ic % pack == 0 and oc % pack == 0:
                return old_sizes if chip.date >= 20220101 else "F6"
            if ic % pack and oc % pack:
                return "F2"
            if chip.date < 20220101:
                return "slow"
    if ic < 4 and oc <= 64 and (h == 1 or (r, s) in ((3, 3), (7, 7))):
        return "dir"
    if ic <= 16 and oc <= 16 and r * s > 1:
        return "dir"
    return "dir" if (r, s) == (5, 5) and nest["stride"] == 1 else "gemm"


VECTOR = {
    "sigmoid": 8, "silu": 9, "hard_swish": 1.5, "tanh": 8, "gelu_tanh": 9, "elu": 8, "selu": 8, "softplus": 8, "mish": 9, "exp": 8,
    "sqrt": 1,
}  # fmt: skip
TERMS = [
    "gemm",
    "wino",
    "dir",
    "dw",
    "xf",
    "ew",
    "dram1",
    "dramS",
    "op",
    "fork",
    "exp",
    "mm",
    "i8",
    "i8dw",
    "comm",
    "scal",
    "xf2",
    "slow",
    "dw7",
    "llcS",
]


def nominal_seconds(chip: Chip, layer: Layer, network_weights: float, network_activation: float) -> dict[str, float]:
    """t_k of one layer, one inference."""
    t = dict.fromkeys(TERMS, 0.0)
    f, p = chip.f, chip.p
    half = chip.has_fp16 and layer.bits <= 16
    h, B = (2, 2.0) if half else (1, 4.0)
    L = chip.vector / B
    P32 = chip.c32 * f
    P, P8 = h * P32, chip.s8 * P32
    weighted = layer.kind in ("convolution", "depthwise", "fully_connected")
    int8 = weighted and layer.bits <= 8 and layer.weight_bits <= 8
    i, o = layer.ins * B, layer.outs * B
    A = i + o
    W = layer.weights * (layer.weight_bits / 8 if layer.weight_bits < 16 else B)
    if layer.kind == "embedding":
        W = 0.0
    wmiss = beyond(network_weights + network_activation, chip.CL)
    dram, regions, panel, growth = 0.0, 0.0, 0.0, 1.0
    is_conv, stream = False, W
    out = layer.outs
    first = layer.products[0] if layer.products else None
    kind = layer.kind
    chosen = ""
    if kind == "convolution":
        chosen = algorithm(chip, layer, first, h, int8, L)
    elif kind == "fully_connected":
        chosen = "fc" if first["N"] * first["E"] * first["G"] == 1 else "products"
    elif kind in ("matmul", "attention"):
        chosen = "products"

    if chosen in ("gemm", "F2", "F4", "F6", "dir", "slow"):
        is_conv = True
        g, M, ic, height, width = first["G"], first["M"], first["C"], first["E"], first["F"]
        area, images = first["R"] * first["S"], first["N"]
        N, K = height * width * images, ic * area
        macs = g * M * N * K
        mr, nr0 = MICRO[chip.isa]
        if chosen == "gemm":
            t["i8" if int8 else "gemm"] += 2 * g * K * tile_cost(chip, M, N) / (P8 if int8 else P) / par(ceil(M / mr), p)
            b = g * K * N * (1 if int8 else B)
            q = beyond(b + A, chip.C2)
            v = b * (2 if area == 1 else 5) / (16 * f) / par(ceil(N / nr0), p)
            t["xf"] += v
            t["xf2"] += v * q
            nM = ceil(M / 32)
            t["xf2"] += 0.5 * nM * b * beyond(b, chip.C2) / (16 * f) / par(ceil(M / mr), p)
            if h == 2 and not int8 and ic % 4 and area > 1:
                t["xf2"] += 0.25 * g * K * N / f / par(ceil(N / nr0), p) * (1 if chip.date >= 20220601 else 4)
            if p > 1:
                t["comm"] += (1 - 1 / p) * b * ceil(nM / p) / (16 * f)
            dram += (nM + 1) * b * beyond(b, chip.CL)
            regions, panel = 2, b
        elif chosen[0] == "F":
            m = int(chosen[1])
            alpha, tiles = (m + 2) ** 2, ceil(height / m) * ceil(width / m) * images
            Bw = 2.0 if int8 else B
            rate = P8 / 2 if int8 else P  # 16-bit values after the transform
            t["i8" if int8 else "wino"] += 2 * g * alpha * ic * tile_cost(chip, M, tiles) / rate / par(ceil(M / mr), p)
            v = g * alpha * tiles * (ic / par(ic / L, p) + M / par(M / L, p)) * 2 * Bw / (16 * f)
            q = beyond((ic + M) * tiles * alpha * Bw, chip.C2)
            t["xf"] += v
            t["xf2"] += v * q
            if p > 1:
                t["comm"] += (1 - 1 / p) * g * ic * tiles * alpha * Bw / (16 * f)
            growth = alpha / 9 * (2 if int8 else 1)
            panel = g * (ic + M) * tiles * alpha * Bw
            dram += 2 * panel * beyond(panel + W * growth, chip.CL)
            regions, stream = 3, 0.75 * W * growth
        else:
            pack = pk(M, L)
            e = 1.5 / L if pack == 1 else min(1, pack / L)
            t[chosen] += 2 * macs / (P * e) / par(M / pack, p) * (0.45 if chosen == "slow" and half else 1)
            if p > 1:
                t["comm"] += (1 - 1 / p) * i / (16 * f)
            regions = 2
    elif kind == "depthwise":
        is_conv = True
        pack = pk(layer.channels, L)
        e = 1.5 / L if pack == 1 else min(1, pack / L)
        macs = first["N"] * first["G"] * first["M"] * first["C"] * first["E"] * first["F"] * first["R"] * first["S"]
        area = first["R"] * first["S"]
        name, rate = ("i8dw", P32) if int8 else ("dw7", P) if area >= 49 else ("dw", P)
        t[name] += 2 * macs / (rate * e) / par(layer.channels / pack, p)
        t["ew"] += A / (16 * f) / par(layer.channels / pack, p)
        regions = 2 if layer.pad else 1
        if layer.pad:  # the input is copied into a larger one: written and read
            panel = 2 * i
            dram += 2 * panel * beyond(panel, chip.CL)
    elif chosen == "fc":
        macs = first["G"] * first["M"] * first["C"] * first["N"] * first["E"] * first["F"] * first["R"] * first["S"]
        t["i8" if int8 else "gemm"] += 4 * macs / (P8 if int8 else P) / p
        t["ew"] += 0.3 * W / (16 * f) / p
        regions = 1
    elif chosen == "products":
        scores = None
        for n in layer.products:
            macs = n["N"] * n["G"] * n["M"] * n["C"] * n["E"] * n["F"] * n["R"] * n["S"]
            rows = n["N"] * n["E"]
            t["mm"] += 2 * macs / P32 / par(ceil(rows / 8) if n["constant"] else n["G"], p)
            if not n["constant"] and scores is None:
                scores = n["N"] * n["G"] * n["E"] * n["M"]
        if p > 1:
            t["comm"] += (1 - 1 / p) * (W + A) / (16 * f)
        regions = 3
        if kind == "attention":
            t["exp"] += 12 * (scores or 0) / L / f / p
            t["op"] += 8 * 2000 / f
            regions = 8
    elif kind == "recurrent":
        macs = sum(n["N"] * n["G"] * n["M"] * n["C"] * n["E"] * n["F"] * n["R"] * n["S"] for n in layer.products)
        t["gemm"] += 4 * macs / P / p
        t["ew"] += 0.3 * W * layer.steps / (16 * f) / p
        t["exp"] += 8 * layer.special / L / f / p
        regions, stream = layer.steps, W * layer.steps
    else:
        stream = 0.0
        pack = pk(layer.channels, L)
        lanes_share = par(layer.channels / pack, p)
        regions = 1
        if kind in ("pooling", "reduction"):
            area = layer.window if kind == "pooling" else layer.ins / out
            t["ew"] += (out * min(area, 4 * layer.ins / out) * (3 if pack == 1 else 1) + out) * B / (16 * f) / lanes_share
        elif kind == "resize":
            t["ew"] += 4 * A / (16 * f) / lanes_share
        elif kind == "layout" and layer.variant == "pad":
            t["ew"] += A / (16 * f) / lanes_share
        elif kind == "detection":
            regions = 300 if layer.variant == "grid_output" else 0
            per = {"prior_box": 2 * out, "anchor_output": 3 * layer.ins, "grid_output": 3 * layer.ins}
            t["scal"] += per.get(layer.variant, (3 + 60 / 21) * layer.ins) / f
        elif kind in ("layout", "embedding", "unmodelled") or (kind == "free" and layer.variant == "reshape"):
            regions = 0
            if layer.variant == "transpose":
                t["ew"] += 0.5 * A / (16 * f)
                t["scal"] += 3 * out / f
            elif layer.variant == "reshape":
                t["ew"] += 4 * o / (16 * f)
            else:
                t["ew"] += 2 * A * {"slice": 0.5, "shuffle": 1.5}.get(layer.variant, 1.0) / (16 * f)
        elif kind == "free":
            regions = 0
            A = 0.0
        else:
            t["ew"] += A * (2 if pack == 1 else 1) / (16 * f) / lanes_share
            vector = {"normalization": 4 if layer.variant == "layer_norm" else 0, "softmax": 0}.get(
                kind, VECTOR.get(layer.fused, 0)
            )
            scalar = {"softmax": 12, "normalization": 15 if layer.variant == "lrn" else 0}.get(
                kind, 25 if layer.fused in ("gelu", "erf") else 0
            )
            t["exp"] += vector * out / L / f / lanes_share
            t["scal"] += scalar * out / f / lanes_share
    if is_conv:
        t["ew"] += 0.5 * A * beyond(A + W, chip.C2) / (16 * f) / p
        if int8:
            t["ew"] += 2 * A / (16 * f) / p
    if weighted and VECTOR.get(layer.fused, 0) >= 8:
        t["exp"] += 8 * out / L / f / p
    if not weighted and kind not in ("matmul", "attention", "recurrent"):
        W = 0.0 if kind == "embedding" else W
    dram += A * beyond(A + W if A else 0.0, chip.CL) + stream * wmiss
    t["llcS"] += (A + panel) * beyond(A + panel, max(chip.C2, 256 * 1024)) / 20e9
    t["dramS"], t["dram1"] = dram / chip.BW, dram / chip.BW / p
    t["op"] += 2000 / f
    if layer.pixels <= 1:
        if kind in ("convolution", "depthwise", "pooling", "fully_connected", "reduction"):
            regions = min(1, regions)
        elif kind not in ("matmul", "attention", "recurrent"):
            regions *= 0.3
    t["fork"] = regions * 2000 / f * (1 + p / 32) if p > 1 else 0.0
    return t
