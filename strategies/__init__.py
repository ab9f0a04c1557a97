"""WHAT TO CHOOSE. Problem in, Problem out: a changed graph, or a changed plan (placement, order, moves).

A strategy changes a graph or a plan and says in one line what it changed; the schedule that comes of it is priced and played like
any other. A list of strategies is a fold over :meth:`strategies.strategy.Strategy.apply`. The table below is the catalogue: name on
the command line -> where the :class:`~strategies.strategy.Strategy` stands; it is imported when it is asked for.
"""

#: Name -> module and attribute of the Strategy.
STRATEGIES: dict[str, str] = {
    "algorithms": "strategies.algorithms:ALGORITHMS",
    "code": "strategies.compressed:CODE",
    "depth_first": "strategies.depth_first:DEPTH_FIRST",
    "exit": "strategies.dynamic:EXIT",
    "fold": "strategies.transformed:FOLD",
    "fuse": "strategies.fused:FUSE",
    "low_rank": "strategies.compressed:LOW_RANK",
    "pace": "strategies.frequency:PACE",
    "place": "strategies.placed:PLACE",
    "patch": "strategies.patched:PATCH",
    "prune": "strategies.compressed:PRUNE",
    "quantize": "strategies.transformed:QUANTIZE",
    "redistribute": "strategies.depth_first:REDISTRIBUTE",
    "reorder": "strategies.reordered:REORDER",
    "rewrite": "strategies.rewritten:REWRITE",
    "skip": "strategies.dynamic:SKIP",
    "split": "strategies.compressed:SPLIT",
    "stages": "strategies.staged:STAGES",
    "substitute": "strategies.compressed:SUBSTITUTE",
    "swap": "strategies.swapped:SWAP",
    "trim": "strategies.transformed:TRIM",
}
