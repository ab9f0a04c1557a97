"""Patch-based inference as a strategy: the published peak, limits kept with the fewest MACs, refusals by name."""

from __future__ import annotations

import pytest

import boardless as bl
from strategies.errors import StrategyError


def peak(**settings: object) -> int:
    return int(bl.estimate("mobilenet_v2", "stm32h743", dtype="int8", profile="mcunetv2_paper", **settings).activations_peak_bytes)


def test_the_published_peaks() -> None:
    """1,372 kB layer by layer, 172 kB in 4 x 4 patches whose input comes in patch by patch: Lin et al. 2021; kB of 1,024 B."""
    assert peak() == 1372 * 1024
    patches = peak(strategy=["patch:grid=4x4,until=block3.project,input=streamed"])
    assert patches == 28 * 28 * (32 + 192) == 175_616
    resident = peak(strategy=["patch:grid=4x4,until=block3.project"])
    assert resident == 312_816 < peak() / 4


def test_more_macs_cost_more_time_and_energy() -> None:
    plain = bl.estimate("mobilenet_v2", "stm32h743", dtype="int8")
    tiled = bl.estimate("mobilenet_v2", "stm32h743", dtype="int8", strategy=["patch:grid=4x4,until=block3.project"])
    assert tiled.macs == plain.macs + 119_202_032 - 91_282_688
    assert tiled.latency_s > plain.latency_s and (tiled.energy_j or 0) > (plain.energy_j or 0)
    assert tiled.weights_bytes == plain.weights_bytes
    flash = [result.memory["flash"].overhead_bytes for result in (plain, tiled)]
    assert flash[0] <= flash[1] < flash[0] * 1.05  # the code of a tile is that of all


@pytest.mark.parametrize("limit", [700_000, 400_000, 200_000])
def test_a_limit_is_kept(limit: int) -> None:
    answer = bl.estimate(
        "mcunet_in4", "stm32h743", dtype="int8", profile="ideal", strategy=[f"patch:limit={limit}B,input=streamed"]
    )
    assert answer.activations_peak_bytes <= limit


def test_a_looser_limit_costs_no_more() -> None:
    macs = [
        bl.estimate("mobilenet_v2", "stm32h743", dtype="int8", profile="ideal", strategy=[f"patch:limit={limit}KiB"]).macs
        for limit in (900, 600, 450)
    ]
    assert macs == sorted(macs)


def test_one_patch_is_the_network_itself() -> None:
    plain, one = (
        bl.estimate("mobilenet_v2", "stm32h743", dtype="int8", profile="ideal", strategy=strategy)
        for strategy in ([], ["patch:grid=1x1,until=block3.project"])
    )
    assert one.macs == plain.macs
    assert one.activations_peak_bytes == plain.activations_peak_bytes


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("patch:grid=4", "ROWSxCOLUMNS"),
        ("patch:until=blok3.project", "block3.project"),
        ("patch:until=global_pool", "not computed from a part"),
        ("patch:grid=0x2", "ROWSxCOLUMNS"),
        ("patch:input=later", "resident, streamed"),
    ],
)
def test_what_cannot_be_done_is_said(spec: str, said: str) -> None:
    with pytest.raises(StrategyError, match="patch") as refused:
        bl.estimate("mobilenet_v2", "stm32h743", dtype="int8", strategy=[spec])
    assert said in str(refused.value)


def test_a_network_without_a_local_head_is_refused() -> None:
    with pytest.raises(StrategyError, match="patch"):
        bl.estimate("mlperf_tiny_ad", "stm32h743", strategy=["patch"])
