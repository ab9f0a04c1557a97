"""The verb plan: CSV in and out, the answer as text and JSON, statuses, and every kind of bad list."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import boardless as bl
from boardless.buffer_lists import read_buffers
from boardless.errors import UsageError
from strategies.arena import PLANNERS, faults
from tests.boardless.commands import boardless, refused

#: README of google/minimalloc: fits in 12, and no less.
LIST = "id,lower,upper,size\nb1,0,3,4\nb2,3,9,4\nb3,0,9,4\nb4,9,21,4\nb5,0,21,4\n"


@pytest.fixture
def buffers(tmp_path: Path) -> Path:
    path = tmp_path / "buffers.csv"
    path.write_text(LIST, encoding="utf-8")
    return path


def test_writes_the_list_with_offsets(buffers: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    ran = boardless("plan", buffers, "--capacity", "12", "-o", out, "--json", "-")
    assert (ran.status, ran.errors) == (0, "")
    form = json.loads(ran.output)
    assert list(form) == ["height", "lower_bound", "capacity", "fits", "planner", "optimal", "seconds"]
    assert (form["height"], form["lower_bound"], form["capacity"], form["fits"], form["optimal"]) == (12, 12, 12, True, True)
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert [",".join(list(row.values())[:4]) for row in rows] == LIST.splitlines()[1:]
    assert list(rows[0]) == ["id", "lower", "upper", "size", "offset"]
    spans = [(int(r["lower"]), int(r["upper"]), int(r["size"])) for r in rows]
    assert faults(spans, [int(r["offset"]) for r in rows], 12) == []


def test_what_it_writes_it_reads_again(buffers: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    boardless("plan", buffers, "-o", out)
    assert read_buffers(out) == read_buffers(buffers)


@pytest.mark.parametrize("planner", PLANNERS)
def test_every_planner_by_name(buffers: Path, planner: str) -> None:
    form = json.loads(boardless("plan", buffers, "--capacity", "1KiB", "--planner", planner, "--json", "-").output)
    assert form["planner"] == planner and form["capacity"] == 1024 and 12 <= form["height"] <= 20


def test_what_does_not_fit_is_an_answer_and_is_not_written_unless_asked(buffers: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    ran = boardless("plan", buffers, "--capacity", "11", "-o", out)
    assert ran.status == 0 and not out.exists()
    assert "does not fit, and no plan does: 12 B is proved to be needed" in ran.output
    assert "--best" in ran.errors
    assert boardless("plan", buffers, "--capacity", "11", "-o", out, "--require-fit").status == 1
    assert boardless("plan", buffers, "--capacity", "11", "-o", out, "--best").status == 0
    assert out.exists()


def test_a_single_buffer_over_the_capacity_is_named(buffers: Path) -> None:
    assert "does not fit: buffer 'b1' alone has 4 B" in boardless("plan", buffers, "--capacity", "3").output


def test_without_capacity_the_lowest_arena_is_sought(buffers: Path) -> None:
    form = json.loads(boardless("plan", buffers, "--json", "-").output)
    assert (form["capacity"], form["fits"], form["height"]) == (None, True, 12)


def test_alignment_rounds_offsets() -> None:
    answer = bl.plan([(0, 2, 5), (0, 2, 5)], alignment=8)
    assert sorted(answer.plan.offsets) == [0, 8] and answer.plan.height == 16


def test_a_list_without_buffers_needs_nothing(tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("id,lower,upper,size\n", encoding="utf-8")
    assert json.loads(boardless("plan", tmp_path / "none.csv", "--json", "-").output)["height"] == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("id,lower,upper\n1,0,2\n", "'size' is missing"),
        ("id,lower,upper,size\na,3,3,4\n", "list.csv:2: buffer 'a' has upper 3 <= lower 3"),
        ("id,lower,upper,size\na,3,2,4\n", "upper 2 <= lower 3"),
        ("id,lower,upper,size\na,0,2,-4\n", "size -4"),
        ("id,lower,upper,size\na,0,2,4\nb,0,1,3\na,1,2,4\n", "list.csv:4: id 'a' stands in line 2 already"),
        ("id,lower,upper,size\na,0,2,99999999999999999999999\n", "at most 2^60 bytes"),
        ("id,lower,upper,size\na,0,2,1000000000000000000\nb,0,2,1000000000000000000\n", "B in all"),
        ("id,lower,upper,size\na,0,2,4.5\n", "size '4.5'; a whole number"),
        ("id,lower,upper,size\na,0,,4\n", "upper ''; a whole number"),
        ("id,lower,upper,size\na,0,99999999999999999999999,4\n", "below 2^62"),
        ("id,lower,upper,size\n,0,2,4\n", "no id"),
    ],
)
def test_bad_lists(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "list.csv").write_text(content, encoding="utf-8")
    assert words in refused("plan", tmp_path / "list.csv", "--capacity", "12", "-o", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_bad_words(buffers: Path, tmp_path: Path) -> None:
    assert "nowhere.csv" in refused("plan", "nowhere.csv", "--capacity", "12")
    assert "'exakt'" in refused("plan", buffers, "--planner", "exakt") and "exact" in refused("plan", buffers, "--planner", "exakt")
    assert "--capacity: '12 apples'" in refused("plan", buffers, "--capacity", "12 apples")
    assert "--capacity: -1" in refused("plan", buffers, "--capacity", "-1")
    assert "--time-limit: 0" in refused("plan", buffers, "--time-limit", "0")
    assert "--alignment: 0" in refused("plan", buffers, "--alignment", "0")
    assert refused("plan", ".").startswith(".: Is a directory")
    nowhere = tmp_path / "nowhere" / "out.csv"
    assert f"{nowhere}: No such file" in refused("plan", buffers, "-o", nowhere)
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01")
    assert "not a text file" in refused("plan", tmp_path / "binary.csv")


CELLS = st.one_of(st.integers(-5, 20).map(str), st.text(alphabet='ab1," \n-', max_size=4))


@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), max_size=5))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_list_is_planned_or_refused(tmp_path: Path, rows: list[tuple[str, ...]]) -> None:
    path = tmp_path / "list.csv"
    path.write_text("id,lower,upper,size\n" + "\n".join(",".join(row) for row in rows), encoding="utf-8")
    try:
        answer = bl.plan(path, 20)
    except UsageError as error:
        assert str(error).startswith("list.csv") and "\n" not in str(error)
    else:
        assert faults(answer.buffers.spans, answer.plan.offsets, answer.plan.height) == []
