"""What an array unit does with each operator, to be read: the loop nest of its mapping and the words the unit counted under it.

The counts are those the lowering priced: they come from the functions it calls, and summed they are its amounts. The generic counts
of a :class:`~dataflows.mapping.Mapping` are not shown: they know nothing of padding that is not stored, of flattened reductions on
a systolic array, or of what a chip's authors count as an access.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass

from dataflows.mapping import Mapping
from dataflows.tables import TENSORS

#: Level -> tensor -> words read, words written.
Accesses = dict[str, dict[str, tuple[int, int]]]

#: Levels that are no memory of the device file: between the elements, inside one, and the sums at the foot of a systolic array.
NETWORK, ELEMENT, ACCUMULATORS = "network", "element", "accumulators"


@dataclass(frozen=True)
class UnitMapping:
    """How one operator runs on an array.

    Attributes
    ----------
    mapping : Mapping
        Of its largest nest; operators with one nest have no other.
    dataflow : str
    parameters : Mapping of str to int
        The mapping as the unit writes it: n m e p q r t, or folds and tile.
    held : Mapping of str to Mapping of str to int
        Level -> tensor -> words one instance holds at once.
    meaning : Mapping of str to str
        What a loop steps through, where it is not the usual.
    nests : int
        Nests of the operator; the counts are those of all.
    accesses : dict
        Words read and written by level and tensor, outermost level first.
    word_bits : int
        Width of the words counted [bit]; accumulators hold wider ones.
    active_pes : int
        Elements at work in a whole tile.
    gap : float or None
        Share by which the unit's own rule could still do better; 0 where every choice was rated.
    space : str
        What the gap is measured in, or why there is none.
    notes : tuple of str
        What a reader of the loops or the counts must know.
    """

    mapping: Mapping
    dataflow: str
    parameters: MappingOf[str, int]
    held: MappingOf[str, MappingOf[str, int]]
    meaning: MappingOf[str, str]
    nests: int
    accesses: Accesses
    word_bits: int
    active_pes: int
    gap: float | None
    space: str
    notes: tuple[str, ...] = ()


def summed(parts: list[Accesses]) -> Accesses:
    """Accesses of several nests, added up.

    >>> one = {"dram": {"weights": (2, 0), "inputs": (1, 0), "outputs": (0, 3)}}
    >>> summed([one, one])["dram"]["outputs"]
    (0, 6)
    """
    total: Accesses = {}
    for part in parts:
        for level, tensors in part.items():
            row = total.setdefault(level, dict.fromkeys(TENSORS, (0, 0)))
            for tensor, (read, written) in tensors.items():
                row[tensor] = (row[tensor][0] + read, row[tensor][1] + written)
    return total
