"""Measurement, Dataset: published or own results, one a row, in one long form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields

#: What a row may state, and its unit.
METRICS = {
    "latency_s": "s",
    "energy_j": "J",
    "power_w": "W",
    "sram_bytes": "B",
    "flash_bytes": "B",
    "memory_bytes": "B",
    "tokens_per_s": "1/s",
    "cycles": "cycle",
    "fps": "1/s",
    "tops": "Top/s",
    # figures of array parts
    "processing_s": "s",
    "active_pes": "PE",
    "glb_bytes": "B",
    "dram_bytes": "B",
    "input_reads": "word",
    "weight_reads": "word",
    "output_writes": "word",
    "alu_energy": "MAC",  # energies relative to that of one multiply-accumulate
    "dram_energy": "MAC",
    "rf_energy": "MAC",
    "least_advantage": "x",  # energy of another dataflow over that of row stationary
    "largest_advantage": "x",
    "buffer_spread": "x",
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """One result, as it was published or measured.

    Attributes
    ----------
    device, model, runtime : str
        Catalogue names where they are known, else as written.
    chip : str
        The physical chip; boards of one chip share it.
    unit, cores : str
        Compute unit, and which of its cores: ``all``, ``big``, ``little``.
    family : str
        Architecture family of the model: what leaves together when a family is held out.
    phase : str
        ``infer``, ``train``, ``prefill`` or ``decode``.
    layer : str
        Operator, where the row is of one operator; else empty.
    metric : str
        One of METRICS; ``value`` is in its unit.
    spread : float or None
        Half width of the scatter, in the unit of the value.
    row : int
        Line of the file it was read from.
    """

    source_id: str
    device: str
    chip: str
    unit: str
    cores: str
    threads: int | None
    clock_mhz: float | None
    runtime: str
    runtime_version: str
    model: str
    family: str
    phase: str
    input_shape: str
    batch: int
    context: int | None
    dtype: str
    layer: str
    metric: str
    value: float
    spread: float | None = None
    repeats: int | None = None
    quality: str = ""
    notes: str = ""
    row: int = 0

    def setting(self) -> tuple[object, ...]:
        """What was measured, without the result: rows with equal settings repeat each other."""
        return tuple(getattr(self, name) for name in COLUMNS if name not in ("value", "spread", "repeats", "quality", "notes"))

    def group(self) -> tuple[object, ...]:
        """What errors are grouped by: metric, phase, chip, unit, cores, threads, type, runtime."""
        return (self.metric, self.phase, self.chip or self.device, self.unit, self.cores, self.threads, self.dtype, self.runtime)


#: Columns of the long form, in order.
COLUMNS = tuple(entry.name for entry in fields(Measurement) if entry.name != "row")
GROUP = ("metric", "phase", "chip", "unit", "cores", "threads", "dtype", "runtime")


@dataclass(frozen=True)
class Dataset:
    """Measurements of one source with what is known of them.

    Attributes
    ----------
    name, title, source, licence : str
    caveats : tuple of str
    rows : tuple of Measurement
    unmatched : Mapping of str to int
        ``kind: name`` -> number of rows left out because the name is in neither the catalogue nor the aliases.
    duplicates : int
        Rows that repeat the settings of an earlier one; they are kept.
    columns : tuple of str
        Columns of the file beyond the long form, kept in ``notes``.
    """

    name: str
    rows: tuple[Measurement, ...]
    title: str = ""
    source: str = ""
    licence: str = ""
    caveats: tuple[str, ...] = ()
    unmatched: Mapping[str, int] = field(default_factory=dict)
    duplicates: int = 0
    columns: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Measurement]:
        return iter(self.rows)

    def where(self, keep: Callable[[Measurement], bool]) -> Dataset:
        """The same dataset with the rows for which ``keep`` is true."""
        return Dataset(
            self.name, tuple(row for row in self.rows if keep(row)), self.title, self.source, self.licence, self.caveats,
            self.unmatched, self.duplicates, self.columns,
        )  # fmt: skip
