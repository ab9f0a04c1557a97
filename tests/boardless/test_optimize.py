"""``optimize`` on the command line: points with commands that give their numbers again, limits read as the contract says."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

import boardless as bl
from boardless.__main__ import main


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main(["optimize", *words, "--json", "-", "--quiet"]) == 0
    return json.loads(capsys.readouterr().out)


def test_points_are_ranked_and_their_commands_give_the_same_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "lenet5", "--on", "stm32h743", "--objective", "latency", "--objective", "energy", "--batch", "2")
    assert not found["infeasible"] and found["nearest"] is None and found["binding"] == []
    assert [point["latency_s"] for point in found["points"]] == sorted(point["latency_s"] for point in found["points"])
    for point in found["points"]:
        words = shlex.split(point["command"])
        assert words[:2] == ["boardless", "estimate"]
        assert main([*words[1:], "--json", "-", "--quiet"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert said["latency_s"] == point["latency_s"] and said["energy_j"] == point["energy_j"]
        assert said["activations_peak_bytes"] == point["peak_bytes"]
        assert said["settings"]["strategies"] == point["recipe"] and said["profile"] == point["profile"]


def test_what_is_infeasible_is_said_with_the_limit_that_binds(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "lenet5", "--on", "stm32h743", "--limit", "latency=1us", "--limit", "energy=1J")
    assert found["infeasible"] and found["points"] == []
    assert found["binding"] == ["latency"]
    assert found["nearest"]["excess"] == {"latency": pytest.approx(found["nearest"]["latency_s"] / 1e-6)}


def test_a_measured_accuracy_loss_is_a_limit(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = tmp_path / "losses.csv"
    table.write_text("strategies,accuracy_loss\n,0\nquantize:dtype=int8,0.3\nquantize:dtype=int4,4\n")
    words = ("lenet5", "--on", "raspberry_pi_4", "--objective", "peak", "--accuracy", str(table), "--limit", "accuracy_loss=1")
    found = answer(capsys, *words)
    assert found["points"] and all(point["accuracy_loss"] in (0, 0.3) for point in found["points"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--objective", "latncy"], "latency"),
        (["--limit", "latency"], "NAME=VALUE"),
        (["--limit", "latency=50MB"], "latency=50MB"),
        (["--limit", "srm=1KiB"], "sram"),
        (["--limit", "latency=0s"], "more than 0"),
        (["--limit", "accuracy_loss=1"], "--accuracy"),
        (["--strategy", "quantise"], "quantize"),
    ],
)
def test_bad_usage_is_one_line(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert main(["optimize", "lenet5", "--on", "stm32h743", *words]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("boardless: error: ") and "\n" not in error and said in error


def test_a_strategy_that_is_named_is_one_more_choice() -> None:
    plain = bl.optimize("lenet5", on="stm32h743", objective="latency")
    more = bl.optimize("lenet5", on="stm32h743", objective="latency", strategy=["prune:share=50%,pattern=filter"])
    assert more.found.recipes == 2 * plain.found.recipes
    assert (more.points[0].figures["latency"] or 0) < (plain.points[0].figures["latency"] or 0)
    assert "prune" in more.text() and "prune:share=50%,pattern=filter" in more.points[0].recipe


def test_pictures_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimize", "lenet5", "--on", "stm32h743", "--plot", str(tmp_path), "--limit", "latency=2ms"]) == 0
    assert (tmp_path / "recipes.png").stat().st_size > 5000
