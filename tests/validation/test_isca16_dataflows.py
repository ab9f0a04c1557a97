"""Dataflows on equal area: what was published of them, on the layers that take the least time to map."""

from __future__ import annotations

import pytest

from boardless.plots.dataflows import LEVELS, dataflow_energy
from validation.isca16_dataflows import COMPARED, equal_area, isca16_dataflows, layer_energy, layer_nests
from validation.reader import load_dataset

LAYERS = ("CONV1", "CONV4")


@pytest.mark.parametrize("layer", LAYERS)
def test_row_stationary_takes_the_least_energy_of_a_convolution(layer: str) -> None:
    """Published over all convolutions: 1.4 to 2.5 times less than the others; ours lie between 1.2 and 2.5."""
    own = layer_energy(layer, "rs").total
    ratios = {name: layer_energy(layer, name).total / own for name in COMPARED if name != "rs"}
    assert all(1.1 < ratio < 2.8 for ratio in ratios.values()), ratios
    assert max(ratios, key=lambda name: ratios[name]) == "nlr"


@pytest.mark.parametrize("layer", LAYERS)
def test_no_local_reuse_pays_in_the_buffer_and_row_stationary_in_the_registers(layer: str) -> None:
    none, rows = layer_energy(layer, "nlr"), layer_energy(layer, "rs")
    assert none.levels["register"] == 0.0 and none.levels["buffer"] > 6 * none.macs
    assert max(rows.levels, key=lambda level: rows.levels[level]) == "register"
    assert rows.levels["register"] / rows.macs == pytest.approx(4.0, rel=0.06)
    assert layer_energy(layer, "os_b").levels["register"] / rows.macs == pytest.approx(2.0, rel=0.02)


def test_rows_of_the_first_layer_beside_the_figure() -> None:
    dataset = load_dataset("isca16_dataflows").where(lambda row: row.layer == "CONV1" or row.metric == "buffer_spread")
    found = {row.measurement.metric: row.error for row in isca16_dataflows(dataset, notes=False)[0].rows}
    assert abs(found["alu_energy"]) < 0.005 and abs(found["rf_energy"]) < 0.06 and abs(found["buffer_spread"]) < 0.01
    assert abs(found["dram_energy"]) < 0.25


def test_equal_area_spreads_storage_as_published() -> None:
    """The largest buffer is 2.6 times the smallest; all storage differs by 80 kB."""
    words = {name: equal_area(name).levels[1].capacity_words for name in COMPARED}
    registers = {name: sum(equal_area(name).levels[-1].own_words.values()) * 256 for name in COMPARED}
    assert max(words.values()) / min(words.values()) == pytest.approx(2.6, abs=0.01)
    total = {name: 2 * (words[name] + registers[name]) for name in COMPARED}
    assert max(total.values()) - min(total.values()) == pytest.approx(80_000, rel=0.03)


def test_layers_are_those_of_the_network() -> None:
    macs = {name: nest.volume / 16 for name, nest in layer_nests().items()}
    assert macs["CONV1"] == 105_415_200 and macs["CONV5"] == 74_760_192 and macs["FC1"] == 37_748_736


def test_bars_add_up_to_the_energy_of_each_layer() -> None:
    layers = [layer_energy(layer, flow) for layer in LAYERS for flow in ("rs", "nlr")]
    axes = dataflow_energy(layers)
    assert len(axes.patches) == len(layers) * len(LEVELS)
    tops = [sum(patch.get_height() for patch in axes.patches[k :: len(layers)]) for k in range(len(layers))]  # type: ignore[attr-defined]
    assert tops == pytest.approx([entry.total / entry.macs for entry in layers])
