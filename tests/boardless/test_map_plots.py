"""Pictures of ``map``: heights add up to the energy, a panel and a bar per dataflow, files written."""

from __future__ import annotations

from pathlib import Path

import pytest

import boardless
from boardless import session
from boardless.plots.mapping import mapping_energy, mapping_utilization
from tests.boardless.commands import boardless as run


def test_stacked_bars_add_up_to_the_energy_of_each_layer() -> None:
    result = boardless.map("lenet5", on="eyeriss_v1")
    axes = mapping_energy([result])
    tops = [0.0] * len(result.layers)
    for patch in axes.patches:
        tops[round(patch.get_x() + patch.get_width() / 2)] += patch.get_height()  # type: ignore[attr-defined]
    scale = tops[0] / result.layers[0].row.energy_j
    assert tops == pytest.approx([layer.row.energy_j * scale for layer in result.layers], rel=1e-6)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]  # type: ignore[union-attr]
    assert labels[-1].startswith("glb: ") and labels[0] == "static"


def test_dataflows_are_side_by_side_where_none_was_asked_for() -> None:
    result = boardless.map("lenet5", on="systolic_32x32")
    beside = session.dataflows_beside("lenet5", "systolic_32x32", result)
    assert [entry.settings["dataflow"] for entry in beside] == ["ws", "os", "is"]
    assert len(mapping_energy(beside).figure.axes) == 3
    bars = mapping_utilization(beside)
    assert len(bars.patches) == 3 * len(result.layers)
    heights = [patch.get_height() for patch in bars.patches[: len(result.layers)]]  # type: ignore[attr-defined]
    assert heights == pytest.approx([100 * layer.utilization for layer in result.layers])
    assert session.dataflows_beside("lenet5", "systolic_32x32", result, dataflow="ws") == [result]


def test_pictures_are_written(tmp_path: Path) -> None:
    assert run("map", "lenet5", "--on", "systolic_32x32", "--dataflow", "os", "--plot", tmp_path, "--quiet").status == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "lenet5_systolic_32x32_mapping_energy.png",
        "lenet5_systolic_32x32_mapping_utilization.png",
    ]
