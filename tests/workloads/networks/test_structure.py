"""Laws every network of the catalogue obeys, and what ``build`` accepts and refuses."""

from __future__ import annotations

import pytest

from tests.workloads.networks.counts import macs, macs_of, parameters
from workloads import Graph, GraphError
from workloads.liveness import liveness
from workloads.networks import NETWORKS, build, network
from workloads.networks.decoder_entries import DECODERS
from workloads.operators import rule_of
from workloads.operators.unmodelled import Unmodelled

NAMES = sorted(NETWORKS)


def test_registry_is_in_order_and_says_what_it_holds() -> None:
    assert list(NETWORKS) == NAMES
    for name, entry in NETWORKS.items():
        assert name.replace("_", "").isalnum() and name == name.lower()
        assert entry.summary and entry.source
        assert ("int8" in entry.summary) == (entry.dtype == "int8")


@pytest.mark.parametrize("name", NAMES)
def test_counts_agree_with_nests_and_types_with_rules(name: str) -> None:
    graph = build(name)
    for operator in graph.operators:
        rule, inputs, outputs = rule_of(operator), graph.tensors_of(operator.inputs), graph.tensors_of(operator.outputs)
        assert not isinstance(rule, Unmodelled)
        assert macs_of(graph, operator) == sum(nest.volume for nest in rule.loop_nests(operator, inputs, outputs))
        types = rule.output_types(operator, inputs)
        assert [(t.shape, t.dtype) for t in outputs if t is not None] == [(t.shape, t.dtype) for t in types]
        assert all(t is None or t.dtype in ("int64", graph.inputs[0].dtype, "int32", "fp32") for t in outputs)
    assert {tensor.name for tensor in graph.weights if not graph.consumers[tensor.name]} == set()
    assert graph.name == name and graph.settings["batch"] == 1


@pytest.mark.parametrize("name", NAMES)
def test_twice_the_batch_is_twice_the_macs(name: str) -> None:
    one, two = build(name, batch=2), build(name, batch=4)
    assert macs(two) == 2 * macs(one) == 4 * macs(build(name))
    assert two.weights_bytes == one.weights_bytes
    assert [t.shape[1:] for t in two.outputs] == [t.shape[1:] for t in one.outputs]
    computed = [
        pair for pair in zip(two.outputs, one.outputs, strict=True) if pair[0].name != "priors_out"
    ]  # that one is a constant
    assert all(big.shape[0] == 2 * small.shape[0] for big, small in computed)


@pytest.mark.parametrize("name", [n for n in NAMES if "classes" in NETWORKS[n].options and n != "condensenet"])
def test_classes_change_the_last_layer_alone(name: str) -> None:
    few, many = build(name, classes=7), build(name, classes=9)
    assert [t.shape for t in few.outputs] == [(1, 7)]
    features = [o for o in few.operators if macs_of(few, o)][-1]
    per_class = few.tensors[features.inputs[1]].elements // 7
    assert parameters(many) - parameters(few) == 2 * (per_class + len(features.inputs) - 2)


@pytest.mark.parametrize("name", [n for n in NAMES if "width" in NETWORKS[n].options and not n.startswith("shufflenet")])
def test_half_the_width_is_less_work(name: str) -> None:
    present = NETWORKS[name].options["width"]
    half = build(name, width=present / 2)
    assert macs(half) < 0.6 * macs(build(name))
    assert half.settings["width"] == present / 2


@pytest.mark.parametrize("name", [n for n in NAMES if "resolution" in NETWORKS[n].options and n not in ("lenet5", "alexnet")])
def test_resolution_is_that_of_the_input(name: str) -> None:
    graph = build(name, resolution=256)
    assert graph.inputs[0].shape[2:] == (256, 256)
    assert graph.outputs[0].shape == build(name).outputs[0].shape


@pytest.mark.parametrize("name", [n for n in NAMES if NETWORKS[n].dtype == "int8"])
def test_deployed_networks_hold_bytes(name: str) -> None:
    graph = build(name)
    assert {t.dtype for t in graph.weights if len(t.shape) > 1} == {"int8"}
    assert {t.dtype for t in graph.weights if len(t.shape) == 1} == {"int32"}
    assert {t.dtype for t in graph.tensors.values() if t.role != "weight" and t.name != "priors_out"} == {"int8"}
    assert not {"BatchNormalization", "Relu", "Clip"} & {operator.op for operator in graph.operators}
    floats = build(name, dtype="fp32")
    assert {t.dtype for t in floats.tensors.values()} == {"fp32"}
    assert macs(floats) == macs(graph)


@pytest.mark.parametrize(
    ("name", "bytes_of_constants"), [("ssd_mobilenet_v1_0_25_192", 448_799), ("ssd_mobilenet_v1_0_25_224", 609_956)]
)
def test_detectors_hold_their_prior_boxes(name: str, bytes_of_constants: int) -> None:
    """Constants as X-CUBE-AI 8.1 reports them, to a byte; the boxes themselves are an output in fp32, four numbers each."""
    graph = build(name)
    assert graph.weights_bytes == pytest.approx(bytes_of_constants, abs=1)
    priors, boxes = graph.tensors["priors_out"], graph.tensors["box_all"]
    assert priors.role == "output" and priors.shape == boxes.shape and priors.bytes == 4 * boxes.bytes
    assert graph.producer["priors_out"] == 0


def test_dead_channels_of_the_person_detector() -> None:
    graph = build("mlperf_tiny_vww")
    dead = {t.name: t.facts for t in graph.weights if t.facts is not None}
    assert [len(facts.zero_output_channels) for facts in dead.values()] == [4, 21, 71, 98, 109, 109, 101, 224, 234]
    for name, facts in dead.items():
        channels = graph.tensors[name].shape[0]
        assert max(facts.zero_output_channels) < channels
        assert len(facts.zero_output_channels) / channels <= facts.zero_share < 1
    assert all(t.facts is None for t in build("mlperf_tiny_vww", dtype="fp32").weights)


def states(graph: Graph) -> int:
    """Bytes kept from one step to the next."""
    return sum(graph.tensors[name].bytes for name in graph.settings["states"])


@pytest.mark.parametrize("name", DECODERS)
def test_decode_step(name: str) -> None:
    graph = build(name, context=64, batch=3)
    assert graph.settings["phase"] == "decode" and graph.settings["context"] == 64 and graph.settings["tokens"] == 1
    model = NETWORKS[name].builder.args[0]  # type: ignore[attr-defined]
    # Keys and values of all layers, 65 places each, four bytes an element.
    assert states(graph) == 3 * 2 * model.layers * model.key_heads * model.width * 65 * 4
    assert graph.outputs[0].shape == (3, 1, model.vocabulary)
    assert {graph.tensors[s].role for s in graph.settings["states"]} == {"input"}


@pytest.mark.parametrize("name", DECODERS)
def test_prefill_fills_the_same_cache(name: str) -> None:
    prefill, decode = build(name, phase="prefill", context=33), build(name, context=32)
    assert prefill.settings["tokens"] == 33
    assert states(prefill) == states(decode)
    assert prefill.outputs[0].shape == decode.outputs[0].shape
    assert parameters(prefill) == parameters(decode)


def test_cache_is_read_once_per_step() -> None:
    """Bytes of the products with the cache grow by the cache alone."""

    def read(context: int) -> int:
        graph = build("llama3_2_1b", context=context)
        products = [o for o in graph.operators if o.op == "MatMul"]
        works = (rule_of(o).work(o, graph.tensors_of(o.inputs), graph.tensors_of(o.outputs)) for o in products)
        scores = sum(graph.tensors[o.outputs[0]].bytes for o in products if o.name.endswith("scores"))
        return sum(work.activation_bytes_read for work in works) - scores

    assert read(1000) - read(500) == 500 * 2 * 16 * 8 * 64 * 4


def test_cache_is_held_once_and_always() -> None:
    """What is written into a state is the state: no second copy, and it outlives its last reader."""
    graph = build("llama3_2_1b", context=64)
    held = [life for life in liveness(graph).lives if life.tensor in graph.settings["states"]]
    assert sum(life.bytes for life in held) == states(graph)
    assert all((life.first, life.last) == (0, len(graph) - 1) for life in held)
    assert {len(life.tensors) for life in held} == {2}


def test_tied_embedding_is_stored_once() -> None:
    graph = build("llama3_2_1b")
    assert graph.consumers["embedding"] == (0, len(graph) - 1)
    assert len(build("llama3_8b").consumers["embedding"]) == 1


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("resnet5", {}, "network: 'resnet5' is not in the catalogue; nearest: resnet50"),
        ("resnet50", {"batch": 0}, "network 'resnet50': batch = 0; a whole number >= 1 is expected"),
        ("resnet50", {"batch": 1.5}, "network 'resnet50': batch = 1.5; a whole number >= 1 is expected"),
        ("resnet50", {"resolutoin": 3}, "network 'resnet50': it has no option 'resolutoin'; nearest: resolution"),
        ("resnet50", {"resolution": -1}, "network 'resnet50': resolution = -1; a whole number >= 1 is expected"),
        ("mobilenet_v2", {"width": 0}, "network 'mobilenet_v2': width = 0; a number between 0 and 100 is expected"),
        ("mobilenet_v2", {"width": float("nan")}, "width = nan; a number between 0 and 100"),
        ("shufflenet_v2", {"width": 3.0}, "network 'shufflenet_v2': width 3.0; the paper has 0.5, 1.0, 1.5, 2.0"),
        ("shufflenet_v1", {"groups": 5}, "5 groups; the paper has 1, 2, 3, 4, 8"),
        ("bert_base", {"sequence": 513}, "sequence 513; 1 to 512 tokens are expected"),
        ("llama3_8b", {"context": 8192}, "context: 8192 tokens in phase decode; 0 to 8191 are expected"),
        ("llama3_8b", {"phase": "prefil"}, "phase: 'prefil' is not known; nearest: prefill"),
        ("llama3_8b", {"phase": "prefill", "context": 0}, "context: 0 tokens in phase prefill; 1 to 8192 are expected"),
        ("mcunet_in0", {"dtype": "int7"}, "dtype: 'int7' is not an element type"),
        ("mcunet_in0", {"resolution": 1.0}, "network 'mcunet_in0': resolution = 1.0; a whole number >= 1"),
        ("vgg16", {"resolution": 16}, "pool5"),
    ],
)
def test_bad_input_is_one_line(name: str, options: dict[str, object], expected: str) -> None:
    with pytest.raises(GraphError) as error:
        build(name, **options)  # type: ignore[arg-type]
    assert expected in str(error.value) and "\n" not in str(error.value)


def test_options_of_a_network() -> None:
    assert network("mobilenet_v2").options == {"resolution": 224, "width": 1.0, "classes": 1000, "expand_first": False}
    assert network("llama3_8b").options == {"phase": "decode", "context": 512}
    assert dict(build("bert_base", sequence=16).settings) == {"batch": 1, "sequence": 16}


def test_building_does_not_depend_on_what_was_built_before() -> None:
    first = build("googlenet")
    build("inception_v3")
    assert build("googlenet") == first


def test_a_transformer_with_attention_as_one_operator_does_the_same_work() -> None:
    apart, whole = build("vit_tiny"), NETWORKS["vit_tiny"].builder(fused=True)
    assert [o.op for o in whole.operators].count("Attention") == 12 and "Softmax" not in {o.op for o in whole.operators}
    assert macs(apart) == macs(whole) and parameters(apart) == parameters(whole)
