"""A user's few rows calibrate a board in one command; what cannot be used is said in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from boardless.__main__ import main
from hwmodels.device import CpuUnit
from hwmodels.reader import load_device
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from validation.calibrate import MANY_NETWORKS, calibrate
from validation.errors import DatasetError, FitError
from workloads.readers import load_network

NETWORKS = ("ncnn_squeezenet", "ncnn_mobilenet", "ncnn_resnet18", "ncnn_mobilenet_v2", "ncnn_mnasnet")
HEADER = "board,network,threads,dtype,latency_ms\n"


def answer_ms(device: str, network: str) -> float:
    found, graph = load_device(device), load_network(network)
    return 1e3 * estimate(lower(graph, found, layerwise_plan(graph, found, unit="cpu", threads=4))).latency_s


@pytest.fixture(scope="module")
def plain_ms() -> dict[str, float]:
    return {network: answer_ms("raspberry_pi_4", network) for network in NETWORKS}


def table(path: Path, rows: dict[str, float], device: str = "raspberry_pi_4") -> Path:
    path.write_text(HEADER + "".join(f"{device},{name},4,fp32,{value}\n" for name, value in rows.items()), encoding="utf-8")
    return path


def test_five_rows_of_a_slower_board(tmp_path: Path, plain_ms: dict[str, float]) -> None:
    """A board 1.5 times slower than its class throughout: one common factor, found without each network in turn as well."""
    measured = table(tmp_path / "measured.csv", {name: 1.5 * value for name, value in plain_ms.items()})
    found = calibrate("raspberry_pi_4", measured)
    assert found.overlay.residuals["mape_of_fit"] < 0.03 and found.overlay.residuals["mape"] < 0.06
    assert found.overlay.basis == "few measurements" and len(NETWORKS) < MANY_NETWORKS
    assert any("5 rows for 12 parameters" in note for note in found.notes)
    fit = tmp_path / "mine.fit.yaml"
    found.overlay.write(fit)
    assert answer_ms(str(fit), "ncnn_mobilenet") == pytest.approx(1.5 * plain_ms["ncnn_mobilenet"], rel=0.05)
    assert answer_ms(str(fit), "ncnn_proxylessnasnet") > 1.3 * answer_ms("raspberry_pi_4", "ncnn_proxylessnasnet")


def test_rows_at_class_speed_change_nothing(tmp_path: Path, plain_ms: dict[str, float]) -> None:
    found = calibrate("raspberry_pi_4", table(tmp_path / "m.csv", plain_ms))
    assert all(value == pytest.approx(1.0, abs=0.02) for value in found.overlay.units["cpu"].named.values())


def test_one_row_moves_a_board_a_little(tmp_path: Path, plain_ms: dict[str, float]) -> None:
    name = "ncnn_resnet18"
    found = calibrate("raspberry_pi_4", table(tmp_path / "m.csv", {name: 2.0 * plain_ms[name]}))
    assert all(0.3 < value < 3.0 for value in found.overlay.units["cpu"].named.values())
    assert found.residuals[0].held_out_s == pytest.approx(1e-3 * plain_ms[name], rel=1e-3)  # without it, the class is left


def test_wrong_units_are_held_and_told(tmp_path: Path, plain_ms: dict[str, float]) -> None:
    found = calibrate("raspberry_pi_4", table(tmp_path / "m.csv", {name: 1e4 * value for name, value in plain_ms.items()}))
    assert any("times its class" in note for note in found.notes)
    unit = load_device("raspberry_pi_4").units["cpu"]
    assert isinstance(unit, CpuUnit)
    for name, value in found.overlay.units["cpu"].multipliers.items():
        assert value / unit.multipliers[name] < 20.1


def test_a_calibrated_board_starts_from_its_class(tmp_path: Path) -> None:
    measured = table(tmp_path / "m.csv", {name: answer_ms("jetson_nano", name) for name in NETWORKS}, "jetson_nano")
    found = calibrate("jetson_nano", measured)
    assert found.overlay.residuals["mape_of_fit"] < 0.05
    assert np.ptp(list(found.overlay.units["cpu"].named.values())) > 0.05


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        (HEADER + "raspberry_pi_4,no_such,4,fp32,1\n", FitError, "no row to fit raspberry_pi_4 to.*model: no_such.*--aliases"),
        (HEADER + "jetson_nano,resnet18,4,fp32,1\n", FitError, "its rows are of jetson_nano"),
        (HEADER + "raspberry_pi_4,resnet18,4,fp32,fast\n", DatasetError, r"m.csv:2: column 'latency_ms': 'fast'; a number"),
        (HEADER + "raspberry_pi_4,resnet18,4,fp32,-3\n", DatasetError, r"m.csv:2: column 'latency_ms': '-3'; a number above 0"),
        (HEADER + "raspberry_pi_4,resnet18,four,fp32,3\n", DatasetError, "column 'threads': 'four'"),
        ("board,network\nraspberry_pi_4,resnet18\n", DatasetError, "no result column"),
        ("", DatasetError, "no header"),
    ],
)
def test_bad_tables_are_refused_in_one_line(tmp_path: Path, text: str, kind: type[ValueError], said: str) -> None:
    path = tmp_path / "m.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(kind, match=said) as problem:
        calibrate("raspberry_pi_4", path)
    assert "\n" not in str(problem.value)


def test_the_command(tmp_path: Path, plain_ms: dict[str, float], capsys: pytest.CaptureFixture[str]) -> None:
    measured, fit = table(tmp_path / "m.csv", plain_ms), tmp_path / "mine.fit.yaml"
    assert main(["calibrate", "--on", "raspberry_pi_4", str(measured), "-o", str(fit), "--date", "2024-05-01", "--json", "-"]) == 0
    form = json.loads(capsys.readouterr().out)
    assert form["residuals"]["rows"] == 5 and set(form["units"]) == {"cpu"} and len(form["rows"]) == 5
    assert "date: 2024-05-01" in fit.read_text(encoding="utf-8")
    assert main(["calibrate", "--on", "raspberry_pi_4", str(tmp_path / "none.csv")]) == 2
    assert "boardless: error:" in capsys.readouterr().err
