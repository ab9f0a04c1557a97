"""Vision transformers (Dosovitskiy et al. 2021; the tiny size of Touvron et al. 2021)."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.attention import attend, heads_apart, heads_together
from workloads.networks.blocks import image


def vit(
    features: int, heads: int, fused: bool = False, *, batch: int = 1, resolution: int = 224, patch: int = 16, layers: int = 12,
    classes: int = 1000,
) -> Graph:  # fmt: skip
    """Patches as tokens, a class token in front, pre-norm encoder layers, a linear classifier on the class token.

    ``fused`` writes attention as one operator, as frameworks with such a kernel run it.
    """
    net = GraphBuilder("vit")
    x = net.conv(image(net, batch, resolution), features, patch, patch, name="patches")
    tokens = net.shape(x)[2] * net.shape(x)[3]
    x = net.transpose(net.reshape(x, (batch, features, tokens), name="tokens"), (0, 2, 1), name="tokens_last")
    first = net.weight("class_token", (1, 1, features))
    if batch > 1:
        first = net.add("Expand", first, name="class_tokens", shape=(batch, 1, features))
    x = net.concat([first, x], axis=1, name="with_class")
    x = net.plus(x, net.weight("positions", (1, tokens + 1, features)), name="with_positions")
    for i in range(layers):
        with net.scope(f"layer{i}"):
            x = _layer(net, x, heads, fused)
    x = net.layer_norm(x, name="norm")
    x = net.add("Slice", x, name="class", starts=(0,), ends=(1,), axes=(1,))
    return net.finish(net.linear(net.reshape(x, (batch, features), name="pooled"), classes, name="head"))


def _layer(net: GraphBuilder, x: str, heads: int, fused: bool) -> str:
    features = net.shape(x)[-1]
    y = net.linear(net.layer_norm(x, name="norm1"), 3 * features, name="qkv")
    query, key, value = net.split(y, (features,) * 3, axis=-1, name="split")
    query, key = heads_apart(net, query, heads, name="query"), heads_apart(net, key, heads, name="key", transposed=not fused)
    value = heads_apart(net, value, heads, name="value")
    y = net.add("Attention", [query, key, value], name="attention") if fused else attend(net, query, key, value)
    x = net.plus(x, net.linear(heads_together(net, y, name="attended"), features, name="projection"), name="add1")
    y = net.linear(net.layer_norm(x, name="norm2"), 4 * features, activation="gelu", name="fc1")
    return net.plus(x, net.linear(y, features, name="fc2"), name="add2")
