"""Device files to start from: ``boardless devices --template cpu|mcu|gpu|array`` prints one that loads as it stands.

The comments say what each field means; they are taken from the description of the fields.
"""

from __future__ import annotations

from pydantic.fields import FieldInfo

from hwmodels.core_files import core_names
from hwmodels.document import nearest
from hwmodels.errors import DeviceFileError
from hwmodels.schema import SECTIONS, UNIT_KINDS, DeviceFields, Fields, fields_of, type_of

KINDS = ("cpu", "mcu", "gpu", "array")

_HEAD = {
    "format": "1",
    "name": "my_{kind}",
    "summary": "one line on what it is",
    "chip": "name of the chip",
    "energy_scope": "{scope}",
}

_UNITS: dict[str, dict[str, dict[str, str]]] = {
    "cpu": {
        "cpu": {
            "kind": "cpu", "core": "cortex_a72", "frequency": "1.5 GHz", "cores": "4", "dtypes": "[fp32, fp16, int8]",
            "runtime": "ncnn", "caches": "[l1_data, l2]", "active_power": "{value: 6 W, source: meter, status: measured}",
        }
    },
    "mcu": {
        "cpu": {
            "kind": "mcu", "core": "cortex_m7", "frequency": "400 MHz", "dtypes": "[int8, fp32]", "runtime": "x_cube_ai_10",
            "weights_in": "[flash]", "activations_in": "[dtcm, sram]", "flash_cycles_per_byte": "0.26 cycles/B",
            "active_power": "{value: 200 mW, source: meter, status: measured}",
        }
    },
    "gpu": {
        "gpu": {
            "kind": "gpu", "core": "maxwell", "frequency": "900 MHz", "dtypes": "[fp16, fp32]", "runtime": "tensorrt",
            "multiprocessors": "1", "peak": "{fp16: 460 Gflop/s, fp32: 230 Gflop/s}", "vector_peak": "230 Gflop/s",
            "caches": "[l2]", "active_power": "{value: 8 W, source: meter, status: measured}",
        }
    },
    "array": {
        "array": {
            "kind": "systolic", "default": "true", "shape": "[16, 16]", "frequency": "500 MHz", "dtypes": "[int8]",
            "dataflows": "[ws, os]", "word_width": "8 bit", "levels": "[scratchpad, dram]",
            "mac_energy": "{value: 0.2 pJ, source: meter, status: assumed}",
            "static_power": "{value: 10 mW, source: meter, status: assumed}",
        },
        "vector": {"kind": "vector", "frequency": "500 MHz", "dtypes": "[int8, fp32]", "lanes": "16"},
    },
}  # fmt: skip

_DRAM = {"kind": "dram", "capacity": "1 GiB", "read_bandwidth": "12.8 GB/s", "write_bandwidth": "12.8 GB/s"}
_MEMORIES: dict[str, dict[str, dict[str, str]]] = {
    "cpu": {
        "l1_data": {"kind": "cache", "capacity": "32 KiB", "per_core": "true"},
        "l2": {"kind": "cache", "capacity": "1 MiB"},
        "dram": _DRAM,
    },
    "mcu": {
        "dtcm": {"kind": "tcm", "capacity": "128 KiB"},
        "sram": {"kind": "sram", "capacity": "512 KiB"},
        "flash": {"kind": "flash", "capacity": "2 MiB"},
    },
    "gpu": {"l2": {"kind": "cache", "capacity": "256 KiB"}, "dram": _DRAM},
    "array": {
        "scratchpad": {
            "kind": "scratchpad", "capacity": "256 KiB", "read_bandwidth": "{value: 32 B/cycle, clock: array}",
            "write_bandwidth": "{value: 32 B/cycle, clock: array}", "read_energy": "1.2 pJ/B", "write_energy": "1.2 pJ/B",
        },
        "dram": {**_DRAM, "read_energy": "8 pJ/bit", "write_energy": "8 pJ/bit"},
    },
}  # fmt: skip
_LINKS = {"dram_to_scratchpad": {"from": "dram", "to": "scratchpad", "bandwidth": "12.8 GB/s", "latency": "100 ns"}}
_POWER = {"idle": {"power": "{value: 1 W, source: meter, status: measured}"}}
_SOURCES = """
sources:
  datasheet: "data sheet, revision, table or page"
  meter: "how and with what it was measured, or why it is assumed"
"""


def template(kind: str) -> str:
    """A commented device file of one kind, which loads.

    Raises
    ------
    DeviceFileError
        A kind that has no template.

    >>> template("mcu").splitlines()[0]
    '# A device with a unit of kind mcu.'
    """
    if kind not in KINDS:
        raise DeviceFileError(f"--template {kind}: no such kind; one of {', '.join(KINDS)} is expected; {nearest(kind, KINDS)}")
    scope = "chip" if kind == "mcu" else "board"
    lines = [
        f"# A device with a unit of kind {kind}.",
        "# Every value names its source and, where it is not the data sheet's, its status.",
    ]
    lines += [_line(0, key, text.format(kind=kind, scope=scope), DeviceFields) for key, text in _HEAD.items()]
    if kind == "array":
        lines.append(_line(0, "host", "vector", DeviceFields))
    lines.append("source: datasheet  # key of 'sources' below; holds for every value that does not name its own")
    lines += ["", "units:"]
    for name, fields in _UNITS[kind].items():
        model = UNIT_KINDS[fields["kind"]]
        shown = {key: text for key, text in fields.items() if key != "core" or text in core_names()}
        lines += [f"  {name}:", *(_line(4, key, text, model) for key, text in shown.items())]
        lines += [_left_out(key, info) for key, info in fields_of(model).items() if key not in shown]
    sections = {"memories": _MEMORIES[kind], "links": _LINKS if kind == "array" else {}, "power": _POWER}
    for section, things in sections.items():
        if things:
            lines += ["", f"{section}:"]
        for name, fields in things.items():
            lines += [f"  {name}:", *(_line(4, key, text, SECTIONS[section]) for key, text in fields.items())]
    return "\n".join(lines) + "\n" + _SOURCES


def _line(indent: int, key: str, text: str, model: type[Fields]) -> str:
    """``key: value  # meaning``."""
    written = f"{' ' * indent}{key}: {text}"
    return f"{written:<72}  # {fields_of(model)[key].description}"


def _left_out(key: str, info: FieldInfo) -> str:
    """A field the template leaves out, as a comment with its meaning."""
    return f"{f'    # {key}: {type_of(info).dimension}':<72}  # {info.description}"
