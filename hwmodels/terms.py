"""Term: one kind of work a unit charges for, and the phase it is reported under.

A unit model is a list of terms. ``dataflows/`` counts an *amount* for each term of each operator; ``costs.py`` says what one
unit of that amount costs in seconds; ``sim/durations.py`` multiplies the two. ``explain`` reads the texts.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """One kind of work.

    Attributes
    ----------
    name : str
    phase : str
        Phase it is reported under: ``compute``, ``packing``, ``overhead``, or the name of a memory level or link.
    amount_unit : str
        Unit of the counted amount, e.g. ``flop``, ``B``, ``cycle``.
    amount : str
        Formula of the amount, in plain text.
    price : str
        Formula of the seconds per unit, in plain text.
    parameters : tuple of str
        Fields of the unit that the price reads, by their path below the unit in the device file, e.g. ``frequency``.
    source : str
        Paper, equation, table.
    """

    name: str
    phase: str
    amount_unit: str
    amount: str
    price: str
    parameters: tuple[str, ...] = ()
    source: str = ""
