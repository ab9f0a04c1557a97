"""Accounting of memory as data: every profile loads, its rules are known, its figures are sourced."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwmodels.errors import DeviceFileError
from hwmodels.memory_profile import RULES, SIZES, load_memory_profile, memory_profile_names, read_memory_profile

NAMES = memory_profile_names()


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_answers_all_rules_and_cites_what_it_says(name: str) -> None:
    profile = load_memory_profile(name)
    assert (profile.name, set(profile.rules), set(profile.sizes)) == (name, set(RULES), set(SIZES))
    said = {key for key, answer in profile.rules.items() if answer != RULES[key][0]}
    said |= {key for key, value in profile.sizes.items() if value != SIZES[key]}
    assert said <= set(profile.sources)
    assert all(len(source.citation) > 20 for source in profile.sources.values())


def test_the_names_that_stay_are_there() -> None:
    for name in ("ideal", "tflm", "tinyengine", "x_cube_ai", "mcunetv2_paper", "caching_allocator"):
        load_memory_profile(name)
    assert load_memory_profile("x_cube_ai").name == "x_cube_ai_10_0"
    assert load_memory_profile("x_cube_ai_7_1").name == "x_cube_ai_7_3"


def test_units_of_what_is_printed() -> None:
    assert load_memory_profile("tinyengine").printed_unit_bytes == 1024


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: {source: a paper of 2021, elementwize: in_place}", "unknown rule 'elementwize'.*nearest: elementwise"),
        ("rules: {source: a paper of 2021, elementwise: sometimes}", "one of apart, in_place is expected"),
        ("rules: {elementwise: in_place}", "names no source"),
        ("sizes: {source: a paper of 2021, alignment: -4 B}", "at least 0 is expected"),
        ("sizes: {source: a paper of 2021, alignment: 4 parsecs}", "alignment"),
        ("alias: [one]", "unknown key 'alias'.*nearest: aliases"),
    ],
)
def test_a_broken_profile_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(f"format: 1\nname: broken\nsummary: a broken one\n{text}\n", encoding="utf-8")
    with pytest.raises(DeviceFileError, match=said):
        read_memory_profile(path)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(DeviceFileError, match="nearest: tinyengine"):
        load_memory_profile("tinyengin")
