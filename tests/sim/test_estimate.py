"""The closed form against numbers worked by hand on the toy unit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from hwmodels.device import Link
from hwmodels.errors import DeviceFileError
from sim.check import broken_rules_of_estimate
from sim.durations import durations, whole_picoseconds
from sim.errors import ScheduleError
from sim.estimate import estimate, host_share
from sim.lower import layerwise_plan
from tests.cases import chain_graph, lowered, random_graph, toy_device, toy_unit
from workloads.builder import GraphBuilder

# One 1x1 convolution of the chain, 2 channels into 2 on 4 x 4 pixels, fp32:
#   compute   16 * 2 * 2 = 64 MACs * 1 ns       =  64 ns
#   flash      2 * 2 * 4 = 16 B    * 2 ns       =  32 ns
#   sram      (128 + 128) B        * 0.5 ns     = 128 ns
#   overhead                                    = 100 ns
PHASES = (("compute", 64e-9), ("flash", 32e-9), ("sram", 128e-9), ("overhead", 100e-9))


def test_phases_that_follow_each_other_are_summed() -> None:
    result = estimate(lowered(chain_graph(3), toy_device()))
    row = result.operators[1]
    assert dict(row.phases) == pytest.approx(dict(PHASES), rel=1e-12)
    assert [phase for phase, _ in row.phases] == [phase for phase, _ in PHASES]
    assert row.latency_s == pytest.approx(324e-9, rel=1e-12)
    assert row.bound == "sram"
    assert row.bytes == {"flash": (16, 0), "sram": (128, 128)}
    assert result.latency_s == 972_000 / 10**12
    assert result.overlap_s == 0.0
    assert result.energy_j == pytest.approx(0.5 * 972e-9, rel=1e-12)  # 0.5 W while it works


def test_phases_that_overlap_take_the_largest() -> None:
    result = estimate(lowered(chain_graph(3), toy_device(toy_unit(join="max"))))
    assert [row.latency_s for row in result.operators] == [128e-9] * 3
    assert result.latency_s == 384_000 / 10**12
    assert result.energy_j == pytest.approx(0.5 * 384e-9, rel=1e-12)  # the power is drawn once, not once per phase


def test_a_host_that_enqueues_runs_ahead() -> None:
    # The host needs 100 ns an operator, the unit 224 ns: only the first enqueueing is seen. 100 + 3 * 224 = 772 ns.
    result = estimate(lowered(chain_graph(3), toy_device(toy_unit("enqueued"))))
    assert result.latency_s == 772_000 / 10**12
    assert result.overlap_s == pytest.approx(200e-9)
    # At 10 GHz the unit needs 6.4 + 32 + 128 = 166.4 ns; at 100 ns per enqueueing it still waits once: 100 + 3 * 166.4.
    fast = estimate(lowered(chain_graph(3), toy_device(toy_unit("enqueued", frequency_hz=1e10))))
    assert fast.latency_s == 599_200 / 10**12


def test_energy_by_actions_has_no_active_power() -> None:
    result = estimate(lowered(chain_graph(2), toy_device(toy_unit(active_power_w=None))))
    assert [row.energy_j for row in result.operators] == pytest.approx([64e-12, 64e-12])


def test_unknown_power_is_null_with_a_reason() -> None:
    schedule = lowered(chain_graph(2), toy_device(toy_unit()))
    blind = replace(schedule, units={"core": toy_unit(active_power_w=None)})
    result = estimate(blind)
    assert result.energy_j is None
    assert all(row.energy_j is None for row in result.operators)
    assert [m.field for m in result.missing] == ["latency_interval_s", "energy_j"]
    assert "core" in result.missing[1].reason


def test_a_fused_operator_costs_nothing_and_passes_its_input_on() -> None:
    net = GraphBuilder("fused")
    x = net.conv(net.input((1, 2, 4, 4)), 2, 1, bias=False, name="first")
    graph = net.finish(net.conv(net.activation(x, "relu", name="relu"), 2, 1, bias=False, name="second"))
    schedule = lowered(graph, toy_device(toy_unit("fusing")))
    result = estimate(schedule)
    relu = result.operators[1]
    assert (relu.latency_s, relu.phases, relu.bound) == (0.0, (), "none")
    assert relu.details["fused_into"] == "first"
    second = next(task for task in schedule.tasks if task.operator == 2)
    assert [schedule.tasks[t].name for t in second.after] == ["first/overhead"]
    # The tensor between the two is never stored: first's output and relu's share 128 B, so the peak is 256 B at every step.
    assert schedule.placement.loads["sram"] == (256, 128, 256)


def test_transfers_to_the_host_are_priced_on_their_link() -> None:
    graph = chain_graph(2)
    units = toy_unit(), toy_unit("host", activations_in=("far",), frequency_hz=5e8)
    device = toy_device(*units, host="host", links=(Link("bus", "sram", "far", 1e9, 1e-7),))
    schedule = lowered(graph, device, placement={"conv_1": "host"})
    result = estimate(schedule)
    # conv_1 first moves its input: 100 ns + 128 B / (1 GB/s) = 228 ns; then 2 * 64 + 32 + 128 + 100 = 388 ns.
    assert result.operators[1].phases[0] == ("bus", 228e-9)
    assert result.operators[1].latency_s == pytest.approx(616e-9, rel=1e-12)
    assert result.operators[1].bytes == {"flash": (16, 0), "sram": (256, 128), "far": (0, 128)}
    assert host_share(result) == pytest.approx(616 / 940)
    assert any(note.startswith("host: host runs 1 of 2") for note in result.notes)
    # The tensor lies in both memories while the host computes.
    assert result.memory["far"].activations_bytes == 256


def test_a_transfer_without_a_link_is_stated() -> None:
    units = toy_unit(), toy_unit("host", activations_in=("far",))
    schedule = lowered(chain_graph(2), toy_device(*units, host="host"), placement={"conv_1": "host"})
    assert any("128 B sram to far are not priced" in note for note in schedule.notes)


def test_units_overlap_only_where_the_plan_says_so() -> None:
    net = GraphBuilder("fork")
    source = net.input((1, 2, 4, 4))
    left = net.conv(source, 2, 1, bias=False, name="left")
    right = net.conv(source, 2, 1, bias=False, name="right")
    graph = net.finish(left, right)
    device = toy_device(toy_unit(), toy_unit("other"))
    placed = {"right": "other"}
    assert estimate(lowered(graph, device, placement=placed)).latency_s == 648e-9
    side_by_side = estimate(lowered(graph, device, placement=placed, one_at_a_time=False))
    assert side_by_side.latency_s == 324e-9
    assert side_by_side.overlap_s == pytest.approx(324e-9)


def test_settings_say_what_was_chosen() -> None:
    graph = random_graph(np.random.default_rng(1), batch=2)
    result = estimate(lowered(graph, toy_device()), {"dtype_assumed": True})
    assert result.settings == {
        "batch": 2, "dtype": "fp32", "dtype_assumed": True, "threads": 1, "unit": "core", "runtime": None, "fold": True, "set": {},
        "strategies": [],
    }  # fmt: skip
    assert result.coverage.operators == result.coverage.modelled == len(graph)
    assert broken_rules_of_estimate(result) == []


def test_durations_are_whole_picoseconds_and_refuse_nonsense() -> None:
    assert whole_picoseconds(3.5e-12, "a") == 4  # ties to even
    for seconds in (math.nan, math.inf, -1.0, 1e7):  # the clock holds 9.2e6 s
        with pytest.raises(ScheduleError, match=r"task 'a': .* is expected"):
            whole_picoseconds(seconds, "a")


def test_a_run_longer_than_the_clock_is_refused() -> None:
    slow = toy_device(toy_unit(frequency_hz=64e9 / 5e15))  # 5e6 s each, 1.5e7 s together
    with pytest.raises(ScheduleError, match="the clock holds"):
        durations(lowered(chain_graph(3), slow))


def test_an_unknown_unit_names_the_nearest() -> None:
    with pytest.raises(ScheduleError, match="unit: 'cor' is not a unit of toy; .*nearest: core"):
        layerwise_plan(chain_graph(), toy_device(), unit="cor")
    with pytest.raises(ScheduleError, match="threads: 9; 1 to 1 are expected"):
        layerwise_plan(chain_graph(), toy_device(), threads=9)
    with pytest.raises(ScheduleError, match="dataflow: 'ws' for unit 'core'"):
        layerwise_plan(chain_graph(), toy_device(), dataflow="ws")
    with pytest.raises(DeviceFileError, match="profile: 'best' is not a memory profile"):
        layerwise_plan(chain_graph(), toy_device(), profile="best")
