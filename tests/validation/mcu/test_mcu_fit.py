"""The joint fit: recovers what made the rows, stays at its priors without rows, keeps its anchor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from validation.mcu_fit import PRIORS, Prior, Rows, Spreads, errors, fit, names_of

TERMS = {"convolution": Prior(1.5), "output": Prior(33.0)}


def made(seed: int, rows: int = 60) -> tuple[Rows, np.ndarray]:
    """Rows of two runtimes on a Cortex-M4 and an M7, with costs drawn near the priors; and those costs, runtime x term."""
    random = np.random.default_rng(seed)
    costs = np.array([p.cycles for p in TERMS.values()]) * np.exp(random.normal(0, 0.1, (2, 2)))
    factor = np.array([1.0, 0.58])
    amounts = random.uniform(0.1, 1.0, (rows, 2)) * [1e7, 1e5]
    runtime, core = random.integers(0, 2, (2, rows))
    fixed = random.uniform(0, 1e5, rows)
    cycles = (amounts * costs[runtime]).sum(axis=1) * factor[core] + fixed
    return Rows(amounts, fixed, cycles, runtime, core, ("first", "second"), ("cortex_m4", "cortex_m7")), costs


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_recovers_what_made_the_rows(seed: int) -> None:
    rows, costs = made(seed)
    found = fit(rows, TERMS)
    assert np.abs(errors(found.cycles(rows), rows.cycles)).max() < 0.02
    for i, name in enumerate(rows.runtimes):
        assert list(found.runtime_cycles(name).values()) == pytest.approx(costs[i].tolist(), rel=0.1)
    assert found.core_factors("cortex_m4")[0] == pytest.approx(1.0, abs=0.03)
    assert found.core_factors("cortex_m7")[0] == pytest.approx(0.58, rel=0.05)


def test_without_rows_of_a_runtime_its_costs_are_the_shared_ones() -> None:
    rows, _ = made(3)
    found = fit(rows.take(rows.runtime == 0), TERMS)
    assert found.level[1] == pytest.approx(0.0, abs=1e-9) and found.deviation[1].tolist() == pytest.approx([0.0, 0.0], abs=1e-9)


def test_one_wild_row_hardly_matters() -> None:
    rows, _ = made(5)
    cycles = rows.cycles.copy()
    cycles[0] *= 2.5
    clean, dirty = fit(rows, TERMS), fit(replace(rows, cycles=cycles), TERMS)
    assert dirty.cycles(rows)[1:] == pytest.approx(clean.cycles(rows)[1:], rel=0.05)
    plain = fit(replace(rows, cycles=cycles), TERMS, Spreads(rounds=0))
    assert abs(np.log(plain.cycles(rows) / rows.cycles)).mean() > abs(np.log(dirty.cycles(rows) / rows.cycles)).mean()


def test_terms_that_are_not_the_runtimes_ignore_its_level() -> None:
    terms = {**TERMS, "dispatch": Prior(1.0, spread=0.1, by_runtime=0.0)}
    rows, _ = made(7)
    wide = replace(rows, amounts=np.column_stack([rows.amounts, np.full(len(rows), 1e4)]), cycles=rows.cycles * 3)
    found = fit(wide, terms)
    assert abs(found.runtime_cycles("first")["dispatch"] - 1.0) < 0.3
    assert found.runtime_cycles("first")["output"] > 60


def test_names_of_and_priors() -> None:
    assert names_of(["x", "a", "x"])[1].tolist() == [1, 0, 1]
    assert PRIORS["output"].cycles == 33.0 and PRIORS["dispatch"].by_runtime == 0.0
