"""BERT-base, uncased (Devlin et al. 2019): the encoder with its pooler, without a task's head."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.errors import GraphError
from workloads.graph import Graph
from workloads.networks.attention import attend, heads_apart, heads_together

FEATURES, HEADS, HIDDEN, LAYERS = 768, 12, 3072, 12
VOCABULARY, POSITIONS, SEGMENTS = 30_522, 512, 2


def bert_base(*, batch: int = 1, sequence: int = 128) -> Graph:
    """Twelve post-norm encoder layers over ``sequence`` tokens; outputs are the tokens' features and the pooled first one."""
    if not 1 <= sequence <= POSITIONS:
        raise GraphError(f"network 'bert_base': sequence {sequence}; 1 to {POSITIONS} tokens are expected")
    net = GraphBuilder("bert_base")
    mask = _embedded_mask(net, batch, sequence)
    x = _embedded(net, batch, sequence)
    for i in range(LAYERS):
        with net.scope(f"layer{i}"):
            x = _layer(net, x, mask)
    first = net.add("Slice", x, name="first", starts=(0,), ends=(1,), axes=(1,))
    pooled = net.linear(net.reshape(first, (batch, FEATURES), name="first_token"), FEATURES, activation="tanh", name="pooler")
    return net.finish(x, pooled)


def _embedded_mask(net: GraphBuilder, batch: int, sequence: int) -> str:
    """0 for a token, a large negative number for padding; added to the scores."""
    return net.input((batch, 1, 1, sequence), "attention_mask")


def _embedded(net: GraphBuilder, batch: int, sequence: int) -> str:
    """Word, segment and position vectors summed and normalised."""
    tokens = net.input((batch, sequence), "input_ids", "int64")
    segments = net.input((batch, sequence), "token_type_ids", "int64")
    places = net.weight("position_ids", (1, sequence), "int64")
    words = net.embedding(tokens, net.weight("word_embeddings", (VOCABULARY, FEATURES)), name="words")
    kinds = net.embedding(segments, net.weight("segment_embeddings", (SEGMENTS, FEATURES)), name="segments")
    x = net.plus(words, kinds, name="with_segments")
    located = net.embedding(places, net.weight("position_embeddings", (POSITIONS, FEATURES)), name="positions")
    return net.layer_norm(net.plus(x, located, name="with_positions"), name="embedding_norm")


def _layer(net: GraphBuilder, x: str, mask: str) -> str:
    query, key, value = (
        heads_apart(net, net.linear(x, FEATURES, name=part), HEADS, name=part, transposed=part == "key")
        for part in ("query", "key", "value")
    )
    y = attend(net, query, key, value, mask)
    y = net.linear(heads_together(net, y, name="attended"), FEATURES, name="projection")
    x = net.layer_norm(net.plus(x, y, name="add1"), name="norm1")
    y = net.linear(net.linear(x, HIDDEN, activation="gelu", name="fc1"), FEATURES, name="fc2")
    return net.layer_norm(net.plus(x, y, name="add2"), name="norm2")
