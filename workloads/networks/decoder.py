"""Decoder language models of the Llama kind (Touvron et al. 2023; Grattafiori et al. 2024): one step with cached keys and values.

Phase ``decode`` puts one token through while ``context`` tokens are in the cache; phase ``prefill`` puts ``context`` tokens through
an empty cache. Keys and values are states of the network: inputs that stay in memory from step to step, written in place. They are
listed in ``settings["states"]``. Logits are computed for the last token alone, as inference engines do.
"""

from __future__ import annotations

from typing import NamedTuple

from workloads.builder import GraphBuilder
from workloads.errors import GraphError, nearest
from workloads.graph import Graph
from workloads.networks.attention import attend, heads_apart, heads_together

PHASES = ("decode", "prefill")


class Decoder(NamedTuple):
    """Sizes of a decoder.

    ``heads`` query heads share ``key_heads`` heads of keys and values in equal groups; ``tied`` uses the embedding table as the
    last layer too; ``biased`` adds biases to queries, keys and values; ``normed`` normalises each head of queries and keys.
    """

    layers: int
    features: int
    heads: int
    key_heads: int
    hidden: int
    vocabulary: int
    tied: bool
    longest_context: int
    head_width: int = 0  # features / heads where 0
    biased: bool = False
    normed: bool = False

    @property
    def width(self) -> int:
        """Elements of one head."""
        return self.head_width or self.features // self.heads


#: Published configurations (config.json of the checkpoints).
LLAMA2_7B = Decoder(32, 4096, 32, 32, 11_008, 32_000, False, 4_096)
LLAMA2_13B = Decoder(40, 5120, 40, 40, 13_824, 32_000, False, 4_096)
LLAMA2_70B = Decoder(80, 8192, 64, 8, 28_672, 32_000, False, 4_096)
LLAMA3_8B = Decoder(32, 4096, 32, 8, 14_336, 128_256, False, 8_192)
LLAMA3_70B = Decoder(80, 8192, 64, 8, 28_672, 128_256, False, 8_192)
LLAMA3_1_8B = LLAMA3_8B._replace(longest_context=131_072)
LLAMA3_1_70B = LLAMA3_70B._replace(longest_context=131_072)
LLAMA3_1_405B = Decoder(126, 16_384, 128, 8, 53_248, 128_256, False, 131_072)
LLAMA3_2_1B = Decoder(16, 2048, 32, 8, 8192, 128_256, True, 131_072)
LLAMA3_2_3B = Decoder(28, 3072, 24, 8, 8192, 128_256, True, 131_072)
MISTRAL_7B = Decoder(32, 4096, 32, 8, 14_336, 32_000, False, 32_768)
PHI3_MINI = Decoder(32, 3072, 32, 32, 8192, 32_064, False, 4_096)
QWEN2_5_0_5B = Decoder(24, 896, 14, 2, 4864, 151_936, True, 32_768, biased=True)
QWEN2_5_1_5B = Decoder(28, 1536, 12, 2, 8960, 151_936, True, 32_768, biased=True)
QWEN2_5_7B = Decoder(28, 3584, 28, 4, 18_944, 152_064, False, 131_072, biased=True)
QWEN3_0_6B = Decoder(28, 1024, 16, 8, 3072, 151_936, True, 40_960, head_width=128, normed=True)
SMOLLM_135M = Decoder(30, 576, 9, 3, 1536, 49_152, True, 2_048)
TINYLLAMA_1_1B = Decoder(22, 2048, 32, 4, 5632, 32_000, False, 2_048)


class Inputs(NamedTuple):
    """What every layer reads besides the features."""

    cos: str
    sin: str
    position: str
    mask: str | None


def decoder(model: Decoder, *, batch: int = 1, phase: str = "decode", context: int = 512) -> Graph:
    """One step of a decoder: embedding, layers of attention and gated feed-forward, normalisation, logits of the last token."""
    if phase not in PHASES:
        raise GraphError(f"phase: '{phase}' is not known; {nearest(phase, PHASES)}")
    least, most = (0, model.longest_context - 1) if phase == "decode" else (1, model.longest_context)
    if not least <= context <= most:
        raise GraphError(f"context: {context} tokens in phase {phase}; {least} to {most} are expected")
    tokens, capacity = (1, context + 1) if phase == "decode" else (context, context)
    net = GraphBuilder("decoder")
    table = net.weight("embedding", (model.vocabulary, model.features))
    x = net.embedding(net.input((batch, tokens), "tokens", "int64"), table, name="embed")
    inputs = Inputs(
        net.input((batch, tokens, model.width // 2), "cos"), net.input((batch, tokens, model.width // 2), "sin"),
        net.input((batch,), "position", "int64"), net.input((tokens, tokens), "mask") if tokens > 1 else None,
    )  # fmt: skip
    for i in range(model.layers):
        with net.scope(f"layer{i}"):
            x = _layer(net, x, model, inputs, capacity)
    if tokens > 1:
        x = net.add("Slice", x, name="last", starts=(tokens - 1,), ends=(tokens,), axes=(1,))
    x = net.rms_norm(x, name="norm")
    x = net.linear(x, model.vocabulary, bias=False, name="head", weight=table if model.tied else None)
    return net.finish(x, settings={"phase": phase, "context": context, "tokens": tokens})


def _layer(net: GraphBuilder, x: str, model: Decoder, inputs: Inputs, capacity: int) -> str:
    y = _attention(net, net.rms_norm(x, name="norm1"), model, inputs, capacity)
    x = net.plus(x, y, name="add1")
    y = net.rms_norm(x, name="norm2")
    gate = net.linear(y, model.hidden, bias=False, activation="silu", name="gate")
    y = net.times(gate, net.linear(y, model.hidden, bias=False, name="up"), name="gated")
    return net.plus(x, net.linear(y, model.features, bias=False, name="down"), name="add2")


def _attention(net: GraphBuilder, x: str, model: Decoder, inputs: Inputs, capacity: int) -> str:
    """Grouped-query attention over the cache; the queries of a group are rows of one product with its keys."""
    batch, tokens, _ = net.shape(x)
    width, shared = model.width, model.heads // model.key_heads
    query = _turned(net, net.linear(x, model.heads * width, bias=model.biased, name="query"), model, inputs, "query")
    key = _turned(net, net.linear(x, model.key_heads * width, bias=model.biased, name="key"), model, inputs, "key")
    value = net.linear(x, model.key_heads * width, bias=model.biased, name="value")
    value = heads_apart(net, value, model.key_heads, name="value")
    if tokens > 1:
        key = net.transpose(key, (0, 1, 3, 2), name="key.transposed")
    else:
        key = net.reshape(key, (batch, model.key_heads, width, 1), name="key.transposed")
    keys = _cached(net, key, (batch, model.key_heads, width, capacity), 3, "keys", inputs)
    values = _cached(net, value, (batch, model.key_heads, capacity, width), 2, "values", inputs)
    if shared > 1 and tokens > 1:
        # One product per key head; the mask wants the tokens of each query head apart again.
        query = net.reshape(query, (batch, model.key_heads, shared, tokens, width), name="query.grouped")
        keys = net.reshape(keys, (batch, model.key_heads, 1, width, capacity), name="keys.grouped")
        values = net.reshape(values, (batch, model.key_heads, 1, capacity, width), name="values.grouped")
    elif shared > 1:
        query = net.reshape(query, (batch, model.key_heads, shared, width), name="query.grouped")
    y = attend(net, query, keys, values, inputs.mask)
    y = net.reshape(y, (batch, model.heads, tokens, width), name="attended")
    return net.linear(heads_together(net, y, name="attended"), model.features, bias=False, name="projection")


def _turned(net: GraphBuilder, x: str, model: Decoder, inputs: Inputs, name: str) -> str:
    """Heads apart, each pair of elements turned by the token's position (Su et al. 2021)."""
    x = heads_apart(net, x, net.shape(x)[-1] // model.width, name=name)
    if model.normed:
        x = net.rms_norm(x, name=f"{name}.norm")
    return net.add("RotaryEmbedding", [x, inputs.cos, inputs.sin], name=f"{name}.rotary")


def _cached(net: GraphBuilder, x: str, shape: tuple[int, ...], axis: int, name: str, inputs: Inputs) -> str:
    """The cache with the new tokens written into it."""
    return net.add("TensorScatter", [net.state(shape, f"cached_{name}"), x, inputs.position], name=f"cache_{name}", axis=axis)
