"""One operator's latency and energy traced back to formulas, counts, rates and sources.

The tree is read from the schedule: an operator is its phases, a phase is a sum of amounts times prices, a price reads values of the
device file, and each of those has a source. Multiplying and adding up the leaves gives the value again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from boardless import formats, report, text
from boardless.machine_form import FORMAT, plain
from boardless.results import Result
from boardless.sources import parameters_of, value_at
from dataflows.unit_work import UnitWork
from hwmodels.costs.link import active_joules
from hwmodels.device import ArrayUnit, ComputeUnit
from hwmodels.terms import Term
from sim.durations import PICOSECONDS, Durations, by_actions, durations, idle_power, static_powers, timed_tasks
from sim.results import OperatorEstimate
from sim.schedule import Schedule
from workloads.errors import GraphError, nearest

#: Between the formula of a price and where it was published.
SOURCE_OF = "; source: "


@dataclass(frozen=True)
class Fact:
    """A number that goes into a formula: counted of the network, or read from a file with its source."""

    name: str
    value: Any
    unit: str
    source: str
    status: str

    def to_dict(self) -> dict[str, Any]:
        """The machine form."""
        return {"name": self.name, "value": plain(self.value), "unit": self.unit, "source": self.source, "status": self.status}


@dataclass(frozen=True)
class Node:
    """A value, the formula that gives it, the numbers that go in, and the values it is made of."""

    name: str
    value: float | None
    unit: str
    formula: str
    terms: tuple[Fact, ...] = ()
    children: tuple[Node, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The machine form."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "formula": self.formula,
            "terms": [fact.to_dict() for fact in self.terms],
            "children": [child.to_dict() for child in self.children],
        }


@dataclass(frozen=True, repr=False)
class Explanation:
    """Where the figures of one operator come from: its latency, and its energy."""

    result: Result
    operator: OperatorEstimate
    latency: Node
    energy: Node

    def __repr__(self) -> str:
        return self.text()

    def to_dict(self) -> dict[str, Any]:
        """The machine form: the latency as the value explained, the energy beside it."""
        head = {
            "format": FORMAT,
            "network": self.result.network,
            "device": self.result.device,
            "settings": plain(self.result.settings),
            "method": self.result.method,
            "operator": self.operator.name,
            "op": self.operator.op,
            "kind": self.operator.kind,
            "details": plain(self.operator.details),
        }
        return {**head, **self.latency.to_dict(), "energy": self.energy.to_dict()}

    def text(self, *, width: int = text.WIDTH, colour: bool = False) -> str:
        """The two trees, with what is known of the operator."""
        row = self.operator
        about = [f"{row.op} ({row.kind}) on {row.unit}", f"{formats.count(row.macs)} MACs"]
        about += [f"{key} {formats.said(value)}" for key, value in row.details.items() if value not in (None, "", {})]
        lines = [report.title(self.result), Text(f"{row.name}: " + ", ".join(about)), *_stand_in(self.result, row.unit), Text()]
        cited = text.Citations()
        trees: list[RenderableType] = [_tree(self.latency, cited), Text(), _tree(self.energy, cited)]
        return text.render([*lines, *trees, Text(), Text("sources", style="bold"), cited.listed()], width=width, colour=colour)


def _stand_in(result: Result, unit: str) -> list[Text]:
    """What the model of an array stands in for, where its file says so."""
    found = result.schedule.units.get(unit) if result.schedule is not None else None
    said = found.stands_in if isinstance(found, ArrayUnit) else ""
    return [Text(f"model: {said}", style="dim")] if said else []


def explain(result: Result, operator: str) -> Explanation:
    """Trace the latency and energy of one operator back.

    Parameters
    ----------
    result : Result
        With its schedule.
    operator : str
        Name of the operator.

    Raises
    ------
    GraphError
        No operator of that name; the nearest are given.
    """
    assert result.schedule is not None
    schedule = result.schedule
    names = [row.name for row in result.operators]
    if operator not in names:
        raise GraphError(f"--operator: '{operator}' is not in network '{result.network}'; {nearest(operator, names)}")
    index = names.index(operator)
    row, spent = result.operators[index], durations(schedule)
    tasks = schedule.tasks_of()[index]
    return Explanation(result, row, _latency(schedule, row, tasks, spent), _energy(schedule, row, index, tasks, spent))


def _latency(schedule: Schedule, row: OperatorEstimate, tasks: Sequence[int], spent: Durations) -> Node:
    phases = tuple(_phase(schedule, task, spent) for task in tasks if spent.picoseconds[task])
    if not phases:
        into = row.details.get("fused_into")
        return Node("latency", 0.0, "s", f"fused into {into}: computed there" if into else "free: nothing is computed or moved")
    joins = {"sum": "sum of the phases, one after the other", "max": "largest of the phases, which run side by side"}
    chained = any(schedule.tasks[task].work != row.unit for task in tasks) or schedule.work[row.unit].enqueue_phase in dict(
        row.phases
    )
    return Node("latency", row.latency_s, "s", "longest chain of the phases" if chained else joins[row.join], (), phases)


def _phase(schedule: Schedule, index: int, spent: Durations) -> Node:
    """One task: its terms, summed and rounded once to whole picoseconds."""
    task = schedule.tasks[index]
    work = schedule.work[task.work]
    children = tuple(_product(schedule, work, term, amount) for term, amount in task.amounts)
    seconds = spent.picoseconds[index].item() / PICOSECONDS
    return Node(task.phase, seconds, "s", "sum of amount x price, rounded to whole picoseconds", (), children)


def _product(schedule: Schedule, work: UnitWork, k: int, amount: float) -> Node:
    """One term: amount times price."""
    term, price = work.terms[k], float(work.prices[k])
    return Node(term.name, amount * price, "s", "amount x price", _factors(schedule, work, term, amount, price, "s"))


def _factors(schedule: Schedule, work: UnitWork, term: Term, amount: float, price: float, unit: str) -> tuple[Fact, ...]:
    """The two factors of a term, then every value of a file that the price reads."""
    known = not math.isnan(price)
    counted = Fact("amount", amount, term.amount_unit, term.amount, "counted")
    priced = Fact(
        "price", price if known else None, f"{unit}/{term.amount_unit}", _with_source(term), "computed" if known else "not known"
    )
    return (counted, priced, *(Fact(*parameter) for parameter in parameters_of(schedule, work, term)))


def _with_source(term: Term) -> str:
    return f"{term.price}{SOURCE_OF}{term.source}" if term.source else term.price


def _energy(schedule: Schedule, row: OperatorEstimate, index: int, tasks: Sequence[int], spent: Durations) -> Node:
    """Actions where the unit has them, else active power times time; static power times time; waiting for a host."""
    unit = schedule.units[row.unit]
    children: list[Node] = []
    for name in dict.fromkeys(schedule.tasks[task].work for task in tasks):
        work = schedule.work[name]
        own = [task for task in tasks if schedule.tasks[task].work == name]
        handed_over = [task for task in own if schedule.tasks[task].phase == work.enqueue_phase]
        own = [task for task in own if task not in handed_over]
        picoseconds = spent.picoseconds.tolist()
        seconds = math.fsum(picoseconds[task] / PICOSECONDS for task in timed_tasks(work, own, picoseconds))
        if own and by_actions(work, unit):
            children += [
                _spent_on(schedule, work, k, amount) for k, amount in enumerate(work.energy_amounts[index].tolist()) if amount
            ]
        elif own:
            children.append(
                _power(schedule, f"{name} while it works", f"units.{unit.name}.active_power", unit.active_power_w, seconds)
            )
        if seconds:
            children += [_power(schedule, "busy or not", path, power, seconds) for path, power in static_powers(schedule).items()]
        children += [_waiting(schedule, unit, spent.joules[task].item()) for task in handed_over]
    children = [child for child in children if child.value != 0]
    if not children:
        return Node("energy", row.energy_j, "J", "no time is spent and nothing is moved")
    return Node("energy", row.energy_j, "J", "sum of the parts", (), tuple(children))


def _spent_on(schedule: Schedule, work: UnitWork, k: int, amount: float) -> Node:
    term, price = work.energy_terms[k], float(work.energy_prices[k])
    value = None if math.isnan(price) else amount * price
    return Node(f"{term.phase}: {term.name}", value, "J", "amount x price", _factors(schedule, work, term, amount, price, "J"))


def _power(schedule: Schedule, name: str, path: str, power_w: float | None, seconds: float) -> Node:
    """A power of the device file times a time."""
    time = Fact("time", seconds, "s", "the time of the phases above", "computed")
    power = Fact("power", power_w, "W", *value_at(schedule.device, path))
    return Node(name, None if power_w is None else active_joules(power_w, seconds), "J", "power x time", (power, time))


def _waiting(schedule: Schedule, unit: ComputeUnit, joules: float) -> Node:
    """Idle power while the unit waits for its host to hand the operator over; the device's active power where none is given."""
    idle = idle_power(schedule)
    path = "power.idle.power" if idle is not None else f"units.{unit.name}.active_power"
    power_w = unit.active_power_w if idle is None else idle
    known = power_w is not None and not math.isnan(joules)
    seconds = joules / power_w if known and power_w else 0.0
    time = Fact("time", seconds, "s", "from the end of the operator before to when the host has handed this one over", "computed")
    power = Fact("power", power_w, "W", *value_at(schedule.device, path))
    return Node("waiting for the host", joules if known else None, "J", "power x time", (power, time))


def _tree(node: Node, cited: text.Citations) -> Tree:
    tree = Tree(_line(node))
    _grow(tree, node, cited)
    return tree


def _line(node: Node) -> Text:
    said = Text(f"{node.name} ", style="bold").append(formats.by_unit(node.value, node.unit), style="not bold")
    factors = node.terms[:2]
    if len(factors) == 2:
        product = " x ".join(formats.by_unit(fact.value, fact.unit) for fact in factors)
        return said.append(f" = {product}", style="not bold")
    return said.append(f" = {node.formula}", style="not bold")


def _grow(tree: Tree, node: Node, cited: text.Citations) -> None:
    for fact in node.terms:
        tree.add(Text(_fact_words(fact, cited), style="dim"))
    for child in node.children:
        _grow(tree.add(_line(child)), child, cited)


def _fact_words(fact: Fact, cited: text.Citations) -> str:
    """``amount: how it was counted``, ``price: formula [1]``, ``units.cpu.frequency = 1.5 GHz (datasheet [2])``."""
    if fact.status in ("counted", "computed", "not known"):
        formula, _, source = fact.source.partition(SOURCE_OF)
        return f"{fact.name}: {formula}" + (f" {cited.number(source)}" if source else "")
    value = fact.value if isinstance(fact.value, str) else formats.by_unit(fact.value, fact.unit)
    return f"{fact.name} = {value} ({fact.status} {cited.number(fact.source)})"
