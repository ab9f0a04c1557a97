"""The nine model files inside the installed onnx package: what they use has rules, and their counts are the published ones."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from workloads.operators import RULES, rule_of
from workloads.operators.family import UndeterminedShape
from workloads.readers.onnx_file import load_onnx
from workloads.tables import graph_tables

FILES = sorted((Path(onnx.__file__).parent / "backend" / "test" / "data" / "light").glob("light_*.onnx"))

#: MACs of the files as exported. AlexNet here takes 224x224, so its first plane is 54x54, not 55x55; ResNet-50 is v1.5.
MACS = {
    "light_bvlc_alexnet": 654560384, "light_densenet121": 2834161664, "light_inception_v1": 1431556352,
    "light_inception_v2": 2018851840, "light_resnet50": 4089184256, "light_shufflenet": 124664528,
    "light_squeezenet": 349151936, "light_vgg19": 19632062464, "light_zfnet512": 1481727008,
}  # fmt: skip


def test_all_nine_are_there():
    assert {file.stem for file in FILES} == set(MACS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_operator_of_the_file_has_a_rule(file: Path):
    used = {node.op_type for node in onnx.load(file).graph.node}
    assert used
    assert used <= set(RULES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_rules_give_the_shapes_of_the_file_and_its_count(file: Path):
    graph = load_onnx(file)
    for operator in graph.operators:
        rule = rule_of(operator)
        assert rule.modelled
        try:
            derived = rule.output_types(operator, graph.tensors_of(operator.inputs))
        except UndeterminedShape:  # pragma: no cover - none of the nine has one
            pytest.fail(f"{operator.name}: shape not derived")
        stored = graph.tensors_of(operator.outputs)
        assert [(kind.shape, kind.dtype) for kind, tensor in zip(derived, stored, strict=False) if tensor] == [
            (tensor.shape, tensor.dtype) for tensor in stored if tensor
        ]
    assert graph_tables(graph).operators.macs.sum() == MACS[file.stem]


def test_vgg19_by_hand():
    """Simonyan and Zisserman 2015, table 1, column E: 3x3 convolutions of 224 / 2^n planes, then 25088-4096-4096-1000."""
    planes = [
        (224, [3, 64, 64]),
        (112, [64, 128, 128]),
        (56, [128, 256, 256, 256, 256]),
        (28, [256, 512, 512, 512, 512]),
        (14, [512] * 5),
    ]
    total = 25088 * 4096 + 4096 * 4096 + 4096 * 1000
    for side, channels in planes:
        total += sum(side * side * 9 * before * after for before, after in zip(channels, channels[1:], strict=False))
    assert total == MACS["light_vgg19"]
