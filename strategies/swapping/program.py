"""A run that needs more than the near memory holds: pieces of computing in a fixed order, and blocks that must be there for them.

A block comes from the far memory (it is *loaded*) or from the piece that computes it; it stays from its first piece to its last, and
is written back then if it must be. Moves take turns on the way to the far memory. How early a block may be loaded is a question of
room: :func:`windows` says which pieces must be over before the blocks of a piece can come in, whatever the times are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

from hwmodels.costs.link import transfer_seconds
from hwmodels.storage import Storage
from sim.durations import whole_picoseconds
from strategies.errors import StrategyError


@dataclass(frozen=True, slots=True)
class Piece:
    """One operator, or a tile of it.

    Attributes
    ----------
    name : str
    picoseconds : int
    operator : int
        Row in the network.
    share : float
        Part of the operator's work that it does.
    held_bytes : int
        What the near memory holds while it runs, its blocks aside [B].
    """

    name: str
    picoseconds: int
    operator: int = 0
    share: float = 1.0
    held_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes in the near memory from their first piece to their last.

    Attributes
    ----------
    name : str
        Of the tensor it is a part of.
    bytes : int
    first, last : int
        Pieces, both included.
    loaded : bool
        It comes from the far memory; else its first piece makes it.
    stored : bool
        Its last piece is followed by a move to the far memory.
    constant : bool
        The same in every run: it could stay.
    needs : int
        Piece that stores the last part of what it is loaded from; -1 where it was in the far memory before.
    """

    name: str
    bytes: int
    first: int
    last: int
    loaded: bool = True
    stored: bool = False
    constant: bool = False
    needs: int = -1


@dataclass(frozen=True)
class Way:
    """How long moves take.

    Attributes
    ----------
    read_latency_ps, write_latency_ps : int
        [ps]
    read_bytes_per_s, write_bytes_per_s : float
        Towards the near memory, away from it.
    duplex : str
        ``half``: one direction at a time.
    """

    name: str
    read_latency_s: float
    write_latency_s: float
    read_bandwidth_bytes_per_s: float
    write_bandwidth_bytes_per_s: float
    duplex: str = "half"

    @classmethod
    def of(cls, storage: Storage) -> Way:
        """The way to a storage."""
        return cls(
            storage.name,
            storage.read_latency_s,
            storage.write_latency_s,
            storage.read_bandwidth_bytes_per_s,
            storage.write_bandwidth_bytes_per_s,
            storage.duplex,
        )

    def load_ps(self, size: int) -> int:
        """Time of a move towards the near memory [ps]."""
        return whole_picoseconds(transfer_seconds(size, self.read_bandwidth_bytes_per_s, self.read_latency_s), self.name)

    def store_ps(self, size: int) -> int:
        """Time of a move away from the near memory [ps]."""
        return whole_picoseconds(transfer_seconds(size, self.write_bandwidth_bytes_per_s, self.write_latency_s), self.name)


@dataclass(frozen=True)
class Program:
    """Pieces in order, the blocks they need, and the room there is.

    Attributes
    ----------
    name : str
    near_bytes : int
        Room of the near memory [B].
    way : Way
    pieces : tuple of Piece
    blocks : tuple of Block
        In order of their first piece.
    resident : frozenset of int
        Constant blocks that stay: never loaded, always there.
    """

    name: str
    near_bytes: int
    way: Way
    pieces: tuple[Piece, ...]
    blocks: tuple[Block, ...]
    resident: frozenset[int] = frozenset()

    @cached_property
    def moving(self) -> tuple[int, ...]:
        """Blocks that are not resident, in order of their first piece."""
        return tuple(number for number in range(len(self.blocks)) if number not in self.resident)

    @property
    def resident_bytes(self) -> int:
        """Bytes of the resident blocks."""
        return sum(self.blocks[number].bytes for number in self.resident)

    @property
    def computing_ps(self) -> int:
        """Time of all pieces [ps]."""
        return sum(piece.picoseconds for piece in self.pieces)

    @property
    def loaded_bytes(self) -> int:
        """Bytes moved towards the near memory in one run [B]."""
        return sum(self.blocks[number].bytes for number in self.moving if self.blocks[number].loaded)

    @property
    def stored_bytes(self) -> int:
        """Bytes moved away from it in one run [B]."""
        return sum(self.blocks[number].bytes for number in self.moving if self.blocks[number].stored)

    @property
    def moving_ps(self) -> int:
        """Time of all moves, one after the other [ps]."""
        blocks = [self.blocks[number] for number in self.moving]
        loads = sum(self.way.load_ps(block.bytes) for block in blocks if block.loaded)
        return loads + sum(self.way.store_ps(block.bytes) for block in blocks if block.stored)

    def keeping(self, resident: frozenset[int]) -> Program:
        """The same with other blocks that stay."""
        return replace(self, resident=resident)


def windows(program: Program, lookahead: int | None = None) -> list[int]:
    """For each piece the last one that must be over, its stores too, before the blocks of this piece may come in.

    Whichever of the pieces from there to this one runs, what may be in the near memory with it then fits: the blocks it and those
    after it need, what is on its way out, and what it holds itself. The answer does not depend on times, so it holds for any.

    Parameters
    ----------
    lookahead : int or None
        At most so many pieces are in flight: 1 loads nothing before the piece before is over, 2 is double buffering.

    Raises
    ------
    StrategyError
        One piece needs more than there is.
    """
    ledger = _Ledger(program)
    found: list[int] = []
    over = -1
    for piece in range(len(program.pieces)):
        ledger.arrive(piece)
        if lookahead:
            over = max(over, piece - lookahead)
        for running in range(over + 1, piece + 1):
            if ledger.bytes_while(running, over) > program.near_bytes:
                if running == piece and over == piece - 1:
                    raise StrategyError(_too_large(program, piece))
                over = min(running, piece - 1)
        if ledger.bytes_while(piece, over) > program.near_bytes:
            raise StrategyError(_too_large(program, piece))
        found.append(over)
    return found


class _Ledger:
    """Bytes that may be in the near memory: everything that has come, less what is surely gone."""

    def __init__(self, program: Program) -> None:
        count = len(program.pieces)
        self.program = program
        self.held = program.resident_bytes
        self.arriving, dropped, stored = [0] * count, [0] * (count + 1), [0] * (count + 1)
        for number in program.moving:
            block = program.blocks[number]
            self.arriving[block.first] += block.bytes
            (stored if block.stored else dropped)[block.last + 1] += block.bytes
        self.dropped, self.stored = list(accumulate(dropped)), list(accumulate(stored))

    def arrive(self, piece: int) -> None:
        """The blocks of a piece may come."""
        self.held += self.arriving[piece]

    def bytes_while(self, running: int, over: int) -> int:
        """While a piece runs: blocks of earlier ones are gone, those on their way out once theirs is known to be over."""
        return self.held - self.dropped[running] - self.stored[over + 1] + self.program.pieces[running].held_bytes


def peak_bytes(program: Program, over: Sequence[int]) -> list[int]:
    """Most bytes that may be in the near memory while each piece runs, blocks in flight for later pieces included [B].

    Parameters
    ----------
    over : sequence of int
        See :func:`windows`.
    """
    ledger = _Ledger(program)
    come: list[int] = []
    for piece in range(len(program.pieces)):
        ledger.arrive(piece)
        come.append(ledger.held)
    found = []
    for running in range(len(program.pieces)):
        most, later = 0, running
        while later < len(over) and over[later] < running:
            ledger.held = come[later]
            most = max(most, ledger.bytes_while(running, over[later]))
            later += 1
        found.append(most)
    return found


def _too_large(program: Program, piece: int) -> str:
    entry = program.pieces[piece]
    own = sum(b.bytes for n, b in enumerate(program.blocks) if b.first <= piece <= b.last and n not in program.resident)
    return (
        f"swap: '{entry.name}' needs {own + entry.held_bytes + program.resident_bytes:,} B at once ({own:,} B of blocks, "
        f"{entry.held_bytes:,} B held, {program.resident_bytes:,} B resident); {program.near_bytes:,} B are there; "
        "smaller tiles, fewer residents or more memory"
    )
