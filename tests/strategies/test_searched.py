"""The search across levels: equal to trying every recipe, honest about what is infeasible, the same for the same seed."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from hwmodels.reader import load_device
from sim.lower import layerwise_plan
from strategies.chosen import read_strategy
from strategies.problem import Problem
from strategies.searched import Choice, choices_of, offers, search
from strategies.strategy import apply_all
from workloads.readers import load_network


def problem_of(network: str, device_name: str, **more: Any) -> Problem:
    graph, device = load_network(network), load_device(device_name)
    return Problem(graph, device, layerwise_plan(graph, device), **more)


def figures(problem: Problem) -> tuple[dict[str, float | None], Any]:
    answer = problem.estimate()
    return {"latency": answer.latency_s, "peak": float(answer.activations_peak_bytes), "flash": float(answer.weights_bytes)}, answer


CHOICES = [
    Choice("network", ((), (read_strategy("quantize:dtype=int8"),), (read_strategy("prune:share=50%,pattern=filter"),))),
    Choice("fuse", ((), (read_strategy("fuse"),))),
    Choice("reorder", ((), (read_strategy("reorder"),))),
]


def test_the_front_is_that_of_trying_every_recipe() -> None:
    problem = problem_of("lenet5", "stm32h743")
    found = search(problem, CHOICES, figures, {}, ("latency", "peak"))
    assert found.exhaustive and found.recipes == 12
    every: list[tuple[float, float]] = []
    for options in itertools.product(*(choice.options for choice in CHOICES)):
        got, _ = figures(apply_all(problem, [strategy for option in options for strategy in option]))
        every.append((got["latency"] or 0.0, got["peak"] or 0.0))
    best = {v for v in every if not any(o != v and o[0] <= v[0] and o[1] <= v[1] for o in every)}
    assert {(c.figures["latency"], c.figures["peak"]) for c in found.front(("latency", "peak"))} == best


def test_every_point_can_be_run_again() -> None:
    problem = problem_of("lenet5", "stm32h743")
    found = search(problem, CHOICES, figures, {}, ("latency",))
    for candidate in found.candidates:
        again, _ = figures(apply_all(problem, [read_strategy(spec) for spec in candidate.recipe]))
        assert again == dict(candidate.figures)


def test_a_strategy_that_changes_nothing_is_in_no_recipe() -> None:
    found = search(problem_of("lenet5", "stm32h743"), CHOICES, figures, {}, ("latency",))
    assert all("reorder" not in candidate.recipe for candidate in found.candidates)  # a chain has one order


def test_budgets_decide_what_is_feasible() -> None:
    problem = problem_of("lenet5", "stm32h743")
    free = search(problem, CHOICES, figures, {}, ("latency",))
    middle = sorted(c.figures["flash"] or 0 for c in free.candidates)[len(free.candidates) // 2]
    kept = search(problem, CHOICES, figures, {"flash": middle}, ("latency",))
    assert 0 < sum(c.feasible for c in kept.candidates) < len(kept.candidates)
    assert all(c.feasible == ((c.figures["flash"] or 0) <= middle) for c in kept.candidates)
    assert all((c.figures["flash"] or 0) <= middle for c in kept.front(("latency",)))


def test_what_cannot_be_met_names_the_limit_and_the_nearest_point() -> None:
    problem = problem_of("lenet5", "stm32h743")
    found = search(problem, CHOICES, figures, {"flash": 10_000.0, "latency": 10.0}, ("latency",))
    assert not found.front(("latency",))
    assert found.binding() == ["flash"]
    nearest = found.nearest()
    assert nearest is not None
    assert nearest.distance == min((c.figures["flash"] or 0) for c in found.candidates) / 10_000.0


def test_limits_that_only_together_cannot_be_met() -> None:
    problem = problem_of("lenet5", "stm32h743")
    free = search(problem, CHOICES, figures, {}, ("latency",))
    fastest, smallest = (min(c.figures[name] or 0 for c in free.candidates) for name in ("latency", "flash"))
    tight = search(problem, CHOICES, figures, {"latency": fastest, "flash": smallest}, ("latency",))
    if not tight.front(("latency",)):
        assert set(tight.binding()) <= {"latency", "flash"} and tight.binding()


def test_a_sampled_search_repeats_and_stays_within_the_space() -> None:
    problem = problem_of("lenet5", "stm32h743", seed=3)
    one = search(problem, CHOICES, figures, {}, ("latency", "flash"), seed=3, trials=32, all_tried=1)
    two = search(problem, CHOICES, figures, {}, ("latency", "flash"), seed=3, trials=32, all_tried=1)
    every = search(problem, CHOICES, figures, {}, ("latency", "flash"))
    assert one == two and not one.exhaustive
    assert {c.recipe for c in one.candidates} <= {c.recipe for c in every.candidates}


def test_recipes_of_the_users_accuracy_table_are_tried_and_carry_their_loss() -> None:
    table = {"quantize": 0.4, "quantize:dtype=int4": 2.5}
    problem = problem_of("lenet5", "stm32h743", accuracy=table)
    found = search(problem, choices_of(problem), figures, {"accuracy_loss": 1.0}, ("flash",))
    losses = {(c.recipe[0] if c.recipe and c.recipe[0] in table else ""): c.accuracy_loss for c in found.candidates}
    assert losses == {"": 0.0, **table}
    assert all(c.feasible == (c.accuracy_loss is not None and c.accuracy_loss <= 1.0) for c in found.candidates)


def test_a_loss_that_was_not_measured_keeps_no_accuracy_limit() -> None:
    problem = problem_of("lenet5", "stm32h743", accuracy={"quantize": 0.4})
    choices = choices_of(problem, [read_strategy("prune:share=30%")])
    found = search(problem, choices, figures, {"accuracy_loss": 5.0}, ("latency",))
    pruned = [c for c in found.candidates if any(spec.startswith("prune") for spec in c.recipe)]
    assert pruned
    assert all(c.accuracy_loss is None and c.excess["accuracy_loss"] == math.inf for c in pruned)


def test_a_strategy_that_refuses_is_counted_with_its_reason() -> None:
    problem = problem_of("mlperf_tiny_ad", "stm32h743")
    found = search(problem, choices_of(problem, room={"sram": 65536.0}), figures, {}, ("latency",))
    assert any("patch by patch" in reason for reason in found.refused)
    assert found.candidates and all("quantize:dtype=int8" not in candidate.recipe for candidate in found.candidates)


@pytest.mark.parametrize(("device", "kinds"), [("stm32h743", "flash"), ("raspberry_pi_4", "")])
def test_offers_speak_of_memories_the_device_has(device: str, kinds: str) -> None:
    problem = problem_of("lenet5", device)
    said = offers(problem, {"sram": 65536.0} if kinds else {})
    assert any(spec.startswith("swap:to=flash,limit=64KiB") for spec in said) == bool(kinds)
