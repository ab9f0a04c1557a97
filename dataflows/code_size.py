"""Bytes of code that an engine links for a network: kernels of the kinds it uses, and what drives them."""

from __future__ import annotations

from hwmodels.runtime import Runtime
from workloads.graph import Graph
from workloads.operators import rule_of


def code_counts(graph: Graph) -> tuple[int, int]:
    """Operators that do something, and distinct kinds among them.

    >>> from workloads.networks import build
    >>> code_counts(build("mlperf_tiny_ad")), code_counts(build("mlperf_tiny_kws"))
    ((10, 1), (12, 5))
    """
    kinds = [rule_of(o).kind(o, graph.tensors_of(o.inputs), graph.tensors_of(o.outputs)) for o in graph.operators]
    working = [kind for kind in kinds if kind != "free"]
    return len(working), len(set(working))


def code_bytes(graph: Graph, runtime: Runtime | None) -> int | None:
    """Flash besides the constants [B]: base + operators * more + kinds * more; ``None`` where the runtime's file says nothing."""
    costs = runtime.costs if runtime is not None else {}
    if "code" not in costs:
        return None
    operators, kinds = code_counts(graph)
    return round(costs["code"] + operators * costs.get("code_per_operator", 0.0) + kinds * costs.get("code_per_kind", 0.0))
