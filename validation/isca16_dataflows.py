"""Dataflows on equal area: AlexNet on 256 elements, each dataflow with a good mapping of its own, by one accounting.

Chen, Emer, Sze, ISCA 2016, sections VI and VII. Every dataflow is the data of ``dataflows/library/``, its words come from the one
counting core, its energy from the normalised accounting 200 : 6 : 2 : 1 of DRAM, buffer, array and registers.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from dataflows.dataflow_search import best_mapping, counted
from dataflows.hierarchy import Hierarchy, StorageLevel
from dataflows.library import DATAFLOWS
from dataflows.mapping import Mapping as LoopMapping
from dataflows.reuse import PARTS, by_level, normalised_energy
from dataflows.tables import AccessTable
from validation.compare import Compared, Report
from validation.measurement import Dataset, Measurement
from validation.reader import FOLDER
from workloads.loopnest import LoopNest, convolution_nest

#: Dataflows of the comparison, in the order of the paper; input stationary is not in it and is told beside.
COMPARED = ("rs", "ws", "os_a", "os_b", "os_c", "nlr")
BESIDE = ("is",)

BATCH = 16
SIDE = 16  # 256 elements
WORD_BYTES = 2

#: Register words of an element that keep each tensor: the chip's 224 and 12, the rest of 512 B for sums; one word where one stays.
REGISTER_WORDS: Mapping[str, Mapping[str, int]] = {
    "rs": {"weights": 224, "inputs": 12, "outputs": 20},
    "ws": {"weights": 1},
    "is": {"inputs": 1},
    "os_a": {"outputs": 1},
    "os_b": {"outputs": 1},
    "os_c": {"outputs": 1},
    "nlr": {},
}

#: Registers and buffer of row stationary for each element [B].
REGISTER_BYTES, BUFFER_BYTES = 512, 512

#: Area of a register byte over that of a buffer byte: what lets a buffer grow 2.6-fold where registers go (section VI-B).
REGISTER_AREA = 1.6


@dataclass(frozen=True)
class LayerEnergy:
    """Energy of one layer under one dataflow, in energies of a multiply-accumulate.

    Attributes
    ----------
    layer, dataflow : str
    macs : int
    levels : Mapping of str to float
        Level of :data:`dataflows.reuse.PARTS` -> energy.
    active : float
        Elements at work on average: MACs over steps.
    """

    layer: str
    dataflow: str
    macs: int
    levels: Mapping[str, float]
    active: float

    @property
    def total(self) -> float:
        """Energy of the layer over all levels."""
        return sum(self.levels.values())


def equal_area(dataflow: str) -> Hierarchy:
    """DRAM, buffer and registers of 256 elements: registers a dataflow does not need are area for its buffer.

    buffer = elements * (512 B + 1.6 * (512 B - its registers)); where inputs move between neighbours, these are a level of their own.

    >>> round(equal_area("nlr").levels[1].capacity_words / equal_area("rs").levels[1].capacity_words, 1)
    2.6
    """
    words = REGISTER_WORDS[dataflow]
    saved = REGISTER_BYTES - WORD_BYTES * sum(words.values())
    buffer = SIDE * SIDE * (BUFFER_BYTES + REGISTER_AREA * saved) / WORD_BYTES
    element = StorageLevel("element", tuple(words), own_words={tensor: float(count) for tensor, count in words.items()})
    neighbours = (StorageLevel("neighbours", ("inputs",), handed_on=True),) if DATAFLOWS[dataflow].shifts else ()
    return Hierarchy((StorageLevel("dram"), StorageLevel("buffer", capacity_words=buffer), *neighbours, element), SIDE, SIDE)


@cache
def layer_nests() -> Mapping[str, LoopNest]:
    """Layer -> nest, at the batch of the comparison."""
    with open(FOLDER / "isca16_dataflows" / "layers.csv", newline="", encoding="utf-8") as file:
        return {
            row.pop("layer"): _nest({name: int(value) for name, value in row.items() if name != "layer"})
            for row in csv.DictReader(file)
        }


def _nest(row: Mapping[str, int]) -> LoopNest:
    return convolution_nest(
        n=BATCH, g=row["groups"], m=row["filters"], c=row["channels"], output=(row["output"],) * 2, kernel=(row["kernel"],) * 2,
        stride=(row["stride"],) * 2, dilation=(1, 1), tensors=("inputs", "weights", "outputs"),
    )  # fmt: skip


def rule(mapping: LoopMapping, counts: AccessTable) -> float:
    """energy^2 * steps: the rule by which row-stationary mappings are chosen elsewhere; energy alone would leave elements idle."""
    energy = sum(by_level(normalised_energy(mapping, counts)).values())
    return energy * energy * float(counts.cycles[0])


@cache
def layer_energy(layer: str, dataflow: str) -> LayerEnergy:
    """Energy of a layer under a dataflow on its equal-area storage, with the best mapping found by the rule."""
    nest = layer_nests()[layer]
    mapping = best_mapping(DATAFLOWS[dataflow], nest, equal_area(dataflow), rule)
    counts = counted(mapping)
    energy = by_level(normalised_energy(mapping, counts))
    return LayerEnergy(layer, dataflow, nest.volume, energy, nest.volume / int(counts.cycles[0]))


def total_energy(dataflow: str, kind: str = "CONV") -> float:
    """Energy of all convolutions (``CONV``) or fully connected layers (``FC``) per multiply-accumulate."""
    found = [layer_energy(layer, dataflow) for layer in layer_nests() if layer.startswith(kind)]
    return sum(part.total for part in found) / sum(part.macs for part in found)


def advantages() -> dict[str, float]:
    """Dataflow -> its energy of the convolutions over that of row stationary."""
    return {name: total_energy(name) / total_energy("rs") for name in COMPARED if name != "rs"}


def isca16_dataflows(dataset: Dataset, notes: bool = True) -> list[Report]:
    """Row stationary by layer beside figure 10, its advantage beside the published range; with ``notes`` every dataflow in words."""
    rows = tuple(Compared(row, _predicted(row)) for row in dataset.rows)
    return [Report(dataset.name, "none", rows, notes=(*(_notes() if notes else ()), *dataset.caveats))]


#: Metric -> level of the accounting.
_LEVELS = {"alu_energy": "arithmetic", "dram_energy": "dram", "rf_energy": "register"}


def _predicted(row: Measurement) -> float:
    if row.metric in _LEVELS:
        return layer_energy(row.layer, row.device).levels[_LEVELS[row.metric]]
    if row.metric == "buffer_spread":
        return equal_area(row.device).levels[1].capacity_words / equal_area("rs").levels[1].capacity_words
    return (min if row.metric == "least_advantage" else max)(advantages().values())


def _notes() -> list[str]:
    least = all(
        layer_energy(layer, "rs").total < layer_energy(layer, name).total
        for layer in layer_nests() if layer.startswith("CONV") for name in COMPARED if name != "rs"
    )  # fmt: skip
    said = "row stationary has the least energy of the compared dataflows in every convolution, as published"
    lines = [said if least else "row stationary does not have the least energy in every convolution, against what is published"]
    return [*lines, *(_line(name) for name in (*COMPARED, *BESIDE))]


def _line(name: str) -> str:
    """One dataflow in words: energy per MAC of the convolutions by level, beside row stationary, and what is unlike the paper."""
    layers = [layer_energy(layer, name) for layer in layer_nests() if layer.startswith("CONV")]
    macs = sum(part.macs for part in layers)
    parts = ", ".join(f"{level} {sum(part.levels[level] for part in layers) / macs:.2f}" for level in PARTS)
    apart = total_energy(name) / total_energy("rs")
    beside = " (not in the paper)" if name in BESIDE else ""
    fully = f"fully connected {total_energy(name, 'FC'):.1f}"
    active = macs / sum(part.macs / part.active for part in layers)
    buffer = equal_area(name).levels[1].capacity_words * WORD_BYTES / 1024
    return (
        f"{name}{beside}: {total_energy(name):.2f} per MAC of the convolutions, {apart:.2f} x rs ({parts}); {fully}; "
        f"{active:.0f} elements at work, buffer of {buffer:.0f} KiB; {DATAFLOWS[name].title}"
    )
