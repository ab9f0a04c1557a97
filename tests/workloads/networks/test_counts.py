"""Parameters and MACs of the catalogue against published ones."""

from __future__ import annotations

import pytest

from tests.workloads.networks.counts import deployed, macs, options, parameters, rows
from workloads.networks import NETWORKS, build
from workloads.networks.decoder import LLAMA3_2_1B, LLAMA3_8B, Decoder
from workloads.transforms import fold_batch_norm

REFERENCE = rows("reference_counts.csv")

#: Elements stored after folding and MACs, both to the unit.
VARIANTS = {
    "alexnet": (60_965_224, 724_406_816),
    "efficientnet_b0": (5_267_540, 385_814_752),
    "mnasnet_b1": (4_364_352, 314_415_872),
    "mobilenet_v1": (4_221_032, 568_740_352),
    "mobilenet_v2": (3_487_816, 300_774_272),
    "resnet18": (11_684_712, 1_814_073_344),
    "resnet50": (25_530_472, 3_857_973_248),
    "vgg16": (138_357_544, 15_470_264_320),
}

#: Bytes of the constants of deployed int8 networks: a byte per weight, four per bias.
CONSTANT_BYTES = {
    "mbv2_w0_3_r80": 649_040,
    "mbv2_w0_35_r144": 765_696,
    "mcunet_in0": 766_504,
    "mcunet_in1": 651_248,
    "mcunet_in2": 747_880,
    "mcunet_in3": 755_784,
    "mcunet_in4": 1_757_048,
    "proxyless_w0_25_r112": 581_960,
    "proxyless_w0_3_r176": 768_880,
}


@pytest.mark.parametrize("row", REFERENCE, ids=lambda row: f"{row['name']} {row['options']}".strip())
def test_published_counts(row: dict[str, str]) -> None:
    graph = build(row["name"], **options(row["options"]))
    for count, published, within in (
        (parameters(graph), row["parameters"], row["parameters_within"]),
        (macs(graph), row["macs"], row["macs_within"]),
    ):
        if published:
            assert abs(count - int(published)) <= int(within or 0), (count, published, row["source"])


def test_every_network_has_a_published_count() -> None:
    assert {row["name"] for row in REFERENCE} == set(NETWORKS)
    assert all(row["source"] and (row["parameters"] or row["macs"]) for row in REFERENCE)


@pytest.mark.parametrize("name", VARIANTS)
def test_elements_after_folding(name: str) -> None:
    graph = build(name)
    assert (deployed(graph), macs(graph)) == VARIANTS[name]
    folded = fold_batch_norm(graph)
    assert "BatchNormalization" not in {operator.op for operator in folded.operators}
    assert (folded.weights_bytes, macs(folded)) == (4 * VARIANTS[name][0], VARIANTS[name][1])


@pytest.mark.parametrize("name", CONSTANT_BYTES)
def test_bytes_of_deployed_networks(name: str) -> None:
    assert build(name).weights_bytes == CONSTANT_BYTES[name]


def test_bert_by_hand() -> None:
    # A layer over n tokens: four projections 768 x 768, two products n x n x 768, two layers 768 x 3072. Then the pooler.
    for tokens in (1, 128, 512):
        layer = tokens * (4 * 768**2 + 2 * 768 * 3072) + 2 * tokens**2 * 768
        assert macs(build("bert_base", sequence=tokens)) == 12 * layer + 768**2


def test_vision_transformer_by_hand() -> None:
    # 14 x 14 patches of 3 x 16 x 16 and a class token; the head reads the class token alone.
    tokens, width = 197, 192
    layer = tokens * 12 * width**2 + 2 * tokens**2 * width
    assert macs(build("vit_tiny")) == 196 * 768 * width + 12 * layer + width * 1000


def matrices(model: Decoder) -> int:
    """MACs per token in the matrices of all layers: query, key, value, result, and three of the feed-forward."""
    queries, keys = model.heads * model.width, model.key_heads * model.width
    return model.layers * model.features * (2 * queries + 2 * keys + 3 * model.hidden)


@pytest.mark.parametrize(("name", "model"), [("llama3_2_1b", LLAMA3_2_1B), ("llama3_8b", LLAMA3_8B)])
def test_decoder_by_hand(name: str, model: Decoder) -> None:
    head = model.features * model.vocabulary
    scores = 2 * model.layers * model.heads * model.width
    # Decode: one token looks at the cache and itself. Prefill: every token at every other (masks save nothing), one row of logits.
    assert macs(build(name, context=100)) == matrices(model) + head + scores * 101
    assert macs(build(name, phase="prefill", context=100)) == 100 * matrices(model) + head + scores * 100**2


def test_condensenet_as_its_authors_count() -> None:
    # Their counter (utils.py, measure_layer) adds an operation per activation and per pooled element, and the bias: 274 M.
    graph = build("condensenet")
    sizes = [graph.tensors[o.outputs[0] if o.op == "Relu" else o.inputs[0]].elements for o in graph.operators if o.op in COUNTED]
    assert round((macs(graph) + sum(sizes) + 1000) / 1e6) == 274


COUNTED = ("Relu", "AveragePool", "GlobalAveragePool")
