"""An operator cut into parts that run one by one: its work is shared among them, every part is started anew, a run once.

Amounts of a term, and times, follow the same rule: part = shared * share + anew + once, the last in the first part only.
"""

from __future__ import annotations

from typing import NamedTuple

from dataflows.grouping import is_start
from dataflows.unit_work import UnitWork

#: Unit of what is counted once per run, however many parts there are.
RUN = "run"


class Paid(NamedTuple):
    """A cost of an operator by how its parts pay for it, in amounts of a term or in any unit of time.

    Attributes
    ----------
    shared : float
        By each part according to its share: operations, bytes.
    anew : float
        By every part in full: launches, dispatches, what a host enqueues.
    once : float
        By the first part in full.
    """

    shared: float
    anew: float = 0.0
    once: float = 0.0

    def by_part(self, share: float, first: bool) -> float:
        """What one part pays.

        Parameters
        ----------
        share : float
            Of the operator's work.
        first : bool
            No other part of the operator comes before it.

        Examples
        --------
        >>> cost = Paid(shared=100.0, anew=4.0, once=20.0)
        >>> cost.by_part(1.0, True), cost.by_part(0.25, True), cost.by_part(0.75, False)
        (124.0, 49.0, 79.0)
        """
        return self.shared * share + self.anew + (self.once if first else 0.0)


def paid(work: UnitWork, t: int, amount: float) -> Paid:
    """How the parts of an operator pay for an amount of term ``t``."""
    if is_start(work, t):
        return Paid(0.0, anew=amount)
    return Paid(0.0, once=amount) if work.terms[t].amount_unit == RUN else Paid(amount)
