"""Small graphs for the array tests: convolutions and products written down by shape."""

from __future__ import annotations

import numpy as np

from dataflows.array_nests import ArrayNests
from hwmodels.device import ArrayUnit, Device, Link, MemoryLevel
from workloads.graph import Graph, Operator, Tensor

#: AlexNet's convolutions: input channels, padded side, filters, filter side, stride, padding, groups (Krizhevsky et al., 2012).
ALEXNET = {
    "CONV1": (3, 227, 96, 11, 4, 0, 1),
    "CONV2": (96, 31, 256, 5, 1, 2, 2),
    "CONV3": (256, 15, 384, 3, 1, 1, 1),
    "CONV4": (384, 15, 384, 3, 1, 1, 2),
    "CONV5": (384, 15, 256, 3, 1, 1, 2),
}


def convolutions(layers: dict[str, tuple[int, ...]], batch: int = 1, dtype: str = "int16") -> Graph:
    """One convolution per layer, side by side: (channels, padded side, filters, filter side, stride, padding, groups)."""
    operators, tensors = [], []
    for name, (channels, padded, filters, side, stride, pad, groups) in layers.items():
        stored, out = padded - 2 * pad, (padded - side) // stride + 1
        tensors += [
            Tensor(f"{name}_in", (batch, channels, stored, stored), dtype, "input"),
            Tensor(f"{name}_w", (filters, channels // groups, side, side), dtype, "weight"),
            Tensor(f"{name}_out", (batch, filters, out, out), dtype, "output"),
        ]
        attributes = {
            "strides": (stride, stride), "pads": (pad,) * 4, "dilations": (1, 1), "group": groups, "kernel_shape": (side, side),
        }  # fmt: skip
        operators.append(Operator(name, "Conv", (f"{name}_in", f"{name}_w"), (f"{name}_out",), attributes))
    return Graph.build("convolutions", operators, tensors)


def nests_of(*rows: dict[str, int]) -> ArrayNests:
    """ArrayNests from named bounds; what is left out is 1, padding 0, words of 8 bit."""
    defaults = dict.fromkeys(ArrayNests._fields, 1) | {"operator": 0, "pad_top": 0} | dict.fromkeys(ArrayNests._fields[-3:], 8)
    filled = [defaults | {"operator": i} | row for i, row in enumerate(rows)]
    for row, given in zip(filled, rows, strict=True):
        whole = {
            "stored_rows": (row["E"] - 1) * row["stride_h"] + (row["R"] - 1) * row["dilation_h"] + 1,
            "stored_columns": (row["F"] - 1) * row["stride_w"] + (row["S"] - 1) * row["dilation_w"] + 1,
        }
        row.update({name: value for name, value in whole.items() if name not in given})
    return ArrayNests(**{name: np.array([row[name] for row in filled], dtype=np.int64) for name in ArrayNests._fields})


def row_stationary_device(**changes: object) -> Device:
    """The published geometry of the 65 nm row-stationary chip, with round energies."""
    parts: dict[str, object] = {
        "rows": 12, "columns": 14, "dataflows": ("rs",), "word_bits": 16, "mac_energy_j": 1.4e-12,
        "element_memories": {"weights": 224, "inputs": 12, "outputs": 24}, "levels": ("glb", "dram"),
        "bus_words_per_cycle": {"weights": 4.0, "inputs": 1.0, "outputs": 4.0},
        "parameters": {"window_factor": 1.9, "feature_map_banks": 25, "dynamic_factor": 2.0},
        "energies_j": {"weights_spad": 1e-12, "inputs_spad": 0.3e-12, "outputs_spad": 0.7e-12, "hop": 1e-12},
    }  # fmt: skip
    unit = ArrayUnit("array", "row_stationary", 200e6, ("int16",), "sum", None, ("dram",), ("dram",), **(parts | changes))  # type: ignore[arg-type]
    memories = {
        "glb": MemoryLevel("glb", "scratchpad", 110592, None, None, 6e-12, 6e-12, banks=27),
        "dram": MemoryLevel("dram", "dram", 2**30, 480e6, 480e6, 30e-12, 30e-12),
    }
    links = {"link": Link("link", "dram", "glb", 480e6)}
    return Device("chip", "row stationary", {"array": unit}, memories, links, {}, "chip")


def systolic_device(energy_scope: str = "board", **changes: object) -> Device:
    """An 8-bit systolic array of 4 x 4 elements at 1 GHz with a 1 KiB scratchpad and 1 GB/s of DRAM."""
    parts: dict[str, object] = {
        "rows": 4, "columns": 4, "dataflows": ("ws", "os", "is"), "word_bits": 8, "mac_energy_j": 1e-12,
        "levels": ("scratchpad", "dram"), "energies_j": {"hop": 0.1e-12},
    }  # fmt: skip
    unit = ArrayUnit("array", "systolic", 1e9, ("int8",), "max", None, ("dram",), ("dram",), **(parts | changes))  # type: ignore[arg-type]
    memories = {
        "scratchpad": MemoryLevel("scratchpad", "scratchpad", 1024, 8e9, 8e9, 2e-12, 3e-12),
        "dram": MemoryLevel("dram", "dram", 2**30, 1e9, 1e9, 40e-12, 50e-12),
    }
    links = {"link": Link("link", "dram", "scratchpad", 1e9, 1e-7)}
    return Device("npu", "systolic", {"array": unit}, memories, links, {}, energy_scope)
