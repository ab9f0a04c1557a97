"""``map`` with free control: objectives, hypothetical dataflows, and options that contradict each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import boardless
from boardless.errors import UsageError
from boardless.free_map import FreeChoice, free_choice
from tests.boardless.commands import boardless as run
from tests.boardless.commands import refused


def test_machine_form_of_the_best_of_all_mappings() -> None:
    ran = run("map", "lenet5", "--on", "eyeriss_v1", "--objective", "energy", "--json", "-", "--quiet")
    form = json.loads(ran.output)
    assert ran.status == 0
    assert {"dataflow": "best", "objective": "energy", "gap": 0.0}.items() <= form["settings"].items()
    assert [layer["name"] for layer in form["layers"]] == ["c1", "c3", "c5", "f6", "output"]
    for layer in form["layers"]:
        assert (layer["dataflow"], layer["bound_gap"]) == ("free", 0.0)
        assert layer["bound_of"].startswith("energy, over spread loops, tiles and orders")
        assert set(layer["accesses"]) == {"dram", "glb", "network", "element"}
        assert layer["energy_j"] == pytest.approx(sum(sum(row.values()) for row in layer["energy_by_level_j"].values()))
    assert run("map", "lenet5", "--on", "eyeriss_v1", "--objective", "energy", "--json", "-", "--quiet") == ran


def test_page_and_named_dataflows() -> None:
    page = run("map", "lenet5", "--on", "nvdla_small", "--dataflow", "nlr", "--hypothetical", "--quiet")
    assert page.status == 0
    assert "nlr" in page.output and "gap: not known: the rule of the dataflow alone" in page.output
    best = run("map", "lenet5", "--on", "nvdla_small", "--dataflow", "best", "--hypothetical", "--gap", "0.05", "--quiet")
    assert "gap: 0, proved: latency, over spread loops, tiles and orders" in best.output
    own = boardless.map("lenet5", on="systolic_32x32", dataflow="is")
    assert boardless.map("lenet5", on="systolic_32x32", dataflow="is", hypothetical=True).latency_s == own.latency_s


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--objective", "speed"), "--objective: 'speed'; one of latency, energy, edp, dram_bytes is expected; nearest: "),
        (("--objective", "edp", "--dataflow", "ws"), "--objective: 'edp' with --dataflow ws; any mapping is a candidate"),
        (("--gap", "0.1"), "--gap: 0.1 without a search; --objective NAME is expected beside it"),
        (("--objective", "edp", "--gap", "1.5"), "--gap: 1.5; a share from 0 to below 1 is expected"),
        (("--dataflow", "nlr"), "dataflow 'nlr'; this row_stationary array does rs"),
        (("--set", "memories.glb.capacity=4B"), "memory 'glb': 4 B in 27 banks; a word in each bank at least"),
    ],
)
def test_what_is_refused(words: tuple[str, ...], said: str) -> None:
    assert said in refused("map", "lenet5", "--on", "eyeriss_v1", *words)


def test_choices() -> None:
    assert free_choice(None, None, {"dataflow": "best"}) is None
    assert free_choice("edp", 0.05, {}) == FreeChoice("best", "edp", 0.05)
    assert free_choice(None, None, {"dataflow": "best", "hypothetical": True}) == FreeChoice("best", "latency", 0.0)
    assert free_choice(None, None, {"dataflow": "nlr", "hypothetical": True}) == FreeChoice("nlr", "latency", 0.0)
    with pytest.raises(UsageError, match="with --mapping; a mapping is given or searched"):
        free_choice("edp", None, {"mapping": "own.csv"})


def test_a_dataflow_foreign_to_the_array_costs_the_same_in_every_verb() -> None:
    """A hypothetical array is mapped, estimated and played alike; without the word the lever is named."""
    words = ("lenet5", "--on", "systolic_32x32", "--dataflow", "rs", "--hypothetical", "--json", "-", "--quiet")
    mapped, estimated, played = (json.loads(run(verb, *words).output) for verb in ("map", "estimate", "simulate"))
    assert estimated["latency_s"] == pytest.approx(mapped["latency_s"], rel=1e-12)
    assert played["latency_s"] == pytest.approx(estimated["latency_s"], rel=1e-9)
    assert "rs" in {row.get("dataflow") for row in estimated["operators"]}
    assert "--hypothetical allows it" in refused("estimate", "lenet5", "--on", "systolic_32x32", "--dataflow", "rs")


@pytest.mark.parametrize("verb", ["map", "estimate"])
def test_given_mappings_beside_a_foreign_dataflow_are_refused(verb: str, tmp_path: Path) -> None:
    given = tmp_path / "given.csv"
    given.write_text("layer,n,m,e,p,q,r,t\nc1,1,6,28,6,1,1,1\n")
    words = ("lenet5", "--on", "eyeriss_v1", "--mapping", str(given), "--dataflow", "ws", "--hypothetical")
    said = refused(verb, *words)
    assert "mapping" in said
    assert "dataflow" in said


def test_reference_timing_beside_a_foreign_dataflow_is_refused() -> None:
    said = refused("estimate", "lenet5", "--on", "systolic_32x32", "--dataflow", "nlr", "--hypothetical", "--timing", "reference")
    assert "timing 'reference' beside dataflow 'nlr'" in said
