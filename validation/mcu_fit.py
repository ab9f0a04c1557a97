"""The joint fit of microcontrollers: costs of the runtimes and factors of the cores, in logarithms, with priors.

    log cost(runtime, core, term) = log mu(term) + log level(runtime) + log u(runtime, term) + log kappa(core) + log d(core, term)
    cycles(row) = sum over terms of amount(row, term) * cost + fixed cycles(row)

Residual log(predicted) - log(measured), one standard deviation 0.06; each parameter has a prior, in logarithms too. One
Levenberg-Marquardt-like solution (Gauss-Newton; the priors keep the normal equations well conditioned) for all boards and runtimes;
rows whose residual is beyond two deviations are given less weight, three times. One core, the Cortex-M4, is held at 1: without this
anchor levels and factors drift together. The terms, their centres and spreads were chosen on rows of architectures left out (see
``validation/mcu_structures.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Prior:
    """What is believed of one term before any row: centre of its cost, and spreads as standard deviations of the logarithm.

    Attributes
    ----------
    cycles : float
        Cost in Cortex-M4 cycles per unit amount.
    spread : float
        Of the cost all runtimes share.
    by_runtime : float
        Of one runtime's deviation; 0 where the term does not belong to the runtime (its level does not apply then either).
    """

    cycles: float
    spread: float = 0.3
    by_runtime: float = 0.15


#: Terms of the fit in the order of its columns. The last five keep close to kernel timings; whole networks hardly tell them.
PRIORS: Mapping[str, Prior] = {
    "convolution": Prior(1.5),
    "depthwise": Prior(2.5, by_runtime=0.3),
    "fully_connected": Prior(2.1),
    "output": Prior(33.0),
    "input": Prior(3.0, spread=1.0),
    "remainder": Prior(0.5, spread=0.5),
    "elementwise": Prior(14.0),
    "pooling": Prior(6.0),
    "activation": Prior(10.0),
    "softmax": Prior(34.0),
    "copy": Prior(1.0),
    "dispatch": Prior(1.0, spread=0.1, by_runtime=0.0),
}
#: The core whose factor is 1.
ANCHOR = "cortex_m4"
#: Core -> centre and spread of its cycles per Cortex-M4 cycle.
CORES: Mapping[str, tuple[float, float]] = {
    "cortex_m4": (1.0, 0.02),
    "cortex_m33": (0.87, 0.3),
    "cortex_m7": (0.58, 0.3),
    "cortex_m0plus": (6.0, 0.3),
    "andes_d25f": (0.8, 0.3),
    "andes_d45": (0.65, 0.3),
    "esp32_c3": (1.5, 0.3),
    "esp32_p4": (1.0, 0.3),
    "xtensa_lx6": (2.0, 0.3),
}


@dataclass(frozen=True)
class Spreads:
    """Standard deviations of logarithms that no single term has to itself."""

    residual: float = 0.06
    level: float = 0.7
    core_term: float = 0.05
    limit: float = 2.0
    rounds: int = 3


@dataclass(frozen=True)
class Rows:
    """Measured networks as columns.

    Attributes
    ----------
    amounts : float64 array, rows x terms
        In the order of the priors.
    fixed_cycles : float64 array
        Cycles that no parameter touches: weights streamed, bytes outside.
    cycles : float64 array
        Measured time * clock.
    runtime, core : int64 array
        Positions in ``runtimes`` and ``cores``.
    """

    amounts: Floats
    fixed_cycles: Floats
    cycles: Floats
    runtime: Ints
    core: Ints
    runtimes: tuple[str, ...]
    cores: tuple[str, ...]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.cycles)

    def take(self, chosen: NDArray[np.bool_] | Ints) -> Rows:
        """Some of the rows."""
        return Rows(
            self.amounts[chosen], self.fixed_cycles[chosen], self.cycles[chosen], self.runtime[chosen], self.core[chosen],
            self.runtimes, self.cores,
        )  # fmt: skip


@dataclass(frozen=True)
class McuFit:
    """Fitted parameters, as logarithms."""

    terms: tuple[str, ...]
    runtimes: tuple[str, ...]
    cores: tuple[str, ...]
    mu: Floats
    level: Floats  # by runtime
    deviation: Floats  # runtime x term
    kappa: Floats  # by core
    core_deviation: Floats  # core x term
    by_runtime: Floats = field(repr=False)  # 1 where a term follows the runtime, else 0

    def log_costs(self, runtime: Ints, core: Ints) -> Floats:
        """Logarithm of the cycles of this core per unit amount, rows x terms."""
        own = (self.level[runtime][:, None] + self.deviation[runtime]) * self.by_runtime
        return self.mu + own + self.kappa[core][:, None] + self.core_deviation[core]

    def cycles(self, rows: Rows) -> Floats:
        """Predicted cycles of each row."""
        return (rows.amounts * np.exp(self.log_costs(rows.runtime, rows.core))).sum(axis=1) + rows.fixed_cycles

    def runtime_cycles(self, runtime: str) -> dict[str, float]:
        """Costs of a runtime in Cortex-M4 cycles, by term."""
        i = self.runtimes.index(runtime)
        logs = self.mu + (self.level[i] + self.deviation[i]) * self.by_runtime
        return dict(zip(self.terms, np.exp(logs).tolist(), strict=True))

    def core_factors(self, core: str) -> tuple[float, dict[str, float]]:
        """Cycles of a core per Cortex-M4 cycle, and its factor on each term."""
        i = self.cores.index(core)
        return float(np.exp(self.kappa[i])), dict(zip(self.terms, np.exp(self.core_deviation[i]).tolist(), strict=True))


def fit(rows: Rows, priors: Mapping[str, Prior] = PRIORS, spreads: Spreads = Spreads()) -> McuFit:
    """Most probable parameters given rows and priors.

    Parameters
    ----------
    rows : Rows
        At least one; runtimes and cores without rows stay at their priors.
    priors : Mapping
        Term -> prior, in the order of the columns of ``rows.amounts``.
    spreads : Spreads
    """
    solver = _Solver(rows, priors, spreads)
    weights = np.ones(len(rows))
    for _ in range(spreads.rounds):
        solver.solve(weights, tolerance=1e-3)
        z = np.maximum(np.abs(solver.residuals()) / spreads.residual, spreads.limit)
        weights = np.sqrt(spreads.limit / z)
    solver.solve(weights)
    return solver.result()


class _Solver:
    """Gauss-Newton on one vector of parameters: mu, levels, deviations, kappa, core deviations."""

    def __init__(self, rows: Rows, priors: Mapping[str, Prior], spreads: Spreads) -> None:
        self.rows, self.priors, self.spreads = rows, priors, spreads
        terms, runtimes, cores = len(priors), len(rows.runtimes), len(rows.cores)
        self.shape = (terms, runtimes, runtimes * terms, cores, cores * terms)
        follows = np.array([float(p.by_runtime > 0) for p in priors.values()])
        self.follows = follows
        mu = np.log([p.cycles for p in priors.values()])
        kappa = np.log([CORES.get(core, (1.0, 0.3))[0] for core in rows.cores])
        self.centre = np.concatenate([mu, np.zeros(runtimes + runtimes * terms), kappa, np.zeros(cores * terms)])
        own = np.tile([p.by_runtime or 1.0 for p in priors.values()], runtimes)
        sd = [
            np.array([p.spread for p in priors.values()]), np.full(runtimes, spreads.level), own,
            np.array([CORES.get(core, (1.0, 0.3))[1] for core in rows.cores]), np.full(cores * terms, spreads.core_term),
        ]  # fmt: skip
        self.precision = np.concatenate(sd) ** -2.0
        self.parameters = self.centre.copy()
        self.log_measured = np.log(rows.cycles)

    def result(self) -> McuFit:
        """The parameters by name."""
        mu, level, deviation, kappa, core_deviation = np.split(self.parameters, np.cumsum(self.shape)[:-1])
        terms, runtimes, _, cores, _ = self.shape
        return McuFit(
            tuple(self.priors), self.rows.runtimes, self.rows.cores, mu, level, deviation.reshape(runtimes, terms), kappa,
            core_deviation.reshape(cores, terms), self.follows,
        )  # fmt: skip

    def shares(self) -> tuple[Floats, Floats]:
        """Predicted cycles, and each term's share of them: the derivative of the logarithm."""
        found = self.result()
        parts = self.rows.amounts * np.exp(found.log_costs(self.rows.runtime, self.rows.core))
        total = parts.sum(axis=1) + self.rows.fixed_cycles
        return total, parts / total[:, None]

    def residuals(self) -> Floats:
        """log(predicted) - log(measured)."""
        return np.log(self.shares()[0]) - self.log_measured

    def solve(self, weights: Floats, steps: int = 40, tolerance: float = 1e-6) -> None:
        """Iterate to the most probable parameters under given weights of the rows."""
        scale = weights / self.spreads.residual
        for _ in range(steps):
            total, shares = self.shares()
            slope = self._slope(shares) * scale[:, None]
            told = slope.any(axis=0)  # the other parameters no row speaks of: they stay at their priors
            slope, precision = slope[:, told], self.precision[told]
            miss = (self.log_measured - np.log(total)) * scale
            normal = slope.T @ slope
            normal[np.diag_indices(len(normal))] += precision
            step = np.linalg.solve(normal, slope.T @ miss + precision * (self.centre - self.parameters)[told])
            self.parameters[told] += step
            if np.abs(step).max() < tolerance:
                return

    def _slope(self, shares: Floats) -> Floats:
        """Derivative of the logarithm of the predictions by every parameter, rows x parameters."""
        terms, runtimes, own, cores, _ = self.shape
        n, rows = np.arange(len(shares)), self.rows
        followed = shares * self.follows
        slope = np.zeros((len(shares), sum(self.shape)))
        slope[:, :terms] = shares
        slope[n, terms + rows.runtime] = followed.sum(axis=1)
        slope[n, terms + runtimes + own + rows.core] = shares.sum(axis=1)
        for k in range(terms):
            slope[n, terms + runtimes + rows.runtime * terms + k] = followed[:, k]
            slope[n, terms + runtimes + own + cores + rows.core * terms + k] = shares[:, k]
        return slope


def errors(predicted: Floats, measured: Floats) -> Floats:
    """Relative errors: predicted / measured - 1."""
    return predicted / measured - 1.0


def names_of(values: Sequence[str]) -> tuple[tuple[str, ...], Ints]:
    """Distinct names in order, and the position of each value among them.

    >>> names, positions = names_of(["b", "a", "b"])
    >>> names, positions.tolist()
    (('a', 'b'), [1, 0, 1])
    """
    names = tuple(sorted(set(values)))
    return names, np.array([names.index(value) for value in values], dtype=np.int64)
