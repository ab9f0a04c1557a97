"""Transfers between the memories of two units, over the links of the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dataflows.unit_work import LINK, UnitWork
from hwmodels.costs.link import link_prices
from hwmodels.device import ComputeUnit, Device, Link
from hwmodels.terms import Term
from workloads.graph import Graph

SOURCE = "one outstanding request: latency + size / bandwidth"


@dataclass(frozen=True, slots=True)
class Transfer:
    """One tensor moved for one operator."""

    operator: int
    tensor: str
    bytes: int
    source: str  # memory it lies in
    target: str  # memory the operator reads
    link: str | None  # None where the device file has no link between the two


def transfers_of(
    graph: Graph, device: Device, units: Mapping[str, ComputeUnit], unit_of: Sequence[str], regions: Mapping[str, str]
) -> list[Transfer]:
    """Tensors that an operator finds in a memory its unit does not use; the first reader of a unit pays for the move."""
    found: list[Transfer] = []
    moved: set[tuple[str, str]] = set()
    for i, operator in enumerate(graph.operators):
        reach = units[unit_of[i]].activations_in
        for name in dict.fromkeys(operator.inputs):
            if (
                not name
                or name not in graph.producer
                or not reach
                or regions.get(name) in (None, *reach)
                or (name, reach[0]) in moved
            ):
                continue
            moved.add((name, reach[0]))
            link = link_between(device, regions[name], reach[0])
            found.append(Transfer(i, name, graph.tensors[name].bytes, regions[name], reach[0], link.name if link else None))
    return found


def link_between(device: Device, source: str, target: str) -> Link | None:
    """The link that joins two memories, in either direction; the first of the device file."""
    return next((link for link in device.links.values() if {link.source, link.target} == {source, target}), None)


def link_work(link: Link, transfers: Sequence[Transfer], operators: int) -> UnitWork:
    """Requests and bytes of a link, one row per operator."""
    terms = (
        Term("requests", link.name, "request", "tensors moved", "latency", ("latency",), SOURCE),
        Term("bytes", link.name, "B", "bytes of the tensors moved", "1 / bandwidth", ("bandwidth",), SOURCE),
    )
    energy = Term("link_bytes", link.name, "B", "bytes of the tensors moved", "energy per byte", ("energy",), "device file")
    amounts = np.zeros((operators, 2))
    traffic = np.zeros((operators, 2, 2), np.int64)
    for move in transfers:
        amounts[move.operator] += (1.0, move.bytes)
        forward = move.source == link.source
        traffic[move.operator, 0 if forward else 1, 0] += move.bytes
        traffic[move.operator, 1 if forward else 0, 1] += move.bytes
    return UnitWork(
        unit=link.name,
        kind=LINK,
        join="sum",
        terms=terms,
        parameters=None,
        amounts=amounts,
        levels=(link.source, link.target),
        traffic=traffic,
        prices=np.array(link_prices(link.bandwidth_bytes_per_s, link.latency_s)),
        energy_terms=(energy,),
        energy_amounts=amounts[:, 1:],
        energy_prices=np.array([np.nan if link.energy_j_per_byte is None else link.energy_j_per_byte]),
    )
