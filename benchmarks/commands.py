"""Whole commands, each as its own process: start-up, a first run with an empty compile cache, and a warm one."""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def seconds(arguments: list[str], environment: dict[str, str], runs: int) -> list[float]:
    """Wall-clock times of one command."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "boardless", *arguments], check=True, capture_output=True, env=environment)
        times.append(time.perf_counter() - started)
    return times


def main() -> None:
    """Print one line per command: median of the runs and what was promised."""
    package = importlib.util.find_spec("onnx")
    assert package is not None and package.origin is not None
    resnet = str(Path(package.origin).parent / "backend" / "test" / "data" / "light" / "light_resnet50.onnx")
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "XDG_CACHE_HOME": cache}
        rows = [
            ("boardless --help", ["--help"], 5, 0.5),
            ("estimate ResNet-50 (ONNX), five devices, empty compile cache", _five(resnet), 1, 25.0),
            ("estimate ResNet-50 (ONNX), raspberry_pi_4", ["estimate", resnet, "--on", "raspberry_pi_4"], 5, 2.5),
            ("estimate ResNet-50 (ONNX), five devices", _five(resnet), 5, None),
            ("simulate ResNet-50 (ONNX), raspberry_pi_4", ["simulate", resnet, "--on", "raspberry_pi_4"], 5, None),
        ]
        for name, arguments, runs, promised in rows:
            times = seconds(arguments, environment, runs)
            goal = f"  (at most {promised} s)" if promised else ""
            print(f"{name}: {statistics.median(times):.2f} s{goal}")


def _five(network: str) -> list[str]:
    devices = ("stm32h743", "raspberry_pi_4", "jetson_nano", "eyeriss_v1", "systolic_32x32")
    return ["estimate", network, *(word for device in devices for word in ("--on", device))]


if __name__ == "__main__":
    main()
