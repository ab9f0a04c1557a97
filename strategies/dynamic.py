"""Networks that do not always run to the end, as strategies: exit, skip."""

from __future__ import annotations

from strategies.parameters import Parameter
from strategies.problem import Problem
from strategies.strategy import Strategy, refusal
from strategies.transformed import counted
from workloads.errors import GraphError
from workloads.transforms.early_exits import SKIPS, add_exit, skip_blocks


def _exited(problem: Problem, after: str, probability: float, classes: int | None) -> tuple[Problem, str]:
    try:
        graph = add_exit(problem.graph, after, probability, classes)
    except GraphError as error:
        raise refusal("exit", str(error)) from None
    size = graph.weights_bytes - problem.graph.weights_bytes
    said = f"a classifier behind {after}, {size:,} B of weights; {100 * probability:g} % of the inferences that get there leave"
    return problem.replace(graph=graph), said


def _skipped(problem: Problem, probability: float, blocks: tuple[str, ...]) -> tuple[Problem, str]:
    try:
        graph = skip_blocks(problem.graph, probability, blocks)
    except GraphError as error:
        raise refusal("skip", str(error)) from None
    count = len(graph.settings[SKIPS]) - len(problem.graph.settings.get(SKIPS, ()))
    return problem.replace(graph=graph), f"{counted(count, 'residual block')} left out in {100 * probability:g} % of the inferences"


EXIT = Strategy(
    "exit",
    "a classifier on the way: inferences that are sure leave there (mean, tail and worst case)",
    _exited,
    (
        Parameter("after", "name", None, "operator whose result is classified", required=True),
        Parameter("probability", "share", None, "share of the inferences that get there and leave, as measured", required=True),
        Parameter("classes", "count", None, "outputs of the classifier; those of the network without"),
    ),
)

SKIP = Strategy(
    "skip",
    "residual blocks left out with a probability (mean, tail and worst case)",
    _skipped,
    (
        Parameter("probability", "share", None, "share of the inferences that leave a block out, as measured", required=True),
        Parameter("blocks", "names", (), "additions that end the blocks; all with a plain shortcut without"),
    ),
)
