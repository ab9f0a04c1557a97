"""Device, its compute units, memories, links and power: frozen, in SI units.

A device knows no network. Values that a file leaves out are ``None`` ("not known"), never 0. Where a value comes from is asked
of ``Device.sources`` by the value's path in the device file, e.g. ``units.cpu.frequency``.
"""

from __future__ import annotations

import copyreg
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hwmodels.provenance import Source


def _read_only(values: dict[str, object]) -> MappingProxyType[str, object]:
    return MappingProxyType(values)


# Read-only mappings keep devices frozen; told how, they can be pickled and copied like everything else in a device.
copyreg.pickle(MappingProxyType, lambda mapping: (_read_only, (dict(mapping),)))

#: Memory kinds that hold tensors by address; caches and register files do not.
ADDRESSABLE = frozenset({"tcm", "sram", "flash", "external_ram", "dram", "scratchpad"})


@dataclass(frozen=True)
class MemoryLevel:
    """One memory: a TCM, an SRAM bank, flash, DRAM, a scratchpad, a cache or a register file."""

    name: str
    kind: str  # tcm sram flash external_ram dram scratchpad cache register_file
    capacity_bytes: int | None
    read_bandwidth_bytes_per_s: float | None = None
    write_bandwidth_bytes_per_s: float | None = None
    read_energy_j_per_byte: float | None = None
    write_energy_j_per_byte: float | None = None
    latency_s: float = 0.0
    banks: int = 1
    word_bits: int | None = None  # width of one access
    static_power_w: float | None = None
    per_core: bool = False  # capacity is that of one core (private caches)
    tensors: tuple[str, ...] = ("inputs", "weights", "outputs")  # what an array level keeps; others bypass it

    @property
    def addressable(self) -> bool:
        """True where tensors are placed by address."""
        return self.kind in ADDRESSABLE


@dataclass(frozen=True)
class Link:
    """A connection that moves blocks between two memories or between a unit and a memory."""

    name: str
    source: str
    target: str
    bandwidth_bytes_per_s: float
    latency_s: float = 0.0
    energy_j_per_byte: float | None = None
    duplex: str = "half"  # half: one direction at a time


@dataclass(frozen=True)
class PowerState:
    """Power drawn in one state of the device [W]."""

    name: str  # active, idle, sleep
    power_w: float | None
    wake_up_s: float = 0.0
    wake_up_j: float = 0.0


@dataclass(frozen=True)
class ComputeUnit:
    """What every compute unit has. The kinds below add their geometry.

    Attributes
    ----------
    kind : str
        mcu, cpu, gpu, systolic, row_stationary, spatial, tile_engine, vector.
    frequency_hz : float
    dtypes : tuple of str
        Element types the unit computes, native first.
    join : str
        ``sum`` where the phases of an operator follow each other, ``max`` where they overlap.
    runtime : str or None
        Default runtime profile.
    weights_in, activations_in : tuple of str
        Memories that hold weights and activations, nearest or preferred first.
    active_power_w : float or None
        Power of the scope named by the device while this unit works [W].
    operators : tuple of str
        Operator kinds the unit runs; empty means all. Others go to the device's host unit.
    caches : tuple of str
        Data caches between the unit and memory, nearest first.
    skips : tuple of str
        Patterns of zero weights whose products it leaves out: ``unstructured`` (any), ``block``, ``2:4`` and the like.
    """

    name: str
    kind: str
    frequency_hz: float
    dtypes: tuple[str, ...]
    join: str
    runtime: str | None
    weights_in: tuple[str, ...]
    activations_in: tuple[str, ...]
    active_power_w: float | None = None
    operators: tuple[str, ...] = ()
    default: bool = False
    caches: tuple[str, ...] = ()
    skips: tuple[str, ...] = ()


@dataclass(frozen=True)
class McuUnit(ComputeUnit):
    """A microcontroller core: cycles = cycle_factor * (runtime's costs) + flash and external-memory terms."""

    core: str = ""
    cycle_factor: float = 1.0  # cycles of this core per Cortex-M4 cycle
    flash_cycles_per_byte: float = 0.0  # extra for weight bytes used once, streamed from flash
    external_s_per_byte: float = 0.0  # penalty per byte held in external RAM, activations and weights used once [s/B]
    multipliers: Mapping[str, float] = field(default_factory=dict)  # term -> dimensionless factor of the core, near 1
    active_j_per_cycle: float | None = None  # power while it works per clock rate [W/Hz]


@dataclass(frozen=True)
class CpuUnit(ComputeUnit):
    """Cores of one kind with SIMD and caches; big.LITTLE clusters are units of their own."""

    core: str = ""  # micro-architecture in hwmodels/cores/
    isa: str = "arm64"  # arm64 armv7 x86_sse x86_avx2 x86_avx512 lsx mips riscv riscv_v
    cores: int = 1
    fp32_flop_per_cycle: float = 8.0  # one core
    vector_bytes: int = 16
    fp16_arithmetic: bool = False
    int8_rate: float = 1.0  # int8 throughput relative to fp32
    binary_rate: float = 0.0  # throughput of one-bit products by XNOR and population count relative to fp32; 0: no such kernels
    l2_bytes: float = 32768.0  # L2 bytes one core can use
    last_level_bytes: float = 32768.0
    dram_bandwidth_bytes_per_s: float = 1e9  # data-sheet rate
    multipliers: Mapping[str, float] = field(default_factory=dict)  # term -> dimensionless factor of the core class
    calibrated: str = ""  # what the multipliers rest on: "board calibrated", "few measurements"; empty: class and data sheet
    fast_cluster: str | None = None  # unit of the faster cores: they alone run while there are no more threads than it has cores


@dataclass(frozen=True)
class GpuUnit(ComputeUnit):
    """A GPU: peaks from the data sheet, efficiencies by runtime."""

    architecture: str = ""
    multiprocessors: int = 1
    peak_flop_per_s: Mapping[str, float] = field(default_factory=dict)  # dtype -> matrix peak
    vector_flop_per_s: float = 1e9  # fp32 peak of the vector units
    l2_bytes: float = 0.0
    dram_bandwidth_bytes_per_s: float = 1e9
    efficiencies: Mapping[str, float] = field(default_factory=dict)  # named ratios, see costs.py
    power_limit_w: float | None = None  # what the board may draw
    host: str | None = None


@dataclass(frozen=True)
class ArrayUnit(ComputeUnit):
    """An array of processing elements, systolic or spatial."""

    rows: int = 1
    columns: int = 1
    macs_per_element: int = 1
    dataflows: tuple[str, ...] = ()  # those it can do, default first
    word_bits: int = 16
    mac_energy_j: float | None = None
    element_memories: Mapping[str, int] = field(default_factory=dict)  # tensor -> words in one PE
    levels: tuple[str, ...] = ()  # memories from the array outward, e.g. ("scratchpad", "dram")
    bus_words_per_cycle: Mapping[str, float] = field(default_factory=dict)  # tensor -> words delivered per cycle
    parameters: Mapping[str, float] = field(default_factory=dict)  # named timing parameters of the kind
    energies_j: Mapping[str, float] = field(default_factory=dict)  # per-word energies by name (hop, spad of each tensor, ...)
    static_power_w: float | None = None  # clock network, control and leakage of the array, busy or not
    fuses: tuple[str, ...] = ()  # what is done to results on their way out: activation, relu, normalization
    stands_in: str = ""  # what the kind of array stands in for, and why; empty where it is the part's own


@dataclass(frozen=True)
class VectorUnit(ComputeUnit):
    """Lanes that run element-wise, pooling, softmax and whatever an array cannot."""

    lanes: int = 1  # simple operations per cycle
    special_cycles: float = 8.0  # lane cycles of one exp, division, ...
    operation_energy_j: float | None = None


@dataclass(frozen=True, repr=False)
class Device:
    """Compute units, memories, links, power states, and the source of each value."""

    name: str
    summary: str
    units: Mapping[str, ComputeUnit]
    memories: Mapping[str, MemoryLevel]
    links: Mapping[str, Link]
    power: Mapping[str, PowerState]
    energy_scope: str  # chip, board or wall
    host: str | None = None  # unit that runs what others cannot
    sources: Mapping[str, Source] = field(default_factory=dict)
    overrides: Mapping[str, str] = field(default_factory=dict)  # fields changed for this run, as written
    chip: str = ""  # physical chip; boards of one chip share it
    facts: Mapping[str, str] = field(default_factory=dict)  # columns of a fact table that no field takes, as written

    def __repr__(self) -> str:
        """A small table: units, memories, links, power states."""
        written = self._written
        rows = [
            *(
                ("unit", u.name, f"{u.kind}, {written('units', u.name, 'frequency')}, {' '.join(u.dtypes)}")
                for u in self.units.values()
            ),
            *(("memory", m.name, f"{m.kind}, {written('memories', m.name, 'capacity')}") for m in self.memories.values()),
            *(("link", x.name, f"{x.source} to {x.target}, {written('links', x.name, 'bandwidth')}") for x in self.links.values()),
            *(("power", p.name, written("power", p.name, "power")) for p in self.power.values()),
        ]
        head = f"Device '{self.name}': {self.summary}"
        return "\n".join([head, *(f"  {what:<7} {name:<18} {text}" for what, name, text in rows)])

    def _written(self, *path: str) -> str:
        source = self.sources.get(".".join(path))
        return "not known" if source is None else source.as_written

    @property
    def default_unit(self) -> ComputeUnit:
        """The unit marked default, else ``cpu``, else the first."""
        for unit in self.units.values():
            if unit.default:
                return unit
        return self.units.get("cpu") or next(iter(self.units.values()))
