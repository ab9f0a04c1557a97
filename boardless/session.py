"""The whole flow as short functions: what the command line and notebooks call.

    network ── load_network ──▶ Graph ──┐
                                        ├── layerwise_plan, lower ──▶ Schedule ──┬── estimate ──▶ Estimate ──▶ Result
    device  ── load_device ──▶ Device ──┘                                        └── simulate ──▶ Trace ─────▶ Result

Every function takes the network, the device or a list of devices, and the settings of :class:`boardless.settings.Settings` by name.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar, overload

from boardless import explanation
from boardless.beside import parties_of, streams_of
from boardless.decoding import with_tokens
from boardless.duty import joules_of, seconds_of, with_duty_cycle
from boardless.errors import UsageError
from boardless.free_map import FreeChoice, free_choice
from boardless.mapping_table import read_mappings
from boardless.mapping_view import MappingResult, layers_of, require_array
from boardless.memory_view import arena_shortfalls, view_of
from boardless.optimizing import Optimized, optimized
from boardless.results import Comparison, MemoryResult, Result
from boardless.settings import Settings
from boardless.stepwise import Stage, Stepwise
from boardless.suiting import Party, suited
from hwmodels.device import ArrayUnit, ComputeUnit, CpuUnit, Device
from hwmodels.reader import load_device
from hwmodels.runtime import load_runtime
from sim.assignment import supported, unit_named
from sim.durations import durations
from sim.errors import ScheduleError
from sim.estimate import estimate as closed_form
from sim.lower import layerwise_plan, runtime_named
from sim.paths import with_paths
from sim.schedule import Schedule
from sim.simulation import estimate_of_trace
from sim.simulation import simulate as play
from sim.together import simulate_together
from strategies.accuracy import loss_of, read_accuracy
from strategies.levers import candidates_for, untried, with_levers
from strategies.memory_plan import plan_memory, with_exact_addresses
from strategies.problem import Problem
from strategies.strategy import apply_all
from workloads.dtypes import WEIGHT_FORMATS
from workloads.errors import nearest
from workloads.graph import Graph
from workloads.operators.rule import KINDS
from workloads.readers import load_network
from workloads.tables import graph_tables
from workloads.transforms import rebatch, retype

#: A network or a device: a name of the catalogue, a path, or the thing itself.
NetworkLike = str | PathLike[str] | Graph
DeviceLike = str | PathLike[str] | Device

#: Called with the name of each device before its turn.
Progress = Callable[[str], None]

R = TypeVar("R", bound=Result)


@overload
def estimate(network: NetworkLike, on: DeviceLike, *, progress: Progress | None = None, **settings: Any) -> Result: ...
@overload
def estimate(
    network: NetworkLike, on: Sequence[DeviceLike], *, progress: Progress | None = None, **settings: Any
) -> Comparison[Result]: ...
def estimate(network: NetworkLike, on: Any, *, progress: Progress | None = None, **settings: Any) -> Any:
    """Latency, energy and peak memory in closed form, per operator and in total.

    Parameters
    ----------
    network : str, path or Graph
        A catalogue name, a file (.onnx, .tflite, .csv), or a graph.
    on : str, path, Device, or a sequence of them
        The device; several give a comparison.
    progress : callable, optional
        Called with the name of each device before its turn.
    **settings
        Fields of :class:`boardless.settings.Settings`: batch, dtype, unit, threads, runtime, ...

    Returns
    -------
    Result or Comparison

    >>> import boardless as bl
    >>> bl.estimate("lenet5", on="raspberry_pi_4", threads=1).fits
    True
    """
    return _each(network, on, settings, progress, _estimated)


def simulate(
    network: NetworkLike,
    on: Any,
    *,
    beside: Sequence[str] = (),
    streams: Sequence[str] = (),
    progress: Progress | None = None,
    **settings: Any,
) -> Any:
    """The same by events: a Result with the trace, with start and waiting of each operator. Other arguments as of :func:`estimate`.

    Parameters
    ----------
    beside : sequence of str
        Networks that run on the device at the same time: ``"mlperf_tiny_kws:every=33ms,priority=2,deadline=33ms"``.
    streams : sequence of str
        Sensors that deliver blocks of bytes: ``"microphone:bytes=640,every=20ms"``.
    """
    if not beside and not streams:
        return _each(network, on, settings, progress, _simulated)
    chosen = Settings.of(settings)
    return _each(network, on, settings, progress, partial(_simulated_together, chosen, tuple(beside), tuple(streams)))


def memory(network: NetworkLike, on: Any, *, progress: Progress | None = None, **settings: Any) -> Any:
    """What lives where and when: a Result with the buffers, their offsets and the arenas. Arguments as of :func:`estimate`."""
    return _each(network, on, settings, progress, _laid_out, _lowered_anyway)


def map(
    network: NetworkLike,
    on: Any,
    *,
    objective: str | None = None,
    gap: float | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Any:
    """How each operator lies on an array: loop nest, accesses, cycles, stalls. Other arguments as of :func:`estimate`.

    Parameters
    ----------
    objective : str or None
        ``latency``, ``energy``, ``edp`` or ``dram_bytes``: the best of all mappings instead of those of the array's own control.
    gap : float or None
        Share by which such a mapping may miss the best one; it ends the search earlier.
    """
    free = free_choice(objective, gap, settings)
    if free is None:
        return _each(network, on, settings, progress, _mapped)
    own = {name: value for name, value in settings.items() if name not in ("dataflow", "hypothetical")}
    return _each(network, on, own, progress, partial(_mapped_freely, free))


def dataflows_beside(network: NetworkLike, on: DeviceLike, result: MappingResult, **settings: Any) -> list[MappingResult]:
    """A mapping answer, and where no dataflow was asked for those of the other dataflows its array unit does."""
    unit = require_array(result.schedule) if result.schedule is not None else None
    if unit is None or any(settings.get(name) is not None for name in ("dataflow", "mapping", "objective")):
        return [result]
    asked = result.settings["dataflow"]
    return [result if name == asked else map(network, on, **(settings | {"dataflow": name})) for name in unit.dataflows or (asked,)]


def explain(network: NetworkLike, on: DeviceLike, operator: str, **settings: Any) -> explanation.Explanation:
    """One operator's latency and energy traced back to formulas, counts, rates and sources. Arguments as of :func:`estimate`."""
    return explanation.explain(estimate(network, on, **settings), operator)


def compare(
    network: NetworkLike,
    on: DeviceLike,
    *,
    accuracy: str | PathLike[str] | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Stepwise:
    """What each strategy of ``strategy=[...]`` buys, one after the other: a stage per strategy, the plain run first.

    Parameters
    ----------
    accuracy : path or None
        Table of measured accuracy losses: columns ``strategies`` and ``accuracy_loss``.
    progress : callable, optional
        Called with each strategy before its turn.

    >>> import boardless as bl
    >>> [stage.strategy for stage in bl.compare("lenet5", on="raspberry_pi_4", strategy=["quantize", "fuse"])]
    [None, 'quantize', 'fuse']
    """
    chosen = Settings.of(settings)
    losses = read_accuracy(accuracy) if accuracy is not None else None
    device = _device(on, chosen)
    party = Party(device.name, _unit(device, chosen))
    own = suited(chosen, party, [party])
    problem = _problem(_graph(network, chosen), device, own)
    stages = []
    for strategy in (None, *chosen.strategies):
        if progress is not None:
            progress(strategy.spec if strategy is not None else "plain")
        problem = strategy.apply(problem) if strategy is not None else problem
        done = [step.strategy for step in problem.steps]
        lowered = problem.schedule()
        result = _with_notes(_estimated(lowered, _recorded(replace(own, strategy=done), lowered)), own)
        loss = loss_of(losses, done) if losses is not None else None
        stages.append(Stage(strategy.spec if strategy else None, problem.steps[-1].changed if strategy else "", result, loss))
    return Stepwise(stages)


def optimize(
    network: NetworkLike,
    on: DeviceLike,
    *,
    objective: str | Sequence[str] = ("latency",),
    limit: Sequence[str] = (),
    accuracy: str | PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> Optimized:
    """The best recipes of strategies under budgets: all of a small space, a seeded sample of a large one.

    Parameters
    ----------
    objective : str or sequence of str
        ``latency``, ``energy``, ``edp``, ``peak``, ``dram_bytes``.
    limit : sequence of str
        Budgets: ``latency=50ms``, ``sram=256KiB``, ``flash=1MiB``, ``energy=1mJ``, ``accuracy_loss=1``.
    accuracy : path or None
        Table of measured accuracy losses; its recipes are among the choices.
    progress : callable, optional
        Called with recipes tried and recipes in all.
    **settings
        As of :func:`estimate`; each of ``strategy=[...]`` is one more choice.

    >>> import boardless as bl
    >>> bl.optimize("lenet5", on="stm32h743", objective="latency").points[0].recipe[0]
    'quantize:dtype=int8'
    """
    chosen = Settings.of(settings)
    losses = read_accuracy(accuracy) if accuracy is not None else {}
    device = _device(on, chosen)
    party = Party(device.name, _unit(device, chosen))
    own = suited(chosen, party, [party])
    problem = _problem(_graph(network, chosen), device, own).replace(accuracy=losses)
    wanted = [objective] if isinstance(objective, str) else objective
    command = _command(network, on, chosen)
    return optimized(problem, wanted, limit, command, extra=own.strategies, progress=progress)


def _command(network: NetworkLike, on: DeviceLike, chosen: Settings) -> str:
    """The command that estimates the network on the device under these settings, strategies left out."""
    words = ["boardless", "estimate", network.name if isinstance(network, Graph) else str(network)]
    words += ["--on", on.name if isinstance(on, Device) else str(on)]
    for name, value in vars(chosen).items():
        if name == "strategy" or value == getattr(Settings(), name):
            continue
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words += [option] if name != "fold" else ["--no-fold"]
        elif isinstance(value, Mapping):
            words += [word for key, entry in value.items() for word in (option, f"{key}={entry}")]
        else:
            words += [
                word for entry in ([value] if isinstance(value, str | int | Path) else value) for word in (option, str(entry))
            ]
    return shlex.join(words)


def schedule(network: NetworkLike, on: DeviceLike, **settings: Any) -> Schedule:
    """What a run would do, without seconds. Arguments as of :func:`estimate`."""
    chosen = Settings.of(settings)
    device = _device(on, chosen)
    party = Party(device.name, _unit(device, chosen))
    return _lowered(_graph(network, chosen), device, suited(chosen, party, [party]))


def _each(
    network: NetworkLike, on: Any, settings: dict[str, Any], progress: Progress | None, answer: Callable[..., R],
    lowering: Callable[[Graph, Device, Settings], Schedule] | None = None,
) -> Any:  # fmt: skip
    """The answer on one device, or on each of several; the network is read once."""
    chosen = Settings.of(settings)
    several = not isinstance(on, str | PathLike | Device)
    devices = [_device(spec, chosen) for spec in (on if several else [on])]
    if not devices:
        raise UsageError("--on: no device; at least one name of `boardless devices` or path of a device file is expected")
    graph = _graph(network, chosen)
    parties = [Party(device.name, _unit(device, chosen)) for device in devices]
    results = []
    for device, party in zip(devices, parties, strict=True):
        if progress is not None:
            progress(device.name)
        own = suited(chosen, party, parties)
        lowered = (lowering or _lowered)(graph, device, own)
        results.append(_with_notes(answer(lowered, _recorded(own, lowered)), own))
    return Comparison(results) if several else results[0]


def _with_notes(result: R, chosen: Settings) -> R:
    """The result with what the choice of a runtime had to assume."""
    note = load_runtime(chosen.runtime).note if chosen.runtime is not None else ""
    return replace(result, notes=(*result.notes, f"runtime: {note}")) if note else result


def _estimated(lowered: Schedule, settings: dict[str, Any]) -> Result:
    answer = with_paths(with_tokens(closed_form(lowered, settings), lowered.graph), lowered.graph)
    return Result.of(with_duty_cycle(answer, lowered.device), lowered)


def _simulated(lowered: Schedule, settings: dict[str, Any]) -> Result:
    spent = durations(lowered)
    trace = play(lowered, spent)
    answer = with_paths(with_tokens(estimate_of_trace(lowered, trace, settings, spent), lowered.graph), lowered.graph)
    return Result.of(with_duty_cycle(answer, lowered.device), lowered, trace)


def _simulated_together(
    chosen: Settings, beside: Sequence[str], streams: Sequence[str], lowered: Schedule, settings: dict[str, Any]
) -> Result:
    def on_what_is_left(name: str, device: Device, own: Settings) -> Schedule:
        return _lowered(_graph(name, own), device, own)

    parties = parties_of(lowered, beside, chosen, on_what_is_left)
    together = simulate_together(parties, streams_of(parties, streams))
    said = {**settings, "with": list(beside), "streams": list(streams)}
    answer = estimate_of_trace(lowered, together.trace_of(parties[0]), said, together.durations_of(parties[0]))
    end = next(job.end_ps for job in together.jobs_of(parties[0].name))
    notes = tuple(f"{party.name}: does not fit: {s}" for party in parties[1:] for s in party.schedule.placement.shortfalls)
    answer = replace(answer, notes=(*answer.notes, *notes))
    return Result.of(with_tokens(answer, lowered.graph), lowered, together.trace.until(end), together)


def _mapped(lowered: Schedule, settings: dict[str, Any]) -> MappingResult:
    require_array(lowered)
    answer = with_paths(with_tokens(closed_form(lowered, settings), lowered.graph), lowered.graph)
    return replace(MappingResult.of(answer, lowered), layers=layers_of(lowered, answer.operators))


def _mapped_freely(choice: FreeChoice, lowered: Schedule, settings: dict[str, Any]) -> MappingResult:
    said, (free, mapped) = {**settings, **choice.said}, choice.on(lowered)
    answer = with_paths(with_tokens(closed_form(free, said), free.graph), free.graph)
    return replace(MappingResult.of(answer, free), layers=layers_of(free, answer.operators, mapped))


def _laid_out(lowered: Schedule, settings: dict[str, Any]) -> MemoryResult:
    plan = plan_memory(lowered)
    view, placed = view_of(plan), plan.schedule
    answer = with_paths(with_tokens(closed_form(placed, settings), placed.graph), placed.graph)
    short = with_exact_addresses(plan, (*answer.shortfalls, *arena_shortfalls(placed.placement, view)))
    short = with_levers(placed, short, [recipe for recipe in candidates_for(placed) if recipe != "reorder"])
    answer = replace(answer, shortfalls=short, notes=(*answer.notes, *plan.notes, *untried(placed, short)))
    return replace(MemoryResult.of(answer, placed), view=view)


def _graph(network: NetworkLike, chosen: Settings) -> Graph:
    """The network as asked for: batch, sizes, element types, batch norms folded or kept."""
    if not isinstance(network, Graph):
        graph = load_network(
            network if isinstance(network, str) else Path(network), batch=chosen.batch, dims=chosen.dims, dtype=chosen.dtype,
            allow_unmodelled=chosen.allow_unmodelled, fold=chosen.fold, format=chosen.format, context=chosen.context,
            phase=chosen.phase, catalogue_paths=[str(path) for path in chosen.networks],
        )  # fmt: skip
        return graph.replace(settings={**graph.settings, "fold": chosen.fold})
    graph = rebatch(network, chosen.batch) if chosen.batch is not None else network
    return retype(graph, chosen.dtype) if chosen.dtype is not None else graph


def _device(spec: DeviceLike, chosen: Settings) -> Device:
    if isinstance(spec, Device):
        return spec
    return load_device(spec if isinstance(spec, str) else Path(spec), chosen.overrides, [str(path) for path in chosen.devices])


def _unit(device: Device, chosen: Settings) -> ComputeUnit:
    return unit_named(device, chosen.unit or device.default_unit.name)


def _lowered(graph: Graph, device: Device, chosen: Settings) -> Schedule:
    problem = apply_all(_problem(graph, device, chosen), chosen.strategies)
    done = tuple(f"{step.spec}: {step.changed}" for step in problem.steps)
    found = problem.schedule()
    return replace(found, notes=(*done, *found.notes)) if done else found


def _lowered_anyway(graph: Graph, device: Device, chosen: Settings) -> Schedule:
    """The schedule, as if the runtime had every operator: memory can be laid out before all kernels exist."""
    try:
        return _lowered(graph, device, chosen)
    except ScheduleError:
        problem = apply_all(_problem(graph, device, chosen), chosen.strategies)
        unit, runtime = unit_named(device, problem.plan.unit), runtime_named(problem.plan.runtime)
        graph = problem.runnable
        tables = graph_tables(graph)
        able = supported(graph, tables, unit, runtime)
        lacking = [o for i, o in enumerate(graph.operators) if not able[i] and KINDS[tables.operators.kind[i]] != "free"]
        if not lacking or runtime is None:
            raise
        placed = {operator.name: unit.name for operator in lacking}
        found = problem.replace(plan=replace(problem.plan, placement={**placed, **problem.plan.placement})).schedule()
        names = ", ".join(dict.fromkeys(operator.op for operator in lacking))
        return replace(found, notes=(*found.notes, f"runtime {runtime.name} has no {names}: laid out and priced as if it had"))


def _problem(graph: Graph, device: Device, chosen: Settings) -> Problem:
    """The network on the device, nothing done yet: the layerwise plan."""
    unit = _unit(device, chosen)
    _check_dtype(unit, chosen)
    names = (operator.name for operator in graph.operators)
    mappings = read_mappings(chosen.mapping, unit.kind, names) if chosen.mapping is not None else {}
    plan = layerwise_plan(
        graph, device, unit=chosen.unit, threads=chosen.threads if isinstance(unit, CpuUnit) else None, runtime=chosen.runtime,
        profile=chosen.profile, dataflow=chosen.dataflow, mappings=mappings, timing=chosen.timing, batch=chosen.batch,
        hypothetical=chosen.hypothetical, seed=chosen.seed,
    )  # fmt: skip
    return Problem(graph, device, plan, seed=chosen.seed, may_retype=chosen.dtype is None)


def _check_dtype(unit: ComputeUnit, chosen: Settings) -> None:
    """Refuse a type that the unit does not compute."""
    if chosen.dtype is not None and chosen.dtype not in unit.dtypes and chosen.dtype not in WEIGHT_FORMATS:
        known = ", ".join(unit.dtypes)
        raise UsageError(f"--dtype: '{chosen.dtype}'; unit '{unit.name}' computes {known}; {nearest(chosen.dtype, unit.dtypes)}")


def _recorded(chosen: Settings, lowered: Schedule) -> dict[str, Any]:
    """Settings of the run as the contract names them; those of arrays and decoders where they play a part."""
    unit = lowered.units[lowered.plan.unit]
    said: dict[str, Any] = {"threads": lowered.plan.threads if isinstance(unit, CpuUnit) else None}
    if chosen.dtype in WEIGHT_FORMATS:
        said["dtype"] = chosen.dtype
    if isinstance(unit, ArrayUnit):
        said |= {"dataflow": lowered.plan.dataflow or unit.dataflows[0], "timing": lowered.plan.timing}
        said |= {"hypothetical": True} if chosen.hypothetical else {}
        said |= {"mapping": "given"} if lowered.plan.mappings else {}
    if chosen.dims:
        said["dim"] = chosen.dims
    for name in ("context", "phase"):
        if getattr(chosen, name) is not None:
            said[name] = getattr(chosen, name)
    if chosen.every is not None:
        said["every_s"] = seconds_of(chosen.every)
    if chosen.battery is not None:
        said["battery_j"] = joules_of(chosen.battery)
    if chosen.strategies:
        said["strategies"] = [strategy.spec for strategy in chosen.strategies]
    return {**said, "set": chosen.overrides}
