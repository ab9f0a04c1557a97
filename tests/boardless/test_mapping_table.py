"""Given mappings: read strictly, honoured by the array, refused with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

import boardless as bl
from boardless.errors import UsageError
from boardless.mapping_table import read_mappings
from tests.boardless.commands import boardless, refused

LAYERS = ("c1", "c3", "c5")


def write(folder: Path, text: str) -> Path:
    path = folder / "given.csv"
    path.write_text(text)
    return path


def test_a_table_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "layer, n, m, e, p, q, r, t\nc1, 1, 6, 14, 6, 1, 1, 1\n\nc3,1,16,10,8,2,1,2\n")
    assert read_mappings(path, "row_stationary", LAYERS) == {
        "c1": {"n": 1, "m": 6, "e": 14, "p": 6, "q": 1, "r": 1, "t": 1},
        "c3": {"n": 1, "m": 16, "e": 10, "p": 8, "q": 2, "r": 1, "t": 2},
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "given.csv:1: columns none"),
        ("name,n\nc1,1\n", "given.csv:1: column 'name'"),
        ("layer,nn\nc1,1\n", "nearest: n"),
        ("layer,n,n\nc1,1,1\n", "each once"),
        ("layer,n\nc2,1\n", "given.csv:2: layer 'c2'; an operator of the network is expected; nearest: c"),
        ("layer,n\nc1,1\nc1,1\n", "given.csv:3: layer 'c1' a second time"),
        ("layer,n\nc1\n", "given.csv:2: 1 cells; 2 are expected"),
        ("layer,n\nc1,zero\n", "given.csv:2: n = 'zero'; a whole number"),
        ("layer,n\nc1,0\n", "given.csv:2: n = '0'; a whole number"),
        ("layer,n\nc1,nan\n", "given.csv:2: n = 'nan'"),
        ("layer,input_zero_share\nc1,1.5\n", "a share from 0 to 1"),
    ],
)
def test_refusals_name_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_mappings(write(tmp_path, text), "row_stationary", LAYERS)
    assert said in str(caught.value)


def test_other_arrays_take_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mappings of a systolic array are not read"):
        read_mappings(write(tmp_path, "layer,n\n"), "systolic", LAYERS)


def test_a_given_mapping_is_the_one_that_runs(tmp_path: Path) -> None:
    searched = bl.estimate("lenet5", on="eyeriss_v1")
    mapping = next(row.details["mapping"] for row in searched.operators if row.name == "c3")
    slower = {**mapping, "p": 4}
    path = write(tmp_path, f"layer,{','.join(slower)}\nc3,{','.join(str(value) for value in slower.values())}\n")
    given = bl.estimate("lenet5", on="eyeriss_v1", mapping=path)
    assert dict(next(row.details["mapping"] for row in given.operators if row.name == "c3")) == slower
    assert given.settings["mapping"] == "given" and "mapping" not in searched.settings
    assert given.latency_s > searched.latency_s


def test_through_the_command_line(tmp_path: Path) -> None:
    words = ("estimate", "lenet5", "--on", "eyeriss_v1", "--quiet", "--mapping")
    assert "no such file" in refused(*words, tmp_path / "none.csv").lower()
    assert "is not an array" in refused("estimate", "lenet5", "--on", "stm32h743", "--mapping", write(tmp_path, "layer,n\n"))
    assert boardless(*words, write(tmp_path, "layer,n,m\n")).status == 0
