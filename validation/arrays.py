"""Array parts against published figures: Eyeriss v1 on AlexNet, the common systolic simulator's counts."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from dataflows.array_nests import array_nests
from dataflows.array_units import row_stationary_array
from dataflows.row_stationary import RowStationaryMapping
from dataflows.row_stationary_search import rank_of_mapping, row_stationary_nest
from dataflows.run_length import run_length_share
from hwmodels.device import ArrayUnit, Device
from hwmodels.reader import load_device
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from sim.results import OperatorEstimate
from validation.array_rows import predictions
from validation.compare import Compared, Report
from validation.measurement import Dataset
from validation.reader import FOLDER
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.tables import graph_tables

Layer = Mapping[str, str]


def layers_of(dataset: str) -> list[Layer]:
    """Shapes and settings of the measured layers of a dataset."""
    with open(FOLDER / dataset / "layers.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def eyeriss_v1_alexnet(dataset: Dataset) -> list[Report]:
    """Two columns: the published mappings given, and mappings chosen by our rule."""
    layers = layers_of(dataset.name)
    published = [layer for layer in layers if layer["reading"] == "published"]
    second = [
        layer if layer["layer"] != "CONV3" else other for layer in published for other in layers if other["reading"] == "3-2-2"
    ]
    return [
        _eyeriss(dataset, second, "published mappings, CONV3 read as 3-2-2"),
        _eyeriss(dataset, published, "published mappings, CONV3 as printed (4-1-4)"),
        _eyeriss(dataset, published, "mappings chosen by our rule", given=False),
    ]


def _eyeriss(dataset: Dataset, layers: list[Layer], split: str, given: bool = True) -> Report:
    device = load_device("eyeriss_v1")
    found: dict[str, Mapping[str, float]] = {}
    notes = []
    for layer in layers:
        graph = layer_graph(layer, batch=4)
        zeros = {"input_zero_share": float(layer["input_zero_share"])}
        mapping = {name: int(layer[name]) for name in "nmepqrt"}
        if not given:
            searched = lower(graph, device, layerwise_plan(graph, device)).work["array"].details[0]["mapping"]
            notes.append(
                f"{layer['layer']}: chosen {' '.join(str(v) for v in searched.values())}, published "
                f"{' '.join(str(v) for v in mapping.values())} is number {_rank(graph, device, mapping)} of the search"
            )
            mapping = {name: int(value) for name, value in searched.items()}
        plan = layerwise_plan(graph, device, mappings={layer["layer"]: {**mapping, **zeros}})
        (row,) = estimate(lower(graph, device, plan)).operators
        found[layer["layer"]] = _eyeriss_values(row, layer, graph)
    rows = tuple(Compared(m, found[m.layer][m.metric]) for m in dataset.rows if m.layer in found)
    return Report(dataset.name, split, rows, refitted="nothing; window factor and two power numbers were fitted on these rows",
                  notes=(*notes, *dataset.caveats))  # fmt: skip


def layer_graph(layer: Layer, batch: int) -> Graph:
    """One convolution as a network of its own."""
    draft = GraphBuilder(layer["layer"], dtype="int16")
    side, channels = int(layer["side"]), int(layer["channels"])
    source = draft.input((batch, channels, side, side), "input")
    return draft.finish(draft.conv(
        source, int(layer["filters"]), int(layer["kernel"]), int(layer["stride"]), int(layer["padding"]),
        groups=int(layer["groups"]), bias=False, name=layer["layer"],
    ))  # fmt: skip


def _rank(graph: Graph, device: Device, mapping: Mapping[str, int]) -> int:
    """Place of a mapping among all legal ones, by the objective of the search; 1 is the best."""
    unit = device.units["array"]
    assert isinstance(unit, ArrayUnit)
    array = row_stationary_array(device, unit)
    nests = array_nests(graph, graph_tables(graph), np.ones(len(graph.operators), np.bool_))
    return rank_of_mapping(row_stationary_nest(nests, 0, array), array, RowStationaryMapping(**mapping))


def _eyeriss_values(row: OperatorEstimate, layer: Layer, graph: Graph) -> dict[str, float]:
    phases = dict(row.phases)
    dram_read, dram_written = row.bytes["dram"]
    weights = graph.weights_bytes * _weight_passes(row, layer)
    first = layer["layer"] == "CONV1"  # the image is not compressed
    inputs = (dram_read - weights) * (1.0 if first else run_length_share(float(layer["input_zero_share"])))
    outputs = dram_written * run_length_share(float(layer["output_zero_share"]))
    return {
        "processing_s": phases["compute"],
        "latency_s": row.latency_s,
        "power_w": (row.energy_j or float("nan")) / row.latency_s,
        "active_pes": float(row.details["active_pes"]),
        "glb_bytes": float(sum(row.bytes["glb"])),
        "dram_bytes": weights + inputs + outputs,
    }


def _weight_passes(row: OperatorEstimate, layer: Layer) -> int:
    """Times the filters are read from DRAM: once per group of images and strip of output rows."""
    mapping = row.details["mapping"]
    output = (int(layer["side"]) + 2 * int(layer["padding"]) - int(layer["kernel"])) // int(layer["stride"]) + 1
    return -(-4 // int(mapping["n"])) * -(-output // int(mapping["e"]))


def systolic_reference(dataset: Dataset) -> list[Report]:
    """Cycles, input and filter reads and output writes under ``--timing reference``: equal, or it is a defect."""
    device = load_device("systolic_32x32")
    found: dict[str, Mapping[str, float]] = {}
    for layer in layers_of(dataset.name):
        unit = device.units["array"]
        assert isinstance(unit, ArrayUnit)
        shaped = replace(unit, rows=int(layer["rows"]), columns=int(layer["columns"]))
        changed = replace(device, units={**device.units, "array": shaped})
        draft = GraphBuilder("product", dtype="int8")
        source = draft.input((int(layer["pixels"]), int(layer["reduction"])), "input")
        graph = draft.finish(draft.linear(source, int(layer["filters"]), bias=False, name="product"))
        plan = layerwise_plan(graph, changed, dataflow=layer["dataflow"], timing="reference")
        (row,) = estimate(lower(graph, changed, plan)).operators
        found[layer["layer"]] = {
            name: float(row.details[name]) for name in ("cycles", "input_reads", "weight_reads", "output_writes")
        }
    rows = tuple(Compared(m, found[m.layer][m.metric]) for m in dataset.rows)
    return [Report(dataset.name, "none", rows, notes=dataset.caveats)]


def published_rows(dataset: Dataset) -> list[Report]:
    """Edge TPU, Ethos-U and TPU v1: each row by the ordinary lowering of its network on its device."""
    rows = tuple(Compared(row, value) for row, value in predictions(dataset))
    return [
        Report(
            dataset.name, "none", rows, refitted="nothing; the device's constants were fitted on these rows", notes=dataset.caveats
        )
    ]
