"""Settings: checked once, refused in one line that says where, what stood there, what is expected."""

from __future__ import annotations

from typing import Any

import pytest

from boardless.errors import UsageError
from boardless.settings import Settings, pairs


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"batch": 0}, "--batch: 0; a whole number of at least 1 is expected"),
        ({"batch": -3}, "--batch: -3; a whole number"),
        ({"batch": True}, "--batch: True; a whole number"),
        ({"batch": 1.5}, "--batch: 1.5; a whole number"),
        ({"threads": 0}, "--threads: 0; a whole number"),
        ({"context": -1}, "--context: -1; a whole number of at least 0"),
        ({"seed": -1}, "--seed: -1; a whole number of at least 0"),
        ({"dtype": "int9"}, "--dtype: 'int9'; one of fp32, tf32"),
        ({"dataflow": "xs"}, "--dataflow: 'xs'; one of ws, os"),
        ({"timing": "slow"}, "--timing: 'slow'; one of default, reference"),
        ({"phase": "train"}, "--phase: 'train'; one of prefill, decode"),
        ({"format": "csv"}, "--format: 'csv'; one of topology"),
        ({"set": ["memories.sram.capacity"]}, "--set: 'memories.sram.capacity'; FIELD=VALUE is expected"),
        ({"dim": ["sequence="]}, "--dim: 'sequence='; NAME=VALUE is expected"),
        ({"dim": ["sequence=0"]}, "--dim sequence: '0'; a whole number of at least 1 is expected"),
        ({"dim": ["sequence=long"]}, "--dim sequence: 'long'; a whole number"),
        ({"dim": ["n=1", "n=2"]}, "--dim: 'n' is given twice, as '1' and '2'"),
    ],
)
def test_refusals(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        Settings(**values)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)
    assert str(caught.value).count(";") >= 2


def test_nearest_name_is_given() -> None:
    with pytest.raises(UsageError, match="nearest: int8"):
        Settings(dtype="int88")
    with pytest.raises(TypeError, match="nearest: batch"):
        Settings.of({"batsh": 2})


def test_pairs_from_words_and_from_mappings() -> None:
    assert Settings(set=["memories.sram.capacity = 256 KiB"]).overrides == {"memories.sram.capacity": "256 KiB"}
    assert Settings(set={"units.array.shape": "[16,16]"}).overrides == {"units.array.shape": "[16,16]"}
    assert Settings(dim={"n": 3}).dims == Settings(dim=["n=3"]).dims == {"n": 3}
    assert pairs("dim", "n=3", "NAME=VALUE") == {"n": "3"}


def test_values_may_hold_the_sign_itself() -> None:
    assert pairs("set", ["a.b=x=y"], "FIELD=VALUE") == {"a.b": "x=y"}
