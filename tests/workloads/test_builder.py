"""The builder: shapes, names, weights, and what it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workloads.networks.counts import macs
from workloads import GraphError, WeightFacts
from workloads.builder import ACTIVATION_OPERATORS, GraphBuilder, pads_of
from workloads.operators import RULES


@pytest.mark.parametrize(
    ("shape", "expected", "weights", "count"),
    [
        # length 10, kernel 3, padding 1: 10 positions of 3 taps, 4 x 6 channel pairs
        ((1, 4, 10), (1, 6, 10), (6, 4, 3), 10 * 3 * 24),
        ((2, 4, 10, 8), (2, 6, 10, 8), (6, 4, 3, 3), 2 * 80 * 9 * 24),
        ((1, 4, 5, 6, 7), (1, 6, 5, 6, 7), (6, 4, 3, 3, 3), 210 * 27 * 24),
    ],
)
def test_convolutions_of_every_rank(
    shape: tuple[int, ...], expected: tuple[int, ...], weights: tuple[int, ...], count: int
) -> None:
    net = GraphBuilder("net")
    x = net.conv(net.input(shape), 6, 3, 1, 1)
    graph = net.finish(x)
    assert graph.outputs[0].shape == expected
    assert [t.shape for t in graph.weights] == [weights, (6,)]
    assert macs(graph) == count


def test_groups_and_depthwise() -> None:
    net = GraphBuilder("net")
    x = net.conv(net.input((1, 8, 4, 4)), 16, 1, groups=4, bias=False, name="grouped")
    x = net.depthwise(x, 3, 1, 1, name="depthwise")
    graph = net.finish(x)
    assert graph.tensors["grouped.weight"].shape == (16, 2, 1, 1)
    assert graph.tensors["depthwise.weight"].shape == (16, 1, 3, 3)
    assert macs(graph) == 16 * 16 * 2 + 16 * 16 * 9


def test_norms_and_activations_stand_apart() -> None:
    net = GraphBuilder("net")
    graph = net.finish(net.conv_norm(net.input((1, 3, 8, 8)), 4, 3, 2, activation="relu6", name="first"))
    assert [(o.name, o.op) for o in graph.operators] == [
        ("first", "Conv"), ("first.norm", "BatchNormalization"), ("first.relu6", "Clip"),
    ]  # fmt: skip
    assert graph.operator("first").attribute("pads") == (1, 1, 1, 1)


def test_fused_activations_and_integer_biases() -> None:
    net = GraphBuilder("net", "int8", fused_activations=True)
    graph = net.finish(net.linear(net.conv(net.input((1, 3, 8, 8)), 4, 3, activation="relu", name="c"), 5, name="f"))
    assert [(o.op, o.attribute("activation")) for o in graph.operators] == [("Conv", "relu"), ("Gemm", None)]
    assert {t.name: t.dtype for t in graph.weights} == {
        "c.weight": "int8", "c.bias": "int32", "f.weight": "int8", "f.bias": "int32",
    }  # fmt: skip


def test_names_are_numbered_by_kind_and_scope() -> None:
    net = GraphBuilder("net")
    x = net.conv(net.input((1, 3, 8, 8)), 4, 1)
    x = net.conv(x, 4, 1)
    with net.scope("block"):
        x = net.activation(net.conv(x, 4, 1), "relu")
        with net.scope("inner"):
            x = net.max_pool(x, 2)
    x = net.conv(x, 4, 1)
    names = [o.name for o in net.finish(x).operators]
    assert names == ["conv_1", "conv_2", "block.conv_1", "block.relu_1", "block.inner.pool_1", "conv_3"]


def test_tokens_keep_their_axes() -> None:
    net = GraphBuilder("net")
    x = net.linear(net.layer_norm(net.input((2, 5, 8))), 12, activation="gelu")
    first, rest = net.split(x, (4, 8), axis=-1)
    graph = net.finish(net.softmax(first), rest)
    assert {t.shape for t in graph.outputs} == {(2, 5, 4), (2, 5, 8)}
    assert macs(graph) == 2 * 5 * 8 * 12


def test_shared_weights_and_states() -> None:
    net = GraphBuilder("net")
    table = net.weight("table", (10, 4))
    x = net.embedding(net.input((1, 3), "ids", "int64"), table)
    with net.scope("layer"):
        cache = net.state((1, 8, 4), "cache")
    x = net.add("TensorScatter", [cache, x], axis=1)
    graph = net.finish(net.linear(x, 10, bias=False, weight=table), settings={"phase": "decode"})
    assert graph.settings == {"states": ("layer.cache",), "phase": "decode"}
    assert [t.name for t in graph.weights] == ["table"]
    assert graph.outputs[0].shape == (1, 8, 10)


def test_facts_of_weights_are_kept() -> None:
    facts = WeightFacts(zero_output_channels=(1,))
    net = GraphBuilder("net")
    graph = net.finish(net.conv(net.input((1, 3, 4, 4)), 2, 1, facts=facts, name="c"))
    assert graph.tensors["c.weight"].facts == facts


def test_every_activation_has_a_rule() -> None:
    assert {op for op, _ in ACTIVATION_OPERATORS.values()} <= set(RULES)


@given(
    size=st.integers(1, 64), kernel=st.integers(1, 9), stride=st.integers(1, 4), dilation=st.integers(1, 3), odd=st.integers(1, 9)
)
@settings(max_examples=50, deadline=None)
def test_same_padding_gives_size_over_stride(size: int, kernel: int, stride: int, dilation: int, odd: int) -> None:
    top, left, bottom, right = pads_of("same", (size, odd), (kernel, 1), (stride, 1), (dilation, 1))
    assert (left, right) == (0, 0) and 0 <= bottom - top <= 1
    net = GraphBuilder("net")
    x = net.conv(net.input((1, 1, size, odd)), 1, (kernel, 1), (stride, 1), "same", dilation=(dilation, 1))
    assert net.shape(x) == (1, 1, -(-size // stride), odd)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda net, x: net.conv(x, 4, 3, groups=2), "3 into 4 channels in 2 groups; multiples of 2 are expected"),
        (lambda net, x: net.conv(x, 4, (3, 3, 3)), "sizes (3, 3, 3) for 2 spatial axes; one number or 2 are expected"),
        (lambda net, x: net.conv(x, 4, 3, padding=(1, 1, 1)), "padding: (1, 1, 1) for 2 axes; 2 or 4 numbers are expected"),
        (lambda net, x: net.conv(x, 4, 3, padding="valid"), "padding: 'valid'; a number, one per axis"),
        (lambda net, x: net.conv(x, 4, 9), "conv_1"),
        (lambda net, x: net.conv("inptu", 4, 3), "tensor 'inptu' is not built yet; nearest: input"),
        (lambda net, x: net.activation(x, "rleu"), "activation 'rleu' is not known; nearest: relu"),
        (lambda net, x: net.conv(x, 4, 3, activation="rleu"), "activation 'rleu' is not known; nearest: relu"),
        (lambda net, x: net.add("Conw", x), "'Conw' has no rule; nearest: Conv"),
        (lambda net, x: net.max_pool(net.max_pool(x, 2, name="p"), 2, name="p"), "'p' is built twice"),
        (lambda net, x: net.plus(x, net.conv(x, 4, 3)), "do not broadcast"),
    ],
)
def test_mistakes_are_told_in_one_line(build: object, expected: str) -> None:
    net = GraphBuilder("net")
    with pytest.raises(GraphError) as error:
        build(net, net.input((1, 3, 8, 8)))  # type: ignore[operator]
    assert expected in str(error.value) and "\n" not in str(error.value)
