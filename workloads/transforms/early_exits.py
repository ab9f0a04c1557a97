"""Networks that do not always run to the end: classifiers on the way out, blocks that are left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from workloads.errors import GraphError, nearest
from workloads.graph import Graph, Operator
from workloads.operators.family import channel_axis
from workloads.transforms.rewriting import Rewriting

#: Names in a graph's settings: exits as (last operator, probability), blocks left out as (operators, probability).
EXITS, SKIPS = "exits", "skips"


def add_exit(graph: Graph, after: str, probability: float, classes: int | None = None) -> Graph:
    """The network with a classifier behind one of its operators: mean over the map, one product (Teerapittayanon et al., BranchyNet,
    ICPR 2016).

    Promise: the rest of the network is unchanged. An inference that gets there leaves with the probability given; what stands behind
    the classifier is then not run. How often it would be sure enough is the user's figure.

    Parameters
    ----------
    after : str
        Operator whose result is classified.
    probability : float
        Share of the inferences that get there and leave there, 0 to 1.
    classes : int or None
        Outputs of the classifier; ``None``: as many as the network's first output has on its last axis.

    Raises
    ------
    GraphError
        An unknown operator, a result that is no map or vector.
    """
    names = [operator.name for operator in graph.operators]
    if after not in names:
        raise GraphError(f"after: '{after}' is not an operator of network '{graph.name}'; {nearest(after, names)}")
    count = classes or graph.outputs[0].shape[-1]
    work = Rewriting(graph)
    for operator in graph.operators:
        work.keep(operator)
        if operator.name == after:
            last = _classifier(work, operator, count)
    tensors = {**work.tensors, last: replace(work.tensors[last], role="output")}
    exits = (*graph.settings.get(EXITS, ()), (last, probability))
    return graph.replace(operators=work.operators, tensors=tensors, settings={**graph.settings, EXITS: exits})


def _classifier(work: Rewriting, operator: Operator, count: int) -> str:
    """The operators of one classifier; its result."""
    source = work.tensors[operator.outputs[0]]
    prefix = f"{operator.name}.exit"
    name = source.name
    if len(source.shape) == 4:
        layout = {"layout": operator.attributes["layout"]} if "layout" in operator.attributes else {}
        axes = (2, 3) if channel_axis(operator, 4) == 1 else (1, 2)
        name = work.put("ReduceMean", (name,), f"{prefix}.pool", {"axes": axes, "keepdims": 0, **layout})
    elif len(source.shape) != 2:
        raise GraphError(f"after: '{operator.name}' gives {source.shape}; a map of four axes or a vector is expected")
    features = work.tensors[name].shape[-1]
    weight = work.weight(f"{prefix}.weight", (count, features), source.dtype)
    bias = work.weight(f"{prefix}.bias", (count,), "int32" if source.dtype in ("int8", "uint8", "int16") else source.dtype)
    return work.put("Gemm", (name, weight, bias), prefix, {"transB": 1})


def skip_blocks(graph: Graph, probability: float, blocks: Iterable[str] = ()) -> Graph:
    """The network with residual blocks that are left out with a probability, each by itself (Wang et al., SkipNet, ECCV 2018).

    Promise: the network is unchanged, and so is its longest run. The gate that decides is not counted.

    Parameters
    ----------
    probability : float
        Share of the inferences that leave a block out, 0 to 1.
    blocks : iterable of str
        Additions that end the blocks; empty: all residual additions whose shortcut is plain.

    Raises
    ------
    GraphError
        A name that ends no such block, a network without any.
    """
    known = residual_blocks(graph)
    chosen = tuple(blocks) or tuple(known)
    for name in chosen:
        if name not in known:
            raise GraphError(f"blocks: '{name}' ends no residual block of network '{graph.name}'; {nearest(name, known)}")
    if not chosen:
        raise GraphError(f"blocks: network '{graph.name}' has no residual block with a plain shortcut; one is expected")
    skips = (*graph.settings.get(SKIPS, ()), *((known[name], probability) for name in chosen))
    return graph.replace(settings={**graph.settings, SKIPS: skips})


def residual_blocks(graph: Graph) -> dict[str, tuple[str, ...]]:
    """Addition -> the operators of the branch it adds to a plain shortcut."""
    before: list[set[int]] = []
    for operator in graph.operators:
        makers = {graph.producer[name] for name in operator.inputs if name in graph.producer}
        before.append(makers.union(*(before[maker] for maker in makers)) if makers else set())
    found = {}
    for operator in graph.operators:
        data = [name for name in operator.inputs if name and graph.tensors[name].role != "weight"]
        if operator.op not in ("Add", "Sum", "QLinearAdd") or len(data) != 2:
            continue
        for shortcut, branch in (data, data[::-1]):
            inside = _between(graph, before, shortcut, branch)
            if inside:
                found[operator.name] = tuple(graph.operators[i].name for i in sorted(inside))
                break
    return found


def _between(graph: Graph, before: list[set[int]], shortcut: str, branch: str) -> set[int]:
    """Operators from a tensor to another, where nothing else comes in and nothing else goes out; empty where there is no such way."""
    end = graph.producer.get(branch)
    if end is None:
        return set()
    start = graph.producer.get(shortcut)
    behind = before[end] | {end}
    inside = {i for i in behind if shortcut in graph.operators[i].inputs or start is not None and start in before[i]}
    if end not in inside or (start is not None and start not in behind) or branch == shortcut:
        return set()
    for i in inside:
        for name in graph.operators[i].inputs:
            if name in graph.producer and graph.producer[name] not in inside and name != shortcut:
                return set()
        for name in graph.operators[i].outputs:
            leaves = any(reader not in inside for reader in graph.consumers[name]) or graph.tensors[name].role == "output"
            if leaves and name != branch:
                return set()
    return inside if len(graph.consumers[branch]) == 1 else set()
