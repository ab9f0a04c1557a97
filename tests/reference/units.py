"""Microcontrollers, GPUs and vector units written down a second time: seconds of one operator from plain facts."""

from __future__ import annotations

from math import ceil

from tests.reference.cpu import Layer


def macs_of(layer: Layer) -> int:
    return sum(n["N"] * n["G"] * n["M"] * n["C"] * n["E"] * n["F"] * n["R"] * n["S"] for n in layer.products)


def mcu_seconds(layer: Layer, cost: dict[str, float], clock: float, kappa: float, beta: float, external: float,
                streamed: int, outside: int) -> float:  # fmt: skip
    """cycles = kappa * (a MACs + a_out outputs + a_in inputs + ...) + beta * streamed bytes; plus a time per byte outside."""
    cycles = cost["dispatch"]
    if layer.kind == "free":
        return kappa * cycles / clock
    matrix = {"convolution": "convolution", "depthwise": "depthwise"}.get(layer.kind, "fully_connected")
    real = "float_" if layer.bits > 16 else ""
    if layer.kind in ("convolution", "depthwise", "fully_connected", "matmul", "attention", "recurrent"):
        cycles += cost[real + matrix] * macs_of(layer) + cost[real + "output"] * layer.outs
        cycles += 0 if real else cost["input"] * layer.ins
        if layer.kind == "convolution" and not real and layer.products[0]["C"] % 4:
            cycles += cost["remainder"] * macs_of(layer)
        if layer.kind == "attention":
            cycles += cost["softmax"] * layer.special
        elif layer.kind not in ("convolution", "depthwise"):
            cycles += cost["activation"] * layer.special
    elif layer.kind == "pooling":
        cycles += cost["pooling"] * layer.outs * layer.window
    elif layer.kind == "reduction":
        cycles += cost["pooling"] * layer.ins
    elif layer.kind == "softmax":
        cycles += cost["softmax"] * layer.outs
    elif layer.kind in ("activation", "detection"):
        cycles += cost["activation"] * max(layer.ins, layer.outs)
    elif layer.kind in ("layout", "embedding", "unmodelled"):
        cycles += cost["copy"] * int(layer.outs * layer.bits / 8)
    else:
        cycles += cost["elementwise"] * layer.outs
    if layer.kind not in ("activation", "detection") and layer.fused not in ("none", "relu", "relu6", "clip"):
        cycles += cost["activation"] * layer.outs
    return (kappa * cycles + beta * streamed) / clock + external * outside


def gpu_seconds(
    layer: Layer, family: str, rate: dict[str, float], moved: int, weights: int, launches: int, first: bool, copied: int = 0
) -> float:
    """launch + flop / (P r u) + bytes / (W s), with u = N/(N + n0) K/(K + k0); copies and enqueueing by the host included."""
    peak = rate["P"] * (rate["half"] if 8 < layer.bits <= 16 else rate["byte"] if layer.bits <= 8 else 1)
    t = launches * rate["launch"] + weights / (rate["W"] * rate["weights"]) + (rate["run"] + rate["enqueue_run"] if first else 0)
    t += copied / (rate["W"] * rate["r_mem"])
    matrix = family in ("matrix", "grouped", "product", "fully_connected", "attention", "depthwise")
    t -= (launches - matrix) * (1 - rate["others"]) * rate["launch"]
    if layer.variant in ("anchor_output", "grid_output") and family != "detection":
        t += 0.4 * rate["detection"]
    t += rate["enqueue_matrix"] + (launches - 1) * rate["enqueue_other"] if matrix else launches * rate["enqueue_other"]
    coded = layer.weights > 0 and layer.weight_bits < 12 and layer.bits >= 16
    t += layer.weights * rate["decoding"] if coded else 0
    product = rate["r_pr"] * (rate["coded"] if coded else 1.0)
    if family == "depthwise":
        return t + 2 * macs_of(layer) / rate["P_dw"] + moved / (rate["W"] * rate["r_dw"])
    if family == "attention":
        for n in layer.products:
            flop = 2 * n["N"] * n["G"] * n["M"] * n["E"] * n["F"] * n["C"] * n["R"] * n["S"]
            k = n["C"] * n["R"] * n["S"]
            u = n["M"] / (n["M"] + rate["n0"]) * k / (k + rate["k0"])
            t += flop / (u * peak * product) if n["constant"] else flop / (peak * rate["r_at"])
        return t + moved / rate["W"]
    if matrix:
        ratio = {"matrix": 1.0, "grouped": rate["r_g"], "product": product, "fully_connected": rate["r_fc"]}[family]
        n = layer.products[0]
        if (
            family == "matrix"
            and layer.kind == "convolution"
            and (n["R"], n["S"], n["G"], n["stride"], n["dilation"]) == (3, 3, 1, 1, 1)
        ):
            tile = rate["tile"]
            ratio = rate["r_wino"] / (ceil(n["E"] / tile) * tile / n["E"] * ceil(n["F"] / tile) * tile / n["F"])
            t += (rate["kernels"] - 1) * rate["launch"]
        for n in layer.products:
            k = n["C"] * n["R"] * n["S"]
            u = n["M"] / (n["M"] + rate["n0"]) * k / (k + rate["k0"])
            t += 2 * n["N"] * n["G"] * n["M"] * n["E"] * n["F"] * k / (peak * ratio * u)
        return t + moved / rate["W"]
    if family == "stream":
        return t + moved / rate["W"]
    return t + moved / (rate["W"] * rate["r_mem"]) + (rate["detection"] if family == "detection" else 0)


def vector_seconds(
    layer: Layer, element_operations: int, lanes: int, special_cycles: float, clock: float, read: float, write: float,
    bytes_read: int, bytes_written: int,
) -> float:  # fmt: skip
    """Lane cycles, whole per kind, one after the other, then the bytes; what has no arithmetic moves an element per lane and cycle."""
    if layer.kind == "free":
        return 0.0
    moved = layer.outs if macs_of(layer) + element_operations + layer.special == 0 else 0
    cycles = ceil((macs_of(layer) + element_operations + moved) / lanes) + ceil(layer.special * special_cycles / lanes)
    return cycles / clock + bytes_read / read + bytes_written / write
