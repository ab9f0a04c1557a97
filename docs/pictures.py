"""Draw the pictures of the README and the guide anew: python docs/pictures.py"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent / "pictures"
FIVE = ("stm32h743", "raspberry_pi_4", "jetson_nano", "eyeriss_v1", "systolic_32x32")

TWENTY = (
    "stm32g0b1", "nrf52840", "nrf5340", "lolin_d32", "stm32l4r5", "stm32u575", "numaker_m467hj", "stm32f746", "stm32h7a3", "stm32h747",
    "gap8", "apollo510", "raspberry_pi_3b_plus", "raspberry_pi_4", "raspberry_pi_5", "jetson_nano", "jetson_xavier", "rtx_3090",
    "a100", "h100",
)  # fmt: skip

#: Strategies of the waterfall.
THREE = ("prune:share=25%", "low_rank:share=40%,method=tucker", "code:values=16")

#: (command, pictures of it that are kept)
COMMANDS = (
    (
        ["estimate", "mlperf_tiny_vww", *(word for device in FIVE for word in ("--on", device))],
        ["mlperf_tiny_vww_devices_comparison.png", "mlperf_tiny_vww_stm32h743_memory_map.png"],
    ),
    (
        ["estimate", "mlperf_tiny_ic", *(word for device in TWENTY for word in ("--on", device))],
        ["mlperf_tiny_ic_devices_across.png"],
    ),
    (
        [
            "compare",
            "mlperf_tiny_ic",
            "--on",
            "stm32h743",
            *(word for spec in THREE for word in ("--strategy", spec)),
        ],
        ["mlperf_tiny_ic_stm32h743_waterfall.png"],
    ),
    (
        ["memory", "mcunet_in2", "--on", "nucleo_f746zg"],
        ["mcunet_in2_nucleo_f746zg_arena.png"],
    ),
    (
        ["simulate", "resnet50", "--on", "raspberry_pi_4"],
        ["resnet50_raspberry_pi_4_roofline.png", "resnet50_raspberry_pi_4_breakdown.png", "resnet50_raspberry_pi_4_timeline.png"],
    ),
)


def main() -> None:
    """Run each command and keep the pictures that the texts show."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for arguments, kept in COMMANDS:
            subprocess.run(
                [sys.executable, "-m", "boardless", *arguments, "--plot", folder, "--quiet"], check=True, stdout=subprocess.DEVNULL
            )
            for name in kept:
                shutil.copy(Path(folder) / name, FOLDER / name)


if __name__ == "__main__":
    main()
