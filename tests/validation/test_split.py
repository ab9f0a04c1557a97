"""Splits hold whole networks, families and chips out, and every tested row exactly once."""

from __future__ import annotations

import pytest

from validation.errors import DatasetError
from validation.measurement import Measurement
from validation.split import folds


def row(device: str, chip: str, model: str, family: str) -> Measurement:
    return Measurement(
        source_id="s", device=device, chip=chip, unit="cpu", cores="all", threads=1, clock_mhz=None, runtime="r", value=1.0,
        runtime_version="", model=model, family=family, phase="infer", input_shape="", batch=1, context=None, dtype="fp32",
        layer="", metric="latency_s",
    )  # fmt: skip


ROWS = [
    row(device, chip, model, family)
    for device, chip in (("board_a", "one"), ("board_b", "one"), ("board_c", "two"))
    for model, family in (("resnet18", "resnet"), ("resnet50", "resnet"), ("vgg16", "vgg"))
]


@pytest.mark.parametrize("split", ["none", "leave-one-network-out", "leave-one-family-out", "leave-one-device-out"])
def test_every_row_is_tested_once(split: str) -> None:
    assert sorted(i for fold in folds(ROWS, split) for i in fold.test) == list(range(len(ROWS)))


def test_families_leave_whole() -> None:
    for fold in folds(ROWS, "leave-one-family-out"):
        assert not {ROWS[i].family for i in fold.test} & {ROWS[i].family for i in fold.fit}
        assert fold.scope == "everything"


def test_boards_of_one_chip_leave_together() -> None:
    found = {fold.held_out: fold for fold in folds(ROWS, "leave-one-device-out")}
    assert {ROWS[i].device for i in found["one"].test} == {"board_a", "board_b"}
    assert {ROWS[i].device for i in found["one"].fit} == {"board_c"}


def test_a_network_leaves_the_fit_of_its_chip_only() -> None:
    assert {fold.scope for fold in folds(ROWS, "leave-one-network-out")} == {"chip"}


def test_few_shot_gives_back_named_networks_and_does_not_test_them() -> None:
    for fold in folds(ROWS, "few-shot:1", shots=["vgg16"]):
        assert {ROWS[i].model for i in fold.given_back} == {"vgg16"}
        assert "vgg16" not in {ROWS[i].model for i in fold.test}
        assert set(fold.given_back) <= set(fold.fit)


def test_random_fit_is_repeated_by_its_seed() -> None:
    first, again, other = (folds(ROWS, "fit:3", seed=seed)[0] for seed in (1, 1, 2))
    assert first == again and first.fit != other.fit
    assert len(first.fit) == 3 and not set(first.fit) & set(first.test)


def test_holdout() -> None:
    (fold,) = folds(ROWS, "holdout:mine.csv", held=frozenset({0, 4}))
    assert fold.test == (0, 4) and len(fold.fit) == 7


@pytest.mark.parametrize("split", ["leave-one-out", "fit:0", "fit:x", "few-shot:2", "fit:9", "holdout:none.csv"])
def test_refused(split: str) -> None:
    with pytest.raises(DatasetError, match="split"):
        folds(ROWS, split, shots=["vgg16"])
