"""Transforms of the network as strategies: fold, quantize, trim."""

from __future__ import annotations

from strategies.parameters import Parameter
from strategies.problem import Problem
from strategies.strategy import Strategy, refusal
from workloads.dtypes import SELECTABLE, bits, is_float
from workloads.errors import GraphError
from workloads.graph import Graph
from workloads.transforms import fold_batch_norm, quantize, remove_dead_channels


def _folded(problem: Problem) -> tuple[Problem, str]:
    graph = fold_batch_norm(problem.graph)
    gone = len(problem.graph) - len(graph)
    left = [operator for operator in graph.operators if operator.op == "BatchNormalization"]
    if not gone and left and any(step.strategy.name == "quantize" for step in problem.steps):
        raise refusal("fold", f"batch norm '{left[0].name}' follows quantised weights; fold must come before quantize")
    settings = {**graph.settings, "fold": True}
    if not gone:
        return problem, "no batch norm is left to fold"
    return problem.replace(graph=graph.replace(settings=settings)), f"{counted(gone, 'operator')} folded into weights and biases"


def _quantized(
    problem: Problem, dtype: str, weights: str | None, activations: str | None, layers: tuple[str, ...], keep: tuple[str, ...],
    conversions: str,
) -> tuple[Problem, str]:  # fmt: skip
    before = problem.graph
    narrow, wide = weights or dtype, activations or dtype
    if not any(is_float(t.dtype) for t in before.tensors.values()) and not layers:
        widest = max((bits(t.dtype) for t in before.weights if len(t.shape) > 1), default=0.0)
        if not is_float(narrow) and bits(narrow) == widest and (wide == "keep" or bits(wide) == widest):
            return problem, f"'{before.name}' is in {narrow} already; nothing is changed"
        if is_float(narrow) or bits(narrow) >= widest:
            raise refusal(
                "quantize", f"network '{before.name}' has no float tensors; it is quantised already, narrower types are expected"
            )
        wide = "keep" if wide == "keep" or bits(wide) >= widest else wide
    try:
        graph = quantize(before, narrow, wide, layers=layers, keep=keep, conversions=conversions)
    except GraphError as error:
        raise refusal("quantize", str(error)) from None
    said = narrow if narrow == wide else f"weights to {narrow}, activations " + ("kept" if wide == "keep" else f"to {wide}")
    where = f" of {counted(len(layers), 'layer')}" if layers else ""
    more = counted(len(graph) - len(before), "conversion") + " between types, " if len(graph) > len(before) else ""
    size = f"weights {before.weights_bytes:,} B to {graph.weights_bytes:,} B"
    return problem.replace(graph=graph), f"{said}{where}, {more}{size}"


def _trimmed(problem: Problem) -> tuple[Problem, str]:
    graph = remove_dead_channels(problem.graph)
    saved = problem.graph.weights_bytes - graph.weights_bytes
    return problem.replace(graph=graph), f"channels of zeros that nobody reads left out, {saved:,} B of weights less"


def counted(number: int, noun: str) -> str:
    """A number and its noun.

    >>> counted(1, "operator"), counted(2, "operator")
    ('1 operator', '2 operators')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def activation_bytes(graph: Graph) -> int:
    """Bytes of all tensors that operators write [B]."""
    return sum(graph.tensors[name].bytes for name in graph.producer)


FOLD = Strategy("fold", "batch norms folded into the convolution or matrix product before them", _folded, exact=True)

QUANTIZE = Strategy(
    "quantize",
    "weights and activations in narrower types, all or layer by layer",
    _quantized,
    (
        Parameter("dtype", "name", "int8", "type of weights and activations", SELECTABLE),
        Parameter("weights", "name", None, "type of the weights, where it differs", SELECTABLE),
        Parameter(
            "activations", "name", None, "type of the activations, where it differs; keep leaves them", (*SELECTABLE, "keep")
        ),
        Parameter("layers", "names", (), "only these convolutions and products; first and last are understood"),
        Parameter("keep", "names", (), "these stay as they are, e.g. first+last"),
        Parameter("conversions", "name", "folded", "folded into the operators, or inserted around each", ("folded", "inserted")),
    ),
)

TRIM = Strategy("trim", "channels of zeros that no operator reads left out", _trimmed, exact=True)
