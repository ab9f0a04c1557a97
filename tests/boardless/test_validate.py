"""The verb validate: tables, JSON, rows, a user's own file, and what is wrong with it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.boardless.commands import boardless, refused

MINE = "device,model,latency_ms,threads\nraspberry_pi_4,lenet5,0.5,4\nraspberry_pi_4,squeezenet,40,4\nraspberry_pi_9,lenet5,1,4\n"


def test_own_file(tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text(MINE)
    found = boardless("validate", str(table), "--json", "-", "--rows", str(tmp_path / "rows.csv"))
    assert found.status == 0
    form = json.loads(found.output)
    assert form["split"] == "none" and form["total"]["n"] == 2
    assert form["left_out"] == {"no such device: raspberry_pi_9": 1}
    assert {"metric", "phase", "chip", "unit", "cores", "threads", "dtype", "runtime", "n", "mape", "baselines"} <= set(
        form["groups"][0]
    )
    rows = list(csv.DictReader((tmp_path / "rows.csv").read_text().splitlines()))
    assert len(rows) == 2
    first = rows[0]
    assert float(first["error"]) == pytest.approx(float(first["predicted"]) / float(first["value"]) - 1)


def test_text_and_picture(tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text(MINE)
    found = boardless("validate", str(table), "--plot", str(tmp_path / "pictures"), "--quiet")
    assert found.status == 0 and found.errors == ""
    assert "mine: none; n = 2" in found.output and "no such device: raspberry_pi_9" in found.output
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["mine_latency_s_error.png"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no_such_dataset"], "neither a file"),
        (["systolic_reference", "--split", "leave-one-out"], "split: 'leave-one-out'"),
    ],
)
def test_bad_input(words: list[str], said: str) -> None:
    assert said in refused("validate", *words)


def test_bad_number(tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("device,model,latency_ms\nraspberry_pi_4,lenet5,soon\n")
    assert "mine.csv:2: column 'latency_ms': 'soon'" in refused("validate", table)
