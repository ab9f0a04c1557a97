"""Fusion: groups are convex partitions, MACs stay, bytes and starts fall, the search finds the best there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from dataflows.grouping import grouped, saved_bytes
from hwmodels.reader import load_device
from sim.check import broken_rules_of_schedule
from sim.lower import layerwise_plan
from strategies.chosen import read_strategy
from strategies.fused import cost_of, hosts_of, moved_bytes, starts
from strategies.fusing import Fusible, best_fusion, class_of, greedy_fusion
from strategies.problem import Problem
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.readers import load_network


def problem(graph: Graph, device: str = "raspberry_pi_4") -> Problem:
    board = load_device(device)
    return Problem(graph, board, layerwise_plan(graph, board))


def is_partition(graph: Graph, groups: Sequence[Sequence[int]]) -> bool:
    """True where every operator is in one group and the groups can run one after the other in some order."""
    if sorted(i for group in groups for i in group) != list(range(len(graph))):
        return False
    of = {i: k for k, group in enumerate(groups) for i in group}
    needs: dict[int, set[int]] = {k: set() for k in range(len(groups))}
    for i, operator in enumerate(graph.operators):
        needs[of[i]] |= {of[graph.producer[n]] for n in operator.inputs if n in graph.producer} - {of[i]}
    left = dict(needs)
    while left:
        free = [k for k, before in left.items() if not before & set(left)]
        if not free:
            return False
        for k in free:
            del left[k]
    return True


def random_graph(seed: int, count: int) -> Graph:
    """Convolutions, activations, additions and shuffles on maps of one size."""
    random = np.random.default_rng(seed)
    net = GraphBuilder("random")
    made = [net.input((1, 8, 6, 6))]
    for i in range(count):
        first, second = made[random.integers(len(made))], made[random.integers(len(made))]
        match random.integers(4):
            case 0:
                made.append(net.conv(first, 8, kernel=1, name=f"c{i}"))
            case 1:
                made.append(net.add("Relu", first, name=f"r{i}"))
            case 2:
                made.append(net.add("Add", (first, second), name=f"a{i}"))
            case _:
                made.append(net.add("ShuffleChannel", first, name=f"s{i}", group=2))
    return net.finish()


def all_partitions(fusible: Fusible) -> Iterator[tuple[tuple[int, ...], ...]]:
    """Every sequence of groups, by plain recursion."""

    def rest(done: int, groups: tuple[tuple[int, ...], ...]) -> Iterator[tuple[tuple[int, ...], ...]]:
        if done == (1 << len(fusible.graph)) - 1:
            yield groups
            return
        for seed in range(len(fusible.graph)):
            if not done >> seed & 1 and not fusible.before[seed] & ~done:
                for group in fusible.groups_from(done, seed):
                    yield from rest(done | sum(1 << i for i in group), (*groups, group))

    return rest(0, ())


@pytest.mark.parametrize("seed", range(12))
def test_the_search_equals_brute_force(seed: int) -> None:
    graph = random_graph(seed, 5)
    schedule = problem(graph).schedule()
    fusible, cost = Fusible(schedule.graph, hosts=hosts_of(schedule)), cost_of(schedule)
    found = best_fusion(fusible, cost)
    best = min(sum(cost(group) for group in groups) for groups in all_partitions(fusible))
    assert found.exact and found.cost == pytest.approx(best, rel=1e-12)
    assert found.cost <= greedy_fusion(fusible, cost).cost * (1 + 1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_groups_partition_the_network_and_can_run_in_order(seed: int) -> None:
    graph = random_graph(seed, 14)
    schedule = problem(graph).schedule()
    for measure in (True, False):
        fusible = Fusible(schedule.graph, measure=measure)
        for found in (best_fusion(fusible, cost_of(schedule)), greedy_fusion(fusible, cost_of(schedule))):
            assert is_partition(schedule.graph, found.groups)


@pytest.mark.parametrize("device", ["raspberry_pi_4", "stm32h743", "eyeriss_v1"])
@pytest.mark.parametrize("method", ["rules", "classes", "search"])
def test_macs_stay_bytes_and_starts_fall(device: str, method: str) -> None:
    for network in ("squeezenet", "resnet18", "mlperf_tiny_ic"):
        start = problem(load_network(network), device)
        done = read_strategy(f"fuse:method={method}").apply(start)
        before, after = start.schedule(), done.schedule()
        assert done.estimate().macs == start.estimate().macs
        assert moved_bytes(after) <= moved_bytes(before) and starts(after) <= starts(before)
        assert done.estimate().latency_s <= start.estimate().latency_s
        assert all((work.traffic >= 0).all() and (work.amounts >= 0).all() for work in after.work.values())
        assert not broken_rules_of_schedule(after)


def test_search_is_never_worse_than_classes() -> None:
    for network in ("squeezenet", "mobilenet_v2", "googlenet"):
        start = problem(load_network(network))
        seconds = [read_strategy(f"fuse:method={m}").apply(start).estimate().latency_s for m in ("classes", "search")]
        assert seconds[1] <= seconds[0] * (1 + 1e-9)


def test_one_convolution_per_group() -> None:
    """The second of two convolutions reads each element many times: it would have to be computed again."""
    start = problem(load_network("resnet50"))
    done = read_strategy("fuse:method=search").apply(start)
    for group in done.plan.groups:
        assert sum(class_of(start.graph, start.graph.operator(name)) == "many_to_many" for name in group) <= 1


def test_bytes_of_a_group_by_hand() -> None:
    net = GraphBuilder("two")
    x = net.conv(net.input((1, 4, 8, 8)), 8, kernel=1, name="c", bias=False)
    y = net.add("Relu", x, name="r")
    graph = net.finish(net.add("Add", (x, y), name="a"))
    group = frozenset({0, 1})
    # The convolution's 2048 B are read by the addition outside too: only the read of the activation is saved.
    assert saved_bytes(graph, 0, group, {}) == (1024, 2048, 0, 0, 128)
    assert saved_bytes(graph, 1, group, {}) == (2048, 2048, 2048, 0, 0)
    # All three together: nothing of what lies between is written.
    whole = frozenset({0, 1, 2})
    assert [saved_bytes(graph, i, whole, {})[2:4] for i in range(3)] == [(0, 2048), (2048, 2048), (4096, 0)]


def test_what_the_runtime_fuses_is_saved_once() -> None:
    """ncnn computes the activation inside the convolution: grouping the two again changes nothing."""
    net = GraphBuilder("two")
    graph = net.finish(net.add("Relu", net.conv(net.input((1, 4, 8, 8)), 8, kernel=1, name="c"), name="r"))
    schedule = problem(graph).schedule()
    work = schedule.work["cpu"]
    again = grouped(work, schedule.graph, [(0, 1)])
    assert np.array_equal(again.amounts, work.amounts) and np.array_equal(again.traffic, work.traffic)


def test_without_starts_and_traffic_nothing_changes() -> None:
    start = problem(load_network("squeezenet"))
    schedule = start.schedule()
    (work,) = schedule.work.values()
    prices = np.array([p if t.phase == "compute" else 0.0 for t, p in zip(work.terms, work.prices.tolist(), strict=True)])
    free = type(work)(**{**work.__dict__, "prices": prices})
    cost = cost_of(type(schedule)(**{**schedule.__dict__, "work": {"cpu": free}}))
    found = best_fusion(Fusible(schedule.graph, hosts=hosts_of(schedule)), cost)
    assert found.cost == pytest.approx(sum(cost((i,)) for i in range(len(schedule.graph))))
