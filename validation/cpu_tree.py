"""Multipliers of CPUs as a tree of normal distributions: all cores, family, class of core, chip, board and unit.

ln T = ln sum_k t_k exp(theta_k), t_k the nominal seconds of term k. What is learnt about one node pulls on its neighbours as
far as the deviations between levels allow. Per board and unit a dozen parameters are free: eight multipliers, and four factors
that many multipliers share (``all``, as a wrong clock appears; ``arithmetic``, ``memory``, ``overhead``). The other multipliers
are those of the class. Multipliers that rows do not tell apart would drift beyond what hardware can do; they are held back at
:data:`BOUNDS`. The fit is the most probable value of all nodes at once: rows are linearised, information is passed from
the boards up to the root and means back down, which is exact for a tree; ten to fifteen rounds, from starting values that have
seen no data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hwmodels.core_tree import core_tree
from hwmodels.costs.cpu import TERM_NAMES
from validation.cpu_rows import CpuRows, Entity

Floats = NDArray[np.float64]

#: Multipliers that are free per board and unit.
FREE = ("gemm", "winograd", "depthwise", "int8", "elementwise", "dram_shared", "cross_core", "fork")
#: Factors that several multipliers share.
SHARED: Mapping[str, tuple[str, ...]] = {
    "all": TERM_NAMES,
    "arithmetic": (
        "gemm", "winograd", "depthwise", "int8", "direct", "slow", "depthwise_large", "int8_depthwise", "matmul",
        "vector_special", "scalar_special",
    ),
    "memory": ("dram_shared", "dram_core", "shared_cache", "packing_far", "cross_core", "elementwise", "packing"),
    "overhead": ("fork", "dispatch"),
}  # fmt: skip
#: Exponent of decode width / 3 on every multiplier: a property of all cores together.
WIDTH = "width"
#: A term that follows another: attention products are GEMMs of the same cores, by this factor slower before anything is measured.
FOLLOWS: Mapping[str, tuple[str, float]] = {"matmul": ("gemm", 2.5)}
PARAMETERS = (*TERM_NAMES, *SHARED, WIDTH)

#: Multipliers before anything is measured: 1, the speed of the data sheet, or what such kernels are known to lose.
START = {
    "gemm": 1.0, "winograd": 1.0, "direct": 1.0, "depthwise": 1.5, "packing": 1.2, "packing_far": 10.0, "elementwise": 1.0,
    "dram_core": 0.5, "dram_shared": 1.0, "dispatch": 1.0, "fork": 4.0, "vector_special": 2.0, "matmul": 3.0, "int8": 1.5,
    "int8_depthwise": 5.0, "cross_core": 5.0, "scalar_special": 2.0, "slow": 4.0, "depthwise_large": 5.0, "shared_cache": 0.3,
}  # fmt: skip

#: Standard deviation of ln of a parameter from the node above, by level and kind of parameter.
DEVIATIONS: Mapping[str, Mapping[str, float]] = {
    "entity": {"free": 0.15, "constant": 0.001, "all": 0.12, "arithmetic": 0.05, "memory": 0.08, "overhead": 0.1},
    "chip": {"free": 0.30, "constant": 0.001, "all": 0.25, "arithmetic": 0.10, "memory": 0.15, "overhead": 0.3},
    "class": {"free": 0.35, "constant": 0.35, "all": 0.20, "arithmetic": 0.15, "memory": 0.20, "overhead": 0.3},
    "family": {"free": 0.50, "constant": 0.50, "all": 0.30, "arithmetic": 0.30, "memory": 0.30, "overhead": 0.3},
    "root": {"free": 0.70, "constant": 0.70, "all": 0.30, "arithmetic": 0.30, "memory": 0.30, "overhead": 0.3, WIDTH: 0.5},
}
#: Degrees of freedom and scale of the distances of rows: Student's t in ln(predicted / measured), deaf to spikes.
ROW_FREEDOM, ROW_SCALE = 3.0, 0.05
#: What a multiplier can be, clocks being nominal: arithmetic and DRAM at most a tenth above peak and data sheet (int8 up to four times
#: the fp32 rate where dot products are not named), 64 B per cycle through a core, a layer below 5 us and a region below 10 us at 2 GHz.
BOUNDS: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("gemm", "winograd", "depthwise", "direct", "slow", "depthwise_large", "matmul", "dram_shared"), (0.9, np.inf)),
    **dict.fromkeys(("int8", "elementwise", "packing", "cross_core"), (0.25, np.inf)),
    "int8_depthwise": (0.5, np.inf), "dram_core": (0.2, np.inf), "dispatch": (0.1, 5.0), "fork": (0.1, 10.0),
}  # fmt: skip
LOWEST, HIGHEST = (np.log([BOUNDS.get(name, (1e-9, np.inf))[side] for name in TERM_NAMES]) for side in (0, 1))
#: How firm bounds are: standard deviation of ln of a multiplier beyond its own.
BOUND_SCALE = 0.05
#: Degrees of freedom of chips and classes, so that one broken board does not drag its class along.
NODE_FREEDOM, NODE_PARAMETERS = 4.0, 8
ROUNDS = 15

Node = tuple[str, ...]
ROOT: Node = ("root",)


def term_matrix() -> Floats:
    """Powers of the parameters in each multiplier: ln multiplier = matrix @ theta (the width column holds the terms it acts on)."""
    matrix = np.zeros((len(TERM_NAMES), len(PARAMETERS)))
    matrix[:, : len(TERM_NAMES)] = np.eye(len(TERM_NAMES))
    for term, (leader, _) in FOLLOWS.items():
        matrix[TERM_NAMES.index(term), TERM_NAMES.index(leader)] = 1.0
    for name, terms in SHARED.items():
        matrix[[TERM_NAMES.index(term) for term in terms], PARAMETERS.index(name)] = 1.0
    matrix[:, PARAMETERS.index(WIDTH)] = 1.0
    return matrix


MATRIX = term_matrix()


def start() -> Floats:
    """ln of the parameters before anything is measured."""
    found = np.array([np.log(START.get(name, 1.0)) for name in PARAMETERS])
    for term, (_, factor) in FOLLOWS.items():
        found[PARAMETERS.index(term)] = np.log(factor)
    return found


def variances(level: str) -> Floats:
    """Variance of each parameter from the node above."""
    given = DEVIATIONS[level]
    kinds = [name if name in given else "free" if name in FREE else "constant" for name in PARAMETERS]
    found = np.array([given[kind] for kind in kinds])
    if level != "root":
        found[PARAMETERS.index(WIDTH)] = 0.001
    return found**2


VARIANCES = {level: variances(level) for level in DEVIATIONS}


def width_of(core: str) -> float:
    """ln(decode width / 3) of a core; 0 for one the tree does not know."""
    kin = core_tree().get(core)
    return float(np.log(kin.decode_width / 3.0)) if kin else 0.0


def path_of(entity: Entity) -> tuple[Node, ...]:
    """Chip, class, family, root: the nodes above a board and unit."""
    kin = core_tree().get(entity.core)
    name = entity.core_class
    return (("chip", entity.chip, name), ("class", name), ("family", kin.family if kin else ""), ROOT)


@dataclass(frozen=True)
class Information:
    """A quadratic around a point: precision and precision x mean of the parameters as the rows tell them."""

    precision: Floats
    weighted: Floats


def powers(core: str) -> Floats:
    """The term matrix of one core: the width column scaled by its width."""
    matrix = MATRIX.copy()
    matrix[:, -1] *= width_of(core)
    return matrix


def information(
    seconds: Floats, log_measured: Floats, matrix: Floats, theta: Floats, bounded: bool = True
) -> Information:  # fmt: skip
    """What rows say about the parameters near ``theta``: reweighted squares of ln(predicted / measured), and of ways beyond bounds.

    Engines other than the fitted one have overheads of their own, and no bounds.
    """
    shares = seconds * np.exp(matrix @ theta)
    total = shares.sum(axis=1)
    slopes = (shares / total[:, None]) @ matrix
    distance = np.log(total) - log_measured
    weight = (ROW_FREEDOM + 1) / (ROW_FREEDOM * ROW_SCALE**2 + distance**2)
    precision = (slopes * weight[:, None]).T @ slopes
    if not bounded:
        return Information(precision, precision @ theta - slopes.T @ (weight * distance))
    beyond, excess = out_of_bounds(matrix @ theta)
    pull = matrix[beyond] / BOUND_SCALE
    precision = precision + pull.T @ pull
    return Information(precision, precision @ theta - slopes.T @ (weight * distance) - pull.T @ excess / BOUND_SCALE)


def out_of_bounds(logs: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Which multipliers lie beyond their bounds, and how far, in logarithms.

    >>> logs = np.zeros(len(TERM_NAMES))
    >>> logs[TERM_NAMES.index("dispatch")] = np.log(10.0)
    >>> out_of_bounds(logs)[1].round(3)
    array([0.693])
    """
    excess = np.minimum(logs - LOWEST, 0.0) + np.maximum(logs - HIGHEST, 0.0)
    found = np.flatnonzero(excess)
    return found, np.asarray(excess[found])


def limited(step: Floats) -> Floats:
    """A step of at most one in every logarithm."""
    largest = float(np.abs(step).max())
    return step if largest <= 1.0 else step / largest


@dataclass
class CpuTree:
    """Fitted means of every node.

    Attributes
    ----------
    means : dict of node to array
        ln of the parameters.
    leaves : dict of Entity to array
    stretched : dict of node to float
        By how much the variance to the node above was widened, because the node lies far off.
    """

    means: dict[Node, Floats]
    leaves: dict[Entity, Floats] = field(default_factory=dict)
    stretched: dict[Node, float] = field(default_factory=dict)

    def prior(self, entity: Entity, above_chip: bool = False) -> tuple[Floats, Floats]:
        """Mean and variance of the parameters of a board and unit before any of its own rows is seen.

        ``above_chip`` leaves the chip's own node out.
        """
        variance = VARIANCES["entity"].copy()
        for node in path_of(entity):
            if node in self.means and not (above_chip and node[0] == "chip"):
                return self.means[node], variance
            if node[0] != "root":
                variance = variance + VARIANCES[node[0]]
        return start(), variance + VARIANCES["root"]

    def parameters(self, entity: Entity) -> Floats:
        """ln of the parameters of a board and unit: fitted, else those of the nearest node above it."""
        found = self.leaves.get(entity)
        return self.prior(entity)[0] if found is None else found


def grow(table: CpuRows, fit: NDArray[np.bool_], begin: CpuTree | None = None) -> CpuTree:
    """Fit the tree to the rows marked in ``fit``.

    Parameters
    ----------
    table : CpuRows
    fit : bool array
        Rows that may be seen.
    begin : CpuTree or None
        Where the iteration starts; a cold fit starts from values that have seen no data.
    """
    rows = {i: np.flatnonzero((table.entity == i) & fit) for i in range(len(table.entities))}
    leaves = {entity: rows[i] for i, entity in enumerate(table.entities) if len(rows[i])}
    theta = {entity: start() if begin is None else begin.parameters(entity).copy() for entity in leaves}
    logs = np.log(table.measured)
    matrices = {entity: powers(entity.core) for entity in leaves}
    above: dict[Node, Node] = {}
    for entity in leaves:
        path = path_of(entity)
        above.update(zip(path[:-1], path[1:], strict=True))
    order = sorted(above, key=lambda node: (("chip", "class", "family").index(node[0]), node))
    stretched = dict.fromkeys(order, 1.0)
    means: dict[Node, Floats] = {}
    for _ in range(ROUNDS):
        told = {e: information(table.seconds[leaves[e]], logs[leaves[e]], matrices[e], theta[e]) for e in leaves}
        means, best = _passed(told, above, order, stretched)
        largest = 0.0
        for entity in leaves:
            step = best[entity] - theta[entity]
            largest = max(largest, float(np.abs(step).max()))
            theta[entity] = theta[entity] + limited(step)
        stretched = {node: _stretch(means[node] - means[above[node]], node[0]) for node in order}
        if largest < 1e-3:
            break
    return CpuTree(means, theta, stretched)


def _passed(
    told: Mapping[Entity, Information], above: Mapping[Node, Node], order: Sequence[Node], stretched: Mapping[Node, float]
) -> tuple[dict[Node, Floats], dict[Entity, Floats]]:
    """Most probable values of all nodes: information up to the root, means back down."""
    count = len(PARAMETERS)
    sums: dict[Node, tuple[Floats, Floats]] = {}

    def add(node: Node, precision: Floats, weighted: Floats) -> None:
        held = sums.setdefault(node, (np.zeros((count, count)), np.zeros(count)))
        held[0][:] += precision
        held[1][:] += weighted

    for entity, info in told.items():
        add(path_of(entity)[0], *_through(info.precision, info.weighted, VARIANCES["entity"]))
    for node in order:
        add(above[node], *_through(*sums[node], VARIANCES[node[0]] * stretched[node]))
    prior = 1.0 / VARIANCES["root"]
    means: dict[Node, Floats] = {
        ROOT: np.asarray(np.linalg.solve(sums[ROOT][0] + np.diag(prior), sums[ROOT][1] + prior * start()), np.float64)
    }
    for node in reversed(order):
        means[node] = _below(sums[node][0], sums[node][1], means[above[node]], VARIANCES[node[0]] * stretched[node])
    best = {
        entity: _below(info.precision, info.weighted, means[path_of(entity)[0]], VARIANCES["entity"])
        for entity, info in told.items()
    }
    return means, best


def _through(precision: Floats, weighted: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Information of a node as its parent sees it, through a deviation of ``variance``: (P^-1 + V)^-1."""
    seen = np.linalg.solve(np.eye(len(variance)) + precision * variance, np.column_stack([precision, weighted]))
    return np.asarray(seen[:, :-1], np.float64), np.asarray(seen[:, -1], np.float64)


def _below(precision: Floats, weighted: Floats, mean: Floats, variance: Floats) -> Floats:
    """Mean of a node given its own information and the mean above it."""
    return np.asarray(np.linalg.solve(precision + np.diag(1.0 / variance), weighted + mean / variance))


def _stretch(deviation: Floats, level: str) -> float:
    """Factor on the variance of a chip or class that lies far from the node above (Student's t)."""
    if level == "family":
        return 1.0
    distance = float((deviation**2 / VARIANCES[level]).sum())
    return max(1.0, (NODE_FREEDOM + distance) / (NODE_FREEDOM + NODE_PARAMETERS))


def fitted(
    table: CpuRows,
    rows: NDArray[np.int64],
    entity: Entity,
    mean: Floats,
    variance: Floats,
    begin: Floats | None = None,
    bounded: bool = True,
) -> tuple[Floats, Floats]:
    """Parameters of one board and unit from its own rows and a prior; and the precision of what was found."""
    theta = (mean if begin is None else begin).copy()
    matrix, logs = powers(entity.core), np.log(table.measured[rows])
    precision = np.diag(1.0 / variance)
    for _ in range(ROUNDS):
        told = information(table.seconds[rows], logs, matrix, theta, bounded)
        precision = told.precision + np.diag(1.0 / variance)
        step = np.linalg.solve(precision, told.weighted + mean / variance) - theta
        theta = theta + limited(step)
        if np.abs(step).max() < 1e-3:
            break
    return theta, precision


def predicted_seconds(seconds: Floats, entity: Entity, theta: Floats) -> Floats:
    """Predicted times of rows of one board and unit [s]."""
    return np.asarray(seconds @ multipliers(entity, theta))


def multipliers(entity: Entity, theta: Floats) -> Floats:
    """The twenty multipliers of a board and unit."""
    return np.asarray(np.exp(powers(entity.core) @ theta))


def inverse(precision: Floats) -> Floats:
    """Covariance of parameters from their precision."""
    return np.asarray(np.linalg.inv(precision), np.float64)


def log_variance(seconds: Floats, entity: Entity, theta: Floats, covariance: Floats) -> Floats:
    """Variance of ln(predicted) of rows, from the covariance of the parameters."""
    matrix = powers(entity.core)
    shares = seconds * np.exp(matrix @ theta)
    slopes = (shares / shares.sum(axis=1, keepdims=True)) @ matrix
    return np.asarray(np.einsum("ij,jk,ik->i", slopes, covariance, slopes))
