"""A space file: every combination in a fixed order; what is wrong in it is said with its line."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boardless.space import Axis, Search, Space, read_space

GOOD = """\
networks: [lenet5, mlperf_tiny_kws]
devices: [stm32h743, eyeriss_v1]
fields:
  eyeriss_v1.units.array.shape: [[8, 8], [12, 14]]
  devices.eyeriss_v1.units.array.frequency: [100 MHz, 200 MHz, 300 MHz]
settings: {batch: [1, 8]}
strategies: [[], [quantize:dtype=int8, fuse]]
search: {sampler: tpe, trials: 12, objectives: [latency, energy]}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "space.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_space_file_is_read(tmp_path: Path) -> None:
    space = read_space(written(tmp_path, GOOD))
    assert space.axes["eyeriss_v1"] == (
        Axis("units.array.shape", ("[8, 8]", "[12, 14]")),
        Axis("units.array.frequency", ("100 MHz", "200 MHz", "300 MHz")),
    )
    assert space.settings == {"batch": (1, 8)}
    assert space.strategies == ((), ("quantize:dtype=int8", "fuse"))
    assert space.search == Search("tpe", 12, ("latency", "energy"))
    assert space.size == 2 * (1 + 6) * 2 * 2 == sum(group.size for group in space.groups())


@given(counts=st.tuples(*[st.integers(1, 3)] * 4), shapes=st.lists(st.lists(st.integers(1, 4), max_size=3), min_size=1, max_size=3))
@settings(max_examples=30, deadline=None)
def test_groups_cover_the_space_once(counts: tuple[int, ...], shapes: list[list[int]]) -> None:
    networks, batches, threads, lists = counts
    devices = tuple(f"device{i}" for i in range(len(shapes)))
    axes = {
        device: tuple(Axis(f"f{k}", tuple(str(v) for v in range(size))) for k, size in enumerate(shape))
        for device, shape in zip(devices, shapes, strict=True)
    }
    space = Space(
        "s", tuple(f"n{i}" for i in range(networks)), devices, axes,
        {"batch": tuple(range(1, batches + 1)), "threads": tuple(range(1, threads + 1))}, tuple((f"s{i}",) for i in range(lists)),
    )  # fmt: skip
    points = []
    for group in space.groups():
        assert group.first == len(points)
        assert group.size == math.prod(group.shape)
        points += [
            (group.network, group.device, *sorted(group.settings.items()), group.strategies, *group.at(place).items())
            for place in range(group.size)
        ]
    assert len(points) == len(set(points)) == space.size


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("batch: [1, 8]", "batch: [0]"), 6, "whole number of at least 1"),
        (("batch: [1, 8]", "batches: [1]"), 6, "nearest: batch"),
        (("settings: {batch: [1, 8]}", "setings: {}"), 6, "nearest: settings"),
        (("units.array.shape", "units.array.shpe"), 4, "units.array.shape"),
        (("[[8, 8], [12, 14]]", "[2 MHz]"), 4, "shape"),
        (("[[8, 8], [12, 14]]", "[]"), 4, "empty list"),
        (("eyeriss_v1.units.array.shape", "eyeris.units.array.shape"), 4, "nearest: eyeriss_v1"),
        (("[lenet5, mlperf_tiny_kws]", "[lenet5, lenet5]"), 1, "a second time"),
        (("sampler: tpe", "sampler: tp"), 8, "nearest: tpe"),
        (("trials: 12", "trials: 0"), 8, "at least 1"),
        (("objectives: [latency, energy]", "objectives: [latncy]"), 8, "latency"),
        (("[[], [quantize", "[[], fuse, [quantize"), 7, "list of lists"),
        (("quantize:dtype=int8", "quantise:dtype=int8"), 7, "nearest: quantize"),
        (("[lenet5,", "[lenet,"), 1, "lenet5"),
        (("[stm32h743,", "[stm32h734,"), 2, "stm32h743"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, change: tuple[str, str], line: int, said: str) -> None:
    with pytest.raises(ValueError) as refused:
        read_space(written(tmp_path, GOOD.replace(*change)))
    message = str(refused.value)
    assert "\n" not in message
    assert f"space.yaml:{line}" in message
    assert said in message


def test_a_space_without_networks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no 'networks'"):
        read_space(written(tmp_path, "devices: [stm32h743]\n"))
