"""Rewrites that keep the function: what is found where, what stands there afterwards, and how its weights follow from the old ones.

Each rule gives, for a network, all the rewritten networks that one application leads to. The values of new weights are told by
recipes, so that a rewrite can be checked by running both networks on the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.graph import Graph, Operator, Tensor

Values = Mapping[str, NDArray[Any]]

#: New weight -> its values, from the values of the old ones.
Recipes = Mapping[str, Callable[[Values], NDArray[Any]]]


@dataclass(frozen=True)
class Rewrite:
    """A network after one rewrite.

    Attributes
    ----------
    rule : str
    where : str
        Operators it was applied to.
    graph : Graph
    recipes : Mapping
    """

    rule: str
    where: str
    graph: Graph
    recipes: Recipes


def rewrites(graph: Graph) -> Iterator[Rewrite]:
    """All networks one application of one rule away, by rule and place."""
    for name, rule in RULES.items():
        for where, made, recipes in rule(graph):
            yield Rewrite(name, where, made, recipes)


Found = Iterator[tuple[str, Graph, Recipes]]


def merge_siblings(graph: Graph) -> Found:
    """Convolutions that read one tensor become one with the channels of all, and a split; smaller kernels are padded with zeros."""
    for name, readers in graph.consumers.items():
        siblings = [i for i in readers if _plain(graph, i) and graph.operators[i].inputs[0] == name]
        sets = [*combinations(siblings, 2), *([tuple(siblings)] if len(siblings) > 2 else [])]
        for chosen in sets:
            merged = _merged(graph, [graph.operators[i] for i in chosen])
            if merged is not None:
                yield " + ".join(graph.operators[i].name for i in chosen), *merged


def _merged(graph: Graph, parts: Sequence[Operator]) -> tuple[Graph, Recipes] | None:
    """One convolution and a split in place of several convolutions; ``None`` where they do not go together."""
    first = parts[0]
    weights = [graph.tensors[part.inputs[1]] for part in parts]
    kernel = tuple(max(w.shape[axis] for w in weights) for axis in (2, 3))
    pads = _pads(max(parts, key=lambda part: sum(graph.tensors[part.inputs[1]].shape[2:])))
    ends = [_ending(part) for part in parts]
    if any(end != ends[0] for end in ends) or len({len([n for n in part.inputs if n]) for part in parts}) > 1:
        return None
    for part, weight in zip(parts, weights, strict=True):
        rims = [kernel[axis] - weight.shape[2 + axis] for axis in (0, 1)]
        centred = tuple(p + rim // 2 for p, rim in zip(_pads(part), (*rims, *rims), strict=True))
        if any(rim % 2 for rim in rims) or centred != pads or _steps(part) != _steps(first) or weight.dtype != weights[0].dtype:
            return None
    name = "+".join(part.name for part in parts)
    sizes = tuple(weight.shape[0] for weight in weights)
    weight = Tensor(f"{name}.weight", (sum(sizes), weights[0].shape[1], *kernel), weights[0].dtype, "weight")
    made, recipes = [weight], {weight.name: lambda v: np.concatenate([_rimmed(v[w.name], kernel) for w in weights])}
    inputs = [first.inputs[0], weight.name]
    if len(first.inputs) > 2 and first.inputs[2]:
        biases = [part.inputs[2] for part in parts]
        bias = Tensor(f"{name}.bias", (sum(sizes),), graph.tensors[biases[0]].dtype, "weight")
        made.append(bias)
        recipes[bias.name] = lambda v: np.concatenate([v[b] for b in biases])
        inputs.append(bias.name)
    result = graph.tensors[first.outputs[0]]
    whole = Tensor(f"{name}.whole", (result.shape[0], sum(sizes), *result.shape[2:]), result.dtype)
    attributes = {**first.attributes, "pads": pads}
    attributes.pop("kernel_shape", None)
    together = Operator(name, "Conv", tuple(inputs), (whole.name,), attributes)
    split = Operator(f"{name}.split", "Split", (whole.name,), tuple(p.outputs[0] for p in parts), {"axis": 1, "split": sizes})
    return _with(graph, {p.name for p in parts}, first.name, [together, split], [*made, whole]), recipes


def compose_pointwise(graph: Graph) -> Found:
    """Two 1x1 convolutions without a function between them become one: the product of their matrices."""
    for second in graph.operators:
        i = graph.producer.get(second.inputs[0]) if second.inputs else None
        if i is None or not _plain(graph, graph.producer[second.outputs[0]]) or not _plain(graph, i):
            continue
        first = graph.operators[i]
        between = graph.tensors[second.inputs[0]]
        a, b = graph.tensors[first.inputs[1]], graph.tensors[second.inputs[1]]
        alone = len(graph.consumers[between.name]) == 1 and between.role == "activation" and _ending(first) == ("none", ())
        if not alone or (*a.shape[2:], *b.shape[2:]) != (1, 1, 1, 1) or any((*_pads(first), *_pads(second))):
            continue
        if _steps(second)[0] != (1, 1) or a.dtype != b.dtype:
            continue
        yield f"{first.name} + {second.name}", *_composed(graph, first, second)


def _composed(graph: Graph, first: Operator, second: Operator) -> tuple[Graph, Recipes]:
    a, b = graph.tensors[first.inputs[1]], graph.tensors[second.inputs[1]]
    name = f"{first.name}*{second.name}"
    weight = Tensor(f"{name}.weight", (b.shape[0], a.shape[1], 1, 1), a.dtype, "weight")
    made: list[Tensor] = [weight]
    recipes: dict[str, Callable[[Values], NDArray[Any]]] = {
        weight.name: lambda v: (v[b.name][:, :, 0, 0] @ v[a.name][:, :, 0, 0])[:, :, None, None]
    }
    inputs = [first.inputs[0], weight.name]
    biases = [operator.inputs[2] if len(operator.inputs) > 2 else "" for operator in (first, second)]
    if any(biases):
        bias = Tensor(f"{name}.bias", (b.shape[0],), graph.tensors[biases[0] or biases[1]].dtype, "weight")
        made.append(bias)

        def summed(v: Values) -> NDArray[Any]:
            inner = v[b.name][:, :, 0, 0] @ v[biases[0]] if biases[0] else np.zeros(b.shape[0], v[b.name].dtype)
            return inner + (v[biases[1]] if biases[1] else 0)

        recipes[bias.name] = summed
        inputs.append(bias.name)
    attributes = {**second.attributes, "strides": first.attributes.get("strides", (1, 1))}
    one = Operator(name, "Conv", tuple(inputs), second.outputs, attributes)
    return _with(graph, {first.name, second.name}, second.name, [one], made), recipes


def distribute_over_concat(graph: Graph) -> Found:
    """A convolution of joined channels becomes a sum of convolutions of the parts, which need not be there at the same time
    (Ahn et al., MLSys 2020, section 3.2)."""
    for i, operator in enumerate(graph.operators):
        joined = graph.producer.get(operator.inputs[0]) if operator.inputs else None
        if joined is None or not _plain(graph, i) or graph.operators[joined].op != "Concat":
            continue
        parts = graph.operators[joined]
        moving = all(graph.tensors[name].role != "weight" for name in parts.inputs)
        if parts.attributes.get("axis", 1) != 1 or len(graph.consumers[parts.outputs[0]]) > 1 or not moving:
            continue
        if graph.tensors[parts.outputs[0]].role == "activation" and len(parts.inputs) > 1:
            yield f"{operator.name} over {parts.name}", *_distributed(graph, operator, parts)


def _input_channels(weight: str, first: int, end: int) -> Callable[[Values], NDArray[Any]]:
    """The recipe of a part of a weight: input channels from ``first`` up to ``end``."""
    return lambda values: values[weight][:, first:end]


def _distributed(graph: Graph, operator: Operator, parts: Operator) -> tuple[Graph, Recipes]:
    weight, result = graph.tensors[operator.inputs[1]], graph.tensors[operator.outputs[0]]
    attributes = {k: v for k, v in operator.attributes.items() if k not in ("activation", "activation_attributes")}
    ending = {k: v for k, v in operator.attributes.items() if k in ("activation", "activation_attributes")}
    made: list[Tensor] = []
    operators: list[Operator] = []
    recipes: dict[str, Callable[[Values], NDArray[Any]]] = {}
    start, total = 0, ""
    for k, name in enumerate(parts.inputs):
        size = graph.tensors[name].shape[1]
        own = Tensor(f"{operator.name}.part{k}.weight", (weight.shape[0], size, *weight.shape[2:]), weight.dtype, "weight")
        recipes[own.name] = _input_channels(weight.name, start, start + size)
        part = Tensor(f"{operator.name}.part{k}", result.shape, result.dtype)
        inputs = (name, own.name, *(operator.inputs[2:3] if k == 0 else ()))
        operators.append(Operator(part.name, "Conv", inputs, (part.name,), attributes))
        made += [own, part]
        start += size
        if k == 0:
            total = part.name
            continue
        last = k == len(parts.inputs) - 1
        running = operator.outputs[0] if last else f"{operator.name}.sum{k}"
        if not last:
            made.append(Tensor(running, result.shape, result.dtype))
        operators.append(Operator(f"{operator.name}.add{k}", "Add", (total, part.name), (running,), ending if last else {}))
        total = running
    return _with(graph, {operator.name, parts.name}, operator.name, operators, made), recipes


def cancel_transposes(graph: Graph) -> Found:
    """Two transposes that undo each other go."""
    for second in graph.operators:
        i = graph.producer.get(second.inputs[0]) if second.inputs else None
        if i is None or second.op != "Transpose" or graph.operators[i].op != "Transpose":
            continue
        first = graph.operators[i]
        inner, outer = first.attributes.get("perm"), second.attributes.get("perm")
        alone = len(graph.consumers[first.outputs[0]]) == 1 and graph.tensors[first.outputs[0]].role == "activation"
        if not inner or not outer or not alone or graph.tensors[second.outputs[0]].role == "output":
            continue
        if tuple(inner[axis] for axis in outer) == tuple(range(len(inner))):
            yield (
                f"{first.name} + {second.name}",
                _bypassed(graph, {first.name, second.name}, second.outputs[0], first.inputs[0]),
                {},
            )


def cancel_split(graph: Graph) -> Found:
    """A concatenation of all parts of a split, in order, is what was split."""
    for joined in graph.operators:
        i = graph.producer.get(joined.inputs[0]) if joined.op == "Concat" else None
        if i is None or graph.operators[i].op != "Split" or joined.inputs != graph.operators[i].outputs:
            continue
        split = graph.operators[i]
        alone = all(len(graph.consumers[name]) == 1 and graph.tensors[name].role == "activation" for name in split.outputs)
        inner = graph.tensors[joined.outputs[0]].role == "activation"
        if alone and inner and split.attributes.get("axis", 0) == joined.attributes.get("axis", 1):
            yield (
                f"{split.name} + {joined.name}",
                _bypassed(graph, {split.name, joined.name}, joined.outputs[0], split.inputs[0]),
                {},
            )


def activate_before_split(graph: Graph) -> Found:
    """The same activation of all parts of a split is taken before it."""
    for split in graph.operators:
        if split.op != "Split" or any(len(graph.consumers[n]) != 1 or graph.tensors[n].role != "activation" for n in split.outputs):
            continue
        readers = [graph.operators[graph.consumers[name][0]] for name in split.outputs]
        same = {(reader.op, tuple(sorted(reader.attributes.items()))) for reader in readers}
        if len(same) > 1 or readers[0].op not in ("Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh") or len(readers[0].inputs) > 1:
            continue
        source = graph.tensors[split.inputs[0]]
        active = Tensor(f"{split.name}.active", source.shape, source.dtype)
        once = Operator(active.name, readers[0].op, (source.name,), (active.name,), readers[0].attributes)
        later = replace(split, inputs=(active.name,), outputs=tuple(reader.outputs[0] for reader in readers))
        gone = {split.name, *(reader.name for reader in readers)}
        yield split.name, _with(graph, gone, split.name, [once, later], [active]), {}


#: Name of a rule -> all networks that it leads to.
RULES: dict[str, Callable[[Graph], Found]] = {
    "merge_siblings": merge_siblings,
    "compose_pointwise": compose_pointwise,
    "distribute_over_concat": distribute_over_concat,
    "cancel_transposes": cancel_transposes,
    "cancel_split": cancel_split,
    "activate_before_split": activate_before_split,
}


def _plain(graph: Graph, i: int) -> bool:
    """True for a convolution of one group, laid out NCHW and OIHW, whose constants nobody else reads."""
    operator = graph.operators[i]
    if operator.op != "Conv" or operator.attributes.get("group", 1) != 1 or operator.attributes.get("layout", "NCHW") != "NCHW":
        return False
    constants = [name for name in operator.inputs[1:] if name]
    own = all(graph.tensors[name].role == "weight" and len(graph.consumers[name]) == 1 for name in constants)
    explicit = operator.attributes.get("auto_pad", "NOTSET") == "NOTSET"
    four = len(graph.tensors[operator.inputs[1]].shape) == 4
    return own and explicit and four and operator.attributes.get("weight_layout", "OIHW") == "OIHW"


def _pads(operator: Operator) -> tuple[int, ...]:
    return tuple(operator.attributes.get("pads") or (0, 0, 0, 0))


def _steps(operator: Operator) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return tuple(operator.attributes.get("strides", (1, 1))), tuple(operator.attributes.get("dilations", (1, 1)))


def _ending(operator: Operator) -> tuple[str, tuple[Any, ...]]:
    return operator.attributes.get("activation", "none"), tuple(operator.attributes.get("activation_attributes", ()))


def _rimmed(weights: NDArray[Any], kernel: tuple[int, ...]) -> NDArray[Any]:
    """Filters with a rim of zeros."""
    rims = [(size - have) // 2 for size, have in zip(kernel, weights.shape[2:], strict=True)]
    return np.pad(weights, ((0, 0), (0, 0), *((rim, rim) for rim in rims)))


def _with(graph: Graph, gone: set[str], place: str, operators: Sequence[Operator], tensors: Sequence[Tensor]) -> Graph:
    """The network with some operators replaced, where one of them stood; tensors that nobody uses go too."""
    kept: list[Operator] = []
    for operator in graph.operators:
        if operator.name == place:
            kept += operators
        if operator.name not in gone:
            kept.append(operator)
    used = {name for operator in kept for name in (*operator.inputs, *operator.outputs)}
    inputs = {t.name for t in graph.inputs}
    return graph.replace(operators=kept, tensors=[t for t in (*graph.tensors.values(), *tensors) if t.name in used | inputs])


def _bypassed(graph: Graph, gone: set[str], old: str, new: str) -> Graph:
    """The network without some operators; who read ``old`` reads ``new``."""
    kept = [
        replace(operator, inputs=tuple(new if name == old else name for name in operator.inputs))
        for operator in graph.operators
        if operator.name not in gone
    ]
    used = {name for operator in kept for name in (*operator.inputs, *operator.outputs)}
    inputs = {t.name for t in graph.inputs}
    return graph.replace(operators=kept, tensors=[t for t in graph.tensors.values() if t.name in used | inputs])
