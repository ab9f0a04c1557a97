"""A user's own table: names through aliases, rows that repeat, nothing of it in the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwmodels.catalog import device_names
from validation.calibrate import calibrate
from validation.reader import FOLDER, load_aliases, load_dataset
from validation.studies import validate
from workloads.readers import network_list

HEAD = "board,network,threads,dtype,latency_ms,colour\n"


def table(folder: Path, *rows: str) -> str:
    path = folder / "own.csv"
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return str(path)


def test_every_alias_means_something_of_the_catalogue() -> None:
    lines = (FOLDER / "aliases.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "kind,as_written,name,note" and len(load_aliases()) == len(lines) - 1 > 100
    names = {"device": set(device_names()), "model": {entry.name for entry in network_list(())}}
    aliases = load_aliases()
    assert aliases.name("device", "Raspberry Pi 4B") == "raspberry_pi_4" and aliases.name("model", "MobileNetV1") == "mobilenet_v1"
    for kind, pool in names.items():
        assert {name for (of, _), name in aliases._entries.items() if of == kind} <= pool


def test_no_alias_changes_a_name_of_the_catalogue() -> None:
    aliases = load_aliases()
    assert all(aliases.name("device", name) == name for name in device_names())
    assert all(aliases.name("model", entry.name) == entry.name for entry in network_list(()))


def test_rows_that_repeat_are_counted_and_columns_kept(tmp_path: Path) -> None:
    (report,) = validate(table(tmp_path, *["Raspberry Pi 4B,squeezenet,4,fp32,60.1,red"] * 2))
    assert len(report.rows) == 2 and "colour=red" in report.rows[0].measurement.notes
    assert report.notes[:2] == ("1 row repeats the settings of another one; all are counted", "columns kept as notes: colour")


def test_no_overlap_is_explained(tmp_path: Path) -> None:
    (report,) = validate(table(tmp_path, "Raspbery Pi 4,squeezenett,4,fp32,60.1,red"))
    assert not report.rows and report.left_out == {"no such device: Raspbery Pi 4": 1, "no such model: squeezenett": 1}
    assert "'Raspbery Pi 4' (near: raspberry_pi_4" in report.notes[1] and "--aliases FILE" in report.notes[1]


def test_five_rows_calibrate_a_board_of_ones_own(tmp_path: Path) -> None:
    """A board twice as slow as its data sheet says: five rows tell."""
    from boardless.catalog import device_template

    own = tmp_path / "my_board.yaml"
    own.write_text(device_template("cpu"), encoding="utf-8")
    networks = ("squeezenet", "mobilenet_v1", "resnet18", "mobilenet_v2", "mobilenet_v3_large")
    path = tmp_path / "own.csv"

    def written(times: list[float]) -> str:
        rows = (f"{network},4,fp32,{value}\n" for network, value in zip(networks, times, strict=True))
        path.write_text("network,threads,dtype,latency_ms\n" + "".join(rows), encoding="utf-8")
        return str(path)

    data_sheet = [by_the_data_sheet(own, network) for network in networks]
    found = calibrate(str(own), written([2000.0 * seconds for seconds in data_sheet]))
    assert [row.fitted_s for row in found.residuals] == pytest.approx([2.0 * seconds for seconds in data_sheet], rel=0.06)
    assert any("5 rows for 12 parameters" in note for note in found.notes)


def by_the_data_sheet(device: Path, network: str) -> float:
    """Seconds by the data sheet."""
    from boardless import estimate

    return float(estimate(network, str(device), threads=4, dtype="fp32").latency_s)


def test_a_number_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"own.csv:2: column 'latency_ms': 'sixty'; a number is expected"):
        load_dataset(table(tmp_path, "Raspberry Pi 4B,squeezenet,4,fp32,sixty,red"))
