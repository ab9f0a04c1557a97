"""The verb validate: tables, JSON, rows, a user's own file, and what is wrong with it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.boardless.commands import boardless, refused
from validation.reader import load_dataset

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


LAYERS = "name,op,in_shape,out_shape,kernel,stride\nc1,Conv,3x96x96,16x48x48,3x3,2x2\nfc,Gemm,36864,10,,\n"
BOARDS = "device,chip,cluster,uarch,cores,clock_mhz,dram_bw_gbps\nmy_board,my_chip,cpu,Cortex-A55,4,1800,12.8\n"


def test_held_out_file_with_boards_and_networks_of_ones_own(tmp_path: Path) -> None:
    """Boards come from a fact table, networks from layer tables; latencies have intervals; rows fitted on are left out."""
    paths = {name: tmp_path / f"{name}.csv" for name in ("boards", "mynet", "held", "rows")}
    paths["boards"].write_text(BOARDS)
    paths["mynet"].write_text(LAYERS)
    known = load_dataset("ncnn").rows[0]
    paths["held"].write_text(
        "device,unit,threads,model,dtype,metric,value\nmy_board,cpu,4,mynet,fp32,latency_s,0.004\nmy_board,cpu,4,mynet,fp32,fps,250\n"
        f"{known.device},{known.unit},{known.threads},{known.model},{known.dtype},latency_s,{known.value}\n"
    )
    given = ("--devices", str(paths["boards"]), "--networks", str(paths["mynet"]), "--rows", str(paths["rows"]))
    found = boardless("validate", "--split", f"holdout:{paths['held']}", *given, "--json", "-")
    form = json.loads(found.output)
    assert found.status == 0 and form["split"] == "holdout:held" and form["total"]["n"] == 2
    assert list(form["left_out"]) == ["stands in the project's own data, which was fitted on"]
    latency, rate = csv.DictReader(paths["rows"].read_text().splitlines())
    assert 0 < float(latency["lower"]) < float(latency["predicted"]) < float(latency["upper"])
    assert float(rate["lower"]) == pytest.approx(1 / float(latency["upper"]))
    assert all(group["interval_coverage"] is not None and group["interval_width"] > 1 for group in form["groups"])


def test_baselines_of_ones_own_rows_are_fitted_to_the_others(tmp_path: Path) -> None:
    """MACs alone, and a line per kind of operator: of every row of a group with two networks or more; no unit is guessed."""
    table = tmp_path / "mine.csv"
    rows = ("squeezenet,40,cpu", "mobilenet_v2,50,cpu", "resnet18,150,cpu", "lenet5,1,npu")
    table.write_text("device,model,latency_ms,unit\n" + "".join(f"raspberry_pi_4,{row}\n" for row in rows))
    form = json.loads(boardless("validate", str(table), "--json", "-").output)
    (group,) = form["groups"]
    assert {name: found["n"] for name, found in group["baselines"].items()} == {"macs_only": 3, "linear": 3}
    (reason,) = form["left_out"]
    assert "'npu' is not a unit of raspberry_pi_4" in reason
