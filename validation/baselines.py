"""Simpler models that every table of errors shows beside ours: time by MACs alone, and a line per kind of operator."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from validation.measurement import Measurement
from workloads.operators.rule import KINDS
from workloads.readers import load_network
from workloads.tables import graph_tables

Floats = NDArray[np.float64]

#: What the linear baseline sees of a network: MACs by kind, elements of what has none, and the number of operators.
FEATURES = ("convolution", "1x1 convolution", "depthwise", "fully connected", "products", "other elements", "weights", "operators")


@functools.lru_cache(maxsize=512)
def features(model: str, catalogue_paths: tuple[str, ...] = ()) -> Floats:
    """The eight features of a network, in units of 1e9 MACs, 1e6 elements, and operators."""
    tables = graph_tables(load_network(model, catalogue_paths=catalogue_paths))
    operators, nests = tables.operators, tables.nests
    kinds = np.array(KINDS)[operators.kind]
    macs = operators.macs / 1e9
    one = np.zeros(len(kinds), np.bool_)
    one[nests.operator] = (nests.R == 1) & (nests.S == 1)
    convolution = kinds == "convolution"
    return np.array([
        macs[convolution & ~one].sum(), macs[convolution & one].sum(), macs[kinds == "depthwise"].sum(),
        macs[kinds == "fully_connected"].sum(), macs[np.isin(kinds, ("matmul", "attention", "recurrent"))].sum(),
        (operators.input_elements + operators.output_elements)[operators.macs == 0].sum() / 1e6,
        operators.weight_elements.sum() / 1e6, len(kinds) / 100.0,
    ])  # fmt: skip


def linear(inputs: Floats, seconds: Floats, tested: Floats) -> Floats:
    """Non-negative least squares of relative errors on the features."""
    from scipy.optimize import nnls

    weights, _ = nnls(inputs / seconds[:, None], np.ones(len(seconds)))
    return np.asarray(np.maximum(tested @ weights, 1e-12))


def macs_only(macs: Floats, seconds: Floats, tested: Floats) -> Floats:
    """Seconds per MAC, the median over the rows that may be seen."""
    return np.asarray(tested * np.median(seconds / macs))


def held_out(
    rows: Sequence[Measurement], groups: Sequence[object], keys: Sequence[str], catalogue_paths: tuple[str, ...] = ()
) -> dict[str, Floats]:
    """Both baselines for every row, fitted to the rows of its own group without those that share its key."""
    members: dict[object, list[int]] = {}
    for i, group in enumerate(groups):
        members.setdefault(group, []).append(i)
    found = {"macs_only": np.full(len(rows), np.nan), "linear": np.full(len(rows), np.nan)}
    for chosen in members.values():
        inputs = np.array([features(rows[i].model, catalogue_paths) for i in chosen])
        seconds, macs = np.array([rows[i].value for i in chosen]), inputs[:, :5].sum(axis=1)
        own = np.array([keys[i] for i in chosen])
        for key in sorted(set(own)):
            seen, test = own != key, own == key
            if seen.any():
                index = np.array(chosen)[test]
                found["macs_only"][index] = macs_only(macs[seen], seconds[seen], macs[test])
                found["linear"][index] = linear(inputs[seen], seconds[seen], inputs[test])
    return found
