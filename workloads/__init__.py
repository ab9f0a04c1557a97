"""WHAT is computed. Knows no hardware.

A network is a :class:`Graph`: operators in a valid order and the tensors between them, frozen and checked once. ``readers/``
make one from a file, ``networks/`` from code; ``operators/`` answers for each operator what it puts out, which loops it runs and
how much work that is; ``transforms/`` turn a graph into another. ``tables`` gives a graph as columns, all that compiled code sees.
"""

from workloads.errors import GraphError, UnsupportedOperator
from workloads.graph import Graph, Operator, Tensor, WeightFacts
from workloads.loopnest import LoopNest
from workloads.work import Work

__all__ = ["Graph", "GraphError", "LoopNest", "Operator", "Tensor", "UnsupportedOperator", "WeightFacts", "Work"]
