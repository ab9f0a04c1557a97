"""Explanations: multiplying and adding up the leaves gives the value again; every number says where it comes from."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from boardless.explanation import Explanation, Node, explain
from boardless.machine_form import json_text
from boardless.results import Result
from hwmodels.device import Device, Link
from hwmodels.provenance import Source, Status
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from tests.cases import LOWERINGS, random_graph, toy_device, toy_unit
from workloads.errors import GraphError
from workloads.graph import Graph


def result_on(device: Device, graph: Graph) -> Result:
    schedule = lower(graph, device, layerwise_plan(graph, device), LOWERINGS)
    return Result.of(estimate(schedule), schedule)


def recomputed(node: Node) -> float:
    """The value of a node from its leaves alone."""
    if node.formula == "amount x price":
        return node.terms[0].value * node.terms[1].value
    if node.formula == "power x time":
        return node.terms[0].value * node.terms[1].value
    parts = [recomputed(child) for child in node.children]
    if not parts:
        return 0.0
    return max(parts) if node.formula.startswith("largest") else math.fsum(parts)


def check(explained: Explanation) -> None:
    """Each node equals what its leaves give, within the rounding to whole picoseconds."""
    assert explained.latency.value == explained.operator.latency_s
    assert math.isclose(recomputed(explained.latency), explained.operator.latency_s, rel_tol=1e-9, abs_tol=4e-12)
    for phase in explained.latency.children:
        assert phase.value is not None and math.isclose(recomputed(phase), phase.value, rel_tol=1e-9, abs_tol=1e-12)
    if explained.operator.energy_j is not None:
        assert math.isclose(recomputed(explained.energy), explained.operator.energy_j, rel_tol=1e-9, abs_tol=1e-20)


@pytest.mark.parametrize("join", ["sum", "max"])
@pytest.mark.parametrize("power", [0.5, None])
def test_leaves_give_the_value_again(random_generator: np.random.Generator, join: str, power: float | None) -> None:
    graph = random_graph(random_generator)
    result = result_on(toy_device(toy_unit("fusing", join=join, active_power_w=power)), graph)
    for row in result.operators:
        check(explain(result, row.name))


def test_a_convolution_by_hand(random_generator: np.random.Generator) -> None:
    graph = random_graph(random_generator)
    result = result_on(toy_device(), graph)
    operator = next(o for o in graph.operators if o.op == "Conv")
    explained = explain(result, operator.name)
    macs = result.operators[graph.operators.index(operator)].macs
    product = explained.latency.children[0].children[0]
    assert (product.terms[0].value, product.terms[0].unit) == (macs, "MAC")
    assert (product.terms[1].value, product.terms[1].unit) == (1e-9, "s/MAC")  # 1 ns per MAC at 1 GHz
    assert product.value == macs * 1e-9


def test_parameters_carry_citation_and_status(random_generator: np.random.Generator) -> None:
    source = Source("1 GHz", "data sheet of the toy, table 1", Status.DATASHEET)
    plain_device = toy_device()
    device = Device(
        **{**{f: getattr(plain_device, f) for f in plain_device.__dataclass_fields__}, "sources": {"units.core.frequency": source}}
    )
    explained = explain(result_on(device, random_graph(random_generator)), "linear")
    fact = explained.latency.children[0].children[0].terms[2]
    assert (fact.name, fact.value, fact.unit) == ("units.core.frequency", 1e9, "Hz")
    assert (fact.source, fact.status) == ("data sheet of the toy, table 1", "datasheet")
    assert "units.core.frequency = 1.00 GHz (datasheet [1])" in explained.text()
    assert "[1]  data sheet of the toy, table 1" in explained.text()


def test_fused_and_free_operators_say_so(random_generator: np.random.Generator) -> None:
    result = result_on(toy_device(toy_unit("fusing")), random_graph(random_generator, layers=12))
    fused = next(row for row in result.operators if row.details.get("fused_into"))
    assert f"fused into {fused.details['fused_into']}" in explain(result, fused.name).text()
    assert "free" in explain(result, "flatten").latency.formula


def test_transfers_to_a_host_are_explained(random_generator: np.random.Generator) -> None:
    link = Link("bridge", "sram", "far", 1e9, 1e-6)
    host = toy_unit("host", activations_in=("far",), weights_in=("far",))
    main = toy_unit("core", operators=("convolution", "depthwise"))
    device = toy_device(main, host, host="host", links=(link,))
    result = result_on(device, random_graph(random_generator, layers=12))
    moved = [row for row in result.operators if "bridge" in dict(row.phases)]
    assert moved
    for row in moved:
        explained = explain(result, row.name)
        check(explained)
        assert explained.latency.formula == "longest chain of the phases"
        assert explained.latency.children[0].name == "bridge"


def test_machine_form_has_the_keys_of_the_contract(random_generator: np.random.Generator) -> None:
    explained = explain(result_on(toy_device(), random_graph(random_generator)), "linear")
    form = json.loads(json_text(explained.to_dict()))

    def walk(node: dict) -> None:
        assert {"value", "unit", "formula", "terms", "children"} <= set(node)
        assert all(set(term) == {"name", "value", "unit", "source", "status"} for term in node["terms"])
        for child in node["children"]:
            walk(child)

    walk(form)
    walk(form["energy"])
    assert form["operator"] == "linear" and form["value"] == explained.operator.latency_s


def test_unknown_operator_gets_the_nearest_names(random_generator: np.random.Generator) -> None:
    with pytest.raises(GraphError, match="--operator: 'liner' is not in network 'random'; nearest: linear"):
        explain(result_on(toy_device(), random_graph(random_generator)), "liner")
