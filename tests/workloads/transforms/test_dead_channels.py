"""Dead channels: a hand-worked chain, what must stay, and the published size of a pruned network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.workloads.networks.counts import macs
from workloads.builder import GraphBuilder
from workloads.graph import Graph, WeightFacts
from workloads.networks import build
from workloads.transforms import remove_dead_channels


def chain(made: tuple[int, ...], ignored: tuple[int, ...], *, branch: bool = False, pad: bool = False) -> Graph:
    """4x4x3 -> 1x1 convolution of 8 -> ReLU -> depthwise 3x3 -> 1x1 convolution of 5."""
    net = GraphBuilder("chain", "int8")
    x = net.input((1, 3, 4, 4))
    first = net.conv(x, 8, 1, name="first", facts=WeightFacts(zero_share=len(made) / 8, zero_output_channels=made))
    y = net.activation(first, "relu", name="relu")
    y = net.add("Pad", y, name="pad", pads=(0, 0, 1, 1, 0, 0, 1, 1)) if pad else y
    y = net.depthwise(y, 3, 1, 1, name="depthwise")
    y = net.conv(y, 5, 1, name="last", facts=WeightFacts(zero_share=len(ignored) / 8, zero_input_channels=ignored))
    outputs = (y, net.conv(first, 2, 1, name="other")) if branch else (y,)
    return net.finish(*outputs)


def test_by_hand() -> None:
    """Channels 1 and 6 go: 6 are left. first 16*3*6 = 288, depthwise 16*9*6 = 864, last 16*6*5 = 480 MACs: 1,632."""
    smaller = remove_dead_channels(chain((1, 3, 6), (0, 1, 6)))
    assert macs(smaller) == 1632
    shapes = {
        o.name: (smaller.tensors[o.inputs[1]].shape, smaller.tensors[o.outputs[0]].shape)
        for o in smaller.operators
        if len(o.inputs) > 1
    }
    assert shapes == {
        "first": ((6, 3, 1, 1), (1, 6, 4, 4)), "depthwise": ((6, 1, 3, 3), (1, 6, 4, 4)), "last": ((5, 6, 1, 1), (1, 5, 4, 4)),
    }  # fmt: skip
    assert smaller.tensors[smaller.operators[0].inputs[2]].shape == (6,)
    assert smaller.notes[-1].startswith("2 channels of zeros are left out")
    facts = smaller.tensors[smaller.operators[0].inputs[1]].facts
    assert facts is not None and facts.zero_share == pytest.approx(3 / 18) and not facts.zero_output_channels


@pytest.mark.parametrize(
    "graph",
    [
        chain((1,), (2,)),
        chain((), (0, 1)),
        chain((0, 1), ()),
        chain((1,), (1,), branch=True),
        chain((1,), (1,), pad=True),
        build("mlperf_tiny_ic"),
    ],
)
def test_what_is_made_or_read_stays(graph: Graph) -> None:
    assert remove_dead_channels(graph) is graph


def test_a_layer_keeps_a_channel() -> None:
    every = tuple(range(8))
    smaller = remove_dead_channels(chain(every, every))
    assert smaller.tensors[smaller.operators[0].outputs[0]].shape == (1, 1, 4, 4)


def test_shared_weights_stay() -> None:
    graph = chain((1,), (1,))
    first, last = graph.operators[0], graph.operators[-1]
    again = replace(first, name="again", inputs=(graph.inputs[0].name, *first.inputs[1:]), outputs=("twin",))
    twin = replace(graph.tensors[first.outputs[0]], name="twin", role="output")
    shared = graph.replace(operators=[*graph.operators, again], tensors={**graph.tensors, "twin": twin})
    assert remove_dead_channels(shared) is shared
    assert last.name == "last"


def test_visual_wake_words() -> None:
    """X-CUBE-AI 8.1 reports 42,612 bytes of weights and biases (41.6133 KiB) of 219,064; MACs fall from 7.49 to 3.81 million."""
    graph = build("mlperf_tiny_vww")
    smaller = remove_dead_channels(graph)
    stored = sum(tensor.bytes for tensor in smaller.weights)
    assert stored == 42_592 and abs(stored - 42_612) <= 20
    assert (macs(graph), macs(smaller)) == (7_489_664, 3_809_951)
    assert [o.name for o in smaller.operators] == [o.name for o in graph.operators]
    assert remove_dead_channels(smaller) is smaller
