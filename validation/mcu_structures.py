"""Structures of the microcontroller model that were weighed against each other, and the choice made honestly.

A structure is a set of terms with their priors. Which one is best is decided on inner splits: the rows of the outer architecture
are away when structures are compared by leaving out the others one by one. ``nested`` gives the error of that procedure: 8.2 %
mean, 5.2 % median on 245 rows; in 16 of 17 cases the choice is ``all``.

Before these, about 120 variants were tried on all rows with architectures left out: im2col elements, pixels, rows, channels and
weights of convolutions, separate costs for 1x1 and larger filters, for first layers and for the outputs of depthwise convolutions,
dispatch by operator, padded depthwise work, streaming left free, other spreads and robust weights. Most lay between 8.2 and 8.8 %
mean error; what is below was kept because it has a reason in the kernels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from validation.mcu_fit import PRIORS, Floats, Prior, Rows, errors, fit

Structure = Mapping[str, Prior]


def _with(terms: Sequence[str], **by_runtime: float) -> Structure:
    """Terms with their priors, some with another spread between runtimes."""
    return {t: replace(PRIORS[t], by_runtime=by_runtime[t]) if t in by_runtime else PRIORS[t] for t in terms}


KINDS = ("convolution", "depthwise", "fully_connected")
PRICED = ("elementwise", "pooling", "activation", "softmax", "copy", "dispatch")

#: Name -> structure; the first two are the models to compare with.
STRUCTURES: Mapping[str, Structure] = {
    "macs_only": {},
    "linear": _with(KINDS),
    "outputs": _with((*KINDS, "output")),
    "outputs and inputs": _with((*KINDS, "output", "input")),
    "remainder": _with((*KINDS, "output", "input", "remainder")),
    "all, depthwise as free as the others": _with(tuple(PRIORS), depthwise=0.15),
    "all, depthwise less free": _with(tuple(PRIORS), depthwise=0.2),
    "all": _with(tuple(PRIORS)),
    "all, every kind freer": _with(tuple(PRIORS), convolution=0.2, fully_connected=0.2, output=0.2),
    "all without inputs": _with(tuple(t for t in PRIORS if t != "input")),
}
#: One cost for all multiply-accumulates, free by runtime like the others.
MACS_ONLY = Prior(2.8)
CANDIDATES = tuple(name for name in STRUCTURES if name not in ("macs_only", "linear"))


def with_structure(rows: Rows, name: str) -> tuple[Rows, Structure]:
    """The columns of a structure and its priors."""
    columns = list(PRIORS)
    if name == "macs_only":
        macs = rows.amounts[:, [columns.index(kind) for kind in KINDS]].sum(axis=1, keepdims=True)
        return replace(rows, amounts=macs), {"macs": MACS_ONLY}
    structure = STRUCTURES[name]
    return replace(rows, amounts=rows.amounts[:, [columns.index(term) for term in structure]]), structure


def left_out(rows: Rows, groups: NDArray[np.str_], name: str, test: NDArray[np.bool_] | None = None) -> Floats:
    """Predicted cycles of every row from a fit that has not seen its group; NaN for groups without a row to test."""
    columns, priors = with_structure(rows, name)
    predicted = np.full(len(rows), np.nan)
    for group in np.unique(groups):
        away = groups == group
        if test is None or (away & test).any():
            predicted[away] = fit(columns.take(~away), priors).cycles(columns.take(away))
    return predicted


def chosen(rows: Rows, groups: NDArray[np.str_], test: NDArray[np.bool_], candidates: Sequence[str] = CANDIDATES) -> str:
    """The structure with the least mean error on groups left out one by one."""
    wrong = {name: np.abs(errors(left_out(rows, groups, name, test), rows.cycles))[test].mean() for name in candidates}
    return min(wrong, key=lambda name: (wrong[name], name))


def nested(
    rows: Rows, groups: NDArray[np.str_], test: NDArray[np.bool_], candidates: Sequence[str] = CANDIDATES
) -> tuple[Floats, dict[str, str]]:
    """Predicted cycles where the structure too was chosen without the row's group; and what was chosen for each group."""
    predicted, picks = np.full(len(rows), np.nan), {}
    for group in np.unique(groups[test]):
        away = groups == group
        inner = rows.take(~away)
        picks[str(group)] = chosen(inner, groups[~away], test[~away], candidates)
        columns, priors = with_structure(rows, picks[str(group)])
        predicted[away] = fit(columns.take(~away), priors).cycles(columns.take(away))
    return predicted, picks
