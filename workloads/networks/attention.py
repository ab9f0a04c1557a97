"""Attention written out: heads apart, scores, softmax, weighted values, heads together.

Tensors between are (batch, heads, tokens, width). The factor 1 / sqrt(width) is taken to be folded into the query weights.
"""

from __future__ import annotations

from workloads.builder import GraphBuilder


def heads_apart(net: GraphBuilder, x: str, heads: int, *, name: str, transposed: bool = False) -> str:
    """(batch, tokens, heads * width) -> (batch, heads, tokens, width), or (..., width, tokens); a single token needs no copy."""
    batch, tokens, features = net.shape(x)
    width = features // heads
    if tokens == 1:
        return net.reshape(x, (batch, heads, width, 1) if transposed else (batch, heads, 1, width), name=f"{name}.heads")
    x = net.reshape(x, (batch, tokens, heads, width), name=f"{name}.split")
    return net.transpose(x, (0, 2, 3, 1) if transposed else (0, 2, 1, 3), name=f"{name}.heads")


def heads_together(net: GraphBuilder, x: str, *, name: str) -> str:
    """(batch, heads, tokens, width) -> (batch, tokens, heads * width)."""
    batch, heads, tokens, width = net.shape(x)
    if tokens > 1:
        x = net.transpose(x, (0, 2, 1, 3), name=f"{name}.gather")
    return net.reshape(x, (batch, tokens, heads * width), name=f"{name}.merge")


def attend(net: GraphBuilder, query: str, key: str, value: str, mask: str | None = None) -> str:
    """softmax(query x key + mask) x value; keys come transposed, (batch, heads, width, tokens)."""
    scores = net.matmul(query, key, name="scores")
    if mask is not None:
        scores = net.plus(scores, mask, name="mask")
    return net.matmul(net.softmax(scores, name="softmax"), value, name="values")
