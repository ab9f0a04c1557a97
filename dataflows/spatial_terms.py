"""The terms of spatial arrays: what each charges for, under which phase, and where its price comes from."""

from __future__ import annotations

from collections.abc import Sequence

from dataflows.hierarchy import Hierarchy
from dataflows.mapping_of_unit import ELEMENT, NETWORK
from dataflows.tables import TENSORS
from hwmodels.terms import Term

COUNTING = (
    "the dataflow as data and the general counting rules of loop nests: Parashar et al., ISPASS 2019; Yang et al., ASPLOS 2020"
)


def spatial_terms(names: Sequence[str], buses: Sequence[str]) -> tuple[Term, ...]:
    """Time terms: steps, element operations, the words of each memory, outermost first, and those of the network."""
    return (
        Term(
            "array", "compute", "cycle", "steps of the temporal loops of the mapping, the last of each smaller", "1 / frequency",
            ("frequency",), COUNTING,
        ),
        Term(
            "element operations", "compute", "operation",
            "simple operations + special operations * special_cycles, inside attention and recurrent operators",
            "1 / (lanes * frequency)", ("parameters.lanes", "frequency"), "assumed: one lane per column where the file names none",
        ),
        *(
            Term(
                f"{name} words", name, "cycle", "words read and written / words per cycle of its port, or of the link to it",
                "1 / frequency", ("frequency", *_rates(name, outermost=k == 0)), COUNTING,
            )
            for k, name in enumerate(names)
        ),
        Term(
            "network words", NETWORK, "cycle", "words handed out, those for several elements once, / words per cycle; busiest bus",
            "1 / frequency", ("frequency", *(f"bus_words_per_cycle.{tensor}" for tensor in buses)), COUNTING,
        ),
    )  # fmt: skip


def _rates(memory: str, *, outermost: bool) -> tuple[str, ...]:
    return ("link.bandwidth",) if outermost else (f"memories.{memory}.read_bandwidth",)


def spatial_energy_terms(hierarchy: Hierarchy, factor: str) -> list[Term]:
    """MACs, element operations, words handed to elements; words of each tensor read from and written to each level."""
    terms = [
        Term("macs", "array", "MAC", "multiply-accumulates", f"{factor}mac_energy", ("mac_energy",)),
        Term(
            "vector", "array", "operation", "element operations", f"{factor}energies.vector, else mac_energy", ("energies.vector",)
        ),
        Term("hops", "array", "word", "words handed to elements", "energies.hop, else none", ("energies.hop",), COUNTING),
    ]
    outermost = hierarchy.levels[0].name
    for level in hierarchy.levels:
        for tensor in TENSORS:
            for way, energy in (("read", "read_energy"), ("written", "write_energy")):
                inside = level.name == ELEMENT
                named = f"energies.{tensor}_spad" if inside else f"memories.{level.name}.{energy}"
                times = "" if level.name == outermost else factor
                price = f"{times}{named}" if inside else f"{times}{named} * bytes of a word"
                phase = "spads" if inside else level.name
                terms.append(Term(tensor, phase, "word", f"words {way}", price, (named,), COUNTING))
    return terms
