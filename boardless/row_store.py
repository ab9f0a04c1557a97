"""RowStore: answered points in an append-only log that survives the end of the process at any moment.

The first line names the format. Every other line is one block of rows: the checksum (CRC-32) of the rest, then JSON: ``constant``
holds what all rows of the block share, ``columns`` a list per figure that differs, ``keys`` the content address of each row. A
block is written by one call; what a killed process left unfinished is the last line, recognised by its checksum, cut off, and
computed again. Blocks are forced to the disk once a second: loss of power may cost that second, the end of the process nothing.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from boardless.errors import UsageError

FORMAT = b"boardless rows 1\n"
SYNC_EVERY_S = 1.0
KEY_BYTES = 16


class Block(NamedTuple):
    """Rows that were written together."""

    constant: Mapping[str, Any]
    columns: Mapping[str, Sequence[Any]]
    keys: Sequence[str]

    def row(self, place: int) -> dict[str, Any]:
        """One row, figure by figure."""
        return {**self.constant, **{name: column[place] for name, column in self.columns.items()}}

    def part(self, places: Sequence[int]) -> Block:
        """Some of the rows."""
        if list(places) == list(range(len(self.keys))):
            return self
        columns = {name: [column[place] for place in places] for name, column in self.columns.items()}
        return Block(self.constant, columns, [self.keys[place] for place in places])

    def column(self, name: str) -> Sequence[Any]:
        """One figure of every row; None where a row does not have it."""
        return self.columns[name] if name in self.columns else [self.constant.get(name)] * len(self.keys)


def block_line(block: Block) -> bytes:
    """A block as one line of the log.

    >>> block_line(Block({"network": "lenet5"}, {"latency_s": [0.5]}, ["ab"]))
    b'8e221f91 {"constant":{"network":"lenet5"},"columns":{"latency_s":[0.5]},"keys":["ab"]}\\n'
    """
    text = json.dumps(block._asdict(), separators=(",", ":"), allow_nan=False).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def read_block(line: bytes) -> Block | None:
    """The block of one line; None where the line is damaged or unfinished."""
    if len(line) < 10 or line[8:9] != b" " or not line.endswith(b"\n"):
        return None
    text = line[9:-1]
    try:
        if int(line[:8], 16) != zlib.crc32(text):
            return None
        return Block(**json.loads(text))
    except (ValueError, TypeError):
        return None


class RowStore:
    """One log, open for reading and appending by this process alone.

    Parameters
    ----------
    path : path
        Made where it does not exist.

    Attributes
    ----------
    notes : list of str
        What was repaired on opening.

    Raises
    ------
    UsageError
        A file that is no such log, or one that another process is writing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.notes: list[str] = []
        try:
            self._file = self.path.open("a+b", buffering=0)
        except OSError as error:
            raise UsageError(f"{self.path.name}: {error.strerror or error}; a file that can be written is expected") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise UsageError(
                f"{self.path.name}: another run is writing it; one at a time is expected; wait for it, or name another --store"
            ) from None
        self._synced = time.monotonic()
        self._open()

    def _open(self) -> None:
        """Check the format, cut off an unfinished end, set damaged blocks aside."""
        self._file.seek(0)
        head = self._file.read(len(FORMAT))
        if head != FORMAT:
            if head and not FORMAT.startswith(head):
                self._file.close()
                raise UsageError(f"{self.path.name}: not a store of rows; one made by explore is expected; name another --store")
            self._file.truncate(0)
            self._file.write(FORMAT)
        places, keys, starts = [], [], []
        damaged: list[bytes] = []
        for start, line in self._lines():
            block = read_block(line)
            if block is None:
                damaged.append(line)
                continue
            starts.append(start)
            keys.append(b"".join(map(bytes.fromhex, block.keys)))
            places.append(np.arange(len(block.keys), dtype=np.int32))
        if damaged:
            self._repair(damaged)
            return
        self._index(starts, keys, places)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Start and bytes of every line after the first."""
        with self.path.open("rb") as file:
            start = len(file.readline())
            for line in file:
                yield start, line
                start += len(line)

    def _repair(self, damaged: list[bytes]) -> None:
        """Write the log anew without its damaged lines, which go into a file beside it, and read it again."""
        unfinished = not damaged[-1].endswith(b"\n")
        if len(damaged) == 1 and unfinished:
            self._file.truncate(os.fstat(self._file.fileno()).st_size - len(damaged[0]))
            self.notes.append(f"{self.path.name}: an unfinished last block was cut off; its points are computed again")
            self._open()
            return
        aside = self.path.with_name(self.path.name + ".damaged")
        with aside.open("ab") as file:
            file.writelines(damaged)
        kept = [line for _, line in self._lines() if read_block(line) is not None]
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        beside.write_bytes(FORMAT + b"".join(kept))
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        fresh = beside.open("a+b", buffering=0)
        fcntl.flock(fresh, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.replace(beside, self.path)
        self._file.close()
        self._file = fresh
        self.notes.append(
            f"{self.path.name}: {len(damaged)} damaged blocks were set aside in {aside.name}; their points are computed again"
        )
        self._open()

    def _index(self, starts: list[int], keys: list[bytes], places: list[NDArray[np.int32]]) -> None:
        """Sorted keys with the line and place of each."""
        raw = np.frombuffer(b"".join(keys), dtype=">u8").reshape(-1, 2)
        high = raw[:, 0].astype(np.uint64)
        order = np.argsort(high, kind="stable")
        counts = [len(place) for place in places]
        self._high, self._low = high[order], raw[order, 1].astype(np.uint64)
        self._starts = np.repeat(np.array(starts, np.int64), counts)[order]
        self._places = (np.concatenate(places) if places else np.zeros(0, np.int32))[order]

    def __len__(self) -> int:
        """Rows that were there on opening."""
        return len(self._high)

    def find(self, keys: bytes) -> NDArray[np.int64]:
        """Place in the index of each key (16 bytes each, joined); -1 where the log did not hold it on opening."""
        raw = np.frombuffer(keys, dtype=">u8").reshape(-1, 2).astype(np.uint64)
        found = np.full(len(raw), -1, np.int64)
        if len(self._high):
            at = np.searchsorted(self._high, raw[:, 0])
            at[at == len(self._high)] = 0
            same = (self._high[at] == raw[:, 0]) & (self._low[at] == raw[:, 1])
            found[same] = at[same]
        return found

    def append(self, line: bytes) -> None:
        """Add one block, in one write."""
        try:
            written = self._file.write(line)
        except OSError as error:
            raise UsageError(
                f"{self.path.name}: {error.strerror or error}; room to write is expected; free some and go on"
            ) from None
        if written != len(line):
            raise UsageError(f"{self.path.name}: a block was written in part; room to write is expected; free some and go on")
        if time.monotonic() - self._synced > SYNC_EVERY_S:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def reopen(self) -> None:
        """Read the log again, so that what was appended is found."""
        self._open()

    def blocks_at(self, places: NDArray[np.int64]) -> Iterator[Block]:
        """The rows at some places of the index, in that order; neighbours that were written together come together."""
        if not len(places):
            return
        starts, rows = self._starts[places], self._places[places]
        borders = [0, *(np.flatnonzero(np.diff(starts)) + 1).tolist(), len(places)]
        with self.path.open("rb") as file:
            for low, high in itertools.pairwise(borders):
                file.seek(int(starts[low]))
                block = read_block(file.readline())
                assert block is not None, "the log was changed by another process"
                yield block.part(rows[low:high].tolist())

    def rows_at(self, places: NDArray[np.int64]) -> list[dict[str, Any]]:
        """The rows at some places of the index, in that order."""
        return [block.row(place) for block in self.blocks_at(places) for place in range(len(block.keys))]

    def close(self) -> None:
        """Force everything to the disk, and let others write."""
        os.fsync(self._file.fileno())
        self._file.close()

    def __enter__(self) -> RowStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
