"""The answer of ``map`` as text: a row per shape in network order, then loop nests with their accesses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from boardless import formats
from boardless.report import title, words
from boardless.text import WIDTH, facts, render, shortened, table
from dataflows.render import loop_nest
from dataflows.tables import TENSORS
from hwmodels.device import ArrayUnit

if TYPE_CHECKING:
    from boardless.mapping_view import MappedLayer, MappingResult


#: Figures that layers of one shape may differ in.
OWN = ("name", "energy_j", "energy_by_level_j")


def text(
    result: MappingResult, *, nest: str | None = None, all_nests: bool = False, width: int = WIDTH, colour: bool = False
) -> str:
    """The report of one mapping answer.

    Parameters
    ----------
    nest : str or None
        Operator whose loop nest is shown; ``None`` shows the slowest one's.
    all_nests : bool
        Show the loop nest of every shape.
    """
    groups = alike(result.layers)
    parts: list[RenderableType] = [title(result), Text(), _answer(result), Text(), layer_table(groups), Text()]
    parts += [Text(line) for line in words(result)]
    parts += [Text(f"model: {said}") for said in _stand_in(result)]
    chosen = [result.layer(nest)] if nest is not None else []
    if not chosen and result.layers:
        chosen = [g[0] for g in groups] if all_nests else [max(result.layers, key=lambda e: e.row.latency_s)]
    for layer in chosen:
        same = next(group for group in groups if layer in group)
        parts += [Text(), *nest_parts(layer, len(same))]
    return render(parts, width=width, colour=colour)


def _stand_in(result: MappingResult) -> list[str]:
    """What the model of the array stands in for, where its file says so."""
    assert result.schedule is not None
    unit = result.schedule.units[result.schedule.plan.unit]
    return [unit.stands_in] if isinstance(unit, ArrayUnit) and unit.stands_in else []


def alike(layers: Sequence[MappedLayer]) -> list[list[MappedLayer]]:
    """Layers of the same shape, mapping and time together, in the order of the first; what else they do may differ."""
    groups: dict[str, list[MappedLayer]] = {}
    for layer in layers:
        form = layer.to_dict()
        groups.setdefault(repr({key: form[key] for key in form if key not in OWN}), []).append(layer)
    return list(groups.values())


def _answer(result: MappingResult) -> Table:
    assert result.schedule is not None
    unit = result.schedule.units[result.schedule.plan.unit]
    assert isinstance(unit, ArrayUnit)
    layers = result.layers
    cycles, stalls = sum(e.cycles for e in layers), sum(e.stall_cycles for e in layers)
    macs, spent = sum(e.row.macs for e in layers), sum(e.row.latency_s for e in layers)
    elsewhere = sum(name != unit.name for name in result.schedule.unit_of)
    multipliers = unit.rows * unit.columns * unit.macs_per_element
    known = [e.row.energy_j for e in layers if e.row.energy_j is not None]
    energy = formats.joules(sum(known)) if len(known) == len(layers) else formats.NOT_KNOWN
    size = f"{unit.rows} x {unit.columns}" + (f" x {unit.macs_per_element}" if unit.macs_per_element > 1 else "")
    return facts([
        ("array", f"{size} {unit.kind.replace('_', ' ')} at {formats.quantity(unit.frequency_hz, 'Hz')}"),
        ("on it", f"{len(layers)} of {len(result.operators)} operators, {formats.count(macs)} MACs; {elsewhere} run elsewhere"),
        ("cycles", f"{formats.count(cycles)} of the array, {formats.count(stalls)} stalled"),
        ("in use", f"{formats.share(macs / (multipliers * cycles) if cycles else 0.0)} of the multipliers while the array counts"),
        ("time", f"{formats.seconds(spent)} of {formats.seconds(result.latency_s)}"),
        ("energy", f"{energy} of {formats.joules(result.energy_j)} (of the {result.energy_scope})"),
    ])  # fmt: skip


def layer_table(groups: Sequence[Sequence[MappedLayer]]) -> Table:
    """A row per shape: its first layer, how often it occurs, the figures of one of them; energies on average."""
    levels = list(dict.fromkeys(level for group in groups for level in list(group[0].mapping.accesses)[:2]))
    made = table(
        "layer (in order)", "times>", "flow", "mapping", "PEs>", "in use>", "cycles>", "stalled>",
        *(f"{level} words>" for level in levels), "energy>", "latency>", "gap>",
    )  # fmt: skip
    made.columns[3].no_wrap = False
    for group in groups:
        layer = group[0]
        counts = (sum(sum(pair) for pair in layer.mapping.accesses[level].values()) for level in levels)
        gap = layer.mapping.gap
        made.add_row(
            shortened(layer.row.name, 26),
            str(len(group)),
            layer.mapping.dataflow,
            mapping_words(layer),
            f"{layer.mapping.active_pes:,}",
            formats.share(layer.utilization),
            formats.count(layer.cycles),
            formats.count(layer.stall_cycles),
            *(formats.count(count) for count in counts),
            formats.joules(_mean([e.row.energy_j for e in group])),
            formats.seconds(layer.row.latency_s),
            formats.NOT_KNOWN if gap is None else formats.share(gap),
        )
    return made


def _mean(energies: Sequence[float | None]) -> float | None:
    known = [value for value in energies if value is not None]
    return sum(known) / len(known) if known and len(known) == len(energies) else None


def mapping_words(layer: MappedLayer) -> str:
    """The unit's own way to write a mapping, short."""
    own = layer.mapping.parameters
    if "tiles" in own:
        return f"{own['tiles']:,} tile" + ("s" if own["tiles"] != 1 else "")
    if "row_folds" in own:
        return f"{own['row_folds']} x {own['column_folds']} folds of {own['streamed']:,}"
    return " ".join(f"{name}{value}" for name, value in own.items())


def nest_parts(layer: MappedLayer, times: int) -> list[RenderableType]:
    """The loop nest of one layer, its accesses, and what its gap is measured in."""
    mapping = layer.mapping
    nests = f", the largest of its {mapping.nests} nests" if mapping.nests > 1 else ""
    same = f", {times} layers alike" if times > 1 else ""
    head = Text(f"{layer.row.name}", style="bold").append(
        f": {mapping.dataflow}, {formats.count(layer.row.macs)} MACs{nests}{same}", style="not bold"
    )
    drawn = loop_nest(mapping.mapping, mapping.held, mapping.meaning)
    notes = [Text(f"note: {note}") for note in mapping.notes]
    return [head, *(Text(line) for line in drawn.splitlines()), Text(), access_table(layer), *notes, Text(_gap_words(layer))]


def _gap_words(layer: MappedLayer) -> str:
    gap = layer.mapping.gap
    if gap is None:
        return f"gap: not known: {layer.mapping.space}"
    return f"gap: {'0, proved' if gap == 0 else formats.share(gap)}: {layer.mapping.space}"


def access_table(layer: MappedLayer) -> Table:
    """Words read and written by level and tensor, as the unit prices them, with their energy."""
    made = table(
        f"words of {layer.mapping.word_bits} bit", *(f"{t} {way}>" for t in TENSORS for way in ("read", "written")), "energy>"
    )
    for level, tensors in layer.mapping.accesses.items():
        counts = [f"{count:,}" if count else "" for tensor in TENSORS for count in tensors[tensor]]
        made.add_row(level, *counts, _joules(layer, level))
    for level in layer.energies or {}:
        if level not in layer.mapping.accesses:
            made.add_row(level, *[""] * (2 * len(TENSORS)), _joules(layer, level))
    return made


def _joules(layer: MappedLayer, level: str) -> str:
    if layer.energies is None:
        return formats.NOT_KNOWN
    return formats.joules(sum(layer.energies[level].values())) if level in layer.energies else ""
