"""Networks kept as layer tables, and the search space named by its codes."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.workloads.networks.counts import macs
from workloads import GraphError
from workloads.networks.tabled import TABLED, TABLES, table_of
from workloads.readers import load_network, network_list


@pytest.mark.parametrize("name", sorted(TABLED))
def test_tables_load_and_are_called_by_their_name(name: str) -> None:
    path = table_of(name)
    assert path is not None
    graph = load_network(name)
    assert graph.name == name.removesuffix("_int8")
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert macs(graph) == sum(int(row["macs"] or 0) for row in rows)


def test_every_table_is_listed_and_every_listed_table_exists() -> None:
    assert {path.stem for path in TABLES.glob("*.csv")} == set(TABLED)
    assert set(TABLED) <= {entry.name for entry in network_list()}


def test_the_quantised_copy_is_taken_for_its_type() -> None:
    as_asked, by_name = load_network("ncnn_resnet18", dtype="int8"), load_network("ncnn_resnet18_int8")
    assert as_asked.weights_bytes == by_name.weights_bytes < load_network("ncnn_resnet18").weights_bytes
    assert {t.dtype for t in by_name.weights if t.name.startswith("fc")} == {"fp32"}  # that layer was left in float


def test_totals_are_those_of_the_source(shared_folder: Path) -> None:
    summary = (shared_folder / "measured/networks/networks_summary.csv").read_text(encoding="utf-8")
    totals = {row["network"]: row for row in csv.DictReader(summary.splitlines())}
    spelling = {"yolo-fastest-1.1": "yolo_fastest_1_1", "FastestDet": "fastestdet"}
    for network, row in totals.items():
        if "llm" not in network:
            written = network.removeprefix("ncnn_")
            name = "ncnn_" + spelling.get(written, written.replace("-", "_"))
            assert macs(load_network(name)) == int(row["macs"])


def test_searched_networks_are_named_by_their_code() -> None:
    graph = load_network("nasbench201:33pn3p")
    assert graph.name == "nasbench201:33pn3p"
    # Stem 3*16*9*1024; a cell of 2 + 1 convolutions 3x3; reductions; classifier 64 * 10.
    per_stage = [3 * channels * channels * 9 * side * side for channels, side in ((16, 32), (32, 16), (64, 8))]
    reductions = [(a * b * 9 + b * b * 9 + a * b) * side * side for a, b, side in ((16, 32, 16), (32, 64, 8))]
    assert macs(graph) == 3 * 16 * 9 * 1024 + 5 * sum(per_stage) + sum(reductions) + 640


@pytest.mark.parametrize("code", ["nnnnnn", "nnnsnn", "pppppp", "sn1n3s"])
def test_edges_nobody_reaches_are_left_out(code: str) -> None:
    graph = load_network(f"nasbench201:{code}")
    assert all(graph.consumers[t.name] or t.role == "output" for t in graph.tensors.values())


def test_what_is_refused() -> None:
    with pytest.raises(GraphError, match="arch '33xn3p'; six letters of n, s, 1, 3, p"):
        load_network("nasbench201:33xn3p")
    with pytest.raises(GraphError, match="network 'resnet18' has no architectures to choose from"):
        load_network("resnet18:33pn3p")
    with pytest.raises(GraphError, match="'ncnn_resnet5' is not in the catalogue.*ncnn_resnet50"):
        load_network("ncnn_resnet5")
