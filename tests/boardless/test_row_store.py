"""The log of rows: what is written is found again; what is broken is noticed, set aside and never taken for a row."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from boardless.errors import UsageError
from boardless.row_store import FORMAT, Block, RowStore, block_line, read_block


def key(i: int) -> str:
    return hashlib.blake2b(str(i).encode(), digest_size=16).hexdigest()


def block(first: int, count: int = 3) -> Block:
    places = range(first, first + count)
    return Block({"network": f"n{first}"}, {"latency_s": [i / 8 for i in places]}, [key(i) for i in places])


def filled(path: Path, blocks: int = 4) -> None:
    with RowStore(path) as store:
        for i in range(blocks):
            store.append(block_line(block(3 * i)))


def found(store: RowStore, count: int) -> list[float | None]:
    places = store.find(b"".join(bytes.fromhex(key(i)) for i in range(count)))
    return [store.rows_at(np.array([place]))[0]["latency_s"] if place >= 0 else None for place in places.tolist()]


def test_rows_are_found_by_their_keys_in_any_order(tmp_path: Path) -> None:
    filled(tmp_path / "rows")
    with RowStore(tmp_path / "rows") as store:
        assert len(store) == 12 and not store.notes
        assert found(store, 13) == [*(i / 8 for i in range(12)), None]
        asked = [7, 0, 8, 1, 11]
        places = store.find(b"".join(bytes.fromhex(key(i)) for i in asked))
        assert [row["latency_s"] for row in store.rows_at(places)] == [i / 8 for i in asked]
        assert [row["network"] for row in store.rows_at(places)] == ["n6", "n0", "n6", "n0", "n9"]


@pytest.mark.parametrize("cut", [1, 2, 9, 40, 10_000])
def test_an_unfinished_end_is_cut_off(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "rows"
    filled(path)
    whole = path.read_bytes()
    last = len(block_line(block(9)))
    path.write_bytes(whole[: len(whole) - min(cut, last - 1)])
    with RowStore(path) as store:
        assert len(store) == 9
        assert "cut off" in store.notes[0]
        store.append(block_line(block(9)))
        store.reopen()
        assert found(store, 12) == [i / 8 for i in range(12)]
    assert path.read_bytes() == whole


def test_a_damaged_block_in_the_middle_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    filled(path)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"latency", b"latencx")
    path.write_bytes(b"".join(lines))
    with RowStore(path) as store:
        assert len(store) == 9
        assert found(store, 6) == [0.0, 0.125, 0.25, None, None, None]
        assert "1 damaged blocks" in store.notes[0]
    assert (tmp_path / "rows.damaged").read_bytes() == lines[2]
    with RowStore(path) as store:
        assert len(store) == 9 and not store.notes


@pytest.mark.parametrize("flipped", range(0, 150, 7))
def test_no_flipped_bit_goes_unnoticed(flipped: int) -> None:
    line = bytearray(block_line(block(0)))
    line[flipped % len(line)] ^= 4
    assert read_block(bytes(line)) is None


def test_another_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "thesis.txt"
    path.write_text("thirty years of work\n")
    with pytest.raises(UsageError, match="not a store"):
        RowStore(path)
    assert path.read_text() == "thirty years of work\n"


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with RowStore(tmp_path / "rows"), pytest.raises(UsageError, match="another run is writing"):
        RowStore(tmp_path / "rows")
    RowStore(tmp_path / "rows").close()


def test_a_process_killed_while_making_the_store_leaves_one_that_opens(tmp_path: Path) -> None:
    for length in range(len(FORMAT) + 1):
        path = tmp_path / f"rows{length}"
        path.write_bytes(FORMAT[:length])
        filled(path, 1)
        with RowStore(path) as store:
            assert len(store) == 3
