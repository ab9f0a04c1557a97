"""Transforms of the network as strategies: fold, fuse, quantize, trim."""

from __future__ import annotations

from strategies.parameters import Parameter
from strategies.problem import Problem
from strategies.strategy import Strategy, refusal
from workloads.dtypes import SELECTABLE, is_float
from workloads.errors import GraphError
from workloads.graph import Graph
from workloads.transforms import fold_batch_norm, fuse_activations, remove_dead_channels, retype


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


def _fused(problem: Problem) -> tuple[Problem, str]:
    graph = fuse_activations(problem.graph)
    saved = activation_bytes(problem.graph) - activation_bytes(graph)
    gone = len(problem.graph) - len(graph)
    return problem.replace(graph=graph), f"{counted(gone, 'activation')} joined to what makes their input, {saved:,} B less written"


def _quantized(problem: Problem, dtype: str) -> tuple[Problem, str]:
    floats = [t for t in problem.graph.tensors.values() if is_float(t.dtype)]
    if not floats:
        raise refusal(
            "quantize", f"network '{problem.graph.name}' has no float tensors; it is quantised already, leave quantize out"
        )
    try:
        graph = retype(problem.graph, dtype)
    except GraphError as error:
        raise refusal("quantize", str(error)) from None
    change = (
        f"{counted(len(floats), 'float tensor')} to {dtype}, weights {problem.graph.weights_bytes:,} B to {graph.weights_bytes:,} B"
    )
    return problem.replace(graph=graph), change


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


FOLD = Strategy("fold", "batch norms folded into the convolution or matrix product before them", _folded)

FUSE = Strategy("fuse", "activations joined to the convolution, product or addition before them", _fused)

QUANTIZE = Strategy(
    "quantize",
    "float tensors in a narrower type",
    _quantized,
    (Parameter("dtype", "name", "int8", "element type", SELECTABLE),),
)

TRIM = Strategy("trim", "channels of zeros that no operator reads left out", _trimmed)
