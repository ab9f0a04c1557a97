"""Whole reports of a few networks on each kind of device, as a person reads them.

When a number moves on purpose: ``pytest tests/boardless/test_golden.py --update-golden``, read the difference, and say in
CHANGELOG.md what moved and why.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.boardless.commands import boardless

FIVE = ("stm32h743", "raspberry_pi_4", "jetson_nano", "eyeriss_v1", "systolic_32x32")

REPORTS = {
    "estimate_mlperf_tiny_vww_stm32h743.txt": ("estimate", "mlperf_tiny_vww", "--on", "stm32h743"),
    "estimate_mobilenet_v2_raspberry_pi_4.txt": ("estimate", "mobilenet_v2", "--on", "raspberry_pi_4"),
    "estimate_squeezenet_jetson_nano.txt": ("estimate", "squeezenet", "--on", "jetson_nano"),
    "estimate_lenet5_eyeriss_v1.txt": ("estimate", "lenet5", "--on", "eyeriss_v1"),
    "simulate_resnet18_systolic_32x32.txt": ("simulate", "resnet18", "--on", "systolic_32x32"),
    "estimate_vgg16_stm32h743.txt": ("estimate", "vgg16", "--on", "stm32h743"),
    "estimate_mlperf_tiny_ic_five_devices.txt": ("estimate", "mlperf_tiny_ic", *(word for name in FIVE for word in ("--on", name))),
    "memory_mlperf_tiny_vww_stm32h743.txt": ("memory", "mlperf_tiny_vww", "--on", "stm32h743"),
    "explain_lenet5_raspberry_pi_4.txt": ("explain", "lenet5", "--on", "raspberry_pi_4", "--operator", "c3"),
    "explain_lenet5_eyeriss_v1.txt": ("explain", "lenet5", "--on", "eyeriss_v1", "--operator", "c3"),
    "networks_lenet5.txt": ("networks", "lenet5"),
    "devices_stm32h743.txt": ("devices", "stm32h743"),
    "runtimes_tinyengine.txt": ("runtimes", "tinyengine"),
}


@pytest.mark.parametrize("name", REPORTS)
def test_report_is_the_accepted_one(name: str, golden: Callable[[str, str], None]) -> None:
    ran = boardless(*REPORTS[name], "--quiet")
    assert (ran.status, ran.errors) == (0, "")
    golden(name, ran.output)
