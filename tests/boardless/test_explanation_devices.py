"""Explanations on the devices of the catalogue: the trees multiply out, and so do the formulas of the prices."""

from __future__ import annotations

import math
import re

import pytest

import boardless as bl
from boardless.explanation import SOURCE_OF, Node, explain
from hwmodels.device import ArrayUnit
from hwmodels.reader import load_device
from tests.boardless.test_explanation import check

DEVICES = ("stm32h743", "raspberry_pi_4", "jetson_nano", "diannao", "eyeriss_v1", "shidiannao", "systolic_32x32")
CONSTANT = re.compile(r"(\d[\d.]*) (GB/s|B/cycle|cycles?)")
SCALES = {"GB/s": 1e9, "B/cycle": 1.0, "cycle": 1.0, "cycles": 1.0}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("network", ["lenet5", "mlperf_tiny_kws"])
def test_leaves_give_the_value_of_every_operator(network: str, device: str) -> None:
    result = bl.estimate(network, on=device)
    for row in result.operators:
        check(explain(result, row.name))


def products(node: Node) -> list[Node]:
    """Nodes that are an amount times a price."""
    return ([node] if node.formula == "amount x price" else []) + [p for child in node.children for p in products(child)]


def priced(product: Node) -> float | None:
    """The price computed from its formula and the values of the files; None where the formula speaks of more than these."""
    formula = product.terms[1].source.partition(SOURCE_OF)[0].replace("energy per byte", "energy")
    for fact in sorted(product.terms[2:], key=lambda fact: -len(fact.name)):
        if isinstance(fact.value, int | float):
            short = fact.name.split(".", 2)[-1]
            for name in (fact.name, short):
                formula = re.sub(rf"(?<![\w.]){re.escape(name)}(?![\w.])", repr(float(fact.value)), formula)
    formula = CONSTANT.sub(lambda match: repr(float(match[1]) * SCALES[match[2]]), formula)
    if re.search(r"[A-Za-z]", re.sub(r"\d+\.?\d*e[+-]?\d+", "", formula)):
        return None
    return float(eval(formula, {"__builtins__": {}}))


@pytest.mark.parametrize(("device", "least"), [("stm32h743", 20), ("raspberry_pi_4", 40), ("systolic_32x32", 20)])
def test_price_formulas_give_the_prices(device: str, least: int) -> None:
    result = bl.estimate("mlperf_tiny_ic", on=device)
    evaluated = 0
    for row in result.operators:
        explained = explain(result, row.name)
        for product in products(explained.latency) + products(explained.energy):
            price = priced(product)
            if price is not None:
                evaluated += 1
                assert math.isclose(price, product.terms[1].value, rel_tol=1e-9), (row.name, product.name, product.terms[1].source)
    assert evaluated >= least


@pytest.mark.parametrize("device", DEVICES)
def test_every_value_of_a_file_has_a_source_and_a_status(device: str) -> None:
    result = bl.estimate("lenet5", on=device)
    for row in result.operators:
        for product in products(explain(result, row.name).latency):
            for fact in product.terms:
                assert fact.source and fact.status in ("counted", "computed", "datasheet", "measured", "fitted", "assumed"), fact


@pytest.mark.parametrize("device", ["nvdla_small", "gemmini_default", "ethos_u55_128", "edge_tpu"])
def test_a_model_that_stands_in_says_so(device: str) -> None:
    """In the file, in ``explain`` and in ``map``; parts with a model of their own say nothing."""
    unit = load_device(device).units["array"]
    assert isinstance(unit, ArrayUnit) and "stands in" in unit.stands_in
    for said in (bl.explain("lenet5", device, "c3").text(width=1000), bl.map("lenet5", on=device).text(width=1000)):
        assert f"model: {unit.stands_in}" in said
    for own in ("diannao", "shidiannao", "eyeriss_v1", "tpu_v1", "systolic_32x32"):
        assert not getattr(load_device(own).units["array"], "stands_in", "")


def test_a_graphics_card_names_the_shares_of_its_architecture_and_its_power_limit() -> None:
    result = bl.estimate("lenet5", on="rtx_3090", dtype="fp16", batch=64)
    (matrix,) = [node for node in products(explain(result, "c3").latency) if node.name == "matrix"]
    names = [fact.name for fact in matrix.terms]
    assert "runtimes.torch_eager.architectures.ampere.matrix_share" in names and "units.gpu.power_limit" in names
    other = [node for node in products(explain(bl.estimate("lenet5", on="gtx_1080_ti"), "c3").latency) if node.name == "matrix"][0]
    assert "runtimes.torch_eager.matrix_share" in [fact.name for fact in other.terms], (
        "an architecture nobody measured has the shares of all"
    )
