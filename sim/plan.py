"""Plan: every choice made before a network is lowered onto a device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sim.swap_plan import SwapPlan


@dataclass(frozen=True)
class Plan:
    """Placement and settings of one run. The ``layerwise`` plan is the default: in order, nothing overlapped.

    Attributes
    ----------
    unit : str
        Compute unit that runs what it can.
    host : str or None
        Unit that runs the rest; ``None`` where the device file names none (an assumed ideal vector unit is used).
    placement : Mapping of str to str
        Operator name -> unit name; operators that are absent run on ``unit``.
    threads : int
        CPU threads.
    runtime : str or None
        Runtime profile by name.
    profile : str
        Memory accounting profile.
    dataflow : str or None
        Dataflow of an array unit.
    mappings : Mapping
        Operator name -> given mapping parameters of an array unit; the others are searched.
    timing : str
        ``default`` or ``reference`` (systolic units).
    batch : int
    one_at_a_time : bool
        True: the next operator starts when the one before has ended, whatever the units. False: each unit works through its own
        operators in order, and units overlap where the network allows.
    hypothetical : bool
        Allow a dataflow the unit does not list.
    seed : int
    regions : Mapping of str to str
        Tensor -> memory it lives in, whatever would be chosen otherwise.
    algorithms : Mapping of str to str
        Convolution on a CPU -> algorithm taken instead of the runtime's own.
    groups : tuple of tuple of str
        Operators that run as one kernel each; convex, names that the network does not have are left out.
    side_by_side : Mapping of str to float
        Operators that run beside others on their unit -> share of their time that they take up in the whole.
    swap : SwapPlan or None
        Moves between a near and a far memory, where the near one is too small.
    levers : bool
        Whether a shortfall says what would help: left out while many runs are tried.
    """

    unit: str
    host: str | None = None
    placement: Mapping[str, str] = field(default_factory=dict)
    threads: int = 1
    runtime: str | None = None
    profile: str = "ideal"
    dataflow: str | None = None
    mappings: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    timing: str = "default"
    batch: int = 1
    one_at_a_time: bool = True
    hypothetical: bool = False
    seed: int = 0
    regions: Mapping[str, str] = field(default_factory=dict)
    algorithms: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[tuple[str, ...], ...] = ()
    side_by_side: Mapping[str, float] = field(default_factory=dict)
    swap: SwapPlan | None = None
    levers: bool = True
