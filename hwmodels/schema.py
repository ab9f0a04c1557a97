"""The fields of a device file: dimension, default, meaning. The one description; tables, templates and the reader are made from it.

A field of a file is named like the attribute of ``device.py`` without its unit: ``frequency: 1.5 GHz`` becomes ``frequency_hz``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from hwmodels.fields import AnyQuantity, Choice, Count, FieldType, Flag, Names, Shape, Table, Text, quantity

DTYPES = (
    "fp64", "fp32", "tf32", "fp16", "bf16", "fp8", "int64", "int32", "int16", "int8", "uint8", "int4", "ternary", "binary",
    "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0",
)  # fmt: skip
MEMORY_KINDS = ("tcm", "sram", "flash", "external_ram", "dram", "scratchpad", "cache", "register_file")
ISAS = ("arm64", "armv7", "x86_sse", "x86_avx2", "x86_avx512", "lsx", "mips", "riscv", "riscv_v", "scalar")
DATAFLOWS = ("ws", "os", "os_a", "os_b", "os_c", "is", "rs", "nlr")
TENSORS = ("weights", "inputs", "outputs")
FUSED_KINDS = ("activation", "relu", "normalization")

PLAIN = quantity("number", above=True)
FREQUENCY = quantity("frequency", above=True, highest=1e12)
BANDWIDTH = quantity("bandwidth", above=True, highest=1e18)
CAPACITY = quantity("capacity", above=True, whole=True, highest=2.0**60)
POWER = quantity("power", highest=1e6)
TIME = quantity("time", highest=1e6)
ENERGY_PER_BYTE = quantity("energy per byte", highest=1.0)


def about(meaning: str, attribute: str = "", default: Any = ...) -> Any:
    """Meaning and default of a field, and the attribute of the device that takes it where that has another name."""
    return Field(default=default, description=meaning, json_schema_extra={"attribute": attribute})


class Fields(BaseModel):
    """A section of a file; what it does not name is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, defer_build=True)


class UnitFields(Fields):
    """What every compute unit has."""

    kind: Annotated[str, Text()] = about("kind of unit; decides which fields follow")
    frequency: Annotated[float, FREQUENCY] = about("clock", "frequency_hz")
    dtypes: Annotated[tuple[str, ...], Names(DTYPES)] = about("element types it computes, native first", default=("fp32",))
    join: Annotated[str | None, Choice(("sum", "max"))] = about(
        "phases of an operator: one after the other (sum) or overlapping (max); by kind where left out", default=None
    )
    runtime: Annotated[str | None, Text()] = about("default runtime profile", default=None)
    weights_in: Annotated[tuple[str, ...], Names()] = about(
        "memories that hold weights, preferred first; flash, else DRAM where left out", default=()
    )
    activations_in: Annotated[tuple[str, ...], Names()] = about(
        "memories that hold activations, preferred first; every addressable one but flash where left out", default=()
    )
    caches: Annotated[tuple[str, ...], Names()] = about("data caches, nearest first", default=())
    active_power: Annotated[float | None, POWER] = about(
        "power of the device (its energy_scope) while this unit works", "active_power_w", None
    )
    operators: Annotated[tuple[str, ...], Names()] = about("operator kinds it runs; empty: all", default=())
    skips: Annotated[tuple[str, ...], Names()] = about(
        "patterns of zero weights whose products it leaves out: unstructured (any), block, or n of every m, e.g. 2:4", default=()
    )
    default: Annotated[bool, Flag()] = about("the unit taken when none is asked for", default=False)


class McuFields(UnitFields):
    """A microcontroller core."""

    core: Annotated[str, Text()] = about("micro-architecture, a file of cores/", default="")
    cycle_factor: Annotated[float, PLAIN] = about("cycles of this core per Cortex-M4 cycle", default=1.0)
    flash_cycles_per_byte: Annotated[float, quantity("cycles per byte", "number")] = about(
        "extra cycles per weight byte used once and streamed from flash", default=0.0
    )
    external_time_per_byte: Annotated[float, quantity("time per byte")] = about(
        "extra time per byte held in external RAM: activations, weights used once", "external_s_per_byte", 0.0
    )
    multipliers: Annotated[dict[str, float], Table(PLAIN)] = about("term: factor of this core on a runtime's cost", default={})
    active_power_per_frequency: Annotated[float | None, quantity("energy per cycle")] = about(
        "power while it works per clock rate, e.g. 0.28 mW/MHz; gives `active_power` where that is left out",
        "active_j_per_cycle",
        None,
    )


class CpuFields(UnitFields):
    """Cores of one kind with SIMD and caches."""

    core: Annotated[str, Text()] = about("micro-architecture, a file of cores/", default="")
    isa: Annotated[str, Choice(ISAS)] = about("instruction set, decides micro-tiles", default="arm64")
    cores: Annotated[int, Count(1, 4096)] = about("number of cores", default=1)
    fp32_flop_per_cycle: Annotated[float, quantity("flop per cycle", above=True)] = about("fp32 peak of one core", default=8.0)
    vector_width: Annotated[int, quantity("capacity", above=True, whole=True)] = about("bytes of one vector", "vector_bytes", 16)
    fp16_arithmetic: Annotated[bool, Flag()] = about("computes in fp16 at twice the fp32 rate", default=False)
    int8_rate: Annotated[float, PLAIN] = about("int8 rate relative to fp32", default=1.0)
    binary_rate: Annotated[float, PLAIN] = about(
        "rate of one-bit products by XNOR and population count relative to fp32; 0: there are no such kernels", default=0.0
    )
    l2: Annotated[float | None, quantity("capacity", above=True, highest=2.0**60)] = about(
        "L2 bytes one core can use; its share of the second cache where left out", "l2_bytes", None
    )
    last_level: Annotated[float | None, quantity("capacity", above=True, highest=2.0**60)] = about(
        "last-level cache; the last of `caches` where left out", "last_level_bytes", None
    )
    dram_bandwidth: Annotated[float | None, BANDWIDTH] = about(
        "data-sheet rate of the DRAM; that of the memory where left out", "dram_bandwidth_bytes_per_s", None
    )
    multipliers: Annotated[dict[str, float], Table(PLAIN)] = about("term: factor on its nominal time", default={})
    fast_cluster: Annotated[str | None, Text()] = about(
        "unit of the faster cores, which alone run as long as there are no more threads than it has cores", default=None
    )
    calibrated: Annotated[str, Text(40)] = about("what the multipliers rest on; set by fitted overlays", default="")


class GpuFields(UnitFields):
    """A GPU."""

    core: Annotated[str, Text()] = about("architecture, a file of cores/", "", "")
    architecture: Annotated[str, Text()] = about("name of the architecture", default="")
    multiprocessors: Annotated[int, Count(1, 65536)] = about("multiprocessors", default=1)
    peak: Annotated[dict[str, float], Table(quantity("arithmetic rate", "operation rate", above=True), DTYPES)] = about(
        "element type: peak of the matrix units with the accumulation really used", "peak_flop_per_s", {}
    )
    vector_peak: Annotated[float, quantity("arithmetic rate", above=True)] = about(
        "fp32 peak of the vector units", "vector_flop_per_s"
    )
    l2: Annotated[float | None, quantity("capacity", highest=2.0**60)] = about(
        "L2; the last of `caches` where left out", "l2_bytes", None
    )
    dram_bandwidth: Annotated[float | None, BANDWIDTH] = about(
        "data-sheet rate of the DRAM; that of the memory where left out", "dram_bandwidth_bytes_per_s", None
    )
    efficiencies: Annotated[dict[str, float], Table(AnyQuantity())] = about("named ratios and gaps of the model", default={})
    power_limit: Annotated[float | None, POWER] = about(
        "what the board may draw; slows matrix units that want more", "power_limit_w", None
    )
    host: Annotated[str | None, Text()] = about("unit that enqueues its work", default=None)


class ArrayFields(UnitFields):
    """An array of processing elements."""

    shape: Annotated[tuple[int, int], Shape()] = about("rows and columns of processing elements")
    macs_per_element: Annotated[int, Count(1, 65536)] = about("MACs of one element per cycle", default=1)
    dataflows: Annotated[tuple[str, ...], Names(DATAFLOWS)] = about("dataflows it can do, default first", default=())
    word_width: Annotated[float, quantity("capacity", above=True, highest=16.0)] = about("width of one word", "word_bits", 2.0)
    mac_energy: Annotated[float | None, quantity("energy", "energy per MAC")] = about("energy of one MAC", "mac_energy_j", None)
    element_memories: Annotated[dict[str, int], Table(quantity("words", whole=True), TENSORS)] = about(
        "tensor: words kept in one element", default={}
    )
    levels: Annotated[tuple[str, ...], Names()] = about("memories from the array outward", default=())
    bus_words_per_cycle: Annotated[dict[str, float], Table(quantity("words per cycle", above=True), TENSORS)] = about(
        "tensor: words delivered to the array per cycle", default={}
    )
    parameters: Annotated[dict[str, float], Table(AnyQuantity())] = about(
        "named parameters of the timing and power model", default={}
    )
    energies: Annotated[
        dict[str, float], Table(quantity("energy per word", "energy", "energy per MAC", "energy per operation"))
    ] = about("name: energy of one word moved or action done", "energies_j", {})
    static_power: Annotated[float | None, POWER] = about("clock, control and leakage, busy or not", "static_power_w", None)
    stands_in: Annotated[str, Text(400)] = about(
        "what the kind of array stands in for, and why, where it is not the part's own", default=""
    )
    fuses: Annotated[tuple[str, ...], Names(FUSED_KINDS)] = about(
        "what is done to results on their way out of the array; relu: rectifiers, the only activations it has", default=()
    )


class VectorFields(UnitFields):
    """Lanes for what an array cannot run."""

    lanes: Annotated[int, Count(1, 2**20)] = about("simple operations per cycle", default=1)
    special_cycles: Annotated[float, quantity("cycles", "number", above=True)] = about(
        "lane cycles of one exponential, division, ...", default=8.0
    )
    operation_energy: Annotated[float | None, quantity("energy", "energy per operation")] = about(
        "energy of one operation", "operation_energy_j", None
    )


class MemoryFields(Fields):
    """One memory."""

    kind: Annotated[str | None, Choice(MEMORY_KINDS)] = about("kind of memory; its own name where that is a kind", default=None)
    capacity: Annotated[int | None, CAPACITY] = about("size", "capacity_bytes", None)
    read_bandwidth: Annotated[float | None, BANDWIDTH] = about("read rate", "read_bandwidth_bytes_per_s", None)
    write_bandwidth: Annotated[float | None, BANDWIDTH] = about("write rate", "write_bandwidth_bytes_per_s", None)
    read_energy: Annotated[float | None, ENERGY_PER_BYTE] = about("energy of reading", "read_energy_j_per_byte", None)
    write_energy: Annotated[float | None, ENERGY_PER_BYTE] = about("energy of writing", "write_energy_j_per_byte", None)
    latency: Annotated[float, TIME] = about("time from request to first byte", "latency_s", 0.0)
    banks: Annotated[int, Count(1, 65536)] = about("banks; a tensor takes whole banks", default=1)
    word_width: Annotated[float | None, quantity("capacity", above=True)] = about("width of one access", "word_bits", None)
    static_power: Annotated[float | None, POWER] = about("leakage, clock or refresh, busy or not", "static_power_w", None)
    per_core: Annotated[bool, Flag()] = about("the capacity is that of one core", default=False)
    tensors: Annotated[tuple[str, ...], Names(TENSORS)] = about("what an array's level keeps", default=TENSORS)


class LinkFields(Fields):
    """A connection that moves blocks."""

    from_: Annotated[str, Text()] = Field(
        alias="from", description="memory or unit it reads", json_schema_extra={"attribute": "source"}
    )
    to: Annotated[str, Text()] = about("memory or unit it writes", "target")
    bandwidth: Annotated[float, BANDWIDTH] = about("sustained rate", "bandwidth_bytes_per_s")
    latency: Annotated[float, TIME] = about("time from request to first byte", "latency_s", 0.0)
    energy: Annotated[float | None, ENERGY_PER_BYTE] = about("energy of moving", "energy_j_per_byte", None)
    duplex: Annotated[str, Choice(("half", "full"))] = about("half: one direction at a time", default="half")


class PowerFields(Fields):
    """Power in one state of the device."""

    power: Annotated[float | None, POWER] = about("power drawn", "power_w", None)
    wake_up_time: Annotated[float, TIME] = about("time to become active", "wake_up_s", 0.0)
    wake_up_energy: Annotated[float, quantity("energy")] = about("energy to become active", "wake_up_j", 0.0)


class DeviceFields(Fields):
    """The top level of a device file, sections aside."""

    format: Annotated[int, Count(1, 1)] = about("number of the file format")
    name: Annotated[str, Text(80)] = about("name in the catalogue")
    summary: Annotated[str, Text(200)] = about("one line on what it is")
    chip: Annotated[str, Text(80)] = about("physical chip; boards of one chip share it", default="")
    energy_scope: Annotated[str, Choice(("chip", "board", "wall"))] = about("what the power figures include", default="chip")
    host: Annotated[str | None, Text()] = about("unit that runs what others cannot", default=None)


UNIT_KINDS: Mapping[str, type[UnitFields]] = {
    "cpu": CpuFields,
    "gpu": GpuFields,
    "mcu": McuFields,
    "row_stationary": ArrayFields,
    "spatial": ArrayFields,
    "systolic": ArrayFields,
    "tile_engine": ArrayFields,
    "vector": VectorFields,
}
#: Sections of a device file and the fields of what they hold; units differ by kind.
SECTIONS: Mapping[str, type[Fields]] = {"memories": MemoryFields, "links": LinkFields, "power": PowerFields}
#: Names that may stand at the top level besides the fields of the device.
TOP_LEVEL = ("units", *SECTIONS, "sources", "source", "status")


def fields_of(model: type[Fields]) -> Mapping[str, FieldInfo]:
    """Fields by their name in the file."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def type_of(info: FieldInfo) -> FieldType:
    """How a field is read."""
    return next(item for item in info.metadata if isinstance(item, FieldType))


def attribute_of(name: str, info: FieldInfo) -> str:
    """The attribute of the device that takes a field."""
    extra = info.json_schema_extra
    return str(extra.get("attribute") or name) if isinstance(extra, dict) else name
