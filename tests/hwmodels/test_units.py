"""Quantities as written, in SI; what is no quantity is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodels import units
from hwmodels.errors import UnitError


@pytest.mark.parametrize(
    ("text", "value", "dimension"),
    [
        ("25.6 GB/s", 25.6e9, "byte/second"),
        ("1 kB", 1000.0, "byte"),
        ("1 KiB", 1024.0, "byte"),
        ("2 MiB", 2 * 1024 * 1024.0, "byte"),
        ("1 GiB", 1024.0**3, "byte"),
        ("16 bit", 2.0, "byte"),
        ("1.5GHz", 1.5e9, "cycle/second"),
        ("0.6 pJ", 0.6e-12, "joule"),
        ("120 ns", 120e-9, "second"),
        ("3 µs", 3e-6, "second"),
        ("3 us", 3e-6, "second"),
        ("4 words/cycle", 4.0, "word/cycle"),
        ("32 B/cycle", 32.0, "byte/cycle"),
        ("1.2 pJ/B", 1.2e-12, "joule/byte"),
        ("8 pJ/bit", 64e-12, "joule/byte"),
        ("0.26 cycles/B", 0.26, "cycle/byte"),
        ("472 Gflop/s", 472e9, "flop/second"),
        ("472 GFLOPS", 472e9, "flop/second"),
        ("4 TOPS", 4e12, "operation/second"),
        ("8 flop/cycle", 8.0, "flop/cycle"),
        ("6.4 W", 6.4, "joule/second"),
        ("530 mW", 0.53, "joule/second"),
        ("1.5 Ah", 5400.0, "joule/volt"),
        ("3.3 V", 3.3, "volt"),
        ("25 %", 0.25, ""),
        ("1.9", 1.9, ""),
        ("1_000", 1000.0, ""),
    ],
)
def test_quantities(text: str, value: float, dimension: str) -> None:
    quantity = units.parse(text)
    assert quantity.value == pytest.approx(value, rel=1e-15)
    assert quantity.dimension == dimension


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nan GB/s", "a finite number and a unit are expected"),
        (".nan", "a finite number and a unit are expected"),
        ("inf W", "a finite number"),
        ("1e999 W", "is not finite"),
        ("GB/s", "is no quantity"),
        ("", "is no quantity"),
        ("3 KB", "kilo is written k (1000) or Ki (1024)"),
        ("3 furlong", "unit 'furlong' is not known"),
        ("3 B**9", "unit names joined by '/' or '*'"),
        ("3 B/(s)", "unit names joined by '/' or '*'"),
        ("3 __import__", "unit names joined by '/' or '*'"),
    ],
)
def test_what_is_no_quantity(text: str, said: str) -> None:
    with pytest.raises(UnitError, match=".") as problem:
        units.parse(text)
    assert said in str(problem.value)


def test_bytes_per_cycle_need_their_clock() -> None:
    assert units.to_si("32 B/cycle", "bandwidth", clock_hz=200e6) == 6.4e9
    with pytest.raises(UnitError, match="the clock is expected beside it"):
        units.to_si("32 B/cycle", "bandwidth")


@pytest.mark.parametrize(
    ("text", "dimension", "said"),
    [
        ("3 MHz", "bandwidth", "'3 MHz' is in cycle/second; a value of bandwidth is expected, e.g. '25.6 GB/s'"),
        ("3 GB/s", "frequency", "'3 GB/s' is in byte/second; a value of frequency is expected, e.g. '1.5 GHz'"),
        ("256", "capacity", "'256' has no unit; a value with a unit of capacity is expected, e.g. '256 KiB'"),
        ("3 W", "number", "a plain number is expected"),
        ("3 words", "capacity", "is in word"),
        ("3 flop/s", "operation rate", "is in flop/second"),
    ],
)
def test_wrong_dimension(text: str, dimension: str, said: str) -> None:
    with pytest.raises(UnitError) as problem:
        units.to_si(text, dimension)
    assert said in str(problem.value)


def test_every_dimension_has_an_example_of_itself() -> None:
    assert set(units.EXAMPLES) == set(units.DIMENSIONS)
    for name, example in units.EXAMPLES.items():
        assert units.parse(example).dimension == units.DIMENSIONS[name], name


def test_what_was_kept_of_a_unit_is_what_the_library_says(tmp_path) -> None:
    """A second memory that reads the file of the first answers without the library, and the same."""
    kept = tmp_path / "units" / "kept.json"
    first = units._Memory(kept)
    asked = [first.unit(name) for name in ("GB/s", "pJ/bit", "KiB")]
    assert json.loads(kept.read_text()) == {name: [*pair] for name, pair in first.known.items()}
    second = units._Memory(kept)
    assert [second.known[name] for name in ("GB/s", "pJ/bit", "KiB")] == asked


@pytest.mark.parametrize("text", ["", "[]", "{", '{"B": 1}', '{"B": ["x", "y"]}'])
def test_a_spoilt_memory_of_units_is_forgotten(tmp_path, text: str) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text(text)
    assert units._Memory(kept).unit("kB") == (1000.0, "byte")


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=40) | st.from_regex(r"[-+]?[0-9.eE_]{1,12} ?[A-Za-z/*%µ]{0,8}", fullmatch=True))
def test_any_text_is_a_finite_quantity_or_refused(text: str) -> None:
    try:
        quantity = units.parse(text)
    except UnitError:
        return
    assert abs(quantity.value) < float("inf")


@settings(deadline=None, max_examples=60)
@given(st.floats(min_value=1e-9, max_value=1e9), st.sampled_from(["GB/s", "KiB", "pJ/bit", "ns", "MHz", "mW", "words/cycle"]))
def test_value_is_number_times_factor(number: float, unit: str) -> None:
    one = units.parse(f"1 {unit}").value
    assert units.parse(f"{number!r} {unit}").value == pytest.approx(number * one, rel=1e-13)
