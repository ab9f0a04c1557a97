"""Study: what does it take to run MobileNetV2 in 256 KiB of working memory?

    python docs/studies/small_memory.py [FOLDER]

On an STM32H743, in int8: layer by layer, in patches, with blocks swapped to quad flash or an SD card, each within limits from 1.5 MiB
down to 96 KiB. Writes ``study_small_memory.png`` and ``study_small_memory.csv`` into the folder (docs/pictures by default).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from writing import folder, save, tidy, write_table

import boardless as bl
from strategies.errors import StrategyError

NETWORK, DEVICE = "mobilenet_v2", "stm32h743"
LIMITS_KIB = (1536, 1024, 768, 512, 384, 320, 256, 192, 128, 96)
WAYS = {
    "layer by layer": "",
    "patches": "patch:limit={}KiB",
    "patches, input streamed": "patch:limit={}KiB,input=streamed",
    "swapped to quad flash": "swap:to=flash,limit={}KiB",
    "swapped to an SD card": "swap:to=sd,limit={}KiB",
}
#: Memory larger than the board's, so that wide limits can be shown too.
ROOM = {"memories.axi_sram.capacity": "2 MiB", "memories.flash.capacity": "8 MiB"}


def rows() -> list[dict[str, Any]]:
    """A row per way and limit that it keeps."""
    found = []
    for way, spec in WAYS.items():
        for limit in LIMITS_KIB:
            try:
                answer = bl.estimate(NETWORK, DEVICE, dtype="int8", set=ROOM, strategy=[spec.format(limit)] if spec else [])
            except StrategyError as refused:
                print(f"{way:26} {limit:5} KiB  {refused}")
                continue
            needed = sum(use.peak_bytes for use in answer.memory.values() if use.kind in ("sram", "tcm"))
            kept = needed <= limit * 1024
            verdict = f"{way:26} {limit:5} KiB  {'kept' if kept else 'not kept':8}  {needed:9,} B"
            print(f"{verdict}  {answer.latency_s:8.3f} s  {answer.energy_j:7.3f} J")
            if kept:
                found.append({
                    "way": way, "limit_kib": limit, "sram_bytes": needed, "latency_s": answer.latency_s, "energy_j": answer.energy_j,
                    "macs": answer.macs,
                })  # fmt: skip
    return found


def picture(found: list[dict[str, Any]], path: Path) -> None:
    """Latency and energy against the limit, one line per way."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 4.4), layout="constrained")
    axes = figure.subplots(1, 2)
    colours = dict(zip(WAYS, ("#333333", "#0072B2", "#56B4E9", "#D55E00", "#E69F00"), strict=True))
    for axis, name, title in zip(axes, ("latency_s", "energy_j"), ("latency [s]", "energy of the chip [J]"), strict=True):
        for way, colour in colours.items():
            mine = [row for row in found if row["way"] == way]
            axis.plot([r["limit_kib"] for r in mine], [r[name] for r in mine], "o-", ms=4.5, lw=1.2, color=colour, label=way)
        axis.axvline(256, color="#8C8C8C", lw=0.8, ls="--")
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.invert_xaxis()
        axis.set_xticks(LIMITS_KIB[::2], [str(limit) for limit in LIMITS_KIB[::2]])
        axis.set_xlabel("working memory [KiB]")
        axis.set_title(title, loc="left", fontsize=10)
        tidy(axis)
    axes[0].legend(loc="center left", frameon=False, fontsize=8, title=f"{NETWORK}, int8, {DEVICE}", title_fontsize=8)
    save(figure, path, dpi=110)


def main() -> None:
    """Run the study and write its table and picture."""
    target = folder()
    found = rows()
    write_table(found, target / "study_small_memory.csv")
    picture(found, target / "study_small_memory.png")


if __name__ == "__main__":
    main()
