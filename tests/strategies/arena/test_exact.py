"""The exact planner: brute force, laws of the optimum, proofs, hard instances, and the compiled loop against the plain one."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.arena import ArenaPlan, Budget, Span, faults, peak_load, plan_arena
from strategies.arena.climb import hill_climbing
from strategies.arena.kernels import FOUND, FULL, LEVEL, LOW, canonical_search, lowest_gaps_height, search_columns, start_search
from strategies.arena.search import PartSearch, section_totals, static_ranks
from strategies.arena.sections import parts_of, span_table
from tests.reference.arena import lowest_gap_offsets, lowest_height
from tests.strategies.arena.instances import FEW_SPANS, SPANS, cut_rectangle

#: Seven buffers whose lowest arena is 5 although no step holds more than 4.
ABOVE_PEAK = [Span(0, 2, 2), Span(0, 3, 2), Span(2, 4, 1), Span(2, 5, 1), Span(3, 5, 1), Span(4, 6, 2), Span(5, 6, 2)]


def lowest(spans: list[Span]) -> int:
    plan = proved(spans)
    return plan.height


def proved(spans: list[Span]) -> ArenaPlan:
    plan = plan_arena(spans, budget=Budget(seconds=None, nodes=300_000))
    assert plan.optimal and faults(spans, plan.offsets, plan.height) == []
    return plan


@given(FEW_SPANS)
@settings(deadline=None, max_examples=120)
def test_equals_brute_force(spans: list[Span]) -> None:
    assert lowest(spans) == lowest_height(spans)


@given(SPANS, st.integers(1, 5), st.randoms())
@settings(deadline=None, max_examples=15)
def test_laws_of_the_optimum(spans: list[Span], factor: int, chance) -> None:
    best = lowest(spans)
    shuffled = list(spans)
    chance.shuffle(shuffled)
    assert lowest(shuffled) == best
    assert lowest([Span(s.lower + 5, s.upper + 5, s.size) for s in spans]) == best
    assert lowest([Span(-s.upper, -s.lower, s.size) for s in spans]) == best
    assert lowest([Span(3 * s.lower, 3 * s.upper, s.size) for s in spans]) == best
    assert lowest([s._replace(size=factor * s.size) for s in spans]) == factor * best
    assert lowest(spans[1:]) <= best
    assert lowest([s._replace(upper=s.lower + 1) for s in spans[:1]] + spans[1:]) <= best
    assert plan_arena(spans, alignment=16).height >= best


@given(SPANS)
@settings(deadline=None, max_examples=15)
def test_constraint_programming_agrees(spans: list[Span]) -> None:
    plan = plan_arena(spans, "constraint")
    assert plan.optimal and plan.height == lowest(spans) and faults(spans, plan.offsets, plan.height) == []


def test_an_optimum_above_the_peak_load_is_proved() -> None:
    assert lowest_height(ABOVE_PEAK) == 5 and peak_load(ABOVE_PEAK) == 4
    plan = proved(ABOVE_PEAK)
    assert (plan.height, plan.lower_bound) == (5, 5)


def test_a_capacity_that_cannot_be_met_is_ruled_out() -> None:
    plan = plan_arena(ABOVE_PEAK, capacity=4)
    assert not plan.fits(4) and plan.lower_bound == 5


@given(FEW_SPANS, st.sampled_from([(LOW, 1), (FULL, 4), (LEVEL, 0), (FULL, 1), (LOW, 4)]), st.integers(0, 4))
@settings(deadline=None, max_examples=60)
def test_compiled_and_plain_search_agree_and_are_right_at_every_height(
    spans: list[Span], style: tuple[int, int], order: int
) -> None:
    parts, _ = parts_of(spans)
    for part in parts:
        own = [spans[i] for i in part.members]
        table = span_table(own)
        rank = static_ranks(own, table, section_totals(table))[order]
        best = lowest_height(own)
        for capacity in range(peak_load(own), best + 2):
            answers = []
            for run in (canonical_search, canonical_search.compiled):
                columns = search_columns(table)
                start_search(table, columns, section_totals(table))
                answers.append((run(table, columns, capacity, rank, *style, 10**6), columns))
            (plain, one), (compiled, two) = answers
            assert plain == compiled == (FOUND if capacity >= best else 0)
            assert one.numbers.tolist() == two.numbers.tolist()
            assert plain != FOUND or one.offset.tolist() == two.offset.tolist()
            assert plain != FOUND or faults(own, one.offset.tolist(), capacity) == []


@given(FEW_SPANS.filter(bool), st.randoms())
@settings(deadline=None, max_examples=40)
def test_compiled_lowest_gaps(spans: list[Span], chance) -> None:
    order = list(range(len(spans)))
    chance.shuffle(order)
    columns = [np.array(column, np.int64) for column in zip(*spans, strict=True)]
    for run in (lowest_gaps_height, lowest_gaps_height.compiled):
        offset = np.zeros(len(spans), np.int64)
        tall = run(*columns, np.array(order, np.int64), offset, np.zeros(len(spans), np.int64))
        assert offset.tolist() == lowest_gap_offsets(spans, order)
        assert tall == max(o + s.size for o, s in zip(offset.tolist(), spans, strict=True))


def test_hill_climbing_compiled_from_some_size_on_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    spans = cut_rectangle(60, 3, kept=0.8)
    compiled = hill_climbing(spans, seed=5)
    monkeypatch.setattr("strategies.arena.climb.COMPILED_FROM", 10**9)
    assert hill_climbing(spans, seed=5, attempts=60) == hill_climbing(spans, seed=5, attempts=60)
    assert faults(spans, compiled) == []


@pytest.mark.parametrize(("buffers", "seed", "kept"), [(150, 1, 1.0), (200, 2, 0.97), (250, 7, 1.0), (400, 8, 1.0)])
def test_hard_instances_are_solved_at_a_full_arena(buffers: int, seed: int, kept: float) -> None:
    spans = cut_rectangle(buffers, seed, kept=kept)
    plan = plan_arena(spans, capacity=1024, budget=Budget(seconds=60.0))
    assert plan.height <= 1024 and faults(spans, plan.offsets, 1024) == []
    assert plan_arena(spans, "greedy_by_size").height > 1100


def test_a_budget_of_nodes_makes_equal_plans_and_a_stopped_search_says_so() -> None:
    spans = cut_rectangle(300, 11, kept=0.97)
    one, two = (plan_arena(spans, budget=Budget(seconds=None, nodes=3000)) for _ in range(2))
    assert one == two and not one.optimal and one.notes
    assert one.lower_bound == peak_load(spans)


def test_a_part_search_reports_nodes_and_gives_up_at_the_limit() -> None:
    spans = cut_rectangle(300, 11)
    answer = PartSearch(spans, 1).within(1024, most_nodes=500)
    assert answer.offsets is None and not answer.impossible and 500 <= answer.nodes <= 502


def test_equal_parts_in_time_and_buffers_throughout_are_taken_out() -> None:
    # 0 lives throughout; 1, 2 before step 4 and 3, 4 after it do not meet; 1 and 3 live throughout their half
    spans = [Span(0, 8, 5), Span(0, 4, 3), Span(0, 2, 2), Span(4, 8, 4), Span(6, 8, 1)]
    parts, settled = parts_of(spans)
    assert parts == [] and settled == {0: 0, 1: 5, 2: 8, 3: 5, 4: 9}


# ── published instances ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def read(path: Path) -> list[Span]:
    with path.open(encoding="utf-8") as file:
        return [Span(int(row["lower"]), int(row["upper"]), int(row["size"])) for row in csv.DictReader(file)]


@pytest.mark.parametrize("name", ["A", "C", "E", "G", "I", "K"])
def test_challenging_instances_of_minimalloc_fit(shared_folder: Path, name: str) -> None:
    spans = read(shared_folder / f"measured/memory/minimalloc/{name}.1048576.csv")
    plan = plan_arena(spans, capacity=1048576)
    assert plan.fits(1048576) and faults(spans, plan.offsets, 1048576) == []


def test_the_example_of_minimalloc_fits_in_12() -> None:
    # README of google/minimalloc: five buffers, capacity 12
    spans = [Span(0, 3, 4), Span(3, 9, 4), Span(0, 9, 4), Span(9, 21, 4), Span(0, 21, 4)]
    assert plan_arena(spans, capacity=12).height == 12


def test_golden_arenas(shared_folder: Path) -> None:
    cases = json.loads((shared_folder / "measured/memory/instances/arena_golden.json").read_text(encoding="utf-8"))
    for case in cases:
        spans = [Span(b["lower"], b["upper"], b["size"]) for b in case["buffers"]]
        assert peak_load(spans) == case["max_load"], case["id"]
        assert plan_arena(spans, "greedy_by_size").height == case["greedy_by_size_height"], case["id"]
        assert proved(spans).height == case["opt_height"], case["id"]


@pytest.mark.parametrize(("name", "ratio"), [("somas_resnet50", 1.0064), ("iopddl_G_1", 1.0028)])
def test_allocator_traces_of_a_compiler(shared_folder: Path, name: str, ratio: float) -> None:
    spans = read(shared_folder / f"measured/memory/instances/{name}.csv")
    assert plan_arena(spans, "greedy_by_size").height / peak_load(spans) == pytest.approx(ratio, abs=5e-5)
    assert proved(spans).height == peak_load(spans)
