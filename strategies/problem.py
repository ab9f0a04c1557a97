"""Problem: what a strategy is given and gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hwmodels.device import Device
from sim.assignment import nearest_dtype, unit_named
from sim.estimate import estimate
from sim.lower import lower
from sim.plan import Plan
from sim.results import Estimate
from sim.schedule import Schedule
from workloads.graph import Graph
from workloads.transforms import retype

if TYPE_CHECKING:
    from strategies.strategy import Strategy


@dataclass(frozen=True)
class Step:
    """One strategy that was applied, and what it changed in one line."""

    strategy: Strategy
    changed: str

    @property
    def spec(self) -> str:
        """The strategy as the command line writes it."""
        return self.strategy.spec


@dataclass(frozen=True)
class Problem:
    """A network on a device, with the choices made so far.

    Attributes
    ----------
    graph : Graph
        The network; its types may still be ones the unit cannot compute.
    device : Device
    plan : Plan
        The ``layerwise`` plan, and what strategies have changed in it.
    objective : str
        ``latency``, ``energy``, ``edp``, ``peak`` or ``dram_bytes``: what a strategy that has a choice looks at.
    budgets : Mapping of str to float
        Figure -> the most it may be, in SI units.
    seed : int
        Of anything random.
    accuracy : Mapping of str to float
        Recipe (strategies as the command line writes them, joined by blanks) -> accuracy loss as measured by the user [percentage
        points]. Accuracy is never simulated: a recipe that is not in the table has none.
    steps : tuple of Step
        The strategies applied so far, in order.
    may_retype : bool
        Whether a network in types the unit cannot compute is run as if quantised to the nearest it can; False: it is refused.

    Examples
    --------
    >>> from hwmodels.reader import load_device
    >>> from sim.lower import layerwise_plan
    >>> from workloads.networks import build
    >>> graph, device = build("lenet5"), load_device("stm32h743")
    >>> Problem(graph, device, layerwise_plan(graph, device)).estimate().fits
    True
    """

    graph: Graph
    device: Device
    plan: Plan
    objective: str = "latency"
    budgets: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    accuracy: Mapping[str, float] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    may_retype: bool = True

    @property
    def recipe(self) -> tuple[str, ...]:
        """The strategies applied so far, as the command line writes them."""
        return tuple(step.spec for step in self.steps)

    @property
    def runnable(self) -> Graph:
        """The network in types the unit computes: its own, else as if quantised to the nearest the unit has."""
        wanted = nearest_dtype(unit_named(self.device, self.plan.unit), self.graph) if self.may_retype else None
        if wanted is None:
            return self.graph
        typed = retype(self.graph, wanted)
        return typed.replace(settings={**typed.settings, "dtype_assumed": True})

    def schedule(self) -> Schedule:
        """What a run would do."""
        return lower(self.runnable, self.device, self.plan)

    def estimate(self) -> Estimate:
        """What a run would take, in closed form."""
        return estimate(self.schedule())

    def replace(self, **changes: Any) -> Problem:
        """The problem with some parts changed."""
        return replace(self, **changes)
