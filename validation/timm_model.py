"""What the seconds of a timm network on a graphics card are a sum of: nominal seconds over shares that are reached, and gaps.

The terms are those of ``dataflows/gpu_counts.py``. A run is described by nine shares, ratios and gaps relative to its data sheet and two
half-saturations from a grid; how its networks were cast, where that is not published, is chosen with them by the cost of the fit.
For a card never measured the shares of other cards are taken over; the energy of an operation slows cards of a low power limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from hwmodels.costs.nominal import half_seconds, limited_seconds, memory_seconds, vector_seconds
from hwmodels.device import GpuUnit
from hwmodels.reader import load_device
from validation.gpu_features import MATRIX_KINDS, Stack
from validation.gpu_fit import Fit, Form, fit
from validation.timm_rows import Run, RunKey

Floats = NDArray[np.float64]

#: Half-saturations tried: output channels, reduction length.
GRID = tuple(product((0, 8, 32, 128), (0, 64, 128, 256)))

#: Parameter -> centre of its prior and standard deviation of its logarithm: shares of the data sheet, ratios to other shares, s, J.
PRIORS: dict[str, tuple[float, float]] = {
    "matrix_share": (1.0, 0.7), "operation_energy": (1.3e-12, 0.3), "bandwidth_share": (0.95, 0.4), "grouped_ratio": (0.6, 0.7),
    "product_ratio": (1.0, 0.5), "attention_ratio": (0.7, 0.7), "depthwise_share": (0.15, 1.0),
    "depthwise_stream_ratio": (0.5, 0.7), "memory_ratio": (0.8, 0.5), "launch": (4e-6, 0.7), "image": (1e-5, 1.0),
}  # fmt: skip
#: Factors on the centres: compiled kernels, attention written out, a training step (forward, backward, update).
COMPILED = {"bandwidth_share": 1.26, "depthwise_share": 1.8}
WRITTEN_ATTENTION = {"attention_ratio": 0.17}
TRAINING = {"matrix_share": 0.32, "bandwidth_share": 0.24, "launch": 10.0}

_P, _W = {"matrix_share": -1.0}, {"bandwidth_share": -1.0}
#: Term -> powers of the parameters in its price. Winograd is not used in half types; a layout that convolutions like (channels
#: last, as compiled) makes them as fast as products, the other needs a ratio.
PRICES: dict[str, dict[str, float]] = {
    "matrix": _P,
    "grouped": {**_P, "grouped_ratio": -1.0},
    "product": {**_P, "product_ratio": -1.0},
    "attention": {**_P, "attention_ratio": -1.0},
    "depthwise": {"depthwise_share": -1.0},
    "stream": _W,
    "depthwise_stream": {**_W, "depthwise_stream_ratio": -1.0},
    "memory": {**_W, "memory_ratio": -1.0},
    "weights": _W,
    "launch": {"launch": 1.0},
}
#: A training step also takes time per image that no kernel of inference explains: losses, targets, random depths.
STEP = {"image": {"image": 1.0}}
#: Arithmetic also costs energy under a power limit: these terms, with those above, tell several cards apart.
ENERGY = {
    f"{name}_energy": {"operation_energy": 1.0, **{ratio: -1.0 for ratio in PRICES[name] if ratio.endswith("_ratio")}}
    for name in ("matrix", "grouped", "product", "attention")
}  # fmt: skip


@cache
def card(device: str) -> GpuUnit:
    """The GPU of a device of the catalogue."""
    return next(unit for unit in load_device(device).units.values() if isinstance(unit, GpuUnit))


def prices_of(key: RunKey) -> dict[str, dict[str, float]]:
    """Terms of a run: a ratio of products only where kernels of convolutions have to change the layout."""
    if key.runtime == "torch_compile":
        return {**PRICES, "product": _P}
    return {**PRICES, **STEP} if key.phase == "train" else PRICES


def more_of(key: RunKey) -> tuple[str, ...]:
    """Terms of a run beyond :data:`PRICES`."""
    return tuple(STEP) if key.phase == "train" else ()


def form_of(key: RunKey, prices: Mapping[str, Mapping[str, float]]) -> Form:
    """The form of one run, with the priors of its mode."""
    names = tuple(name for name in PRIORS if any(name in powers for powers in prices.values()))
    centres = {name: PRIORS[name][0] for name in names}
    changes = [COMPILED] if key.runtime == "torch_compile" else []
    changes += [WRITTEN_ATTENTION] if key.version.startswith("1.") else []
    changes += [TRAINING] if key.phase == "train" else []
    for change in changes:
        centres = {name: value * change.get(name, 1.0) for name, value in centres.items()}
    exponents = np.array([[powers.get(name, 0.0) for name in names] for powers in prices.values()])
    return Form(names, exponents, np.log(list(centres.values())), np.array([PRIORS[name][1] for name in names]))


def amounts_of(stack: Stack, batch: Floats, unit: GpuUnit, pair: tuple[int, int], more: Iterable[str] = ()) -> Floats:
    """Nominal seconds of every term of :data:`PRICES`, then of ``more`` of :data:`ENERGY` or :data:`STEP`, a row per network.

    >>> from validation.gpu_features import Features, Stack
    >>> one = Features(np.zeros(12), np.array([0.0]), np.array([64.0]), np.array([64.0]), np.array([71e12]), np.ones(1), np.ones(1))
    >>> amounts_of(Stack.of([one]), np.ones(1), card("rtx_3090"), (64, 0))[0, 0]
    2.0
    """
    flop = {kind: batch * stack.matrix_flop(kind, *pair) for kind in MATRIX_KINDS}
    matrix = {
        "matrix": flop["matrix"] + flop["winograd"], "grouped": flop["grouped"], "product": flop["product"] + flop["fully_connected"],
        "attention": batch * stack.total("attention_flop"),
    }  # fmt: skip
    moved = {
        "stream": batch * stack.total("stream_bytes"), "depthwise_stream": batch * stack.total("depthwise_bytes"),
        "memory": batch * (stack.total("memory_bytes") + stack.total("copied_bytes")), "weights": stack.total("constant_bytes_per_run"),
    }  # fmt: skip
    found = {name: half_seconds(value, unit) for name, value in matrix.items()}
    found |= {name: memory_seconds(value, unit) for name, value in moved.items()}
    found["depthwise"] = vector_seconds(batch * stack.total("depthwise_flop"), unit)
    found["launch"], found["image"] = stack.total("launches_per_run"), batch
    found |= {f"{name}_energy": limited_seconds(value, unit) for name, value in matrix.items()}
    return np.stack([found[term] for term in (*PRICES, *more)], axis=1)


@dataclass(frozen=True)
class Choices:
    """Amounts of some rows under every choice (cast and half-saturations), and the form they share."""

    form: Form
    amounts: tuple[Floats, ...]  # per choice: rows x terms
    names: tuple[tuple[int, tuple[int, int]], ...]  # per choice: number of the cast, half-saturations

    @classmethod
    def of(cls, run: Run) -> Choices:
        """Of one run on its own card."""
        unit = card(run.key.device)
        names = tuple(product(range(len(run.stacks)), GRID))
        amounts = tuple(amounts_of(run.stacks[cast], run.batch, unit, pair, more_of(run.key)) for cast, pair in names)
        return cls(form_of(run.key, prices_of(run.key)), amounts, names)

    @classmethod
    def pooled(cls, runs: Sequence[Run], energy_j: float | None = None) -> Choices:
        """Of several cards behind each other, casts with norms in fp32; the energy of an operation tells the cards apart.

        ``energy_j`` is its prior, where other rows than those of :data:`PRIORS` are to give it [J].
        """
        pairs = [
            np.concatenate([amounts_of(run.stacks[0], run.batch, card(run.key.device), pair, ENERGY) for run in runs])
            for pair in GRID
        ]
        compiled = prices_of(runs[0].key)["product"] == _P
        energy = {**ENERGY, "product_energy": ENERGY["matrix_energy"]} if compiled else ENERGY
        form = form_of(runs[0].key, {**prices_of(runs[0].key), **energy})
        if energy_j is not None:
            means = np.where(np.array(form.parameters) == "operation_energy", np.log(energy_j), form.means)
            form = replace(form, means=means)
        return cls(form, tuple(pairs), tuple((0, pair) for pair in GRID))

    def best(
        self, measured: Floats, rows: NDArray[np.bool_] | None = None, starts: Iterable[Fit] | None = None
    ) -> tuple[int, list[Fit]]:
        """Number of the choice of least cost, and the fits of all, on all rows or on some."""
        chosen = np.ones(len(measured), bool) if rows is None else rows
        begin = [one.theta for one in starts] if starts is not None else [None] * len(self.amounts)
        fits = [
            fit(self.form, amounts[chosen], measured[chosen], start=start)
            for amounts, start in zip(self.amounts, begin, strict=True)
        ]
        return int(np.argmin([one.cost for one in fits])), fits


def coarse_form(key: RunKey) -> Form:
    """Time of MACs, of activations written and read, and of an image: for people who know no more."""
    changes = TRAINING if key.phase == "train" else {}
    centres = [0.5 * changes.get("matrix_share", 1.0), 0.25 * changes.get("bandwidth_share", 1.0), 5e-6]
    return Form(("rate", "traffic", "image"), np.diag([-1.0, -1.0, 1.0]), np.log(centres), np.array([1.0, 1.0, 1.5]))


def coarse_amounts(run: Run) -> Floats:
    """Nominal seconds of two operations a MAC, of four bytes an activation, and images."""
    unit, stack = card(run.key.device), run.stacks[0]
    macs, activations = stack.total("macs"), stack.total("activations")
    return np.stack(
        [half_seconds(2.0 * run.batch * macs, unit), memory_seconds(4.0 * run.batch * activations, unit), run.batch], axis=1
    )
