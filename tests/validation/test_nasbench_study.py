"""NAS-Bench-201 on CPUs: which edges a runtime computes, and a fit on few networks."""

from __future__ import annotations

import numpy as np
import pytest

from hwmodels.costs.cpu import TERM_NAMES
from validation.cpu_tree import START
from validation.errors import DatasetError
from validation.nasbench_study import FUSES, fit_terms, nominal, study, tables
from validation.reader import load_dataset
from workloads import GraphError
from workloads.networks import build
from workloads.operators.rule import KINDS


def convolutions(code: str, edges: str) -> int:
    operators, _ = tables(f"nasbench201:{code}", edges, FUSES)
    return int((operators.kind == KINDS.index("convolution")).sum())


def test_edges_that_a_runtime_computes() -> None:
    # Stem, two reductions of three convolutions; five cells at three widths. 1<-0 is none: edges 2<-1 and 3<-1 start from nothing.
    base, cells = 7, 15
    assert convolutions("n33p11", "needed") == base + cells * 2  # 2<-0 and 3<-2
    assert convolutions("n33p11", "zeros") == base + cells * 4  # 2<-1 and 3<-1 on zeros too
    assert convolutions("3nnsnn", "needed") == base and convolutions("3nnsnn", "every") == base + cells


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(GraphError, match="edges 'all'; one of needed, zeros, every is expected"):
        build("nasbench201", edges="all")


def test_multipliers_that_made_the_times_are_found_again() -> None:
    rng = np.random.default_rng(3)
    seconds = rng.random((60, len(TERM_NAMES)))
    truth = np.array([START[name] for name in TERM_NAMES]) * np.exp(rng.normal(scale=0.3, size=len(TERM_NAMES)))
    found = np.exp(fit_terms(seconds[:50], seconds[:50] @ truth))
    assert seconds[50:] @ found == pytest.approx(seconds[50:] @ truth, rel=0.02)


def test_forty_networks_predict_twenty_others() -> None:
    rows = load_dataset("nasbench201").where(lambda row: row.device == "xeon_silver_4210r")
    few = rows.where(lambda row: row.row % 19 == 3)
    (report,) = study(few, "fit:40")
    total = report.total()
    assert total is not None and total.n == len(few) - 40
    assert total.mape < 0.08 and (total.kendall or 0) > 0.8
    assert total.mape < 0.6 * report.groups()[0].baselines["macs_only"].mape
    assert nominal(few.rows[:2]).shape == (2, len(TERM_NAMES))


def test_other_splits_are_refused() -> None:
    with pytest.raises(DatasetError, match="fit:N is expected"):
        study(load_dataset("nasbench201").where(lambda row: row.row < 10), "leave-one-family-out")
