"""The verb ``map``: fields of the machine form, loops that cover their nests, figures equal to those of ``estimate``, the text."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import boardless
from boardless.mapping_view import MappingResult, require_array
from tests.boardless.commands import boardless as run
from tests.boardless.commands import refused
from workloads.loopnest import DIMENSIONS

#: What the contract names, in its order.
FIELDS = (
    "name", "dataflow", "spatial", "loops", "accesses", "word_bits", "cycles", "stall_cycles", "active_pes", "utilization",
    "energy_j", "latency_s", "bound_gap",
)  # fmt: skip

CASES = [
    ("alexnet", "eyeriss_v1", {}),
    ("alexnet", "systolic_32x32", {}),
    ("alexnet", "systolic_32x32", {"dataflow": "os"}),
    ("mobilenet_v1", "systolic_32x32", {"dataflow": "is", "batch": 3}),
    ("mobilenet_v1", "eyeriss_v1", {}),
    ("alexnet", "systolic_32x32", {"dataflow": "best", "timing": "default"}),
    ("alexnet", "systolic_32x32", {"timing": "reference"}),
]


@cache
def mapped(network: str, device: str, settings: tuple[tuple[str, Any], ...] = ()) -> MappingResult:
    result = boardless.map(network, on=device, **dict(settings))
    assert isinstance(result, MappingResult)
    return result


@pytest.mark.parametrize(("network", "device", "settings"), CASES)
def test_machine_form(network: str, device: str, settings: dict[str, Any]) -> None:
    form = mapped(network, device, tuple(settings.items())).to_dict()
    assert {"format", "network", "device", "settings"} <= set(form) and "operators" not in form
    assert form["layers"]
    for layer in form["layers"]:
        assert [name for name in layer if name in FIELDS] == list(FIELDS)
        for tensors in layer["accesses"].values():
            assert set(tensors) == {"weights", "inputs", "outputs"}
            counts = [tensors[t][way] for t in tensors for way in ("read", "written")]
            assert all(isinstance(count, int) and count >= 0 for count in counts)
        assert layer["bound_gap"] is not None or any(m["field"] == f"layers.{layer['name']}.bound_gap" for m in form["missing"])
        assert layer["stall_cycles"] >= 0 and 0 < layer["utilization"] <= 1


@pytest.mark.parametrize(("network", "device", "settings"), CASES)
def test_loops_cover_the_nest_and_spread_over_no_more_elements_than_there_are(
    network: str, device: str, settings: dict[str, Any]
) -> None:
    result = mapped(network, device, tuple(settings.items()))
    assert result.schedule is not None
    unit = require_array(result.schedule)
    for layer, entry in zip(result.to_dict()["layers"], result.layers, strict=True):
        covered = dict.fromkeys(DIMENSIONS, 1)
        for loop in layer["loops"]:
            covered[loop["dim"]] *= loop["extent"]
        assert all(covered[name] >= bound for name, bound in layer["nest"].items()), layer["name"]
        assert all(loop["extent"] > 1 for loop in layer["loops"])
        if entry.mapping.nests == 1:
            assert math.prod(layer["nest"].values()) == entry.row.macs, layer["name"]
        spread = math.prod(loop["extent"] for loop in layer["spatial"])
        assert spread == math.prod(loop["extent"] for loop in layer["loops"] if "axis" in loop)
        assert layer["active_pes"] == spread <= unit.rows * unit.columns * unit.macs_per_element


@pytest.mark.parametrize(("network", "device", "settings"), CASES)
def test_figures_are_those_of_the_estimate(network: str, device: str, settings: dict[str, Any]) -> None:
    form = mapped(network, device, tuple(settings.items())).to_dict()
    estimated = boardless.estimate(network, on=device, **settings).to_dict()
    rows = {row["name"]: row for row in estimated["operators"]}
    assert form["latency_s"] == estimated["latency_s"]
    for layer in form["layers"]:
        row = rows[layer["name"]]
        for name in ("latency_s", "energy_j", "cycles", "utilization", "dataflow"):
            assert layer[name] == row[name], (layer["name"], name)
        for level, moved in row["bytes"].items():
            for way, count in moved.items():
                words = sum(tensor[way] for tensor in layer["accesses"][level].values())
                assert words * layer["word_bits"] / 8 == pytest.approx(count, abs=8), (layer["name"], level, way)
        energies = [value for tensors in layer["energy_by_level_j"].values() for value in tensors.values()]
        assert math.fsum(energies) == pytest.approx(row["energy_j"], rel=1e-9)


def test_accesses_are_the_amounts_the_lowering_priced() -> None:
    """Row stationary: words of the spads, the network and the buffer are the amounts of the energy terms."""
    result = mapped("alexnet", "eyeriss_v1")
    assert result.schedule is not None
    work = result.schedule.work["array"]
    names = [(term.phase, term.name) for term in work.energy_terms]
    for layer in result.layers:
        i = next(k for k, operator in enumerate(result.schedule.graph.operators) if operator.name == layer.row.name)
        amount = dict(zip(names, work.energy_amounts[i].tolist(), strict=True))
        words = {level: {t: sum(pair) for t, pair in tensors.items()} for level, tensors in layer.mapping.accesses.items()}
        assert words["network"]["weights"] + words["network"]["inputs"] + words["network"]["outputs"] == amount["network", "words"]
        for tensor in ("weights", "inputs", "outputs"):
            assert words["element"][tensor] == amount["spads", tensor]
        for tensor in ("inputs", "outputs"):
            assert words["glb"][tensor] * 2 == amount["glb", tensor]


def test_systolic_layer_by_hand() -> None:
    """conv1 of AlexNet: 3,025 pixels x 363 x 96 on 32 x 32; Samajdar et al.: P*K*column folds, K*M, P*M*row folds."""
    layer = next(e for e in mapped("alexnet", "systolic_32x32").layers if e.row.name == "conv1")
    accesses = layer.mapping.accesses
    assert accesses["scratchpad"]["inputs"][0] == 3025 * 363 * 3
    assert accesses["scratchpad"]["weights"][0] == 363 * 96
    partial, finished = accesses["accumulators"]["outputs"][1], accesses["scratchpad"]["outputs"][1]
    assert (finished, finished + partial) == (3025 * 96, 3025 * 96 * 12)


def test_reference_timing_has_no_stalls() -> None:
    assert all(layer.stall_cycles == 0 for layer in mapped("alexnet", "systolic_32x32", (("timing", "reference"),)).layers)


def test_notes_say_where_the_count_differs_from_the_common_simulator() -> None:
    """C3 of LeNet-5: 150 x 16 x 100 in 5 folds of 32 x 32; 5 * (3*32 + 100 - 2) where nothing overlaps."""
    by_timing = {
        timing: next(e for e in mapped("lenet5", "systolic_32x32", (("timing", timing),)).layers if e.row.name == "c3")
        for timing in ("default", "reference")
    }
    default, reference = (by_timing[timing].row.details for timing in ("default", "reference"))
    assert reference["cycles"] == default["reference_cycles"] == 5 * (3 * 32 + 100 - 2)
    assert default["cycles"] == reference["default_cycles"] == 32 + 4 * 100 + 100 + 62
    assert reference["cycles_reported_last_index"] == reference["cycles"] - 1
    for timing, layer in by_timing.items():
        said = " ".join(layer.mapping.notes)
        assert "970" in said and "594" in said and "22 of 32 rows and 16 of 32 columns" in said, timing


def test_a_given_mapping_is_shown_with_its_distance_from_the_best(tmp_path: Path) -> None:
    """The published mapping of CONV2 is rated against the whole space, the searched ones are the best of theirs."""
    (tmp_path / "given.csv").write_text("layer,n,m,e,p,q,r,t\nconv2,1,16,27,16,2,1,1\n")
    layers = {e.row.name: e for e in boardless.map("alexnet", on="eyeriss_v1", mapping=tmp_path / "given.csv").layers}
    assert layers["conv2"].mapping.parameters["m"] == 16
    gap = layers["conv2"].mapping.gap
    assert gap is not None and 0.0 < gap < 1.0
    assert layers["conv1"].mapping.gap == 0.0


def test_text_has_a_row_per_shape_and_the_nest_asked_for() -> None:
    ran = run("map", "resnet18", "--on", "systolic_32x32", "--operator", "layer1.0.conv1", "--quiet")
    assert ran.status == 0
    lines = ran.output.splitlines()
    row = next(line for line in lines if line.startswith("layer1.0.conv1 "))
    assert row.split()[1] == "4" and "18 x 2 folds of 3,136" in row  # 576 filter words over 32 rows, 64 filters over 32 columns
    nest = lines[next(k for k, line in enumerate(lines) if line.startswith("layer1.0.conv1:")) :]
    assert any(line.strip().startswith("spread C over 32 rows") for line in nest)
    assert any(line.strip() == "multiply-accumulate" for line in nest)
    assert sum(line.strip() == "multiply-accumulate" for line in lines) == 1


def test_all_shows_every_nest_and_the_slowest_is_shown_without_a_name() -> None:
    result = mapped("alexnet", "eyeriss_v1")
    slowest = max(result.layers, key=lambda e: e.row.latency_s).row.name
    assert f"{slowest}: rs" in result.text()
    assert result.text(all_rows=True).count("multiply-accumulate") == len(result.layers)


def test_json_is_the_same_twice() -> None:
    words = ("map", "lenet5", "--on", "eyeriss_v1", "--json", "-", "--quiet")
    one, other = run(*words), run(*words)
    assert one == other and json.loads(one.output)["layers"][0]["name"]


def test_weight_tiles_of_an_engine() -> None:
    """An engine whose model is tiles of weights: the words are its traffic; nothing was chosen, so no gap is claimed."""
    layers = mapped("mobilenet_v1", "ethos_u55_128").layers
    estimated = {row.name: row for row in boardless.estimate("mobilenet_v1", on="ethos_u55_128").operators}
    for layer in layers:
        for level, moved in estimated[layer.row.name].bytes.items():
            read = sum(pair[0] for pair in layer.mapping.accesses[level].values())
            assert read * layer.mapping.word_bits / 8 == pytest.approx(moved[0], abs=2)


def test_data_frame_has_a_row_per_layer() -> None:
    result = mapped("alexnet", "eyeriss_v1")
    frame = result.to_dataframe()
    assert frame["name"].tolist() == [layer.row.name for layer in result.layers]
    assert frame["dram_weights_read_words"].tolist() == [layer.mapping.accesses["dram"]["weights"][0] for layer in result.layers]


def test_bad_input(tmp_path: Path) -> None:
    assert "an array of processing elements is expected" in refused("map", "lenet5", "--on", "raspberry_pi_4")
    assert "'conv9'; an operator that runs on unit 'array' is expected" in refused(
        "map", "lenet5", "--on", "eyeriss_v1", "--operator", "conv9", "--json", tmp_path / "out.json"
    )
    assert "this row_stationary array does rs" in refused("map", "lenet5", "--on", "eyeriss_v1", "--dataflow", "ws")
    assert "one --on is expected" in refused("map", "lenet5", "--on", "eyeriss_v1", "--on", "systolic_32x32")
    assert list(tmp_path.iterdir()) == []
