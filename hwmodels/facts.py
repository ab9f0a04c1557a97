"""Fact tables (.csv): a device, or one cluster of its cores, a row; turned into the tree that a device file would give.

A cell counts as data sheet where it is a plain number. Of a cell that says more ("512 per core", "5-10") the first number is taken
and marked assumed, as is whatever the table leaves out and the class of the device supplies.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from hwmodels.core_files import CORES
from hwmodels.document import LARGEST_FILE_BYTES, Entry
from hwmodels.errors import DeviceFileError

#: How the source of a core begins that stands for another one, which the catalogue does not have.
NEAREST_CLASS = "nearest class to"
#: Columns of each kind of table; the first names the device. Other columns are kept as facts.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "cpu": (
        "device", "chip", "cluster", "uarch", "cores", "clock_mhz", "l2_kib", "l3_kib", "dram_type", "dram_bus_bits", "dram_mtps",
        "dram_bw_gbps", "power_w", "source",
    ),
    "gpu": (
        "device", "arch", "sms_or_cores", "alus", "boost_mhz", "fp32_tflops", "fp16_tensor_dense_tflops", "int8_dense_tops",
        "l2_mib", "mem_type", "mem_bw_gbps", "mem_gib", "tdp_w", "source",
    ),
    "mcu": (
        "board", "chip", "core", "clock_mhz", "sram_kib", "dtcm_kib", "flash_kib", "ext_ram_kib", "flash_wait_states", "supply_v",
        "active_mw", "source",
    ),
}  # fmt: skip
#: Columns that tell the kinds of table apart.
MARKS: Mapping[str, tuple[str, ...]] = {"cpu": ("device", "uarch"), "gpu": ("device", "fp32_tflops"), "mcu": ("board", "core")}

_NUMBER = re.compile(r"~?\s*(\d+(?:\.\d+)?)")
_BELOW_ZERO = re.compile(r"-\s*\d")
_KIND = re.compile(r"^kind:[ \t]*(\w+)", re.MULTILINE)

Row = dict[str, str]


def slug(text: str) -> str:
    """Catalogue name of a device: lower case, underscores.

    >>> slug("Raspberry Pi 3 Model B+")
    'raspberry_pi_3_model_b_plus'
    """
    return re.sub(r"[^a-z0-9]+", "_", text.lower().replace("+", " plus ")).strip("_")


def table_kind(path: Path) -> str | None:
    """``cpu``, ``gpu`` or ``mcu`` by the header; ``None`` where the file is no fact table."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = {name.strip() for name in next(csv.reader(file), [])}
    except (OSError, UnicodeDecodeError, csv.Error):
        return None
    return next((kind for kind, marks in MARKS.items() if set(marks) <= header), None)


def require_fact_table(path: Path) -> str:
    """The kind of a table; :class:`DeviceFileError` where its header is that of no fact table."""
    kind = table_kind(path)
    if kind is None:
        expected = " or ".join(f"{', '.join(marks)} ({kind})" for kind, marks in MARKS.items())
        raise DeviceFileError(f"{path}:1: the header is that of no fact table; the columns {expected} are expected")
    return kind


def fact_names(path: Path) -> tuple[str, ...]:
    """Catalogue names of the devices in a table, in its order."""
    kind = table_kind(path)
    return tuple(dict.fromkeys(slug(row[COLUMNS[kind][0]]) for _, row in _rows(path))) if kind else ()


def fact_tree(path: Path, name: str) -> Entry:
    """The tree of one device of a table."""
    kind = require_fact_table(path)
    rows = [(line, row) for line, row in _rows(path) if slug(row[COLUMNS[kind][0]]) == name]
    for at, cells in rows:
        for column in COLUMNS[kind]:
            if _BELOW_ZERO.match(cells.get(column, "")):
                raise DeviceFileError(
                    f"{path}:{at}: column {column}: '{cells[column]}'; a number from 0 or an empty cell is expected"
                )
    line, row = rows[0]
    table = _Table(str(path), line, kind)
    sections = {"cpu": table.cpu, "gpu": table.gpu, "mcu": table.mcu}[kind]([row for _, row in rows])
    head = {
        "format": table.chosen("1"),
        "name": table.chosen(name),
        "summary": table.chosen(f"{row[COLUMNS[kind][0]]}, a row of {path.name}"),
        "chip": table.chosen(row.get("chip") or row[COLUMNS[kind][0]]),
        "energy_scope": table.chosen("chip" if kind == "mcu" else "board"),
    }
    facts = {key: table.chosen(cell) for key, cell in row.items() if key not in COLUMNS[kind] and cell}
    return Entry(str(path), 0, {**head, **sections, "facts": Entry(str(path), 0, facts)})


def _rows(path: Path) -> Iterable[tuple[int, Row]]:
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise DeviceFileError(f"{path}: larger than {LARGEST_FILE_BYTES} bytes; a fact table is expected")
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        for raw in reader:
            row = {str(key).strip(): (cell or "").strip() for key, cell in raw.items() if isinstance(cell, str | None)}
            first = next((row[c] for c in ("device", "board") if row.get(c)), "")
            if first:
                yield reader.line_num, row


@cache
def cores_of(kind: str) -> tuple[str, ...]:
    """Names of the cores of one kind of unit."""
    found = [(path.stem, _KIND.search(path.read_text(encoding="utf-8"))) for path in sorted(CORES.glob("*.yaml"))]
    return tuple(name for name, match in found if match is not None and match[1] == kind)


class _Table:
    """Entries made from the cells of one device's rows."""

    def __init__(self, file: str, line: int, kind: str) -> None:
        self.file, self.line, self.kind = file, line, kind

    def chosen(self, text: str) -> Entry:
        """A value that is a choice of the reader."""
        return Entry(self.file, self.line, text)

    def section(self, **fields: Entry | None) -> Entry:
        """A mapping of the fields that are known."""
        return Entry(self.file, self.line, {name: entry for name, entry in fields.items() if entry is not None})

    def names(self, *names: str) -> Entry:
        """A list of names."""
        return Entry(self.file, self.line, [self.chosen(name) for name in names])

    def cell(self, row: Row, column: str, unit: str, default: str | None = None) -> Entry | None:
        """The number of a cell with its unit; the class's value, marked assumed, where the cell holds none."""
        text = row.get(column, "")
        match = _NUMBER.match(text)
        if match is None:
            return None if default is None else self.assumed(default, f"default of the class; column {column} is empty")
        plain = match[0] == text and row.get("from_memory", "0") in ("", "0")
        status = "datasheet" if plain else "assumed"
        source = row.get("source") or "no source given"
        return Entry(
            self.file, self.line, f"{match[1]} {unit}".strip(), status=status, origin=f"{source} (column {column}: {text})"
        )

    def assumed(self, text: str, why: str) -> Entry:
        """A value the table does not give."""
        return Entry(self.file, self.line, text, status="assumed", origin=why)

    def core(self, written: str, *extra: str) -> Entry | None:
        """The core of the catalogue that a cell names, or the nearest class, which is then said."""
        known = cores_of(self.kind)
        for name in (slug(written), slug(written.partition("(")[0])):
            if name in known:
                return self.chosen(name)
        within = sorted((core for core in known if core in slug(written)), key=len)
        found = within[-1:] or get_close_matches(slug(written), known, n=1, cutoff=0.7) or [core for core in extra if core in known]
        return self.assumed(found[0], f"{NEAREST_CLASS} '{written}', which is not in the catalogue") if found else None

    def cpu(self, rows: list[Row]) -> dict[str, Entry]:
        """Units and memories of a CPU: a unit per cluster, and one of all cores at the pace of the slowest."""
        clusters = {f"cpu_{slug(row.get('cluster') or 'all')}": row for row in rows}
        units = {name: self._cluster(row, name) for name, row in clusters.items()}
        if len(clusters) == 1:
            units = {"cpu": next(iter(units.values()))}
        else:
            slowest = min(clusters, key=lambda name: _first(clusters[name].get("clock_mhz")) or 1e9)
            every = dict(self._cluster(clusters[slowest], slowest).fields)
            total = sum(int(_first(row.get("cores")) or 1) for row in rows)
            every["cores"] = self.assumed(str(total), "cores of all clusters; static scheduling makes the slowest decide")
            units["cpu"] = Entry(self.file, self.line, every)
        memories: dict[str, Entry] = {}
        for name, row in clusters.items():
            if _first(row.get("l2_kib")) is not None:
                each = self.chosen("true" if "per core" in row["l2_kib"] else "false")
                memories[f"{name}_l2"] = self.section(
                    kind=self.chosen("cache"), capacity=self.cell(row, "l2_kib", "KiB"), per_core=each
                )
        with_l3 = next((row for row in rows if _first(row.get("l3_kib")) is not None), None)
        if with_l3 is not None:
            memories["l3"] = self.section(kind=self.chosen("cache"), capacity=self.cell(with_l3, "l3_kib", "KiB"))
        memories["dram"] = self._dram(rows)
        return {"units": Entry(self.file, self.line, dict(units)), "memories": Entry(self.file, self.line, memories)}

    def _cluster(self, row: Row, name: str) -> Entry:
        caches = [cache for cache, column in ((f"{name}_l2", "l2_kib"), ("l3", "l3_kib")) if _first(row.get(column)) is not None]
        return self.section(
            kind=self.chosen("cpu"),
            core=self.core(row.get("uarch", ""), "any_cpu"),
            frequency=self.cell(row, "clock_mhz", "MHz", "1500 MHz"),
            cores=self.cell(row, "cores", "", "4"),
            dtypes=self.names("fp32", "fp16", "int8"),
            runtime=self.chosen("ncnn"),
            caches=self.names(*caches) if caches else None,
            l2=self._l2_share(row),
            active_power=self.cell(row, "power_w", "W"),
        )

    def _l2_share(self, row: Row) -> Entry | None:
        size, cores = _first(row.get("l2_kib")), _first(row.get("cores")) or 1
        if size is None:
            return None
        share = size if "per core" in row["l2_kib"] else size / cores
        entry = self.cell(row, "l2_kib", "KiB")
        return None if entry is None else Entry(self.file, self.line, f"{share:g} KiB", status=entry.status, origin=entry.origin)

    def _dram(self, rows: list[Row]) -> Entry:
        row = next((r for r in rows if _first(r.get("dram_bw_gbps")) is not None), None)
        if row is not None:
            rate = self.cell(row, "dram_bw_gbps", "GB/s")
        else:
            wide = next((r for r in rows if _first(r.get("dram_bus_bits")) and _first(r.get("dram_mtps"))), None)
            if wide is not None:
                megabytes = (_first(wide["dram_bus_bits"]) or 0) / 8 * (_first(wide["dram_mtps"]) or 0)
                rate = self.assumed(f"{megabytes:g} MB/s", "transfers per second times bus width")
            else:
                rate = self.assumed("6.4 GB/s", "default of the class; no column gives the DRAM rate")
        return self.section(kind=self.chosen("dram"), read_bandwidth=rate)

    def gpu(self, rows: list[Row]) -> dict[str, Entry]:
        """Unit and memories of a GPU."""
        row = rows[0]
        jetson = bool(re.search(r"jetson|tegra", row["device"], re.IGNORECASE))
        peak = {
            "fp32": self.cell(row, "fp32_tflops", "Tflop/s", "1 Tflop/s"),
            "fp16": self._fp16(row),
            "int8": self.cell(row, "int8_dense_tops", "Top/s"),
        }
        unit = self.section(
            kind=self.chosen("gpu"),
            core=self.core(row.get("arch", "")),
            frequency=self.cell(row, "boost_mhz", "MHz", "1000 MHz"),
            dtypes=self.names(*(name for name in ("fp16", "fp32", "int8") if peak[name] is not None)),
            runtime=self.chosen("tensorrt" if jetson else "torch_eager"),
            architecture=self.chosen(row["arch"]) if row.get("arch") else None,
            multiprocessors=self.cell(row, "sms_or_cores", "", "1"),
            peak=self.section(**peak),
            vector_peak=self.cell(row, "fp32_tflops", "Tflop/s", "1 Tflop/s"),
            caches=self.names("l2") if _first(row.get("l2_mib")) else None,
            active_power=self.cell(row, "tdp_w", "W"),
        )
        cache = self.section(kind=self.chosen("cache"), capacity=self.cell(row, "l2_mib", "MiB"))
        dram = self.section(
            kind=self.chosen("dram"),
            capacity=self.cell(row, "mem_gib", "GiB"),
            read_bandwidth=self.cell(row, "mem_bw_gbps", "GB/s", "25.6 GB/s"),
        )
        memories = {"l2": cache if _first(row.get("l2_mib")) else None, "dram": dram}
        return {"units": self.section(gpu=unit), "memories": self.section(**memories)}

    def _fp16(self, row: Row) -> Entry | None:
        """Peak with fp32 accumulation, which GeForce cards do at half the rate their sheets print."""
        entry = self.cell(row, "fp16_tensor_dense_tflops", "Tflop/s") or self.cell(row, "fp16_nontensor_tflops", "Tflop/s")
        if entry is None or "geforce" not in row["device"].lower() or not _first(row.get("fp16_tensor_dense_tflops")):
            return entry
        half = (_first(row["fp16_tensor_dense_tflops"]) or 0) / 2
        return self.assumed(
            f"{half:g} Tflop/s", f"half of the printed {row['fp16_tensor_dense_tflops']}: fp32 accumulation on GeForce"
        )

    def mcu(self, rows: list[Row]) -> dict[str, Entry]:
        """Unit and memories of a microcontroller board."""
        row = rows[0]
        chip = row.get("chip", "").lower()
        runtime = "x_cube_ai_10" if chip.startswith("stm32") else "esp_nn" if chip.startswith("esp32") else "tflm_cmsis_nn"
        unit = self.section(
            kind=self.chosen("mcu"),
            core=self.core(re.split(r"\s*[+(]", row.get("core", ""))[0], "cortex_m4"),
            frequency=self.cell(row, "clock_mhz", "MHz", "100 MHz"),
            dtypes=self.names("int8", "fp32"),
            runtime=self.chosen(runtime),
            active_power=self.cell(row, "active_mw", "mW"),
        )
        kinds = {"dtcm": ("tcm", "dtcm_kib"), "sram": ("sram", "sram_kib"), "flash": ("flash", "flash_kib")}
        kinds["external_ram"] = ("external_ram", "ext_ram_kib")
        defaults = {"sram": "256 KiB", "flash": "1 MiB"}
        memories = {
            name: self.section(kind=self.chosen(kind), capacity=self.cell(row, column, "KiB", defaults.get(name)))
            for name, (kind, column) in kinds.items()
            if _first(row.get(column)) or name in defaults
        }
        return {"units": self.section(cpu=unit), "memories": Entry(self.file, self.line, dict(memories))}


def _first(cell: str | None) -> float | None:
    """The first number of a cell; ``None`` where it holds none, or zero."""
    match = _NUMBER.match(cell or "")
    return float(match[1]) or None if match else None
