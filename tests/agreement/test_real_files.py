"""Real network files on the five kinds of device: everything modelled, every part adds up."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import pytest

from hwmodels.reader import load_device
from sim.assignment import nearest_dtype
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from workloads.graph import Graph
from workloads.readers import load_network
from workloads.transforms import retype

DEVICES = ("stm32h743", "raspberry_pi_4", "jetson_nano", "eyeriss_v1", "systolic_32x32")


def light_files() -> list[Path]:
    package = importlib.util.find_spec("onnx")
    assert package is not None and package.origin is not None
    return sorted((Path(package.origin).parent / "backend" / "test" / "data" / "light").glob("light_*.onnx"))


def check(graph: Graph, device_name: str) -> None:
    device = load_device(device_name)
    dtype = nearest_dtype(device.default_unit, graph)
    graph = retype(graph, dtype) if dtype else graph
    found = estimate(lower(graph, device, layerwise_plan(graph, device)))
    assert found.coverage.modelled == found.coverage.operators and found.coverage.macs_share == 1.0
    assert found.latency_s == pytest.approx(sum(row.latency_s for row in found.operators) - found.overlap_s, rel=1e-9)
    assert found.energy_j is not None and found.energy_j == pytest.approx(
        sum(row.energy_j or 0 for row in found.operators), rel=1e-9
    )
    assert found.latency_s > 0 and math.isfinite(found.latency_s)


def test_there_are_nine() -> None:
    assert len(light_files()) == 9


@pytest.mark.parametrize("path", light_files(), ids=lambda path: path.stem)
def test_onnx_files(path: Path) -> None:
    graph = load_network(path)
    for device_name in DEVICES:
        check(graph, device_name)


def test_tflite_files(shared_folder: Path) -> None:
    files = sorted((shared_folder / "models" / "tflite").glob("*.tflite"))
    assert files
    for path in files:
        graph = load_network(path)
        for device_name in DEVICES:
            check(graph, device_name)
