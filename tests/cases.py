"""Random small networks, devices and schedules, and a unit model simple enough to work by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataflows.unit_work import UnitSettings, UnitWork
from hwmodels.device import ComputeUnit, Device, Link, MemoryLevel
from hwmodels.terms import Term
from sim.lower import layerwise_plan, lower
from sim.schedule import Schedule
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.tables import GraphTables

#: Seconds per MAC, per element operation, per weight byte, per activation byte, per operator of a toy unit at 1 GHz.
TOY_PRICES = (1e-9, 1e-9, 2e-9, 0.5e-9, 100e-9)
TOY_TERMS = (
    Term("macs", "compute", "MAC", "MACs", "1 / frequency", ("frequency",)),
    Term("elements", "compute", "operation", "element operations", "1 / frequency", ("frequency",)),
    Term("weights", "flash", "B", "weight bytes", "2 ns"),
    Term("activations", "sram", "B", "activation bytes read and written", "0.5 ns"),
    Term("dispatch", "overhead", "operator", "1", "100 ns"),
)


def toy_lowering(
    graph: Graph, tables: GraphTables, device: Device, unit: ComputeUnit, settings: UnitSettings, mine: NDArray[np.bool_]
) -> UnitWork:
    """1 ns per MAC and element operation at 1 GHz, 2 ns per weight byte, 0.5 ns per activation byte, 100 ns per operator.

    A unit whose name says ``fusing`` computes a Relu inside the operator before it; one whose name says ``enqueued`` has its work
    handed over by a host. Reshapes are free. Without an active power, energy is 1 pJ per MAC.
    """
    ops = tables.operators
    amounts = np.column_stack(
        [ops.macs, ops.element_operations, ops.weight_bytes, ops.input_bytes + ops.output_bytes, np.ones_like(ops.macs)]
    ).astype(np.float64)
    details: dict[int, dict[str, Any]] = {}
    for i, operator in enumerate(graph.operators):
        if operator.op in ("Flatten", "Reshape"):
            amounts[i] = 0.0
        if "fusing" in unit.name and operator.op == "Relu" and operator.inputs[0] in graph.producer:
            amounts[i] = 0.0
            details[i] = {"fused_into": graph.operators[graph.producer[operator.inputs[0]]].name}
    amounts[~mine] = 0.0
    traffic = np.zeros((len(graph.operators), 2, 2), np.int64)
    traffic[:, 0, 0] = ops.weight_bytes
    traffic[:, 1, 0], traffic[:, 1, 1] = ops.input_bytes, ops.output_bytes
    traffic[~mine] = 0
    scale = 1e9 / unit.frequency_hz
    prices = np.array(TOY_PRICES) * (scale, scale, 1, 1, 1)
    by_energy = unit.active_power_w is None
    return UnitWork(
        unit.name, unit.kind, unit.join, TOY_TERMS, None, amounts, ("flash", "sram"), traffic, prices,
        TOY_TERMS[:1] if by_energy else (), amounts[:, :1] if by_energy else amounts[:, :0],
        np.array([1e-12]) if by_energy else np.zeros(0), details, "overhead" if "enqueued" in unit.name else None,
    )  # fmt: skip


LOWERINGS = {"toy": toy_lowering, "vector": toy_lowering}


def toy_unit(name: str = "core", **changes: Any) -> ComputeUnit:
    """A unit of the toy model."""
    fields: dict[str, Any] = {
        "kind": "toy", "frequency_hz": 1e9, "dtypes": ("int8", "fp32"), "join": "sum", "runtime": None, "weights_in": ("flash",),
        "activations_in": ("sram",), "active_power_w": 0.5,
    }  # fmt: skip
    return ComputeUnit(name=name, **{**fields, **changes})


def toy_device(
    *units: ComputeUnit, sram: int | None = 2**30, far: int = 2**30, host: str | None = None, links: tuple[Link, ...] = ()
) -> Device:
    """One flash, two memories for activations, and the given units (one plain core without any)."""
    memories = (
        MemoryLevel("flash", "flash", 2**30),
        MemoryLevel("sram", "sram", sram),
        MemoryLevel("far", "external_ram", far),
        MemoryLevel("cache", "cache", 1024),
    )
    chosen = units or (toy_unit(),)
    return Device(
        "toy",
        "a device for tests",
        {u.name: u for u in chosen},
        {m.name: m for m in memories},
        {k.name: k for k in links},
        {},
        "chip",
        host,
    )


def random_graph(rng: np.random.Generator, layers: int = 8, batch: int = 1, prefix: str = "", dtype: str = "fp32") -> Graph:
    """A network with chains, branches that join again, and a classifier."""
    net = GraphBuilder("random", dtype)
    values = [net.input((batch, int(rng.integers(1, 5)), 8, 8), name=f"{prefix}input")]
    for layer in range(layers):
        source = values[int(rng.integers(max(0, len(values) - 3), len(values)))]
        values.append(_random_layer(net, rng, source, values, f"{prefix}layer_{layer}"))
    pooled = net.global_average_pool(values[-1], name=f"{prefix}pool")
    return net.finish(
        net.linear(net.flatten(pooled, name=f"{prefix}flatten"), 10, name=f"{prefix}linear"), settings={"batch": batch}
    )


def _random_layer(net: GraphBuilder, rng: np.random.Generator, source: str, values: list[str], name: str) -> str:
    choice = int(rng.integers(5))
    if choice == 0:
        return net.conv(source, int(rng.integers(1, 9)), 3, padding=1, name=name)
    if choice == 1:
        return net.depthwise(source, 3, padding=1, name=name)
    if choice == 2:
        return net.activation(source, "relu", name=name)
    like = [v for v in values if net.shape(v) == net.shape(source)]
    other = like[int(rng.integers(len(like)))]
    return net.plus(source, other, name=name) if choice == 3 else net.concat([source, other], name=name)


def chain_graph(layers: int = 3) -> Graph:
    """Convolutions one after the other."""
    net = GraphBuilder("chain")
    value = net.input((1, 2, 4, 4))
    for layer in range(layers):
        value = net.conv(value, 2, 1, bias=False, name=f"conv_{layer}")
    return net.finish(value)


def lowered(graph: Graph, device: Device, **plan: Any) -> Schedule:
    """A schedule of the toy model; ``plan`` changes the layerwise plan."""
    return lower(graph, device, replace(layerwise_plan(graph, device), **plan), LOWERINGS)


def split_placement(graph: Graph, rng: np.random.Generator, names: tuple[str, ...]) -> dict[str, str]:
    """Each operator on a random one of the units."""
    return {operator.name: names[int(rng.integers(len(names)))] for operator in graph.operators}


def contended(schedule: Schedule) -> Schedule:
    """The same tasks without an order of execution: whoever is ready first gets the resource."""
    plan = replace(schedule.plan, one_at_a_time=False)
    return replace(schedule, plan=plan, tasks=tuple(replace(task, follows=()) for task in schedule.tasks))
