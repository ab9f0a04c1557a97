"""Swin transformer (Liu et al., ICCV 2021): attention in windows of 7x7 that are shifted in every other layer."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.blocks import image

WINDOW = 7


def swin(
    layers: tuple[int, ...], features: int, heads: int, *, batch: int = 1, resolution: int = 224, classes: int = 1000
) -> Graph:
    """Patches of 4, four stages that merge 2x2 patches between them, mean over places, classifier; tensors are channels last."""
    net = GraphBuilder("swin")
    x = net.conv(image(net, batch, resolution), features, 4, 4, name="patches")
    x = net.layer_norm(net.transpose(x, (0, 2, 3, 1), name="last"), name="patches.norm")
    for stage, count in enumerate(layers):
        if stage:
            with net.scope(f"stage{stage}.merge"):
                x = _merge(net, x)
        for i in range(count):
            with net.scope(f"stage{stage}.{i}"):
                x = _layer(net, x, heads * 2**stage, shifted=bool(i % 2))
    x = net.layer_norm(x, name="norm")
    x = net.add("ReduceMean", x, name="mean", axes=(1, 2), keepdims=0)
    return net.finish(net.linear(x, classes, name="head"))


def _merge(net: GraphBuilder, x: str) -> str:
    """Four neighbours side by side, a norm, half as many features."""
    x = _padded(net, x, 2)
    batch, height, width, features = net.shape(x)
    x = net.reshape(x, (batch, height // 2, 2, width // 2, 2, features), name="split")
    x = net.transpose(x, (0, 1, 3, 4, 2, 5), name="gather")
    x = net.reshape(x, (batch, height // 2, width // 2, 4 * features), name="join")
    return net.linear(net.layer_norm(x, name="norm"), 2 * features, bias=False, name="reduction")


def _layer(net: GraphBuilder, x: str, heads: int, shifted: bool) -> str:
    batch, height, width, features = net.shape(x)
    shifted = shifted and height > WINDOW
    y = _padded(net, net.layer_norm(x, name="norm1"), WINDOW)
    _, high, wide, _ = net.shape(y)
    y = _rolled(net, y, "shift") if shifted else y
    y = net.reshape(y, (batch, high // WINDOW, WINDOW, wide // WINDOW, WINDOW, features), name="windows.split")
    y = net.transpose(y, (0, 1, 3, 2, 4, 5), name="windows.gather")
    windows = high * wide // WINDOW**2
    y = net.reshape(y, (batch * windows, WINDOW**2, features), name="windows")
    y = _attention(net, y, heads, windows if shifted else 0)
    y = net.reshape(y, (batch, high // WINDOW, wide // WINDOW, WINDOW, WINDOW, features), name="places.split")
    y = net.transpose(y, (0, 1, 3, 2, 4, 5), name="places.gather")
    y = net.reshape(y, (batch, high, wide, features), name="places")
    y = _rolled(net, y, "unshift") if shifted else y
    if (high, wide) != (height, width):
        y = net.add("Slice", y, name="unpadded", starts=(0, 0), ends=(height, width), axes=(1, 2))
    x = net.plus(x, y, name="add1")
    y = net.linear(net.layer_norm(x, name="norm2"), 4 * features, activation="gelu", name="fc1")
    return net.plus(x, net.linear(y, features, name="fc2"), name="add2")


def _padded(net: GraphBuilder, x: str, multiple: int) -> str:
    """Zeros below and to the right until both sides are multiples."""
    _, height, width, _ = net.shape(x)
    below, right = -height % multiple, -width % multiple
    return net.add("Pad", x, name="padded", pads=(0, 0, 0, 0, 0, below, right, 0)) if below or right else x


def _attention(net: GraphBuilder, x: str, heads: int, masks: int) -> str:
    """Fused attention with a learnt bias per head and pair of places, and in shifted layers a mask per window."""
    count, places, features = net.shape(x)
    width = features // heads
    y = net.linear(x, 3 * features, name="qkv")
    y = net.transpose(net.reshape(y, (count, places, 3, heads, width), name="qkv.split"), (2, 0, 3, 1, 4), name="qkv.heads")
    parts = []
    for i, name in enumerate(("query", "key", "value")):
        part = net.add("Slice", y, name=f"{name}.part", starts=(i,), ends=(i + 1,), axes=(0,))
        parts.append(net.reshape(part, (count, heads, places, width), name=name))
    table = net.weight("position_bias.table", ((2 * WINDOW - 1) ** 2, heads))
    bias = net.add("Rearrange", table, name="position_bias", shape=(1, heads, places, places))
    if masks:
        bias = net.plus(net.weight("mask", (masks, 1, places, places)), bias, name="bias")
    y = net.add("Attention", [*parts, bias], name="attention")
    y = net.reshape(net.transpose(y, (0, 2, 1, 3), name="heads_together"), (count, places, features), name="attended")
    return net.linear(y, features, name="projection")


def _rolled(net: GraphBuilder, x: str, name: str) -> str:
    """All places moved round by half a window: one copy along each axis."""
    for axis in (1, 2):
        size = net.shape(x)[axis]
        head = net.add("Slice", x, name=f"{name}{axis}.head", starts=(0,), ends=(WINDOW // 2,), axes=(axis,))
        tail = net.add("Slice", x, name=f"{name}{axis}.tail", starts=(WINDOW // 2,), ends=(size,), axes=(axis,))
        x = net.concat([tail, head], axis=axis, name=f"{name}{axis}")
    return x
