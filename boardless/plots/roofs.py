"""What bounds a unit from above: its peak rate and the bandwidth of the memory it reads, for the roofline picture."""

from __future__ import annotations

from dataclasses import dataclass

from hwmodels.device import ArrayUnit, ComputeUnit, CpuUnit, Device, GpuUnit
from sim.results import Estimate
from sim.schedule import Schedule

#: Floating-point operations of one multiply-accumulate.
FLOP_PER_MAC = 2.0


@dataclass(frozen=True)
class Roofs:
    """Horizontal and slanted roof of one unit; ``None`` where the device file does not give it."""

    unit: str
    macs_per_s: float | None
    level: str
    bytes_per_s: float | None


def roofs_of(estimate: Estimate, schedule: Schedule | None, level: str) -> Roofs:
    """Roofs of the unit the network was asked to run on, as the device file gives them."""
    if schedule is None:
        return Roofs(str(estimate.settings.get("unit") or ""), None, level, None)
    unit = schedule.units[schedule.plan.unit]
    peak = peak_macs_per_s(unit, str(estimate.settings.get("dtype") or "fp32"), schedule.plan.threads)
    return Roofs(unit.name, peak if peak is not None else _cheapest_mac(schedule), level, bandwidth(schedule.device, unit, level))


def peak_macs_per_s(unit: ComputeUnit, dtype: str, threads: int) -> float | None:
    """Most multiply-accumulates per second of one unit: geometry times clock; ``None`` where the geometry does not tell."""
    if isinstance(unit, CpuUnit):
        wide = {"int8": unit.int8_rate, "uint8": unit.int8_rate, "fp16": 2.0 if unit.fp16_arithmetic else 1.0}.get(dtype, 1.0)
        return min(threads, unit.cores) * unit.fp32_flop_per_cycle * unit.frequency_hz * wide / FLOP_PER_MAC
    if isinstance(unit, GpuUnit):
        peak = unit.peak_flop_per_s.get(dtype)
        return peak / FLOP_PER_MAC if peak is not None else None
    if isinstance(unit, ArrayUnit):
        return unit.rows * unit.columns * unit.macs_per_element * unit.frequency_hz
    return None


def bandwidth(device: Device, unit: ComputeUnit, level: str) -> float | None:
    """Data-sheet bandwidth of a memory towards the unit [B/s]; ``None`` where the device file gives none."""
    memory = device.memories.get(level)
    if memory is not None and memory.read_bandwidth_bytes_per_s is not None:
        return memory.read_bandwidth_bytes_per_s
    links = [link.bandwidth_bytes_per_s for link in device.links.values() if level in (link.name, link.source, link.target)]
    if links:
        return max(links)
    if isinstance(unit, CpuUnit | GpuUnit) and memory is not None and memory.kind == "dram":
        return unit.dram_bandwidth_bytes_per_s
    return None


def _cheapest_mac(schedule: Schedule) -> float | None:
    """Rate at the lowest price of a multiply-accumulate, for units whose cost is known per operation only."""
    work = schedule.work[schedule.plan.unit]
    prices = [
        float(price)
        for term, price in zip(work.terms, work.prices, strict=True)
        if term.amount_unit.lower() in ("mac", "macs") and price > 0
    ]  # fmt: skip
    return 1.0 / min(prices) if prices else None
