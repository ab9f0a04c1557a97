"""What a run of a decoder means in tokens."""

from __future__ import annotations

from dataclasses import replace

from sim.results import Estimate, Missing
from workloads.graph import Graph

DECODE_GIVES_NO_FIRST_TOKEN = "a decode step has no prompt; --phase prefill gives the time to the first token"


def with_tokens(answer: Estimate, graph: Graph) -> Estimate:
    """The estimate with ``phase``, ``context``, ``tokens_per_s`` and ``ttft_s`` where the network is a decoder.

    A decode step gives one token per input; a prefill puts all tokens of the prompt through, and its end is the first token.
    """
    phase = graph.settings.get("phase")
    if phase is None:
        return answer
    tokens = int(graph.settings.get("tokens", 1)) * int(answer.settings.get("batch", 1))
    extra = {
        "phase": phase,
        "context": graph.settings.get("context"),
        "tokens_per_s": tokens / answer.latency_s if answer.latency_s > 0 else None,
        "ttft_s": answer.latency_s if phase == "prefill" else None,
    }
    missing = answer.missing if phase == "prefill" else (*answer.missing, Missing("ttft_s", DECODE_GIVES_NO_FIRST_TOKEN))
    return replace(answer, extra={**answer.extra, **extra}, missing=missing)
