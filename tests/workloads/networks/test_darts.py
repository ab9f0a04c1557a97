"""Networks of the DARTS search space: codes say what is in a cell, and wrong ones are refused."""

from __future__ import annotations

from collections import Counter

import pytest

from workloads.errors import GraphError
from workloads.networks import build
from workloads.networks.darts import SECOND_ORDER
from workloads.readers import load_network


def test_a_code_is_what_the_cells_hold() -> None:
    graph = load_network("darts:s0s1s0s1s0s1s0s1-m0m1m0m1m0m1m0m1")
    ops = Counter(operator.op for operator in graph.operators)
    depthwise = [o for o in graph.operators if o.op == "Conv" and o.attributes.get("group", 1) > 1]
    assert len(depthwise) == 12 * 8 * 2  # twelve normal cells, eight separable convolutions of two depthwise ones
    assert ops["MaxPool"] == 2 * 8
    assert graph.outputs[0].shape == (1, 1000)


def test_a_skip_costs_nothing_where_it_does_not_halve() -> None:
    plain = build("darts", arch="i0i1i0i1i0i1i0i1-m0m1m0m1m0m1m0m1")
    assert not [o for o in plain.operators if o.op == "Conv" and o.attributes.get("group", 1) > 1]


@pytest.mark.parametrize(
    "code",
    [
        "",
        "s0",
        SECOND_ORDER.replace("-", ""),
        SECOND_ORDER.replace("s0", "x0", 1),
        "s2" + SECOND_ORDER[2:],
        SECOND_ORDER + "m0",
        "-",
    ],
)
def test_other_codes_are_refused(code: str) -> None:
    with pytest.raises(GraphError, match="arch"):
        build("darts", arch=code)
