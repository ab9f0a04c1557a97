"""Tables of measurements: long and wide forms, aliases, and what is wrong named by row and column."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from validation.errors import DatasetError
from validation.reader import Aliases, load_aliases, load_dataset

NONE = Aliases({})


def table(folder: Path, text: str) -> Path:
    path = folder / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_long_form(tmp_path: Path) -> None:
    path = table(tmp_path, "device,model,metric,value,threads,odd\npi,resnet18,latency_s,0.25,4,hot\n")
    (row,) = load_dataset(path, NONE).rows
    assert (row.device, row.model, row.metric, row.value, row.threads) == ("pi", "resnet18", "latency_s", 0.25, 4)
    assert row.batch == 1 and row.phase == "infer" and row.notes == "odd=hot" and row.row == 2


def test_wide_form_gives_a_row_per_result(tmp_path: Path) -> None:
    path = table(tmp_path, "board,network,latency_ms,energy_mJ,sram_peak_kib\nb,n,12.5,,40\n")
    first, second = load_dataset(path, NONE).rows
    assert (first.metric, first.value) == ("latency_s", 0.0125)
    assert (second.metric, second.value) == ("sram_bytes", 40960.0)
    assert first.device == "b" and first.model == "n"


def test_names_are_brought_to_the_catalogue(tmp_path: Path) -> None:
    aliases = Aliases({("device", "Raspberry Pi 4 Model B"): "raspberry_pi_4"})
    path = table(tmp_path, "device,model,latency_ms\nraspberry pi 4 model b,resnet18,100\n")
    assert load_dataset(path, aliases).rows[0].device == "raspberry_pi_4"


def test_what_matches_nothing_is_counted_and_left_out(tmp_path: Path) -> None:
    path = table(tmp_path, "device,model,latency_ms\na,m,1\nb,m,2\nb,m,3\n")
    found = load_dataset(path, NONE, known=lambda kind, name: name in ("a", "m"))
    assert len(found) == 1 and found.unmatched == {"device: b": 2}


def test_duplicates_are_counted(tmp_path: Path) -> None:
    path = table(tmp_path, "device,model,latency_ms\na,m,1\na,m,2\na,n,2\n")
    assert load_dataset(path, NONE).duplicates == 1


def test_missing_columns_may_be_given(tmp_path: Path) -> None:
    path = table(tmp_path, "model,latency_ms\nm,1\n")
    assert load_dataset(path, NONE, defaults={"device": "pi"}).rows[0].device == "pi"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("device,model,latency_ms\na,m,fast\n", "mine.csv:2: column 'latency_ms': 'fast'"),
        ("device,model,latency_ms\na,m,1\na,m,nan\n", "mine.csv:3: column 'latency_ms': 'nan'"),
        ("device,model,latency_ms\na,m,-1\n", "above 0"),
        ("device,model,metric,value\na,m,speed,1\n", "metric 'speed'"),
        ("device,model,threads,latency_ms\na,m,1.5,1\n", "column 'threads': '1.5'"),
        ("device,model\na,m\n", "no result column"),
        ("device,model,latency_ms\na,m,1,2\n", "more cells"),
        ("", "no header"),
    ],
)
def test_bad_tables(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DatasetError, match=said.replace("(", r"\(")):
        load_dataset(table(tmp_path, text), NONE)


def test_no_such_dataset(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="neither a file"):
        load_dataset(tmp_path / "none.csv")


def test_alias_files_must_be_whole(tmp_path: Path) -> None:
    path = tmp_path / "aliases.csv"
    path.write_text("kind,as_written,name,note\ndevice,Pi,,\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"aliases.csv:2: name is empty"):
        load_aliases([path])


def test_a_compressed_table_is_read_like_a_plain_one(tmp_path: Path) -> None:
    text = "device,model,metric,value\nrtx_3090,resnet50,fps,2500\n"
    (tmp_path / "data.csv.xz").write_bytes(lzma.compress(text.encode()))
    (row,) = load_dataset(tmp_path)
    assert (row.device, row.model, row.value) == ("rtx_3090", "resnet50", 2500.0)
    (tmp_path / "data.csv.xz").write_bytes(b"no archive")
    with pytest.raises(DatasetError, match=r"data\.csv\.xz: .*compressed with xz"):
        load_dataset(tmp_path)
