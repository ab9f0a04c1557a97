"""Lives of tensors: small cases by hand, random ones against a walk that asks every step of every tensor."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads import Graph, GraphError, Operator, Tensor
from workloads.liveness import Life, liveness, lower_bound_bytes


def diamond() -> Graph:
    """x(10) -> a -> h(40); h -> b -> l(20); h -> c -> r(30); l, r -> d -> y(10). Sizes in bytes."""
    sizes = {"x": 10, "h": 40, "l": 20, "r": 30, "y": 10}
    roles = {"x": "input", "y": "output"}
    return Graph.build(
        "diamond",
        [
            Operator("a", "Relu", ("x",), ("h",)),
            Operator("b", "Relu", ("h",), ("l",)),
            Operator("c", "Relu", ("h",), ("r",)),
            Operator("d", "Add", ("l", "r"), ("y",)),
        ],
        [Tensor(name, (size,), "int8", roles.get(name, "activation")) for name, size in sizes.items()],
    )


def test_diamond():
    found = liveness(diamond())
    # a: x h = 50; b: h l = 60; c: h l r = 90; d: l r y = 60.
    assert found.load_bytes == (50, 60, 90, 60)
    assert (found.peak_bytes, found.peak_step, found.peak_operator) == (90, 2, "c")
    assert [life.tensor for life in found.peak_lives] == ["h", "r", "l"]
    assert found.lower_bound_bytes == 70  # c alone: h and r
    assert found.lives[0] == Life(("x",), 10, 0, 0)


def test_order_changes_the_load():
    # c first: a 50; c: h r = 70; b: h r l = 90; d: 60.
    found = liveness(diamond(), [0, 2, 1, 3])
    assert found.load_bytes == (50, 70, 90, 60)
    assert found.order == ("a", "c", "b", "d")


@pytest.mark.parametrize(
    ("order", "words"),
    [([0, 1, 2], "each index once"), ([0, 1, 1, 3], "each index once"), ([1, 0, 2, 3], "'b' reads 'h' before 'a'")],
)
def test_wrong_orders_are_refused(order: list[int], words: str):
    with pytest.raises(GraphError, match=words):
        liveness(diamond(), order)


def with_reshape(role: str = "activation") -> Graph:
    """x(8) -> a -> h(8) -> reshape -> v(8) -> b -> y(8), and h is read again by c -> z(8)."""
    names = {"x": "input", "h": "activation", "v": role, "y": "output", "z": "output"}
    tensors = [Tensor(name, (2, 4) if name == "v" else (8,), "int8", kind) for name, kind in names.items()]
    operators = [
        Operator("a", "Relu", ("x",), ("h",)),
        Operator("reshape", "Reshape", ("h",), ("v",), {"shape": (2, 4)}),
        Operator("b", "Flatten", ("v",), ("y",)) if role == "output" else Operator("b", "Relu", ("v",), ("y",)),
        Operator("c", "Relu", ("h",), ("z",)),
    ]
    return Graph.build("views", operators, tensors)


def test_views_share_bytes():
    apart, shared = liveness(with_reshape(), views=False), liveness(with_reshape(), views=True)
    # apart: x h 16; h v 16; h v y 24; h y z 24. Shared, v lives in h: 16; 8; 16; 24.
    assert apart.load_bytes == (16, 16, 24, 24)
    assert shared.load_bytes == (16, 8, 16, 24)
    assert Life(("h", "v"), 8, 0, 3) in shared.lives
    assert (apart.lower_bound_bytes, shared.lower_bound_bytes) == (16, 16)


def test_a_view_that_is_an_output_keeps_its_base_alive():
    found = liveness(with_reshape("output"))
    life = next(life for life in found.lives if life.tensor == "h")
    assert life.tensors == ("h", "v", "y")
    assert (life.first, life.last) == (0, 3)


def test_a_view_of_a_constant_holds_nothing():
    tensors = [
        Tensor("w", (4,), role="weight"),
        Tensor("v", (2, 2)),
        Tensor("x", (2, 2), role="input"),
        Tensor("y", (2, 2), role="output"),
    ]
    operators = [Operator("r", "Reshape", ("w",), ("v",), {"shape": (2, 2)}), Operator("a", "Add", ("x", "v"), ("y",))]
    graph = Graph.build("constant", operators, tensors)
    assert liveness(graph).load_bytes == (16, 32)
    assert liveness(graph, views=False).load_bytes == (32, 48)


def test_dead_results_live_one_step():
    tensors = [Tensor("x", (4,), "int8", "input"), Tensor("d", (100,), "int8"), Tensor("y", (4,), "int8", "output")]
    graph = Graph.build("dead", [Operator("a", "Relu", ("x",), ("d",)), Operator("b", "Relu", ("x",), ("y",))], tensors)
    assert liveness(graph).load_bytes == (104, 8)


def test_no_operators_no_load():
    found = liveness(Graph.build("empty", [], [Tensor("x", (4,), role="input")]))
    assert (found.peak_bytes, found.peak_operator, found.load_bytes) == (0, None, ())


@st.composite
def graphs(draw) -> Graph:
    """Random graphs of adders and reshapes; some results are outputs, some are dead."""
    tensors = [Tensor("x0", (draw(st.integers(1, 9)),), "int8", "input")]
    operators = []
    for i in range(draw(st.integers(1, 8))):
        sources = [draw(st.sampled_from(tensors)) for _ in range(draw(st.integers(1, 3)))]
        role = draw(st.sampled_from(["activation", "activation", "output"]))
        if draw(st.booleans()):
            tensors.append(Tensor(f"t{i}", (1, *sources[0].shape), "int8", role))
            operators.append(Operator(f"o{i}", "Unsqueeze", (sources[0].name,), (f"t{i}",), {"axes": (0,)}))
        else:
            tensors.append(Tensor(f"t{i}", (draw(st.integers(1, 9)),), "int8", role))
            operators.append(Operator(f"o{i}", "Sum", tuple(t.name for t in sources), (f"t{i}",)))
    return Graph.build("random", operators, tensors)


def random_order(draw, graph: Graph) -> list[int]:
    """A random valid order."""
    left, order = set(range(len(graph.operators))), []
    while left:
        ready = sorted(i for i in left if all(graph.producer.get(name, -1) not in left for name in graph.operators[i].inputs))
        order.append(draw(st.sampled_from(ready)))
        left.remove(order[-1])
    return order


def walked_load(graph: Graph, order: list[int], views: bool) -> list[int]:
    """Bytes at each step: an allocation counts if something in it was written by now and something in it is still to be read."""
    base = {name: name for name in graph.tensors}
    if views:
        for operator in graph.operators:
            if operator.op == "Unsqueeze":
                base[operator.outputs[0]] = base[operator.inputs[0]]
    step = {index: place for place, index in enumerate(order)}
    loads = []
    for now in range(len(order)):
        total = 0
        for root in set(base.values()):
            members = [name for name in base if base[name] == root]
            begins = [step[graph.producer[m]] if m in graph.producer else 0 for m in members]
            needed = any(
                graph.tensors[m].role == "output"
                or any(step[reader] >= now for reader in graph.consumers[m])
                or (m in graph.producer and step[graph.producer[m]] >= now)
                for m in members
            )
            unread_input = not needed and now == 0 and graph.tensors[root].role == "input"
            if min(begins) <= now and (needed or unread_input):
                total += max(graph.tensors[m].bytes for m in members)
        loads.append(total)
    return loads


@given(st.data(), graphs(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_agrees_with_the_walk(data, graph: Graph, views: bool):
    order = random_order(data.draw, graph)
    found = liveness(graph, order, views=views)
    assert list(found.load_bytes) == walked_load(graph, order, views)
    assert found.peak_bytes >= found.lower_bound_bytes == lower_bound_bytes(graph, views=views)
    assert sum(life.bytes for life in found.peak_lives) == found.peak_bytes
    assert sorted(name for life in found.lives for name in life.tensors) == sorted(graph.tensors)
    assert max(liveness(graph, order, views=True).load_bytes) <= max(liveness(graph, order, views=False).load_bytes)
