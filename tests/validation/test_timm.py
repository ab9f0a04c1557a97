"""timm networks: the exported table against the catalogue, what is held out together, and folds that have not seen their rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from validation.gpu_features import COLUMNS, MATRIX_KINDS, TOTALS, Features, Stack
from validation.gpu_folds import scatter_by_parts
from validation.gpu_networks import network_table
from validation.gpu_write import cost_lines, half_width, with_costs, without_own
from validation.measurement import Dataset, Measurement
from validation.reader import load_dataset
from validation.timm_model import PRICES, Choices, amounts_of, card
from validation.timm_own import own_graph, own_networks
from validation.timm_rows import Run, RunKey, Variant, count_network, families, network_counts, variants_of
from validation.timm_study import card_out, families_out, shown
from workloads.tables import graph_tables

KEY = RunKey("rtx_3090", "torch_eager", "1.13 nchw", "amp_fp16", "infer")


def row(model: str, family: str, value: float = 1000.0, **changes: Any) -> Measurement:
    plain = Measurement(
        "", "rtx_3090", "GA102", "gpu", "", None, None, "torch_eager", "1.13 nchw", model, family, "infer", "224", 256, None,
        "amp_fp16", "", "fps", value,
    )  # fmt: skip
    return replace(plain, **changes)


def test_every_measured_network_but_a_few_is_exported() -> None:
    names = {(entry.model, entry.size) for entry in network_table().models}
    rows = [one for one in load_dataset("timm") if one.unit == "gpu"]
    missing = {one.model for one in rows if (one.model, int(one.input_shape)) not in names}
    assert len(rows) == 15598 and len(missing) <= 9


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b1", "vit_tiny", "convnext_tiny", "vgg11_bn"])
def test_exported_and_own_graphs_count_the_same(name: str) -> None:
    number, own = next((number, own) for number, own in own_networks(network_table()).items() if own[0] == name)
    ours, theirs = graph_tables(own_graph(own, 2)), graph_tables(network_table().graph(number))
    assert int(ours.operators.macs.sum()) == pytest.approx(int(theirs.operators.macs.sum()), rel=1e-3)
    assert int(ours.operators.weight_elements.sum()) == pytest.approx(int(theirs.operators.weight_elements.sum()), rel=1e-3)


def test_families_that_share_a_network_leave_together() -> None:
    table = network_table()
    rows = (row("resnet50", "resnet"), row("gluon_resnet50_v1b", "gluon"), row("vgg16", "vgg"))
    found = families(Dataset("few", rows), table)
    assert found["resnet"] == found["gluon"] != found["vgg"]


def test_versions_and_layouts() -> None:
    assert variants_of(KEY) == (Variant("torch_eager", "channels_first", "mixed", "written"),)
    newer = variants_of(KEY._replace(version="2.4.0 nhwc"))
    assert [one.precision for one in newer] == ["mixed", "mixed_half_norms"] and newer[0][1::2] == ("channels_last", "fused")
    assert variants_of(KEY._replace(version="2.9.1 nchw", dtype="bf16"))[0].precision == "bf16"


def test_counts_are_kept_and_read_again(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    variant = variants_of(KEY)[0]
    wanted: dict[Any, set[Any]] = {variant: {("lenet5", 32)}}
    first = network_counts(wanted, processes=1)[variant]["lenet5", 32]
    assert [path.suffix for path in (tmp_path / "boardless" / "counts").iterdir()] == [".npz"]
    again = network_counts(wanted, processes=1)[variant]["lenet5", 32]
    for name in ("totals", *COLUMNS):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    alone = count_network(("lenet5", 32), [variant])[variant]
    assert np.array_equal(alone.totals, first.totals)


def made_up(generator: np.random.Generator, families_: int = 8, each: int = 4) -> Run:
    """A run whose times follow the model, a fifth faster than its sheet, with a family of its own pace."""
    count = families_ * each
    parts = []
    for _ in range(count):
        totals = generator.uniform(0.2, 1.0, len(TOTALS)) * 1e7
        totals[[TOTALS.index(name) for name in ("attention_flop", "depthwise_flop")]] *= 30
        totals[TOTALS.index("launches_per_run")] = generator.integers(50, 300)
        kinds = np.array([MATRIX_KINDS.index(name) for name in ("matrix", "grouped", "product")], dtype=float)
        sizes = generator.choice([32.0, 64.0, 256.0], (2, 3))
        parts.append(Features(totals, kinds, sizes[0], sizes[1], generator.uniform(1e8, 4e9, 3), np.full(3, 196.0), np.ones(3)))
    stack, batch = Stack.of(parts), np.full(count, 256.0)
    prices = np.where(np.array(list(PRICES)) == "launch", 5e-6, 1.0) / 1.2
    seconds = amounts_of(stack, batch, card("rtx_3090"), (32, 64)) @ prices
    groups = tuple(f"family{i // each}" for i in range(count))
    seconds[:each] *= 1.5
    rows = tuple(row(f"net{i}", groups[i], float(256.0 / seconds[i])) for i in range(count))
    return Run(KEY, rows, np.arange(count), groups, (stack,), batch, np.array([5]), (Stack.of(parts[5:6]),))


def test_a_family_is_predicted_without_its_own_times(random_generator: np.random.Generator) -> None:
    run = made_up(random_generator)
    held = families_out(run)
    others = np.array(run.groups) != "family0"
    errors = np.abs(np.log(held.seconds / run.seconds))[others]
    assert np.median(errors) < 0.1 and errors.max() < 0.3
    assert np.median((run.seconds / held.seconds)[~others]) == pytest.approx(1.5, rel=0.1)
    assert held.own[0] == pytest.approx(held.seconds[5]) and held.parts.sum(axis=1) == pytest.approx(1.0)
    slower = replace(run, rows=tuple(replace(one, value=one.value / (3.0 if one.family == "family2" else 1.0)) for one in run.rows))
    again = families_out(slower)
    mine = np.array(run.groups) == "family2"
    assert again.seconds[mine] == pytest.approx(held.seconds[mine], rel=0.02)


def test_a_card_is_predicted_from_the_shares_of_another(random_generator: np.random.Generator) -> None:
    run = made_up(random_generator)
    other = replace(run, key=KEY._replace(device="rtx_5090"), rows=tuple(replace(one, chip="GB202") for one in run.rows))
    moved = card_out([run], other)
    sheet = card("rtx_5090").dram_bandwidth_bytes_per_s / card("rtx_3090").dram_bandwidth_bytes_per_s
    assert 1.2 < np.median(run.seconds / moved) < 3.0 and sheet > 1.5
    wrong = replace(other, rows=tuple(replace(one, value=1.0) for one in other.rows))
    assert np.array_equal(card_out([run], wrong), moved)


def test_pooled_cards_share_one_form(random_generator: np.random.Generator) -> None:
    run = made_up(random_generator)
    choices = Choices.pooled([run, run])
    assert choices.amounts[0].shape == (2 * len(run.rows), len(PRICES) + 4) and "operation_energy" in choices.form.parameters


def test_rows_are_shown_as_seconds_of_a_batch() -> None:
    found = shown(row("resnet50", "resnet", 512.0))
    assert (found.metric, found.value, found.chip, found.runtime) == ("latency_s", 0.5, "GA102 rtx_3090", "torch_eager 1.13 nchw")


def test_uncertain_parts_make_wide_intervals(random_generator: np.random.Generator) -> None:
    parts = random_generator.dirichlet((1.0, 1.0), 300)
    errors = random_generator.normal(0, 0.02 + 0.3 * parts[:, 0])
    found = scatter_by_parts(errors, parts, [f"g{i % 10}" for i in range(300)])
    assert np.corrcoef(found, parts[:, 0])[0, 1] > 0.9 and found.min() > 0


def test_half_widths() -> None:
    errors, cards = np.array([0.1, 0.2, -0.4, 0.5, 0.5]), ["a", "a", "b", "b", "b"]
    assert half_width(errors, cards) == pytest.approx(0.5)
    assert without_own(errors, cards) == pytest.approx([0.1 - 0.5, 0.2 - 0.5, -0.4 - 0.15, 0.5 - 0.15, 0.5 - 0.15])


def test_costs_are_put_into_a_profile() -> None:
    text = "name: x\ncosts:\n  source: fit\n  status: fitted\n  launch: 1 us\n  run: {value: 2 ms, source: host}\nsources:\n  fit: words\n"
    found = with_costs(text, {"matrix_share": 0.5, "launch": 3e-6}, {"ampere": {"launch": 4e-6}})
    assert found == (
        "name: x\ncosts:\n  source: fit\n  status: fitted\n  matrix_share: 0.5\n  launch: 3 us\n  run: {value: 2 ms, source: host}\n"
        "architectures:\n  ampere:\n    source: fit\n    status: fitted\n    launch: 4 us\nsources:\n  fit: words\n"
    )
    assert with_costs(found, {"matrix_share": 0.5, "launch": 3e-6}, {"ampere": {"launch": 4e-6}}) == found
    assert cost_lines({"operation_energy": 1.3e-12}) == ["  operation_energy: 1.3 pJ"]
