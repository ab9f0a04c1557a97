"""Units of all cores: a few threads run on the fast cluster, more of them at the pace of the slowest cores."""

from __future__ import annotations

import pytest

from dataflows.cpu_lowering import running_cluster
from hwmodels.device import CpuUnit
from hwmodels.errors import DeviceFileError
from hwmodels.reader import load_device


@pytest.mark.parametrize(
    ("threads", "cluster", "frequency_hz"), [(1, "cpu_prime", 2.96e9), (4, "cpu_big", 2.42e9), (5, "cpu", 1.8e9)]
)
def test_threads_take_the_fast_cluster_while_they_fit_on_it(threads: int, cluster: str, frequency_hz: float) -> None:
    device = load_device("snapdragon_855_plus")  # 1 core at 2.96 GHz, 3 at 2.42 GHz, 4 at 1.8 GHz
    every = device.units["cpu"]
    assert isinstance(every, CpuUnit)
    running = running_cluster(device, every, threads)
    assert (running.name, running.frequency_hz) == (cluster, frequency_hz)


def test_a_fast_cluster_must_be_a_smaller_cpu_unit() -> None:
    with pytest.raises(DeviceFileError, match=r"units.cpu_little.fast_cluster: 'cpu' is not in this device"):
        load_device("rk3588", {"units.cpu_little.fast_cluster": "cpu"})
