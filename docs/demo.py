"""The main job on a real network file: ResNet-50 (ONNX) on a Raspberry Pi 4, then beside three other kinds of device.

Usage: python docs/demo.py FOLDER    (pictures and the trace are written there)
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path


def network_file(name: str = "light_resnet50.onnx") -> Path:
    """A real network file: one of those the onnx package carries (weights given as shapes and fill values)."""
    package = importlib.util.find_spec("onnx")
    assert package is not None and package.origin is not None
    return Path(package.origin).parent / "backend" / "test" / "data" / "light" / name


def run(*arguments: str) -> None:
    """Show a command and run it."""
    shown = " ".join(a if not Path(a).is_absolute() else Path(a).name for a in arguments)
    print(f"\n$ boardless {shown}", flush=True)
    subprocess.run([sys.executable, "-m", "boardless", *arguments], check=True)


def main() -> None:
    """Estimate, simulate, and lay out memory; compare four kinds of device."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
    folder.mkdir(parents=True, exist_ok=True)
    network = str(network_file())
    run("estimate", network, "--on", "raspberry_pi_4", "--plot", str(folder))
    run("simulate", network, "--on", "raspberry_pi_4", "--trace", str(folder / "resnet50.trace.json"), "--plot", str(folder))
    run("memory", "mlperf_tiny_vww", "--on", "stm32h743", "--plot", str(folder))
    devices = ("stm32h743", "raspberry_pi_4", "jetson_nano", "eyeriss_v1", "systolic_32x32")
    run("estimate", network, *(word for device in devices for word in ("--on", device)))
    print(f"\nPictures and the trace are in {folder}/: {', '.join(sorted(p.name for p in folder.iterdir()))}")


if __name__ == "__main__":
    main()
