"""The CPU fit on made-up boards whose multipliers are known, and its parts on small cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.cpu_lowering import lower_cpu
from dataflows.unit_work import UnitSettings
from hwmodels.core_tree import core_tree
from hwmodels.costs.cpu import TERM_NAMES
from hwmodels.device import CpuUnit
from hwmodels.reader import load_device
from hwmodels.runtime import load_runtime
from validation.cpu_rows import EXCLUDED, CpuRows, count, cpu_rows, network_tables, parameters_of, unit_of
from validation.cpu_study import SHOTS, mean_setting_error, predict, reports
from validation.cpu_tree import LOWEST, MATRIX, PARAMETERS, VARIANCES, Entity, fitted, grow, multipliers, predicted_seconds, start
from validation.measurement import Dataset, Measurement
from validation.reader import load_dataset
from workloads.readers import load_network
from workloads.tables import graph_tables

BOARDS = ("rock_3a", "nanopi_r2s", "raspberry_pi_3b_plus", "jetson_nano", "rk3399")
MODELS = ("ncnn_squeezenet", "ncnn_mobilenet", "ncnn_mobilenet_v2", "ncnn_resnet18", "ncnn_mnasnet", "ncnn_alexnet")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """A few boards and networks of the published rows."""
    return load_dataset("ncnn").where(lambda row: row.device in BOARDS and row.model in MODELS and row.dtype != "int8")


@pytest.fixture(scope="module")
def table(dataset: Dataset) -> CpuRows:
    return cpu_rows(dataset.rows)


def test_a_row_is_the_lowered_network_at_data_sheet_speed(table: CpuRows) -> None:
    i = next(
        i for i, row in enumerate(table.rows) if row.device == "jetson_nano" and row.model == "ncnn_mobilenet" and row.threads == 4
    )
    row, device = table.rows[i], load_device("jetson_nano")
    unit = device.units["cpu"]
    assert isinstance(unit, CpuUnit)
    graph = load_network("ncnn_mobilenet")
    runtime = load_runtime(row.runtime)
    work = lower_cpu(
        graph, graph_tables(graph), device, unit, UnitSettings(threads=4, runtime=runtime), np.ones(len(graph), np.bool_)
    )
    nominal = work.prices / np.array([unit.multipliers[name] for name in TERM_NAMES])
    assert table.seconds[i] == pytest.approx((work.amounts @ np.diag(nominal)).sum(axis=0), rel=1e-12)


def test_counting_compiled_and_interpreted_agree(table: CpuRows) -> None:
    row = table.rows[0]
    tables = network_tables(row.model, "float", row.dtype == "fp16")
    parameters = [parameters_of(row, unit_of(row))]
    assert np.array_equal(count(*tables, parameters), count(*tables, parameters, compiled=False))


def test_known_multipliers_are_found_again(table: CpuRows) -> None:
    """Times made with known multipliers within bounds, with a spike every tenth row: the fit predicts the clean times."""
    slower = np.log(1.5) * (np.array(PARAMETERS) == "all")
    truth = {entity: start() + slower + 0.3 * np.sin(np.arange(len(PARAMETERS)) + i) for i, entity in enumerate(table.entities)}
    clean = np.array(
        [
            predicted_seconds(table.seconds[i : i + 1], table.entities[e], truth[table.entities[e]])[0]
            for i, e in enumerate(table.entity)
        ]
    )
    spoiled = clean * np.where(np.arange(len(table)) % 10 == 3, 1.8, 1.0)
    made = CpuRows(table.rows, table.seconds, spoiled, table.entities, table.entity, {})
    tree = grow(made, np.ones(len(made), np.bool_))
    found = np.array(
        [
            predicted_seconds(made.seconds[i : i + 1], made.entities[e], tree.leaves[made.entities[e]])[0]
            for i, e in enumerate(made.entity)
        ]
    )
    assert np.median(np.abs(found / clean - 1)) < 0.03


@pytest.mark.parametrize("split", ["leave-one-network-out", "leave-one-family-out", "leave-one-device-out"])
def test_what_is_held_out_is_not_seen(table: CpuRows, split: str) -> None:
    """Changing the held-out measurements leaves their predictions as they were."""
    before = predict(table, split)
    if split == "leave-one-device-out":
        mine = np.array([table.entities[i].chip == table.entities[0].chip for i in table.entity])
    else:
        mine = np.array([row.model == "ncnn_resnet18" for row in table.rows])
    if split == "leave-one-network-out":  # class means may have seen the network, its own board may not: one board is changed
        mine &= table.entity == 0
    changed = CpuRows(
        table.rows, table.seconds, np.where(mine, 7.0 * table.measured, table.measured), table.entities, table.entity, {}
    )
    after = predict(changed, split)
    within = 0.05 if split == "leave-one-network-out" else 1e-12
    assert after.seconds[mine] == pytest.approx(before.seconds[mine], rel=within)


def test_few_shots_test_the_other_networks(table: CpuRows) -> None:
    found = predict(table, "few-shot:4")
    tested = np.isfinite(found.seconds)
    assert {row.model for row, used in zip(table.rows, tested, strict=True) if used} == set(MODELS) - set(SHOTS)


def test_errors_stay_in_their_band(dataset: Dataset, table: CpuRows) -> None:
    """Six networks on five boards, each network left out of its board's fit: well under the error of MACs alone."""
    found = predict(table, "leave-one-network-out")
    everything = CpuRows(table.rows, table.seconds, table.measured, table.entities, table.entity, {})
    assert reports(dataset, everything, "leave-one-network-out", found) == []  # six networks are fewer than a group needs
    error = np.abs(found.seconds / table.measured - 1)
    assert np.median(error) < 0.15


def test_the_summary_says_split_by_what(monkeypatch: pytest.MonkeyPatch, dataset: Dataset, table: CpuRows) -> None:
    monkeypatch.setattr("validation.cpu_study.LEAST_NETWORKS", 4)
    (report,) = reports(dataset, table, "leave-one-device-out", predict(table, "leave-one-device-out"))
    total = report.total()
    assert total is not None and report.notes[0].startswith(f"n = {total.n}, ")
    assert f"median {total.median_ape:.1%}" in report.notes[0] and "of 5 chips" in report.notes[0]


def test_excluded_rows_are_counted_by_name() -> None:
    rows = load_dataset("ncnn").where(lambda row: row.device in ("xeon_phi_3120a", "z7_lite_7020")).rows
    table = cpu_rows(rows)
    assert sum(table.left_out.values()) + len(table) == len(rows)
    assert any("xeon_phi_3120a" in reason for reason in table.left_out)
    assert all(device != "xeon_phi_3120a" for device, *_ in table.entities)
    assert ("xeon_phi_3120a", "") in EXCLUDED


@given(seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_a_faster_part_is_never_slower(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seconds, entity = rng.random((5, len(TERM_NAMES))), Entity("b", "cpu", "c", "cortex_a53")
    theta = rng.normal(size=len(PARAMETERS))
    slower = theta + np.eye(len(PARAMETERS))[rng.integers(len(TERM_NAMES))] * rng.random()
    assert (predicted_seconds(seconds, entity, slower) >= predicted_seconds(seconds, entity, theta) * (1 - 1e-12)).all()


def test_without_rows_a_fit_is_its_prior(table: CpuRows) -> None:
    entity = table.entities[0]
    theta, precision = fitted(table, np.array([], np.int64), entity, start(), VARIANCES["chip"])
    assert theta == pytest.approx(start()) and np.diag(precision) == pytest.approx(1 / VARIANCES["chip"])


def test_no_rows_push_a_multiplier_beyond_what_hardware_can_do(table: CpuRows) -> None:
    """Times ten times shorter than the data sheet allows: the fit stays near the bounds and misses the times."""
    fast = CpuRows(table.rows, table.seconds, table.measured / 30.0, table.entities, table.entity, {})
    tree = grow(fast, np.ones(len(fast), np.bool_))
    for entity in table.entities:
        assert (multipliers(entity, tree.leaves[entity]) > 0.8 * np.exp(LOWEST)).all(), entity


def test_every_core_has_its_kin() -> None:
    for core, kin in core_tree().items():
        assert 1 <= kin.decode_width <= 8
        assert not kin.family or kin.family in core_tree(), core


def test_the_multipliers_of_a_wide_core_are_smaller() -> None:
    theta = start()
    theta[PARAMETERS.index("width")] = -0.5
    narrow, wide = (multipliers(Entity("b", "cpu", "c", core), theta) for core in ("cortex_a53", "cortex_x3"))
    assert wide == pytest.approx(narrow * (6 / 2) ** -0.5)
    assert MATRIX.shape == (len(TERM_NAMES), len(PARAMETERS))


def test_mean_over_settings_counts_each_once(dataset: Dataset, table: CpuRows) -> None:
    from validation.compare import Compared, Report

    def row(device: str, value: float) -> Measurement:
        first = dataset.rows[0]
        return Measurement(**{name: getattr(first, name) for name in first.__slots__} | {"device": device, "value": value})

    rows = (Compared(row("a", 1.0), 1.1), Compared(row("a", 1.0), 1.3), Compared(row("b", 1.0), 1.4))
    assert mean_setting_error(Report("d", "none", rows)) == (pytest.approx((0.2 + 0.4) / 2), 2)
