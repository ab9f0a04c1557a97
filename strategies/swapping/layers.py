"""What an operator can be cut into for swapping: its weights by output channel, its activations by row; and the buffers it touches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from dataflows.parts import Paid, paid
from sim.durations import durations
from sim.errors import ScheduleError
from sim.lower import is_view
from sim.schedule import Schedule
from sim.trace import PICOSECONDS
from strategies.errors import StrategyError
from workloads.graph import Graph, Operator

#: Operators whose weights can be read by output channel.
BY_CHANNEL = ("Conv", "Gemm", "MatMul")


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows of an input a number of rows of the output needs.

    Attributes
    ----------
    rows : int
        Of the input.
    stride, reach : float
        The first row needs ``reach`` rows, each further one ``stride`` more.
    """

    rows: int
    stride: float
    reach: float

    def needed(self, rows: int) -> int:
        """Rows of the input under some rows of the output, what overlaps with the next ones included."""
        return min(self.rows, math.ceil((rows - 1) * self.stride + self.reach))


@dataclass(frozen=True)
class Layer:
    """One operator with what it needs in the near memory.

    Attributes
    ----------
    operator : int
    name : str
    picoseconds : int
        All of it [ps].
    weights_bytes : int
    weights : tuple of str
    channels, rows : int
        Most parts its weights, and its output, can be cut into.
    inputs : tuple of (int, Rows)
        Buffers it reads, by number, with the rows they have.
    outputs : tuple of int
        Buffers it writes.
    anew_ps, once_ps : int
        Of its time, what each of its parts takes in full, and what only the first takes [ps].
    handed_ps : int
        Time a host takes to hand over one part, beside what the unit does [ps].
    """

    operator: int
    name: str
    picoseconds: int
    weights_bytes: int
    weights: tuple[str, ...]
    channels: int
    rows: int
    inputs: tuple[tuple[int, Rows], ...]
    outputs: tuple[int, ...]
    anew_ps: int = 0
    once_ps: int = 0
    handed_ps: int = 0

    def part_ps(self, share: float, first: bool) -> int:
        """Time of one part [ps]."""
        return round(Paid(self.picoseconds - self.anew_ps - self.once_ps, self.anew_ps, self.once_ps).by_part(share, first))

    def parts_ps(self, parts: int) -> int:
        """Time of so many parts: all the unit does, or all a host hands over, whichever is longer [ps]."""
        return max(self.picoseconds + (parts - 1) * self.anew_ps, parts * self.handed_ps)


def layers_of(schedule: Schedule) -> list[Layer]:
    """The operators that have tasks, in order; those fused into them belong to them.

    Raises
    ------
    StrategyError
        Work on several units: who moves what is then not settled.
    """
    units = {schedule.unit_of[task.operator] for task in schedule.tasks}
    if len(units) > 1:
        raise StrategyError(
            f"swap: {schedule.graph.name} runs on {', '.join(sorted(units))}; one unit is expected; choose a unit that runs all "
            "operators"
        )
    times = _times(schedule)
    absorbed = _absorbed(schedule)
    buffer_of = {tensor: number for number, buffer in enumerate(schedule.placement.buffers) for tensor in buffer.tensors}
    return [
        _layer(schedule.graph, index, times[index], absorbed.get(index, ()), buffer_of)
        for index in range(len(schedule.graph.operators))
        if index in times
    ]


@dataclass
class _Times:
    """Times of one operator [ps]: of its unit in all, what of that every part takes in full, what only the first; of its host."""

    unit: int = 0
    anew: float = 0.0
    once: float = 0.0
    handed: float = 0.0


def _times(schedule: Schedule) -> dict[int, _Times]:
    """Operator -> times of the tasks its unit does one after the other."""
    picoseconds = durations(schedule).picoseconds.tolist()
    found: dict[int, _Times] = {}
    for index, task in enumerate(schedule.tasks):
        work = schedule.work[task.work]
        if work.join != "sum" or work.moves:
            raise StrategyError(
                f"swap: unit '{task.work}' overlaps the phases of an operator; a CPU, GPU or microcontroller is expected"
            )
        costs = [(paid(work, term, amount), PICOSECONDS * float(work.prices[term])) for term, amount in task.amounts]
        times = found.setdefault(task.operator, _Times())
        anew = sum(cost.anew * price for cost, price in costs)
        if task.phase == work.enqueue_phase:
            times.handed += anew
            continue
        times.unit += picoseconds[index]
        times.anew += anew
        times.once += sum(cost.once * price for cost, price in costs)
    return found


def _absorbed(schedule: Schedule) -> dict[int, tuple[int, ...]]:
    """Operator -> those that are computed inside it."""
    index = {operator.name: number for number, operator in enumerate(schedule.graph.operators)}
    found: dict[int, tuple[int, ...]] = {}
    for work in schedule.work.values():
        for number, details in work.details.items():
            host = details.get("fused_into")
            if host is not None:
                found[index[str(host)]] = (*found.get(index[str(host)], ()), number)
    return found


def _layer(graph: Graph, index: int, times: _Times, absorbed: tuple[int, ...], buffer_of: Mapping[str, int]) -> Layer:
    operators = [graph.operators[number] for number in (index, *absorbed)]
    weights = [n for o in operators for n in dict.fromkeys(o.inputs) if n and graph.tensors[n].role == "weight"]
    reads = [n for o in operators for n in dict.fromkeys(o.inputs) if n in buffer_of]
    writes = [n for o in operators for n in o.outputs if n in buffer_of]
    rows = max((_rows(graph, n, operators[0]) for n in writes), default=1)
    inputs: dict[int, Rows] = {}
    for name in reads:
        if name not in writes:  # what one of the operators makes for another is never moved
            inputs.setdefault(buffer_of[name], _reach(graph, operators[0], name, rows))
    outputs = tuple(dict.fromkeys(buffer_of[n] for n in writes))
    if is_view(operators[0]):  # gives its input another shape, in the same place
        inputs, outputs = {}, ()
    size = sum(graph.tensors[name].bytes for name in weights)
    return Layer(
        index, operators[0].name, times.unit, size, tuple(weights), _channels(graph, operators[0]), rows, tuple(inputs.items()),
        outputs, round(times.anew), round(times.once), round(times.handed),
    )  # fmt: skip


def _rows(graph: Graph, name: str, operator: Operator) -> int:
    """Rows a tensor can be cut into: the height of an image, the tokens of a sequence."""
    shape = graph.tensors[name].shape
    if len(shape) == 4:
        return max(1, shape[1] if operator.attribute("layout") == "NHWC" else shape[2])
    return max(1, shape[1]) if len(shape) == 3 else 1


def _reach(graph: Graph, operator: Operator, name: str, rows_out: int) -> Rows:
    rows = _rows(graph, name, operator)
    kernel = operator.attribute("kernel_shape")
    if kernel and operator.op in ("Conv", "MaxPool", "AveragePool") and name == operator.inputs[0]:
        stride = (operator.attribute("strides") or (1, 1))[0]
        dilation = (operator.attribute("dilations") or (1, 1))[0]
        return Rows(rows, float(stride), float((kernel[0] - 1) * dilation + 1))
    return Rows(rows, rows / rows_out, rows / rows_out)


def _channels(graph: Graph, operator: Operator) -> int:
    """Parts the weights can be cut into by output channel; 1 where every output needs all of them, or only a few are each one's."""
    if operator.op not in BY_CHANNEL or len(operator.inputs) < 2 or not operator.inputs[1]:
        return 1
    weight = graph.tensors[operator.inputs[1]]
    if weight.role != "weight":
        return 1
    shape = graph.tensors[operator.outputs[0]].shape
    channels = shape[-1] if len(shape) != 4 or operator.attribute("layout") == "NHWC" else shape[1]
    return 1 if int(operator.attribute("group", 1)) == channels and channels > 1 else max(1, channels)


def near_memory(schedule: Schedule, asked: str | None = None) -> str:
    """The memory that blocks are brought into: the one asked for, else the largest of those the unit keeps activations in."""
    unit = schedule.units[schedule.plan.unit]
    if asked is not None:
        if asked not in schedule.device.memories:
            raise ScheduleError(f"swap: memory '{asked}' is none of {schedule.device.name}; one of its memories is expected")
        return asked
    memories = [schedule.device.memories[name] for name in unit.activations_in]
    known = [memory for memory in memories if memory.capacity_bytes is not None]
    if not known:
        raise StrategyError(f"swap: no capacity of {', '.join(unit.activations_in)} is known; a memory with one is expected")
    return max(known, key=lambda memory: memory.capacity_bytes or 0).name
