"""Bytes of weights in the formats that leave zeros out or share values: counted exactly, bit by bit, rounded up to whole bytes once.

Every function takes a matrix of ``rows`` x ``columns`` elements (output channels x the rest), of which ``kept`` are not zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple


class Matrix(NamedTuple):
    """What a format needs to know of the weights of one operator."""

    rows: int
    columns: int
    kept: int  # elements that are not zero
    bits: float  # of one stored value
    block: int = 1  # elements that are zero or not together
    of: tuple[int, int] = (0, 0)  # (n, m): at most n of every m are not zero

    @property
    def elements(self) -> int:
        """Number of elements."""
        return self.rows * self.columns


def index_bits(count: int) -> int:
    """Bits that tell ``count`` things apart.

    >>> index_bits(1), index_bits(2), index_bits(256), index_bits(257)
    (0, 1, 8, 9)
    """
    return max(0, count - 1).bit_length()


def dense_bits(w: Matrix) -> float:
    """Every element."""
    return w.elements * w.bits


def bitmap_bits(w: Matrix) -> float:
    """One bit per element, and the values that are not zero."""
    return w.elements + w.kept * w.bits


def csr_bits(w: Matrix) -> float:
    """Per value its column; per row where it starts."""
    return w.kept * (w.bits + index_bits(w.columns)) + (w.rows + 1) * index_bits(w.kept + 1)


def csc_bits(w: Matrix) -> float:
    """Per value its row; per column where it starts."""
    return csr_bits(w._replace(rows=w.columns, columns=w.rows))


def run_length_bits(w: Matrix, run_bits: int = 4) -> float:
    """Per value the number of zeros before it, in 4 bits; a longer run takes a padding zero of a full entry.

    (Han et al., EIE, ISCA 2016, section III.) Where the zeros lie is not known: they are taken as evenly spread.
    """
    if w.kept == 0:
        return 0.0
    most = 2**run_bits - 1
    gap, rest = divmod(w.elements - w.kept, w.kept)
    paddings = (w.kept - rest) * (gap // (most + 1)) + rest * ((gap + 1) // (most + 1))
    return (w.kept + paddings) * (w.bits + run_bits)


def block_bits(w: Matrix) -> float:
    """One bit per block, and the blocks that are not zero."""
    blocks = math.ceil(w.elements / w.block)
    return blocks + math.ceil(w.kept / w.block) * w.block * w.bits


def n_of_m_bits(w: Matrix) -> float:
    """n values of every m with their places: 2 bits each of 4 (NVIDIA, A100 white paper, 2020, figure 9)."""
    n, m = w.of
    if not m:
        return dense_bits(w)
    return math.ceil(w.elements / m) * n * (w.bits + index_bits(m))


#: Name of a format -> its bits.
FORMATS: dict[str, Callable[[Matrix], float]] = {
    "dense": dense_bits, "bitmap": bitmap_bits, "csr": csr_bits, "csc": csc_bits, "run_length": run_length_bits,
    "block": block_bits, "n_of_m": n_of_m_bits,
}  # fmt: skip


def coded_bytes(matrix: Matrix, format: str, codebook: int = 0, value_bits: float = 0.0, mean_bits: float | None = None) -> int:
    """Bytes of a coded matrix.

    Parameters
    ----------
    format : str
        A name of FORMATS.
    codebook : int
        Number of values that are shared; 0: every element has its own. Each element then holds an index.
    value_bits : float
        Bits of one entry of the codebook.
    mean_bits : float or None
        Mean length of a variable-length code of one index (Huffman), which only the values themselves tell; ``None``: all indices
        have the same length.

    >>> coded_bytes(Matrix(4, 8, 8, 8.0), "bitmap"), coded_bytes(Matrix(4, 8, 32, 8.0), "dense", codebook=4, value_bits=32.0)
    (12, 24)
    """
    if codebook:
        matrix = matrix._replace(bits=float(index_bits(codebook)) if mean_bits is None else mean_bits)
    return math.ceil((FORMATS[format](matrix) + codebook * value_bits) / 8)


def smallest_format(matrix: Matrix) -> str:
    """The format of the fewest bytes; ties by the order of FORMATS.

    >>> smallest_format(Matrix(64, 64, 4096, 8.0)), smallest_format(Matrix(64, 64, 40, 8.0))
    ('dense', 'csr')
    """
    able = [name for name in FORMATS if (name != "block" or matrix.block > 1) and (name != "n_of_m" or matrix.of[1])]
    return min(able, key=lambda name: FORMATS[name](matrix))
