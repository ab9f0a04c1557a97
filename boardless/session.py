"""The whole flow as short functions: what the command line and notebooks call.

    network ── load_network ──▶ Graph ──┐
                                        ├── layerwise_plan, lower ──▶ Schedule ──┬── estimate ──▶ Estimate ──▶ Result
    device  ── load_device ──▶ Device ──┘                                        └── simulate ──▶ Trace ─────▶ Result

Every function takes the network, the device or a list of devices, and the settings of :class:`boardless.settings.Settings` by name.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar, overload

from boardless import explanation
from boardless.errors import UsageError
from boardless.memory_view import arena_shortfalls, memory_view
from boardless.results import Comparison, MemoryResult, Result
from boardless.settings import Settings
from hwmodels.device import ArrayUnit, ComputeUnit, CpuUnit, Device
from hwmodels.reader import load_device
from sim.assignment import nearest_dtype, unit_named
from sim.durations import durations
from sim.engine import estimate_of_trace
from sim.engine import simulate as play
from sim.estimate import estimate as closed_form
from sim.lower import layerwise_plan, lower
from sim.schedule import Schedule
from workloads.dtypes import is_float
from workloads.graph import Graph
from workloads.readers import load_network
from workloads.transforms import folded, retyped

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


def simulate(network: NetworkLike, on: Any, *, progress: Progress | None = None, **settings: Any) -> Any:
    """The same by events: a Result with the trace, with start and waiting of each operator. Arguments as of :func:`estimate`."""
    return _each(network, on, settings, progress, _simulated)


def memory(network: NetworkLike, on: Any, *, progress: Progress | None = None, **settings: Any) -> Any:
    """What lives where and when: a Result with the buffers, their offsets and the arenas. Arguments as of :func:`estimate`."""
    return _each(network, on, settings, progress, _laid_out)


def explain(network: NetworkLike, on: DeviceLike, operator: str, **settings: Any) -> explanation.Explanation:
    """One operator's latency and energy traced back to formulas, counts, rates and sources. Arguments as of :func:`estimate`."""
    return explanation.explain(estimate(network, on, **settings), operator)


def schedule(network: NetworkLike, on: DeviceLike, **settings: Any) -> Schedule:
    """What a run would do, without seconds. Arguments as of :func:`estimate`."""
    chosen = Settings.of(settings)
    return _lowered(_graph(network, chosen), _device(on, chosen), chosen)


def _each(network: NetworkLike, on: Any, settings: dict[str, Any], progress: Progress | None, answer: Callable[..., R]) -> Any:
    """The answer on one device, or on each of several; the network is read once."""
    chosen = Settings.of(settings)
    several = not isinstance(on, str | PathLike | Device)
    devices = [_device(spec, chosen) for spec in (on if several else [on])]
    if not devices:
        raise UsageError("--on: no device; at least one name of `boardless devices` or path of a device file is expected")
    graph = _graph(network, chosen)
    arrays = [isinstance(_unit(device, chosen), ArrayUnit) for device in devices]
    results = []
    for device, array in zip(devices, arrays, strict=True):
        if progress is not None:
            progress(device.name)
        own = chosen if array else _without_array_settings(chosen, device, others=any(arrays))
        lowered = _lowered(graph, device, own)
        results.append(answer(lowered, _recorded(own, lowered)))
    return Comparison(results) if several else results[0]


def _estimated(lowered: Schedule, settings: dict[str, Any]) -> Result:
    return Result.of(closed_form(lowered, settings), lowered)


def _simulated(lowered: Schedule, settings: dict[str, Any]) -> Result:
    spent = durations(lowered)
    trace = play(lowered, spent)
    return Result.of(estimate_of_trace(lowered, trace, settings, spent), lowered, trace)


def _laid_out(lowered: Schedule, settings: dict[str, Any]) -> MemoryResult:
    view = memory_view(lowered)
    answer = closed_form(lowered, settings)
    short = (*answer.shortfalls, *arena_shortfalls(lowered.placement, view))
    return replace(MemoryResult.of(replace(answer, shortfalls=short), lowered), view=view)


def _graph(network: NetworkLike, chosen: Settings) -> Graph:
    if isinstance(network, Graph):
        return network
    graph = load_network(
        network, batch=chosen.batch, dims=chosen.dims, context=chosen.context, phase=chosen.phase,
        allow_unmodelled=chosen.allow_unmodelled, extra_paths=tuple(chosen.networks), table_format=chosen.format,
    )  # fmt: skip
    return folded(graph) if chosen.fold else graph


def _device(spec: DeviceLike, chosen: Settings) -> Device:
    if isinstance(spec, Device):
        return spec
    return load_device(spec if isinstance(spec, str) else Path(spec), chosen.overrides, tuple(chosen.devices))


def _unit(device: Device, chosen: Settings) -> ComputeUnit:
    return unit_named(device, chosen.unit or device.default_unit.name)


def _without_array_settings(chosen: Settings, device: Device, *, others: bool) -> Settings:
    """Settings without a dataflow, which only an array has: refused where no device of the run has one, else said."""
    if chosen.dataflow is None:
        return chosen
    unit = _unit(device, chosen)
    if not others:
        raise UsageError(f"--dataflow: '{chosen.dataflow}'; unit '{unit.name}' of {device.name} is no array; leave --dataflow out")
    warnings.warn(f"--dataflow {chosen.dataflow}: ignored on {device.name}, whose unit '{unit.name}' is no array", stacklevel=4)
    return replace(chosen, dataflow=None, hypothetical=False)


def _lowered(graph: Graph, device: Device, chosen: Settings) -> Schedule:
    unit = _unit(device, chosen)
    typed = _typed(graph, unit, chosen)
    plan = layerwise_plan(
        typed, device, unit=chosen.unit, threads=chosen.threads if isinstance(unit, CpuUnit) else None, runtime=chosen.runtime,
        profile=chosen.profile, dataflow=chosen.dataflow, mappings=_mappings(chosen), timing=chosen.timing, batch=chosen.batch,
        hypothetical=chosen.hypothetical, seed=chosen.seed,
    )  # fmt: skip
    return lower(typed, device, plan)


def _typed(graph: Graph, unit: ComputeUnit, chosen: Settings) -> Graph:
    """The network in types the unit computes: as asked, else the file's, else the nearest the unit has (which is then assumed)."""
    if chosen.dtype is not None:
        return _retyped_as_asked(graph, unit, chosen.dtype)
    wanted = nearest_dtype(unit, graph)
    if wanted is None:
        return graph
    return retyped(graph, wanted).replace(settings={**graph.settings, "dtype_assumed": True})


def _retyped_as_asked(graph: Graph, unit: ComputeUnit, dtype: str) -> Graph:
    if dtype not in unit.dtypes:
        raise UsageError(f"--dtype: '{dtype}'; unit '{unit.name}' computes {', '.join(unit.dtypes)}; one of them is expected")
    floats = any(is_float(tensor.dtype) for tensor in graph.tensors.values())
    if is_float(dtype) and not floats:
        raise UsageError(f"--dtype: '{dtype}'; {graph.name} is quantised already and stays so; leave --dtype out")
    return retyped(graph, dtype)


def _mappings(chosen: Settings) -> dict[str, dict[str, float]]:
    if chosen.mapping is None:
        return {}
    from dataflows.mapping_file import read_mappings

    return read_mappings(chosen.mapping)


def _recorded(chosen: Settings, lowered: Schedule) -> dict[str, Any]:
    """Settings of the run as the contract names them; those of arrays and decoders where they play a part."""
    unit = lowered.units[lowered.plan.unit]
    said: dict[str, Any] = {"threads": lowered.plan.threads if isinstance(unit, CpuUnit) else None, "fold": chosen.fold}
    if isinstance(unit, ArrayUnit):
        said |= {"dataflow": lowered.plan.dataflow or unit.dataflows[0], "timing": lowered.plan.timing}
        said |= {"hypothetical": True} if chosen.hypothetical else {}
        said |= {"mapping": "given"} if lowered.plan.mappings else {}
    if chosen.dims:
        said["dim"] = chosen.dims
    for name in ("context", "phase"):
        if getattr(chosen, name) is not None:
            said[name] = getattr(chosen, name)
    return {**said, "set": chosen.overrides}
