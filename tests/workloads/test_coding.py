"""Bytes of coded weights, by hand."""

from __future__ import annotations

import pytest

from workloads.coding import FORMATS, Matrix, coded_bytes, smallest_format


@pytest.mark.parametrize(
    ("format", "size"),
    [
        ("dense", 32),  # 4 x 8 elements of 8 bits
        ("bitmap", 14),  # 32 bits + 10 x 8 = 112 bits
        ("csr", 17),  # 10 x (8 + 3) + 5 x 4 = 130 bits
        ("csc", 17),  # 10 x (8 + 2) + 9 x 4 = 136 bits
        ("run_length", 15),  # 10 x (8 + 4) = 120 bits; runs of 2 and 3
    ],
)
def test_formats_of_a_small_matrix(format: str, size: int) -> None:
    assert coded_bytes(Matrix(4, 8, 10, 8.0), format) == size


def test_long_runs_take_padding_zeros() -> None:
    # One value in 40: 39 zeros before it, two more entries for 16 places each.
    assert coded_bytes(Matrix(1, 40, 1, 8.0), "run_length") == -(-3 * 12 // 8)


def test_patterns() -> None:
    # 2:4 of 64 eight-bit values: 32 values and 2 bits each.
    assert coded_bytes(Matrix(8, 8, 32, 8.0, of=(2, 4)), "n_of_m") == 32 + 8
    # Blocks of 4: 16 bits for 16 blocks, 8 blocks of 4 bytes.
    assert coded_bytes(Matrix(8, 8, 32, 8.0, block=4), "block") == 2 + 32


def test_shared_values_are_told_by_an_index() -> None:
    # 16 values of 32 bits: 64 bytes; 1000 indices of 4 bits: 500 bytes. With a code of 2.5 bits on average: 313 bytes.
    assert coded_bytes(Matrix(10, 100, 1000, 32.0), "dense", 16, 32.0) == 564
    assert coded_bytes(Matrix(10, 100, 1000, 32.0), "dense", 16, 32.0, 2.5) == 377


@pytest.mark.parametrize("kept", [0, 1, 7, 100, 4096])
@pytest.mark.parametrize("bits", [1.0, 4.0, 8.0, 32.0])
def test_no_format_is_negative_and_the_smallest_is_found(kept: int, bits: float) -> None:
    matrix = Matrix(64, 64, kept, bits)
    sizes = {name: coded_bytes(matrix, name) for name in FORMATS}
    assert min(sizes.values()) >= 0
    assert sizes[smallest_format(matrix)] == min(size for name, size in sizes.items() if name not in ("block", "n_of_m"))


def test_formats_cross_where_theory_says() -> None:
    """A bitmap beats dense storage from one zero in ``bits`` on; an index beats the bitmap when few values are left."""
    assert smallest_format(Matrix(64, 64, 4096, 8.0)) == "dense"
    assert smallest_format(Matrix(64, 64, 3500, 8.0)) == "bitmap"
    assert smallest_format(Matrix(64, 64, 300, 8.0)) == "run_length"
