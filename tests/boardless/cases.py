"""Estimates made by hand, small enough to check every figure of a report with a pencil."""

from __future__ import annotations

from typing import Any

from dataflows.footprint import Lever, Shortfall
from sim.results import Coverage, Estimate, MemoryUse, OperatorEstimate

SETTINGS: dict[str, Any] = {
    "batch": 1,
    "dtype": "fp32",
    "dtype_assumed": False,
    "threads": 4,
    "unit": "cpu",
    "runtime": "ncnn",
    "fold": True,
    "set": {},
    "strategies": [],
}


def operator(name: str, phases: tuple[tuple[str, float], ...], **changes: Any) -> OperatorEstimate:
    """A row whose phases follow each other."""
    values: dict[str, Any] = {
        "op": "Conv",
        "kind": "convolution",
        "unit": "cpu",
        "macs": 1000,
        "latency_s": sum(duration for _, duration in phases),
        "energy_j": 2.0 * sum(duration for _, duration in phases),
        "bound": max(phases, key=lambda phase: phase[1])[0] if phases else "",
        "join": "sum",
        "bytes": {"dram": (4096, 1024)},
    }
    return OperatorEstimate(name=name, phases=phases, **{**values, **changes})


def estimate(operators: tuple[OperatorEstimate, ...] | None = None, **changes: Any) -> Estimate:
    """Three operators on a CPU: 2 ms + 1 ms + 0 ms (fused), 2 W."""
    if operators is None:
        operators = (
            operator("conv_1", (("compute", 1.5e-3), ("dram", 0.5e-3))),
            operator("fc", (("dram", 0.8e-3), ("overhead", 0.2e-3)), kind="fully_connected", op="Gemm", macs=500),
            operator("relu", (), kind="activation", op="Relu", macs=0, details={"fused_into": "conv_1"}),
        )
    energies = [row.energy_j for row in operators]
    values: dict[str, Any] = {
        "network": "small",
        "device": "board",
        "settings": SETTINGS,
        "method": "closed_form",
        "coverage": Coverage(len(operators), len(operators), (), 1.0),
        "macs": sum(row.macs for row in operators),
        "weights_bytes": 2048,
        "latency_s": sum(row.latency_s for row in operators),
        "energy_j": None if None in energies else sum(value for value in energies if value is not None),
        "energy_scope": "board",
        "memory": {"dram": MemoryUse("dram", 6144, 2048, 4096, 0, 2**30)},
        "activations_peak_bytes": 4096,
        "profile": "ideal",
        "shortfalls": (),
        "operators": operators,
    }
    return Estimate(**{**values, **changes})


def too_large() -> Estimate:
    """The same network where 512 KiB are there and 600 KiB are needed."""
    short = Shortfall("sram", 614400, 524288, "conv_1", (("t1", 409600), ("t2", 204800)), (Lever("patch:limit=256KiB", 262144),))
    return estimate(memory={"sram": MemoryUse("sram", 614400, 0, 614400, 0, 524288)}, shortfalls=(short,))
