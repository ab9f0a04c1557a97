"""GPU runtimes: what they cannot run is said by name, block formats find the runtime that decodes them, intervals their kind of run."""

from __future__ import annotations

import math

import pytest

from hwmodels.intervals import LARGE_BATCH, MEASURED_CARD, SMALL_BATCH, learnt_for_gpu
from hwmodels.reader import load_device
from sim.errors import ScheduleError
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from sim.results import Estimate
from workloads.networks import build
from workloads.transforms import rebatch, retype


def answer(device: str, network: str, dtype: str, batch: int = 1, runtime: str | None = None) -> Estimate:
    graph, target = retype(rebatch(build(network), batch), dtype), load_device(device)
    return estimate(lower(graph, target, layerwise_plan(graph, target, batch=batch, runtime=runtime, unit="gpu")))


def test_an_operator_the_runtime_lacks_is_said_by_name() -> None:
    with pytest.raises(ScheduleError, match="operator 'c1': Conv on rtx_3090; runtime llama_cpp has no such operator"):
        answer("rtx_3090", "lenet5", "fp16", runtime="llama_cpp")


def test_block_formats_take_the_runtime_that_decodes_them() -> None:
    graph, device = retype(build("smollm_135m"), "q4_k_m"), load_device("rtx_3090")
    assert layerwise_plan(graph, device).runtime == "llama_cpp"
    assert layerwise_plan(build("smollm_135m"), device).runtime == "torch_eager"
    with pytest.raises(ScheduleError, match="runtime: 'torch_eager' does not decode weights of q4_k_m; llama_cpp is expected"):
        layerwise_plan(graph, device, runtime="torch_eager")


def test_intervals_of_large_and_small_batches() -> None:
    large, small = answer("rtx_3090", "resnet18", "fp16", 512), answer("rtx_3090", "resnet18", "fp16")
    learnt = learnt_for_gpu("torch_eager", MEASURED_CARD, LARGE_BATCH)
    assert learnt is not None and large.latency_interval_s is not None and large.interval_basis == MEASURED_CARD
    low, high = large.latency_interval_s
    assert high / low == pytest.approx(math.exp(2 * learnt.half_width))
    assert small.latency_interval_s is not None and small.interval_basis != MEASURED_CARD
    other = answer("a100", "resnet18", "fp16", 512)
    assert other.latency_interval_s is not None
    assert other.latency_interval_s[1] / other.latency_s > high / large.latency_s, "a card never measured has a wider interval"
    waiting = answer("h100", "resnet18", "fp16", 32)
    assert waiting.interval_basis == small.interval_basis, "few images on a fast card wait for the host"
    board = answer("jetson_nano", "resnet18", "fp16")
    assert board.interval_basis == MEASURED_CARD and learnt_for_gpu("tensorrt", MEASURED_CARD, SMALL_BATCH) is not None


def test_wide_types_in_batches_have_none() -> None:
    found = answer("rtx_3090", "resnet18", "fp32", 512)
    assert found.latency_interval_s is None
    assert "other types than fp16 and bf16 under torch_eager" in next(
        m.reason for m in found.missing if m.field == "latency_interval_s"
    )
